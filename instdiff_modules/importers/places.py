"""Where an item of a list is: the four numbers of its box in any of the forms that programs write, and its outline."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..layout import fields
from ..layout.instance import Mask
from ..layout.units import FRACTIONS, PIXELS
from .amounts import amount, amounts
from .declared import Declared, declared_beside, declared_by_name
from .given import CXCYWH, XYWH, XYXY
from .plain import finite
from .segmentation import mask_of_rings, read_segmentation
from .spelling import respelt

BOX_FIELDS = ("bbox", "box", "bounding_box", "boundingbox", "boundingBox", "BoundingBox", "bbox_xyxy", "box_xyxy", "xyxy", "bbox_xywh", "box_xywh", "xywh",
              "xyxyn", "xywhn", "bbox_cxcywh", "box_cxcywh", "bbox_normalized", "bbox_norm",
              "bbox_2d", "box_2d", "box2d", "bbox2d", "rect", "coordinates", "relative_coordinates")  # fmt: skip
# Names of four sides: they state the order themselves.
SIDES = (
    (XYXY, (("x_min", "y_min", "x_max", "y_max"), ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("x0", "y0", "x1", "y1"),
            ("left", "top", "right", "bottom"), ("minX", "minY", "maxX", "maxY"), ("x", "y", "x2", "y2"),
            ("x_start", "y_start", "x_end", "y_end"), ("l", "t", "r", "b"))),
    (CXCYWH, (("cx", "cy", "w", "h"), ("cx", "cy", "width", "height"), ("center_x", "center_y", "width", "height"), ("x_center", "y_center", "width", "height"),
              ("center_x", "center_y", "w", "h"), ("x_center", "y_center", "w", "h"), ("xcenter", "ycenter", "w", "h"),
              ("xc", "yc", "w", "h"), ("xcenter", "ycenter", "width", "height"))),
    (XYWH, (("left", "top", "width", "height"), ("xmin", "ymin", "width", "height"), ("x_min", "y_min", "width", "height"),
            ("origin_x", "origin_y", "width", "height"),
            ("Left", "Top", "Width", "Height"))),
)  # fmt: skip
CORNER = ("x", "y", "width", "height"), ("x", "y", "w", "h")  # of a corner or of the centre: told by what stands beside
PAIRS = (
    (XYXY, "top_left", "bottom_right"),
    (CXCYWH, "center", "size"),
    (XYWH, "position", "size"),
    (XYWH, "top_left", "size"),
)  # of two numbers each
CENTRE_MARKS = ("class_id", "detection_id", "confidence")  # Roboflow, darknet
OUTLINES = ("segmentation", "segments", "points", "polygon", "mask")
SAM_MARKS = ("predicted_iou", "stability_score")  # of Segment Anything's masks
CORNER_MARKS = ("label", "score", "metadata")  # ComfyUI's BOUNDING_BOX
DETECTOR_MARKS = ("confidence", "conf", "class", "class_id", "score")


class Place(NamedTuple):
    """numbers: of a box. declared: what the item says of them. usual: units of the program that writes such items, or None."""

    numbers: tuple[float, ...]
    declared: Declared
    usual: str | None


def has_place(item: Any) -> bool:
    """Whether an item has something where a box should be, sound or not."""
    item = respelt(item)
    return isinstance(item, Mapping) and (
        _sides(item) is not None or any(item.get(key) is not None for key in BOX_FIELDS) or _paired(item) is not None
    )


def is_createml(item: Mapping[str, Any]) -> bool:
    """Apple's annotations, {label, coordinates: {x, y, width, height}}: the centre, in pixels."""
    value = item.get("coordinates")
    return "label" in item and isinstance(value, Mapping) and all(name in value for name in CORNER[0])


