"""Room for points that lie close together: a point leaves the size of its object free, and then one object covers another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..layout.frames import canvas_of
from ..layout.instance import Instance, Layout
from ..layout.parts import families

CLOSE = 0.2  # of the picture's shorter side: nearer than that the model loses some of the objects
SAME = 1 / 32  # of it, a latent cell at 256 pixels: nearer than that two are in one place
ROUNDING = 1e-6  # of coordinates: points on a grid of fifths are not closer than a fifth
ROOM = 7 / 6  # side of a box, in distances to the nearest point


def frames_with_room(
    frames: Sequence[Sequence[Instance]], canvases: Sequence[tuple[int | None, int | None]]
) -> tuple[tuple[Instance, ...], ...]:
    """`with_room` for each frame of a batch; canvases: width and height of each, as far as they are known.

    All pictures of a batch have one size: where nothing says a frame's, it is that of the first frame that has one.
    """
    sizes = [canvas_of(Layout(tuple(frame), *canvas)) for frame, canvas in zip(frames, canvases, strict=True)]
    known = next(filter(None, sizes), (None, None))
    return tuple(with_room(frame, *(size or known)) for frame, size in zip(frames, sizes, strict=True))


def with_room(
    instances: Sequence[Instance], width: int | None = None, height: int | None = None
) -> tuple[Instance, ...]:
    """The instances, with a box around each that has a point alone and lies closer than CLOSE to another such one.

    One that lies nearer than SAME to another gets none: nothing says how large it is. width, height: of the canvas, in
    pixels; not known: a square. The boxes end at the picture's edge.
    """
    alone = [k for k, one in enumerate(instances) if one.strength and one.start < one.end and _is_point(one)]
    if len(alone) < 2:
        return tuple(instances)
    wide, high = (width, height) if width and height else (1, 1)
    sides = np.array([wide, high]) / min(wide, high)  # of the picture, in shorter sides
    found = list(instances)
    for k, distance in zip(alone, _to_nearest(instances, alone, sides), strict=True):
        if SAME <= distance < CLOSE - ROUNDING:
            half = ROOM * distance / 2 / sides
            (left, top), (right, bottom) = (
                np.clip(np.array(instances[k].point) + way * half, 0, 1).tolist() for way in (-1, 1)
            )
            found[k] = replace(instances[k], box=(left, top, right, bottom))
    return tuple(found)


def _to_nearest(instances: Sequence[Instance], alone: Sequence[int], sides: np.ndarray) -> np.ndarray:
    """How far each of the points `alone` is from the nearest other one, in shorter sides of the picture.

    Two that never act at the same time need no room from each other, and a part lies on its whole.
    """
    points = np.array([instances[k].point for k in alone]) * sides
    apart = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    start, end = (np.array([getattr(instances[k], name) for k in alone]) for name in ("start", "end"))
    apart[(start[:, None] >= end) | (start >= end[:, None])] = np.inf
    rows = {k: row for row, k in enumerate(alone)}
    for k, parts in families(instances, alone).items():  # among its parts is the instance itself
        columns = [rows[part] for part in parts if part in rows]
        apart[rows[k], columns] = apart[columns, rows[k]] = np.inf
    return apart.min(1)


def _is_point(one: Instance) -> bool:
    return one.point is not None and one.box is None and one.scribble is None and one.mask is None
