"""What each instance of an image covers, by what its own branch shows: for the merge by depth."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..geometry.close_points import SAME
from ..geometry.coverage import Widths, coverage, has_area
from ..layout.instance import Instance, Point
from ..layout.parts import families
from .matte import matte


def covers(instances: Sequence[Instance], predictions: Sequence[Tensor]) -> list[Tensor]:
    """(H, W) in 0..1 for each instance, as opaque as it is: its mask, else what its branch shows of it.

    predictions: each one's branch's prediction of the clean latent, (C, ..., H, W). An instance may reach a little beyond its
    own region, but not into that of a neighbour.
    """
    if not instances:
        return []
    height, width = predictions[0].shape[-2:]
    areas = regions(instances, height, width)
    out = []
    for k, (instance, predicted) in enumerate(zip(instances, predictions, strict=True)):
        own = areas[k].to(predicted.device)
        if instance.mask is None:
            own = matte(predicted.flatten(0, -3), own) * ((own > 0) | ~neighbours(areas, k).to(own.device))
        out.append(own * instance.opacity)
    return out


def neighbours(areas: Tensor, k: int) -> Tensor:
    """Where any of the others is, (H, W) bool, but those that hold at least half of instance k: it is a part of them, or they of it."""
    return areas[[j for j in range(len(areas)) if j != k and not _belong(areas[j], areas[k])]].gt(0).any(0)


def _belong(one: Tensor, other: Tensor) -> bool:
    return bool(2 * torch.minimum(one, other).sum() >= min(one.sum(), other.sum()))


def regions(instances: Sequence[Instance], height: int, width: int) -> Tensor:
    """Where each instance is, (n, height, width) in 0..1; what has no area is a disc or a stroke that meets no other such, see `_widths`."""
    own = families(instances, range(len(instances)))
    others = [
        [other for j, other in enumerate(instances) if not has_area(other) and j not in own[k] and k not in own[j]]
        for k in range(len(instances))
    ]
    return torch.stack(
        [coverage(i, height, width, _widths(i, o, height, width)) for i, o in zip(instances, others, strict=True)]
    )


def _widths(instance: Instance, others: Sequence[Instance], height: int, width: int) -> Widths:
    """The usual ones, but no wider than half the way to the nearest other without an area that is not in one place with it.

    others: without its parts and its whole, since a part lies on its whole.
    """
    side, usual = min(height, width), Widths()
    apart = [
        math.hypot((x - u) * width, (y - v) * height) / side
        for other in others
        for u, v in _points(other)
        for x, y in _points(instance)
    ]
    nearest = min((way for way in apart if way >= SAME), default=math.inf)
    return Widths(min(usual.point, nearest / 2), min(usual.stroke, nearest))


def _points(instance: Instance) -> tuple[Point, ...]:
    return (*(instance.scribble or ()), *((instance.point,) if instance.point else ()))