def place_of(item: Mapping[str, Any], where: str, wire: bool = False) -> Place | None:
    """The box of an item; None if it has none. ValueError if it is no box."""
    if "x4" in _inner(item):
        return None  # an oriented box: an outline of four corners
    named = _sides(item)
    if named:
        return _place(named, item, item, where, wire)
    key = next((key for key in BOX_FIELDS if item.get(key) is not None), None)
    if key is None and (corners := _corners_in(item.get("points"))):
        return Place(corners, Declared(XYXY, declared_beside(item).units), PIXELS)
    if key is None:
        paired = _paired(item)
        return _paired_place(paired, item, Declared(None, declared_beside(item).units)) if paired else None
    value, beside = item[key], declared_beside(item)
    if any(mark in item for mark in SAM_MARKS):
        beside = beside.over(Declared(XYWH, PIXELS))
    declared = declared_by_name(key).over(beside)
    if key == "relative_coordinates":
        declared = Declared(None, FRACTIONS)
    if isinstance(value, Mapping):
        value = respelt(value)
        named = _sides(value)
        if named is None and (paired := _paired(value)):
            return _paired_place(paired, item, declared)
        if named is None:
            raise ValueError(f"{where}: {key} must name four sides or hold four numbers, got {fields.shorten(value)}.")
        if named[0] is None and not is_createml(
            item
        ):  # what stands beside an inner x, y, width, height does not tell what they are
            numbers = tuple(fields.number(amount(value[name]), where, name) for name in named[1])
            return Place(numbers, declared, PIXELS if named[1] == CORNER[0] else None)
        place = _place(named, value, item, where, False)
        order = Declared(CXCYWH) if is_createml(item) else place.declared
        return place._replace(declared=declared.over(order))
    value = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) else value
    if isinstance(value, list) and len(value) in (2, 4) and all(isinstance(v, list) and len(v) == 2 for v in value):
        corners = [fields.numbers(amounts(v), 2, where, key, "four numbers, or corners [x, y]") for v in value]
        if len(corners) == 4:  # one after the other
            (x0, x1), (y0, y1) = ((min(side), max(side)) for side in zip(*corners, strict=True))
            return Place((x0, y0, x1, y1), Declared(XYXY, declared.units), None)
        value = [*corners[0], *corners[1]]
    return Place(fields.numbers(amounts(value), 4, where, key, "four numbers"), declared, None)


def _sides(item: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]] | None:
    """(order, names of its four sides) of an object; order None for a corner or a centre."""
    for order, name_sets in SIDES:
        for names in name_sets:
            if all(name in item for name in names):
                return order, names
    names = next((names for names in CORNER if all(name in item for name in names)), None)
    return (None, names) if names else None


