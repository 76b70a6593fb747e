"""Files that hold no layout, or one that is not read: each named for what it is, with what to do instead."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from .detectors import are_items


def is_workflow(value: Any) -> bool:
    """ComfyUI's own JSON: of the editor ({nodes, links}), or in API form ({number: {class_type, inputs}})."""
    if not isinstance(value, Mapping):
        return False
    for key in ("prompt", "workflow"):
        if isinstance(value.get(key), Mapping) and is_workflow(
            {k: v for k, v in value[key].items() if k not in ("prompt", "workflow")}
        ):
            return True
    if isinstance(value.get("nodes"), list) and ("links" in value or "last_node_id" in value):
        return True
    nodes = list(islice(value.values(), 50))
    return bool(nodes) and all(isinstance(node, Mapping) and "class_type" in node for node in nodes)


def is_via(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    if any(isinstance(key, str) and key.startswith("_via_") for key in islice(value, 50)):
        return True
    if {"project", "config", "attribute", "file", "metadata"} <= value.keys():  # the third version
        return True
    return are_items(list(islice(value.values(), 50)), lambda entry: "regions" in entry and "filename" in entry)


def is_cvat(text: str) -> bool:
    return bool(re.match(r"\s{0,99}(?:<\?xml[^>]{0,200}>\s{0,99})?<annotations\b", text[:1000]))


def is_cvat_json(value: Any) -> bool:
    """A task's annotations.json: shapes with a `type` and flat points."""
    return isinstance(value, Mapping) and are_items(
        value.get("shapes"), lambda shape: "type" in shape and "points" in shape and "shape_type" not in shape
    )


def is_voc(text: str) -> bool:
    return bool(re.match(r"\s{0,99}(?:<\?xml[^>]{0,200}>\s{0,99})?<annotation\b", text[:1000]))
