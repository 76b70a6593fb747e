"""Our own document, read as data of others is: an odd instance is left out. The editor's own text is read strictly, by `parse_layout`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..layout.document import MAX_INSTANCES, VERSION, parse_instance, parse_layout, unique_ids
from ..layout.instance import Layout
from ..layout.parts import check_parents
from .odd_items import good_locations, keep_good

_FIELDS = {"version", "width", "height", "prompt", "instances"}


def is_own(value: Mapping[str, Any]) -> bool:
    """Whether it is our document, of this or another version: `instances`, and no version or a whole number."""
    version = value.get("version")
    whole = type(version) is int or (type(version) is float and version.is_integer())
    if "instances" not in value:
        return whole and value.keys() <= _FIELDS  # a canvas without anything on it
    if whole or ("version" in value and version is None):
        return True
    items = value["instances"]
    return "version" not in value and (not isinstance(items, list) or not items or any(map(_is_ours, items)))


def read_own(document: Mapping[str, Any]) -> Layout:
    """ValueError for another version, for a document that is broken itself, and if none of its instances can be read."""
    items = document.get("instances", [])
    if document.get("version") != VERSION or not isinstance(items, list) or len(items) > MAX_INSTANCES:
        return parse_layout(document)
    layout = parse_layout({**document, "instances": []})
    instances = unique_ids(keep_good(items, lambda item, i: parse_instance(item, i, good_locations)))
    check_parents(instances)
    return replace(layout, instances=instances)


def _is_ours(item: Any) -> bool:
    return isinstance(item, Mapping) and ("prompt" in item or isinstance(item.get("box"), list) or "scribble" in item)
