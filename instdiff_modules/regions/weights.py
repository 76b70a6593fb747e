"""Regions as weights per picture token, at any resolution of a model, with the depth order applied."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..geometry.coverage import Widths, coverage, has_area, trained_mask
from ..geometry.crop import WHOLE
from ..layout.instance import Box, Instance

logger = logging.getLogger(__name__)

FRONT, SHARED = OVERLAPS = ("front only", "shared")
SMALL = 0.5  # of a token: a region that covers no more of any is widened to one
FINE = (1, 2)  # cells of a token's side where that is worth a warning: UNets look at coarser levels as well


Patch = int | tuple[int, int]  # latent cells along a token's side, or rows and columns of a grid of another kind


def grid_of(height: int, width: int, patch: Patch) -> tuple[int, int]:
    """Rows and columns of tokens over a latent; odd sides are padded at the bottom and right."""
    return patch if isinstance(patch, tuple) else (-(-height // patch), -(-width // patch))


def tokens_of(cells: Tensor, patch: Patch) -> Tensor:
    """(h, w) cells -> share of each token that is covered; what pads odd sides is not."""
    height, width = cells.shape
    if isinstance(patch, tuple):
        return torch.nn.functional.adaptive_avg_pool2d(cells[None], patch)[0]
    padded = torch.nn.functional.pad(cells[None], (0, -width % patch, 0, -height % patch))
    return torch.nn.functional.avg_pool2d(padded, patch)[0]


def of_token(covered: Tensor, hard: bool, most: Tensor) -> Tensor:
    """How far each token is in the region: 0 or 1 for what has edges of its own. most: of its best-covered token, of which half is in."""
    if most <= 0:
        return covered
    return (covered >= SMALL * most).float() if hard else covered / most


@dataclass(eq=False)
class Placed:
    """The instances of one frame over a latent; keeps what it has drawn. trained: as EliGen makes its masks.

    part: the part of the canvas that the latent holds, where ComfyUI computes an area or a window of it.
    """

    instances: Sequence[Instance]
    widths: Widths = field(default_factory=Widths)
    overlap: str = FRONT
    trained: bool = False
    _cells: dict = field(default_factory=dict)
    _weights: dict = field(default_factory=dict)
    _small: set[int] = field(default_factory=set)

    def weights(self, height: int, width: int, patch: Patch, part: Box = WHOLE) -> Tensor:
        """(n, tokens) float32 in 0..1 for a latent of height x width cells, row by row."""
        key = (height, width, patch, part)
        if key not in self._weights:
            given = [self._of(i, *key).flatten() for i in range(len(self.instances))]
            empty = torch.zeros(0, math.prod(grid_of(height, width, patch)))
            stacked = torch.stack(given) if given else empty
            self._weights[key] = front_only(stacked) if self.overlap == FRONT and not self.trained else stacked
        return self._weights[key]

    def _of(self, i: int, height: int, width: int, patch: Patch, part: Box) -> Tensor:
        whole, cells = self._cells_of(i, height, width, part)
        covered = tokens_of(cells, patch)
        if self.trained:
            return (covered > 0).float()
        most = covered.max()
        if cells.sum() * 2 < whole.sum() and not isinstance(patch, tuple):
            most = tokens_of(whole, patch).max()  # the part shows a rim of the region, which stays a rim
        instance = self.instances[i]
        if most < SMALL and patch in FINE and i not in self._small:
            self._small.add(i)
            logger.warning(
                "The region of %r is smaller than a token of this model: it was widened to one.", instance.prompt[:40]
            )
        return of_token(covered, has_area(instance), most)

    def _cells_of(self, i: int, height: int, width: int, part: Box) -> tuple[Tensor, Tensor]:
        """How far an instance covers each cell: of the whole picture, drawn once, and of the part in height x width cells."""
        x0, y0, x1, y1 = part
        key = i, round(height / (y1 - y0)), round(width / (x1 - x0))
        if key not in self._cells:
            draw = trained_mask if self.trained else coverage
            self._cells[key] = draw(self.instances[i], *key[1:], self.widths)
        whole = self._cells[key]
        top, left = min(round(y0 * key[1]), key[1] - height), min(round(x0 * key[2]), key[2] - width)
        return whole, whole[top : top + height, left : left + width]


def front_only(weights: Tensor) -> Tensor:
    """(n, tokens), back to front -> what is left of each behind those in front of it."""
    if not len(weights):
        return weights
    seen = torch.cumprod(torch.cat((torch.ones_like(weights[:1]), 1 - weights.flip(0)[:-1])), 0).flip(0)
    return weights * seen
