"""Demo files of the authors' repository: pixels of a canvas, boxes [x, y, width, height], masks as run-lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..geometry.masks import decode_mask
from ..layout import fields
from ..layout.document import MAX_INSTANCES, unique_ids
from ..layout.instance import Instance, Layout, Point


def read_authors(document: Mapping[str, Any]) -> Layout:
    """{caption, width, height, annos: [{bbox, mask, category_name, caption, point, scribble}]} -> Layout.

    The phrase is the anno's caption, as in the authors' script. Boxes are cut to the canvas with a warning. A scribble
    may be flat [x1, y1, ...] as their README says or pairs [[x1, y1], ...] as their code reads it.
    """
    width, height = (fields.whole(document.get(side), "The demo", side) for side in ("width", "height"))
    annos = document["annos"]
    if isinstance(annos, (str, Mapping)) or not isinstance(annos, Sequence):
        raise ValueError(f'The demo\'s "annos" must be a list, got {fields.shorten(annos)}.')
    if len(annos) > MAX_INSTANCES:
        raise ValueError(f"The demo has {len(annos)} annos, at most {MAX_INSTANCES} are read.")
    instances = [_anno(anno, i, width, height) for i, anno in enumerate(annos, 1)]
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
    if not isinstance(anno, Mapping):
        raise ValueError(f"{where} must be a JSON object, got {fields.shorten(anno)}.")
    caption, category = anno.get("caption"), anno.get("category_name")
    given: dict[str, Any] = {}
    if anno.get("bbox"):
        given["box"] = pixel_box(anno["bbox"], width, height, where)
    if anno.get("point"):
        given["point"] = fields.point(_scaled([anno["point"]], width, height, where, "point")[0], where)
    if anno.get("scribble"):
        given["scribble"] = fields.scribble(
            _scaled(_pairs(anno["scribble"], where), width, height, where, "scribble"), where
        )
    if anno.get("mask"):
        given["mask"] = fields.mask(anno["mask"], where)
    if not given:
        raise ValueError(f"{where} has no bbox, point, scribble or mask. Give it a location.")
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
