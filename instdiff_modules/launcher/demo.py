"""The graph that `serve` opens: the pack's first template, or a copy of it that runs on random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .install import PACK, PACK_FOLDER

FIRST = "box"
DEMO_FOLDER = "instdiff_demo"  # a pack of its own in custom_nodes, so that the editor can open its template
# What instdiff_modules/random_weights.py writes, by the node that loads it.
RANDOM = {"CheckpointLoaderSimple": "instdiff_random_sd15.safetensors", "InstDiffLoadModel": "instdiff_random.safetensors"}
NOTE = "**These weights are random numbers: the picture is noise.** The template of the same name, with real weights, is under *InstDiff* in the template browser.\n\n"


def template_query(base: Path, models: Iterable[Path], pack: Path = PACK) -> tuple[str, bool]:
    """The address's query that opens the graph, and whether it runs on random weights.

    `models` are the folders that ComfyUI reads: with the template's own files there, it is opened
    itself. "" if the pack has no templates.
    """
    file = pack / "workflows" / f"{FIRST}.json"
    demo = base / "custom_nodes" / DEMO_FOLDER
    shutil.rmtree(demo, ignore_errors=True)
    if not file.exists():
        return "", False
    graph = json.loads(file.read_text(encoding="utf-8"))
    folders = list(models)
    if all(any((folder / place).exists() for folder in folders) for place in _model_places(graph)):
        return f"?template={FIRST}&source={PACK_FOLDER}", False
    (demo / "workflows").mkdir(parents=True)
    (demo / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (demo / "workflows" / f"{FIRST}.json").write_text(json.dumps(on_random_weights(graph)), encoding="utf-8")
    return f"?template={FIRST}&source={DEMO_FOLDER}", True


def on_random_weights(graph: dict[str, Any]) -> dict[str, Any]:
    """A copy of a template that loads the random checkpoints, asks for no download and says so in its note."""
    graph = json.loads(json.dumps(graph))
    for node in graph["nodes"]:
        node.get("properties", {}).pop("models", None)
        if node["type"] in RANDOM:
            node["widgets_values"][0] = RANDOM[node["type"]]
        if node["type"] == "MarkdownNote":
            node["widgets_values"][0] = NOTE + node["widgets_values"][0]
    return graph


def _model_places(graph: dict[str, Any]) -> list[str]:
    """Each file that the template names, as folder/name."""
    models = (model for node in graph["nodes"] for model in node.get("properties", {}).get("models", []))
    return [f"{model['directory']}/{model['name']}" for model in models]
