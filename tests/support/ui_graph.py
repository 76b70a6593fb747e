"""The editor's workflow format: what the frontend sends to the server for it, and the reading that takes.

Compared once with the frontend's own `app.graphToPrompt()` (1.47.12): equal for every template.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from support.server import Graph

VIRTUAL = {"MarkdownNote", "Note"}  # the server never hears of these
NEVER, BYPASS = 2, 4  # modes of nodes that are switched off; what a bypassed one gives is what came in for it
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
    """The workflow in API format. ValueError for what it does not translate (subgraphs)."""
    nodes = {node["id"]: node for node in workflow["nodes"] if node["type"] not in VIRTUAL}
    links = {link[0]: (link[1], link[2]) for link in workflow["links"]}
    unknown = [node["type"] for node in nodes.values() if node["type"] not in object_info]
    if unknown:
        raise ValueError(f"The server does not know {unknown}.")
    graph: Graph = {}
    for number, node in nodes.items():
        if node["mode"] in (NEVER, BYPASS):
            continue
        info = object_info[node["type"]]
        inputs = {name: value for name, value in widget_values(node, info).items() if name != CONTROL}
        for slot in node["inputs"]:
            if slot.get("link") is not None:
                source = active_source(*links[slot["link"]], nodes, links)
                inputs = inputs | {slot["name"]: source} if source else without(inputs, slot["name"])
        title = node.get("title") or info["display_name"]
        graph[str(number)] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return graph


def active_source(
    source: int, slot: int, nodes: Mapping[int, Node], links: Mapping[int, tuple[int, int]]
) -> list[Any] | None:
    """[node, output] that a link brings, through nodes that are bypassed: the input of the same number counts if it has the output's
    type, else the first that has. None behind nodes that are off or have no such input."""
    node = nodes[source]
    if node["mode"] == NEVER:
        return None
    if node["mode"] != BYPASS:
        return [str(source), slot]
    kind, inputs = node["outputs"][slot]["type"], node["inputs"]
    candidates = [*inputs[slot : slot + 1], *inputs]
    link = next((one.get("link") for one in candidates if one["type"] == kind), None)
    return None if link is None else active_source(*links[link], nodes, links)


def without(inputs: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != name}
