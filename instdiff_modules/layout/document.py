"""The layout document, version 1: JSON text <-> Layout.

    {"version": 1, "width": 768, "height": 512, "prompt": "caption", "instances": [{"id": "a1", "prompt": "a red fox", "negative": "cartoon",
     "box": [x0, y0, x1, y1], "point": [x, y], "scribble": [[x, y], ...], "mask": {"size": [h, w], "counts": "..."},
     "strength": 1.0, "start": 0.0, "end": 1.0, "opacity": 1.0, "reference": "cat.png", "reference_strength": 1.0, "color": "#e6194b",
     "visible": true, "locked": false, "parent": "a0"}]}

Fields that this version does not know survive a round trip.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

from . import fields
from .instance import Box, Frames, Instance, Layout, Mask, Point
from .json_text import MAX_DOCUMENT_BYTES, load_json
from .parts import check_parents

__all__ = [
    "INSTANCE_FIELDS",
    "LAYOUT_FIELDS",
    "LOCATIONS",
    "MAX_DOCUMENT_BYTES",
    "MAX_INSTANCES",
    "VERSION",
    "Box",
    "Frames",
    "Instance",
    "Layout",
    "Mask",
    "Point",
    "check_prompts",
    "layout_to_dict",
    "layout_to_json",
    "load_json",
    "parse_instance",
    "parse_layout",
    "unique_ids",
    "visible_instances",
]

logger = logging.getLogger(__name__)

VERSION = 1
MAX_INSTANCES = 1000
LAYOUT_FIELDS = ("version", "width", "height", "prompt", "instances")
INSTANCE_FIELDS = (
    "id",
    "prompt",
    "negative",
    "box",
    "point",
    "scribble",
    "mask",
    "strength",
    "start",
    "end",
    "opacity",
    "reference",
    "reference_strength",
    "color",
    "visible",
    "locked",
    "parent",
)
Places = Mapping[str, Callable[[], Any]]  # a reader of each location that an instance has
LOCATIONS = {"box": fields.box, "point": fields.point, "scribble": fields.scribble, "mask": fields.mask}


def parse_layout(value: str | Mapping[str, Any]) -> Layout:
    """Our document, as text or as parsed JSON -> Layout. ValueError names the instance (1-based) and its id."""
    document = load_json(value) if isinstance(value, str) else value
    if not isinstance(document, Mapping):
        raise ValueError(
            f'A layout must be a JSON object like {{"version": 1, "instances": [...]}}, got {fields.shorten(document)}.'
        )
    version = document.get("version")
    if isinstance(version, bool) or version != VERSION:
        found = "has no version" if version is None else f"has version {fields.shorten(version)}"
        raise ValueError(
            f'The layout {found}, this InstDiff reads version {VERSION}. Set "version": {VERSION}, or update InstDiff.'
        )
    items = document.get("instances", [])
    if isinstance(items, (str, Mapping)) or not isinstance(items, Sequence):
        raise ValueError(f'The layout\'s "instances" must be a list, got {fields.shorten(items)}.')
    if len(items) > MAX_INSTANCES:
        raise ValueError(
            f"The layout has {len(items)} instances, at most {MAX_INSTANCES} are read. Split it into several layouts."
        )
    instances = unique_ids([parse_instance(item, i) for i, item in enumerate(items, 1)])
    check_parents(instances)
    return Layout(
        instances=instances,
        width=_side(document, "width"),
        height=_side(document, "height"),
        prompt=fields.text(_given(document, "prompt", ""), "The layout", "prompt"),
        extra=_extra(document, LAYOUT_FIELDS, "The layout"),
    )


def layout_to_dict(layout: Layout) -> dict[str, Any]:
    """Layout -> JSON object, in a stable order, unknown fields last."""
    document: dict[str, Any] = {"version": VERSION}
    for side in ("width", "height"):
        if getattr(layout, side) is not None:
            document[side] = getattr(layout, side)
    document["prompt"] = layout.prompt
    document["instances"] = [_instance_to_dict(instance) for instance in layout.instances]
    return document | {k: v for k, v in layout.extra.items() if k not in document}


def layout_to_json(layout: Layout) -> str:
    """Layout -> JSON text, a line per instance."""
    document = layout_to_dict(layout)
    lines = [_dump(instance) for instance in document.pop("instances")]
    instances = "[\n  " + ",\n  ".join(lines) + "\n ]" if lines else "[]"
    rest = {k: v for k, v in document.items() if k not in LAYOUT_FIELDS}
    head = ",\n ".join(f"{_dump(k)}: {_dump(document[k])}" for k in LAYOUT_FIELDS if k in document)
    tail = "".join(f",\n {_dump(k)}: {_dump(v)}" for k, v in rest.items())
    return f'{{{head},\n "instances": {instances}{tail}}}'


def visible_instances(layout: Layout) -> tuple[Instance, ...]:
    """The instances that generate, in depth order."""
    return tuple(instance for instance in layout.instances if instance.visible)


def check_prompts(layout: Layout) -> None:
    """ValueError if an instance that would generate has an empty prompt."""
    for i, instance in enumerate(layout.instances, 1):
        if instance.visible and not instance.prompt.strip():
            raise ValueError(
                f"Instance {i} ({instance.id}) has an empty prompt. Write a prompt or delete the instance."
            )


def unique_ids(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """Give a new id to every instance that repeats an earlier one's."""
    taken: set[str] = {instance.id for instance in instances}
    seen: set[str] = set()
    result = []
    for instance in instances:
        name = instance.id
        if name in seen:
            name = next(free for n in count(2) if (free := f"{instance.id}-{n}") not in taken)
        taken.add(name)
        seen.add(name)
        result.append(instance if name == instance.id else replace(instance, id=name))
    return tuple(result)


