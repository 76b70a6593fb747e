"""What ComfyUI's translation files (locales/<language>/nodeDefs.json) hold, in English: names and tooltips of the schemas."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.pack import ROOT

LOCALES = ROOT / "locales"
Words = dict[str, Any]


def english() -> Words:
    """Node id -> display name, description, inputs by id and outputs by number, in the order of the menu."""
    from instdiff.nodes import MODULES  # needs ComfyUI

    return {
        schema.node_id: _words(schema) for module in MODULES for schema in (node.GET_SCHEMA() for node in module.NODES)
    }


def _words(schema: Any) -> Words:
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {item.id: _named(item.display_name or item.id, item) for item in schema.inputs},
        "outputs": {
            str(i): _named(item.display_name or item.get_io_type(), item) for i, item in enumerate(schema.outputs)
        },
    }


def _named(name: str, item: Any) -> Words:
    return {"name": name, "tooltip": item.tooltip} if item.tooltip else {"name": name}


def path(language: str) -> Path:
    return LOCALES / language / "nodeDefs.json"


def read(language: str) -> Words:
    return json.loads(path(language).read_text(encoding="utf-8"))


def write(language: str, words: Mapping[str, Any]) -> None:
    path(language).parent.mkdir(parents=True, exist_ok=True)
    path(language).write_text(json.dumps(words, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
