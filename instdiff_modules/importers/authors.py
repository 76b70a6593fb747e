"""Demo files of the authors' repository: pixels of a canvas, boxes [x, y, width, height], masks as run-lengths."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..geometry.masks import decode_mask
from ..layout import fields
from ..layout.document import MAX_INSTANCES, unique_ids
from ..layout.instance import Instance, Layout, Point
from .given import NOTHING_SAID, Given
from .odd_items import an_object, good_locations, keep_good


def is_authors(value: Mapping[str, Any]) -> bool:
    return "annos" in value


def read_authors(document: Mapping[str, Any], given: Given = NOTHING_SAID) -> Layout:
    """{caption, width, height, annos: [{bbox, mask, category_name, caption, point, scribble}]} -> Layout.

    The phrase is the anno's caption, as in the authors' script. Boxes are cut to the canvas with a warning. A scribble
    may be flat [x1, y1, ...] as their README says or pairs [[x1, y1], ...] as their code reads it.
    An anno with an empty box and nothing else, which their script takes, is left out with a warning, as every odd one.
    """
    if given.canvas is not None and document.get("width") is None and document.get("height") is None:
        width, height = given.canvas
    else:
        width, height = (fields.whole(document.get(side), "The demo", side) for side in ("width", "height"))
    annos = document["annos"]
    if isinstance(annos, (str, Mapping)) or not isinstance(annos, Sequence):
        raise ValueError(f'The demo\'s "annos" must be a list, got {fields.shorten(annos)}.')
    if len(annos) > MAX_INSTANCES:
        raise ValueError(f"The demo has {len(annos)} annos, at most {MAX_INSTANCES} are read.")
    instances = keep_good(annos, lambda anno, i: _anno(anno, i, width, height))
    caption = document.get("caption")
    return Layout(
        unique_ids(instances), width, height, fields.text("" if caption is None else caption, "The demo", "caption")
    )


def read_anno_mask(anno: Mapping[str, Any], where: str) -> np.ndarray | None:
    """The mask of an anno as (height, width) bool; None if it has none (absent or [])."""
    return decode_mask(fields.mask(anno["mask"], where)) if anno.get("mask") else None


def pixel_box(value: Any, width: int, height: int, where: str) -> tuple[float, float, float, float]:
    """[x, y, width, height] in pixels -> box in 0..1, cut to the canvas with a warning."""
    x, y, w, h = given = fields.numbers(value, 4, where, "bbox", "[x, y, width, height] in pixels")
    if w <= 0 or h <= 0:
        raise ValueError(f"{where}: bbox {list(given)} is empty. Width and height must be above 0.")
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise ValueError(f"{where}: bbox {list(given)} lies outside the canvas of {width}x{height} pixels.")
    return fields.box((x / width, y / height, (x + w) / width, (y + h) / height), where)


def _anno(anno: Any, position: int, width: int, height: int) -> Instance:
    where = f"Instance {position}"
    an_object(anno, where)
    caption, category = anno.get("caption"), anno.get("category_name")
    readers: dict[str, Callable[[], Any]] = {
        "box": lambda: pixel_box(anno["bbox"], width, height, where),
        "point": lambda: fields.point(_scaled([anno["point"]], width, height, where, "point")[0], where),
        "scribble": lambda: fields.scribble(
            _scaled(_pairs(anno["scribble"], where), width, height, where, "scribble"), where
        ),
        "mask": lambda: fields.mask(anno["mask"], where),
    }
    there = {name: read for name, read in readers.items() if anno.get("bbox" if name == "box" else name)}
    given = good_locations(there, f"{where} has no bbox, point, scribble or mask. Give it a location.")
    return Instance(
        id=f"i{position}",
        prompt=fields.text("" if caption is None else caption, where, "caption"),
        **given,
        extra={"category_name": fields.text(category, where, "category_name")} if category else {},
    )


def _pairs(value: Any, where: str) -> list[Any]:
    """Flat [x1, y1, ...] or [[x1, y1], ...] -> pairs."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise ValueError(f"{where}: scribble must be a list of points in pixels, got {fields.shorten(value)}.")
    if all(isinstance(v, (int, float)) for v in value):
        if len(value) % 2:
            raise ValueError(f"{where}: a flat scribble must hold x and y in turn, got {len(value)} numbers.")
        return [value[i : i + 2] for i in range(0, len(value), 2)]
    return list(value)


def _scaled(points: Sequence[Any], width: int, height: int, where: str, field: str) -> list[Point]:
    pairs = [fields.numbers(xy, 2, where, field, "[x, y] in pixels") for xy in points]
    return [(x / width, y / height) for x, y in pairs]
