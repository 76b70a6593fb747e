"""The editor's workflow format: what the frontend sends to the server for it, and the reading that takes.

Compared once with the frontend's own `app.graphToPrompt()` (1.47.12): equal for every template.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from support.server import Graph

VIRTUAL = {"MarkdownNote", "Note"}  # the server never hears of these
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
CONTROL = "control_after_generate"  # a widget of the frontend's own, behind a seed

Node = Mapping[str, Any]
ObjectInfo = Mapping[str, Mapping[str, Any]]


def input_specs(info: Mapping[str, Any]) -> Iterator[tuple[str, Any, Mapping[str, Any], bool]]:
    """Inputs of a node in their order: name, type (a list of choices for an old combo), options, required."""
    for section in ("required", "optional"):
        for name in info["input_order"].get(section, ()):
            kind, *options = info["input"][section][name]
            yield name, kind, options[0] if options else {}, section == "required"


def is_widget(kind: Any, options: Mapping[str, Any]) -> bool:
    """Whether an input of this type is typed in on the node; else it is only a socket."""
    return (isinstance(kind, list) or kind in WIDGETS) and not options.get("forceInput")


def widget_names(info: Mapping[str, Any]) -> list[str]:
    """Names of a node's widgets in the order in which their values are saved."""
    names = []
    for name, kind, options, _ in input_specs(info):
        if is_widget(kind, options):
            names.append(name)
            if options.get(CONTROL) or (kind == "INT" and name in ("seed", "noise_seed")):
                names.append(CONTROL)
    return names


def widget_values(node: Node, info: Mapping[str, Any]) -> dict[str, Any]:
    """The node's widgets by name; ValueError if it was saved with more or fewer than it has."""
    names, values = widget_names(info), node.get("widgets_values") or []
    if len(names) != len(values):
        raise ValueError(
            f"{node['type']} (node {node['id']}) has the widgets {names}, but {len(values)} values were saved: {values}"
        )
    return dict(zip(names, values, strict=True))


def to_api(workflow: Mapping[str, Any], object_info: ObjectInfo) -> Graph:
    """The workflow in API format. ValueError for what it does not translate (muted nodes, subgraphs)."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    graph: Graph = {}
    for node in workflow["nodes"]:
        if node["type"] in VIRTUAL:
            continue
        if node["mode"] != 0 or node["type"] not in object_info:
            raise ValueError(f"Node {node['id']} is muted, bypassed or unknown: {node['type']}, mode {node['mode']}.")
        info = object_info[node["type"]]
        inputs = {name: value for name, value in widget_values(node, info).items() if name != CONTROL}
        inputs |= {slot["name"]: sources[slot["link"]] for slot in node["inputs"] if slot.get("link") is not None}
        title = node.get("title") or info["display_name"]
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return graph
