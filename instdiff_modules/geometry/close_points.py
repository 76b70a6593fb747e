"""Room for points that lie close together: a point leaves the size of its object free, and then one object covers another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..layout.instance import Instance

CLOSE = 0.2  # of the picture's shorter side: nearer than that the model loses some of the objects
ROOM = 7 / 6  # side of a box, in distances to the nearest point


def with_room(
    instances: Sequence[Instance], width: int | None = None, height: int | None = None
) -> tuple[Instance, ...]:
    """The instances; those located by a point alone that lie closer than CLOSE to another such one also have a box around it.

    width, height: of the canvas, in pixels; not known: a square. The boxes end at the picture's edge.
    """
    alone = [k for k, one in enumerate(instances) if one.strength and _is_point(one)]
    if len(alone) < 2:
        return tuple(instances)
    wide, high = (width, height) if width and height else (1, 1)
    sides = np.array([wide, high]) / min(wide, high)  # of the picture, in shorter sides
    points = np.array([instances[k].point for k in alone]) * sides
    apart = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    found = list(instances)
    for k, distance in zip(alone, apart.min(1), strict=True):
        if 0 < distance < CLOSE:
            half = ROOM * distance / 2 / sides
            (left, top), (right, bottom) = (
                np.clip(np.array(instances[k].point) + way * half, 0, 1).tolist() for way in (-1, 1)
            )
            found[k] = replace(instances[k], box=(left, top, right, bottom))
    return tuple(found)


def _is_point(one: Instance) -> bool:
    return one.point is not None and one.box is None and one.scribble is None and one.mask is None