def _all_of(places: Places, _: str) -> dict[str, Any]:
    return {name: read() for name, read in places.items()}


def parse_instance(item: Any, position: int, choose: Callable[[Places, str], dict[str, Any]] = _all_of) -> Instance:
    """One instance of our document; position counts from 1. ValueError names it.

    choose: what to keep of its box, point, scribble and mask, each read when it is called; else all must be sound. Its second argument
    is the sentence if there are none.
    """
    if not isinstance(item, Mapping):
        raise ValueError(f"Instance {position} must be a JSON object, got {fields.shorten(item)}.")
    name: Any = item.get("id")
    if isinstance(name, float) and name.is_integer():  # 3.0, as the editor's JavaScript reads it
        name = int(name)
    name = f"i{position}" if name is None or name == "" else str(name) if type(name) is int else name
    where = (
        f"Instance {position} ({fields.shorten(name) if not isinstance(name, str) else ' '.join(name.split())[:40]})"
    )
    fields.text(name, where, "id")
    places = {k: partial(check, item[k], where) for k, check in LOCATIONS.items() if item.get(k) is not None}
    nowhere = f"{where} has no location. Give it a box, a point, a scribble or a mask."
    if not places:
        raise ValueError(nowhere)
    locations = choose(places, nowhere)
    start = fields.number_in(_given(item, "start", 0.0), 0, 1, where, "start")
    end = fields.number_in(_given(item, "end", 1.0), 0, 1, where, "end")
    if start > end:
        raise ValueError(f"{where}: start {start:g} lies after end {end:g}. Both are shares 0..1 of the denoising.")
    return Instance(
        id=name,
        prompt=fields.text(_given(item, "prompt", ""), where, "prompt"),
        negative=fields.text(_given(item, "negative", ""), where, "negative"),
        **locations,
        strength=fields.number_in(_given(item, "strength", 1.0), 0, 2, where, "strength"),
        start=start,
        end=end,
        opacity=fields.number_in(_given(item, "opacity", 1.0), 0, 1, where, "opacity"),
        reference=fields.text(_given(item, "reference", ""), where, "reference"),
        reference_strength=fields.number_in(_given(item, "reference_strength", 1.0), 0, 2, where, "reference_strength"),
        color=fields.color(_given(item, "color", ""), where),
        visible=fields.flag(_given(item, "visible", True), where, "visible"),
        locked=fields.flag(_given(item, "locked", False), where, "locked"),
        parent=_parent(item, where),
        extra=_extra(item, INSTANCE_FIELDS, where),
    )


def _instance_to_dict(instance: Instance) -> dict[str, Any]:
    item: dict[str, Any] = {"id": instance.id, "prompt": instance.prompt}
    if instance.negative:
        item["negative"] = instance.negative
    if instance.box is not None:
        item["box"] = list(instance.box)
    if instance.point is not None:
        item["point"] = list(instance.point)
    if instance.scribble is not None:
        item["scribble"] = [list(xy) for xy in instance.scribble]
    if instance.mask is not None:
        item["mask"] = {"size": [instance.mask.height, instance.mask.width], "counts": instance.mask.counts}
    item |= {k: getattr(instance, k) for k in ("strength", "start", "end")}
    if instance.opacity != 1:
        item["opacity"] = instance.opacity
    if instance.reference:
        item["reference"] = instance.reference
    if instance.reference_strength != 1:
        item["reference_strength"] = instance.reference_strength
    item |= {k: getattr(instance, k) for k in ("color", "visible", "locked")}
    if instance.parent:
        item["parent"] = instance.parent
    return item | {k: v for k, v in instance.extra.items() if k not in INSTANCE_FIELDS}


def _parent(item: Mapping[str, Any], where: str) -> str:
    name = _given(item, "parent", "")
    return fields.text(str(name) if type(name) is int else name, where, "parent")


def _given(item: Mapping[str, Any], key: str, default: Any) -> Any:
    """A field's value; absent and null are the same."""
    return default if item.get(key) is None else item[key]


def _side(document: Mapping[str, Any], side: str) -> int | None:
    return None if document.get(side) is None else fields.whole(document[side], "The layout", side)


def _extra(item: Mapping[str, Any], known: Sequence[str], where: str) -> dict[str, Any]:
    return {str(k): fields.plain(v, where) for k, v in item.items() if k not in known}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