def _corners_in(points: Any) -> tuple[float, ...] | None:
    """The four sides of a rectangle by its two corners: Supervisely's {exterior: [[x, y], [x, y]]}, SuperAnnotate's {x1, x2, y1, y2}."""
    if not isinstance(points, Mapping):
        return None
    names = ("x1", "y1", "x2", "y2")
    given = [points.get(name) for name in names]
    corners = points.get("exterior")
    if isinstance(corners, list) and len(corners) == 2 and all(_pair(corner) for corner in corners):
        given = [v for corner in corners for v in amounts(corner)]
    given = list(map(amount, given))
    if not all(map(finite, given)):
        return None
    x0, y0, x1, y1 = given
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _paired(item: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    """(order, four numbers) of an object with two corners, or a place and a size; None if it has neither."""
    for order, first, second in PAIRS:
        pairs = [_pair(item.get(name)) for name in (first, second)]
        if pairs[0] is not None and pairs[1] is not None:
            return order, (*pairs[0], *pairs[1])
    return None


def _paired_place(paired: tuple[str, tuple[float, ...]], item: Mapping[str, Any], declared: Declared) -> Place:
    order, numbers = paired
    usual = PIXELS if order == CXCYWH or any(mark in item for mark in DETECTOR_MARKS) else None
    return Place(numbers, Declared(order, declared.units), usual)


def _pair(value: Any) -> tuple[float, float] | None:
    if isinstance(value, Mapping):
        value = next(
            (
                [value[a], value[b]]
                for a, b in (("x", "y"), ("width", "height"), ("w", "h"))
                if a in value and b in value
            ),
            None,
        )
    found = amounts(value)
    return (found[0], found[1]) if isinstance(found, list) and len(found) == 2 and all(map(finite, found)) else None


def _place(
    named: tuple[str | None, tuple[str, ...]],
    holder: Mapping[str, Any],
    item: Mapping[str, Any],
    where: str,
    wire: bool,
) -> Place:
    order, names = named
    numbers = tuple(fields.number(amount(holder[name]), where, name) for name in names)
    beside = declared_beside(item)
    if order is not None:
        usual = PIXELS if order == CXCYWH or any(mark in item for mark in DETECTOR_MARKS) else None
        return Place(numbers, Declared(order, beside.units), usual)
    if any(mark in item for mark in CENTRE_MARKS):
        order = CXCYWH
    elif wire or (names == CORNER[0] and any(mark in item for mark in CORNER_MARKS)):
        order = XYWH
    return Place(numbers, beside.over(Declared(order)), PIXELS if names == CORNER[0] or order else None)


def has_outline(item: Mapping[str, Any]) -> bool:
    return any(item.get(key) and not _corners_in(item[key]) for key in OUTLINES) or "x4" in _inner(item)


def outline_of(
    item: Mapping[str, Any], size: tuple[int, int], scale: tuple[float, float], where: str, beside: int
) -> Mask | None:
    """The mask of an item: run-lengths, rings, ultralytics' {x: [...], y: [...]} or Roboflow's [{x, y}, ...]; None if it has none.

    size: of the canvas. scale: pixels of it for one of the item's units, along x and y. beside: how many masks the data may have.
    """
    (width, height), inner = size, _inner(item)
    if "x4" in inner:
        corners = [(inner.get(f"x{i}"), inner.get(f"y{i}")) for i in (1, 2, 3, 4)]
        return mask_of_rings([_scaled(corners, scale, where)], width, height, where, beside)
    key = next((key for key in OUTLINES if item.get(key) and not _corners_in(item[key])), None)
    if key is None:
        return None
    value = item[key]
    if isinstance(value, Mapping) and isinstance(value.get("paths"), list):  # Darwin's
        value = value["paths"]
    if isinstance(value, Mapping) and isinstance(value.get("exterior"), list):  # Supervisely's
        if value.get("interior"):
            raise ValueError(f"{where}: {key} has holes, which are not read. Export it as COCO.")
        value = value["exterior"]
    if isinstance(value, Mapping) and "x" in value and "y" in value:
        xs, ys = value["x"], value["y"]
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise ValueError(f"{where}: {key} must hold as many x as y, got {fields.shorten(value)}.")
        return mask_of_rings([_scaled(list(zip(xs, ys, strict=True)), scale, where)], width, height, where, beside)
    if isinstance(value, list) and all(isinstance(point, Mapping) for point in value):
        points = [(point.get("x"), point.get("y")) for point in value]
        return mask_of_rings([_scaled(points, scale, where)], width, height, where, beside)
    if scale != (1, 1) and not isinstance(value, Mapping):
        raise ValueError(f"{where}: {key} is read in pixels only.")
    return read_segmentation(value, width, height, where, beside)


def _inner(item: Mapping[str, Any]) -> Mapping[str, Any]:
    box = item.get("box")
    return box if isinstance(box, Mapping) else item


def _scaled(points: Sequence[tuple[Any, Any]], scale: tuple[float, float], where: str) -> list[float]:
    if len(points) < 3:
        raise ValueError(f"{where}: an outline needs at least three points, got {len(points)}.")
    return [fields.number(v, where, "an outline") * s for xy in points for v, s in zip(xy, scale, strict=True)]
