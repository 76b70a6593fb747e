"""Moving and resizing instances of every location format: a box, a point, a scribble and a mask change together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..layout.instance import Box, Instance, Mask, Point
from .masks import decode_mask, encode_mask, extent, mask_extent

UNCUT = "uncut_box"  # unknown field of an instance whose box stuck out and was cut: the box before, in 0..1; void once it has moved
MIN_SIDE = 1e-4  # of the canvas; a smaller box is not a location


def whole_extent(instance: Instance) -> Box:
    """The smallest box, in 0..1, around all locations of an instance together."""
    given = {name: getattr(instance, name) for name in ("box", "mask", "scribble", "point")}
    parts = [
        mask_extent(value) if name == "mask" else extent(Instance("", "", **{name: value}))
        for name, value in given.items()
        if value is not None
    ]
    x0, y0, x1, y1 = zip(*parts, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def hull(instances: Sequence[Instance]) -> Box:
    """The smallest box, in 0..1, around several instances."""
    x0, y0, x1, y1 = zip(*map(whole_extent, instances), strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def map_instance(instance: Instance, scale: tuple[float, float], shift: tuple[float, float]) -> Instance | None:
    """Every location under x -> scale * x + shift, cut to the canvas; None if nothing of the instance is left on it.

    scale, shift: (horizontal, vertical), in canvases; scale above 0. A location that leaves the canvas altogether is dropped.
    """

    def moved(xy: Point) -> Point:
        return xy[0] * scale[0] + shift[0], xy[1] * scale[1] + shift[1]

    given = {}
    if instance.box is not None:
        box = _clipped((*moved(instance.box[:2]), *moved(instance.box[2:])))
        given["box"] = box if box[2] - box[0] > MIN_SIDE and box[3] - box[1] > MIN_SIDE else None
    if instance.point is not None:
        given["point"] = _on_canvas(moved(instance.point))
    if instance.scribble is not None:
        given["scribble"] = tuple(xy for old in instance.scribble if (xy := _on_canvas(moved(old)))) or None
    if instance.mask is not None:
        given["mask"] = _map_mask(instance.mask, scale, shift)
    extra = {key: value for key, value in instance.extra.items() if key != UNCUT}
    return replace(instance, **given, extra=extra) if any(value is not None for value in given.values()) else None


def fitting(extent: Box, target: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """(scale, shift) for `map_instance` that take one rectangle onto another; a side of no length is only moved."""
    x0, y0, x1, y1 = extent
    scale = (
        (target[2] - target[0]) / (x1 - x0) if x1 > x0 else 1.0,
        (target[3] - target[1]) / (y1 - y0) if y1 > y0 else 1.0,
    )
    left, top = (
        (target[0] if x1 > x0 else (target[0] + target[2]) / 2),
        (target[1] if y1 > y0 else (target[1] + target[3]) / 2),
    )
    return scale, (left - x0 * scale[0], top - y0 * scale[1])


def _clipped(box: Box) -> Box:
    x0, y0, x1, y1 = (min(max(v, 0.0), 1.0) for v in box)
    return x0, y0, x1, y1


def _on_canvas(xy: Point) -> Point | None:
    eps = 1e-9
    return (min(max(xy[0], 0.0), 1.0), min(max(xy[1], 0.0), 1.0)) if all(-eps <= v <= 1 + eps for v in xy) else None


def _map_mask(mask: Mask, scale: tuple[float, float], shift: tuple[float, float]) -> Mask | None:
    """The mask under the same map, nearest pixels; None if it becomes empty."""
    pixels = decode_mask(mask)
    picked, inside = [], []
    for length, factor, offset in ((mask.height, scale[1], shift[1]), (mask.width, scale[0], shift[0])):
        source = np.floor(
            ((np.arange(length) + 0.5) / length - offset) / factor * length + 1e-9
        )  # the pixel that comes here
        inside.append((source >= 0) & (source < length))
        picked.append(np.clip(source, 0, length - 1).astype(np.int64))
    result = pixels[np.ix_(*picked)] & inside[0][:, None] & inside[1][None, :]  # (height, width)
    return encode_mask(result) if result.any() else None
