"""LabelMe's and X-AnyLabeling's files: {version: "5.2.1", shapes: [{label, points, shape_type}], imageWidth, imageHeight}, in pixels."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout
from .amounts import amounts
from .detectors import are_items, score_of
from .given import Given, known_canvas, stated_canvas
from .odd_items import an_object, id_of, keep_good, named, text_of
from .segmentation import mask_of_rings

logger = logging.getLogger(__name__)

CIRCLE = 64  # corners that a circle is drawn with
RINGS = ("polygon", "rotation", "quadrilateral")
STROKES = ("line", "linestrip", "points")
SHAPES = ("rectangle", "circle", "point", "mask", *RINGS, *STROKES)


def is_labelme(value: Mapping[str, Any]) -> bool:
    shapes = value.get("shapes")
    return isinstance(shapes, list) and (
        are_items(shapes, _has_points) or (not shapes and ("imagePath" in value or "imageWidth" in value))
    )


def _has_points(shape: Mapping[str, Any]) -> bool:
    """Points in pairs; CVAT's are flat, and its shapes have a `type`."""
    points = shape.get("points")
    return "shape_type" in shape or (isinstance(points, list) and any(isinstance(point, list) for point in points[:3]))


def read_labelme(value: Mapping[str, Any], given: Given) -> Layout:
    """-> a layout. A rectangle is a box (its corners in any order), a polygon and a circle a mask, lines and points a scribble."""
    shapes = value["shapes"]
    if len(shapes) > MAX_INSTANCES:
        raise ValueError(f"The LabelMe file has {len(shapes)} shapes, at most {MAX_INSTANCES} are read.")
    width, height = known_canvas(stated_canvas(value) or given.canvas, given, "LabelMe's shapes are")
    beside = given.among(len(shapes)).beside
    instances = keep_good(shapes, lambda shape, i: _shape(shape, i, width, height, beside))
    if masks := sum(shape.get("shape_type") == "mask" for shape in shapes if isinstance(shape, Mapping)):
        logger.warning(
            "Masks that are pictures inside the LabelMe file were left out: %d. Their boxes were kept.", masks
        )
    return Layout(tuple(instances), width, height)


def _shape(shape: Any, position: int, width: int, height: int, beside: int) -> Instance:
    an_object(shape, named(position))
    label = shape.get("label") if shape.get("label") not in (None, "") else shape.get("description")
    where = named(position, label)
    kind = shape.get("shape_type") or "polygon"
    kind = kind.lower() if isinstance(kind, str) else kind
    if kind not in SHAPES:
        raise ValueError(f"{where}: a shape of the type {fields.shorten(kind)} is not read, only {', '.join(SHAPES)}.")
    given = shape.get("points")
    if not isinstance(given, list) or not given:
        raise ValueError(f"{where}: a shape needs points [[x, y], ...] in pixels, got {fields.shorten(given)}.")
    points = [fields.numbers(_pair(xy), 2, where, "a point", "[x, y] in pixels") for xy in given]
    about = {"group_id": group} if isinstance(group := id_of(shape.get("group_id")), int) else {}
    location = _location(kind, points, width, height, where, beside)
    return Instance(
        f"i{position}", fields.text(text_of(label), where, "label"), **location, extra=about | score_of(shape)
    )


def _pair(xy: Any) -> Any:
    return amounts([xy["x"], xy["y"]] if isinstance(xy, Mapping) and "x" in xy and "y" in xy else xy)


def _location(
    kind: str, points: list[tuple[float, ...]], width: int, height: int, where: str, beside: int
) -> dict[str, Any]:
    if kind in ("rectangle", "mask"):
        if len(points) < 2:
            raise ValueError(f"{where}: a rectangle needs two corners, got {len(points)}.")
        (x0, x1), (y0, y1) = ((min(side), max(side)) for side in zip(*points, strict=True))
        return {"box": fields.box((x0 / width, y0 / height, x1 / width, y1 / height), where)}
    if kind == "point":
        return {"point": fields.point((points[0][0] / width, points[0][1] / height), where)}
    if kind in STROKES:
        return {"scribble": fields.scribble([(x / width, y / height) for x, y in points], where)}
    if kind == "circle":
        if len(points) != 2:
            raise ValueError(f"{where}: a circle needs its centre and a point of its edge, got {len(points)} points.")
        (x, y), radius = points[0], math.dist(*points)
        turns = [2 * math.pi * i / CIRCLE for i in range(CIRCLE)]
        points = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
    if len(points) < 3:
        raise ValueError(f"{where}: a polygon needs at least three points, got {len(points)}.")
    return {"mask": mask_of_rings([[v for xy in points for v in xy]], width, height, where, beside)}
