"""Put a layout, a seed and a size into a workflow in API format (plain dictionaries, no ComfyUI)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..layout.json_text import load_json
from ..layout.plain_files import shown_name
from ..shapeworld.canvases import drawn_at
from ..shapeworld.known_words import CHOICE
from .errors import Stopped

ALONE = "14"  # the node of the demo's workflow that shows the picture without the layout
DEMO = Path(__file__).with_name("demo.json")  # the workflow that quickstart runs unless it is given another
LAYOUT_INPUTS = {"InstDiffFromJSON": "text", "InstDiffLayoutEditor": "layout"}
LONGEST_SIDE = 1024  # pixels; SD1.5 repeats itself above
SHAPE_TOLERANCE = 0.019  # relative; Layout Score refuses above 0.02
MOST_PIXELS = 10**6  # of a side; no layout has more
Graph = dict[str, dict[str, Any]]


def read_graph(text: str, name: str) -> Graph:
    """Parse a workflow file; stops with a sentence if it is not in API format."""
    graph = _json(text, name, "Give a workflow in API format.")
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise Stopped(
            f"{name} is a workflow in the editor's format, but the server takes the API format. "
            f"What to do: open it in ComfyUI and use the menu's Export (API), then give that file."
        )
    if not isinstance(graph, dict) or not graph or not all(_is_node(node) for node in graph.values()):
        raise Stopped(f"{name} is not a workflow in API format: expected an object of nodes, each with a class_type.")
    return graph


def with_layout(graph: Graph, layout: str, name: str) -> Graph:
    """A copy of the graph with the layout's text in its JSON node or editor, its size and prompt where they belong.

    The text is not judged here, beyond being JSON: the node knows every format it takes, and says
    what is wrong with the rest.
    """
    graph = copy.deepcopy(graph)
    document = _json(layout, name, "Give a layout document.")
    for node, field in layout_nodes(graph, name):
        node["inputs"][field] = layout
        node["inputs"].pop("instances", None)  # a layout that comes into an editor over a wire would count instead
    first = document[0] if isinstance(document, list) and document else document
    if isinstance(first, dict):
        _set_preview(graph, first.get("width"), first.get("height"))
    if isinstance(document, dict):
        _set_size(graph, document.get("width"), document.get("height"))
        prompt = document.get("prompt") or document.get("caption")
        if isinstance(prompt, str) and prompt:
            for node in _positive_prompts(graph):
                if isinstance(node["inputs"].get("text"), str):  # a link may come from the layout itself
                    node["inputs"]["text"] = prompt
    return graph


def layout_nodes(graph: Graph, name: str) -> list[tuple[dict[str, Any], str]]:
    """The nodes that take a layout, each with the name of its input; stops if there are none."""
    nodes = [(node, field) for kind, field in LAYOUT_INPUTS.items() for node in _of_class(graph, kind)]
    if not nodes:
        raise Stopped(
            f"The workflow has no node {' or '.join(LAYOUT_INPUTS)}, so there is nowhere to put {name}. What to do: add the node "
            "'Instances from JSON' or 'Layout Editor' in ComfyUI and export the workflow (API) again."
        )
    return nodes


def layout_text(graph: Graph) -> str:
    """The layout in a graph's first node that takes one."""
    return next(node["inputs"][field] for node, field in layout_nodes(graph, "a layout"))


def uses_demo_model(graph: Graph) -> bool:
    """Whether a node loads it: its own, or the one whose menu offers it."""
    chosen = (node["inputs"].get("checkpoint") for node in _of_class(graph, "InstDiffLoadCheckpoint"))
    return any(_of_class(graph, "InstDiffLoadDemoModel")) or CHOICE in chosen


def with_seed(graph: Graph, seed: int) -> Graph:
    """A copy of the graph with every seed set (widgets only, not links)."""
    graph = copy.deepcopy(graph)
    for node in graph.values():
        for name in ("seed", "noise_seed"):
            if type(node["inputs"].get(name)) is int:
                node["inputs"][name] = seed
    return graph


def _json(text: str, name: str, advice: str) -> Any:
    try:
        return load_json(text, shown_name(name))
    except ValueError as problem:
        raise Stopped(f"{problem} {advice}") from problem


def _is_node(node: Any) -> bool:
    if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
        return False
    return isinstance(node.get("inputs"), dict) and isinstance(node.get("_meta", {}), dict)


def _of_class(graph: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    return (node for node in graph.values() if node["class_type"] == name)


def drawn_size(width: float, height: float) -> tuple[int, int]:
    """The picture for a canvas, in pixels: layouts are relative, so what is longer than LONGEST_SIDE (a photo's annotations) is
    scaled down. Sides are multiples of 64 (the UNet's step) if that keeps the shape, else of 8 (the VAE's), else of a larger picture."""
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    factors = [
        scale * factor for factor in range(1, 17) if factor == 1 or scale * factor * max(width, height) <= LONGEST_SIDE
    ]
    sizes = [
        (max(64, round(width * factor / step) * step), max(64, round(height * factor / step) * step))
        for factor in factors
        for step in (64, 8)
    ]
    return next((size for size in sizes if has_shape(size, (width, height))), sizes[0])


def has_shape(size: Sequence[float], canvas: Sequence[float]) -> bool:
    """Whether a picture has the shape of a canvas, as Layout Score asks."""
    return abs(size[0] * canvas[1] / (size[1] * canvas[0]) - 1) <= SHAPE_TOLERANCE


def _set_size(graph: Graph, width: Any, height: Any) -> None:
    """Give the empty latents the size that the layout is drawn at."""
    if _is_canvas(width, height):
        for node in _of_class(graph, "EmptyLatentImage"):
            node["inputs"]["width"], node["inputs"]["height"] = _picture_size(graph, width, height)


def _set_preview(graph: Graph, width: Any, height: Any) -> None:
    """Give drawings of the layout, which have the canvas's size, another one where that is smaller than the picture (the demo shrinks
    its picture to the drawing that it puts beside it) or very large (Preview Layout refuses some)."""
    if not _is_canvas(width, height):
        return
    picture = _picture_size(graph, width, height)
    if picture[0] <= width <= LONGEST_SIDE and picture[1] <= height <= LONGEST_SIDE:
        return
    size = max(picture, drawn_size(width, height), key=math.prod)
    for node in _of_class(graph, "InstDiffPreview"):
        inputs = node["inputs"]
        if not (inputs.get("width") or inputs.get("height") or inputs.get("background")):
            inputs["width"], inputs["height"] = size


def _is_canvas(width: Any, height: Any) -> bool:
    return all(type(side) in (int, float) and 0 < side <= MOST_PIXELS for side in (width, height))


def _picture_size(graph: Graph, width: float, height: float) -> tuple[int, int]:
    return drawn_at(width, height) if uses_demo_model(graph) else drawn_size(width, height)


def _positive_prompts(graph: Graph) -> Iterator[dict[str, Any]]:
    """The CLIPTextEncode nodes that some node takes as its `positive`."""
    for node in list(graph.values()):
        link = node["inputs"].get("positive")
        source = graph.get(str(link[0])) if isinstance(link, list) and link else None
        if source and source["class_type"] == "CLIPTextEncode":
            yield source
