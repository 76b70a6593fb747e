"""Instances as they stand in a part of the picture: every location cut to the part and measured in it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from ..layout.instance import Box, Instance, Mask, Point
from .masks import crop_mask, mask_extent, pixel_range
from .points import is_point_set, spread_points

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
SLIVER = 1 / 64  # of the part: an instance that is cut narrower than this is left out
ROUNDING = 1e-9  # of the part: what coordinates lose when they are measured anew


def crop_instances(instances: Sequence[Instance], part: Box) -> tuple[tuple[int, Instance], ...]:
    """The instances that are in a part of the picture, as `crop_instance` gives them, each with its index."""
    cropped = ((i, crop_instance(instance, part)) for i, instance in enumerate(instances))
    return tuple((i, instance) for i, instance in cropped if instance is not None)


def crop_instance(instance: Instance, part: Box) -> Instance | None:
    """The instance in a part of the picture; None if it is not there, or only a sliver of it.

    part: x0, y0, x1, y1 in 0..1 of the canvas; the result is in 0..1 of the part. An instance is where its mask is;
    without one, where its box is; without either, where its stroke or its point is. Its other locations are kept where
    they are in the part. The whole canvas gives the instance itself. ValueError for a part that has no area or sticks
    out of the canvas.
    """
    x0, y0, x1, y1 = part
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise ValueError(f"A part of the picture must have an area and lie within 0..1, got {part}.")
    if tuple(part) == WHOLE:
        return instance
    cropped = replace(
        instance,
        mask=instance.mask and _crop_mask(instance.mask, part),
        box=instance.box and _crop_box(instance.box, part),
        scribble=instance.scribble and _crop_scribble(instance.scribble, part),
        point=instance.point and _crop_point(instance.point, part),
    )
    for leading in (("mask",), ("box",), ("scribble", "point")):
        if any(getattr(instance, name) is not None for name in leading):
            return cropped if any(getattr(cropped, name) is not None for name in leading) else None
    return None


def _crop_mask(mask: Mask, part: Box) -> Mask | None:
    """The rows and columns that the part covers, at the mask's own resolution."""
    rows, columns = pixel_range(part[1], part[3], mask.height), pixel_range(part[0], part[2], mask.width)
    cropped = crop_mask(mask, rows, columns)
    if cropped is None:
        return None
    pixels = (columns[0] / mask.width, rows[0] / mask.height, columns[1] / mask.width, rows[1] / mask.height)
    return None if _is_sliver(mask_extent(cropped), _moved(mask_extent(mask), pixels)) else cropped


def _crop_box(box: Box, part: Box) -> Box | None:
    whole = _moved(box, part)
    x0, y0, x1, y1 = (min(max(v, 0.0), 1.0) for v in whole)
    return None if x0 >= x1 or y0 >= y1 or _is_sliver((x0, y0, x1, y1), whole) else (x0, y0, x1, y1)


def _crop_point(point: Point, part: Box) -> Point | None:
    moved = _moved((*point, *point), part)[:2]
    return moved if _on_part(moved) else None


def _on_part(point: Point) -> bool:
    return all(0 <= v <= 1 for v in point)


def _crop_scribble(scribble: Sequence[Point], part: Box) -> tuple[Point, ...] | None:
    """A set of points: those inside. A stroke: its longest piece inside (in sides of the part), cut at its edges."""
    if is_point_set(scribble):
        inside = [xy for xy in dict.fromkeys(_crop_point(xy, part) for xy in scribble) if xy is not None]
        return spread_points(inside) if inside else None
    # Without repeated points: among twenty, they would make a set of the stroke.
    stroke = [xy for xy, _ in groupby(_moved((*xy, *xy), part)[:2] for xy in scribble)]
    if len(stroke) == 1:
        return tuple(stroke) if _on_part(stroke[0]) else None
    longest = max(_pieces(stroke), key=_length, default=None)
    # A stroke may run straight across or down, so a piece is a sliver only if it is short both ways.
    return None if longest is None or _reach(longest) < SLIVER <= _reach(stroke) else tuple(longest)


def _pieces(stroke: Sequence[Point]) -> list[list[Point]]:
    """The pieces of a stroke that lie in 0..1, each of two points at least."""
    pieces: list[list[Point]] = []
    joined = False  # whether the last piece goes on into the next line
    for a, b in pairwise(stroke):
        inside = _inside(a, b)
        if inside is None:
            joined = False
            continue
        enter, leave = inside
        if not joined:
            pieces.append([_along(a, b, enter)])
        pieces[-1].append(_along(a, b, leave))
        joined = leave == 1
    return pieces


def _inside(a: Point, b: Point) -> tuple[float, float] | None:
    """Where on the line from a to b (0 at a, 1 at b) the part, 0..1, begins and ends; None where it has no length."""
    enter, leave = 0.0, 1.0
    for start, end in zip(a, b, strict=True):
        if start == end:
            if not 0 <= start <= 1:
                return None
            continue
        low, high = sorted(((0 - start) / (end - start), (1 - start) / (end - start)))
        enter, leave = max(enter, low), min(leave, high)
    return (enter, leave) if enter < leave else None


def _along(a: Point, b: Point, share: float) -> Point:
    """The point at a share of the way; the ends exactly, and others within 0..1 in spite of rounding."""
    if share in (0, 1):
        return b if share else a
    x, y = (min(max(u + share * (v - u), 0.0), 1.0) for u, v in zip(a, b, strict=True))
    return x, y


def _length(stroke: Sequence[Point]) -> float:
    return sum(math.dist(a, b) for a, b in pairwise(stroke))


def _reach(stroke: Sequence[Point]) -> float:
    """How far a stroke goes across or down, whichever is more."""
    return max(max(values) - min(values) for values in zip(*stroke, strict=True))


def _is_sliver(left: Box, whole: Box) -> bool:
    """Whether what is left of a box is a sliver, across or down. One that was as narrow before it was cut is not."""
    return any(left[i + 2] - left[i] < SLIVER <= whole[i + 2] - whole[i] for i in (0, 1))


def _moved(box: Box, part: Box) -> Box:
    """A box on the canvas, measured in the part: 0..1 is inside. What lies on an edge of the part does so exactly."""
    left, top, wide, tall = part[0], part[1], part[2] - part[0], part[3] - part[1]
    moved = (box[0] - left) / wide, (box[1] - top) / tall, (box[2] - left) / wide, (box[3] - top) / tall
    x0, y0, x1, y1 = (float(round(v)) if abs(v - round(v)) < ROUNDING else v for v in moved)
    return x0, y0, x1, y1
