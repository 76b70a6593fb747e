"""Who hides whom: how much of each instance is seen at every place, by the order of the layout (the last is in front)."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..geometry.coverage import FINER, Widths, coverage, has_area
from ..geometry.masks import extent, mask_extent
from ..layout.instance import Box, Instance


def seen(instances: Sequence[Instance], height: int, width: int) -> Tensor:
    """How much of each instance is seen in each cell where it is, (n, height, width) in 0..1; 1 everywhere else.

    Transmittance: the product, over all later instances, of 1 - opacity * the share of its part of the cell that they
    cover. An instance is where its mask is, else its box; a point or a stroke hides nothing and is not hidden.
    """
    through = torch.ones(len(instances), height, width)
    fine = _Fine(height, width)
    solid = [k for k, instance in enumerate(instances) if has_area(instance)]
    for at, k in enumerate(solid):
        own = None
        for j in solid[at + 1 :]:
            common = _common(instances[k], instances[j], fine) if instances[j].opacity else None
            if common is not None:
                own = coverage(instances[k], height, width, Widths()) if own is None else own
                through[k] *= 1 - instances[j].opacity * (common / own.clamp(min=1e-6)).clamp(max=1)
    return through


class _Fine:
    """Where instances are, finer than the cells: a mask is decoded once, not for each neighbour."""

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width
        self._known: dict[int, Tensor] = {}

    def __call__(self, instance: Instance) -> Tensor:
        if id(instance) not in self._known:
            height, width = self.size
            self._known[id(instance)] = coverage(instance, height * FINER, width * FINER, Widths())
        return self._known[id(instance)]


def _common(one: Instance, other: Instance, fine: _Fine) -> Tensor | None:
    """The share of each cell that both cover; None where they do not meet."""
    a, b = (extent(i) if i.mask is None else mask_extent(i.mask) for i in (one, other))
    box: Box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    if one.mask is None and other.mask is None:
        return coverage(replace(one, box=box), *fine.size, Widths())
    common = torch.nn.functional.avg_pool2d((fine(one) * fine(other))[None], FINER)[0]
    return common if common.any() else None
