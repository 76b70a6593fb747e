"""The window of a branch: the part of the picture that its instance is painted in.

As narrow as it can be: prompted with the instance alone, a model fills what it sees, so the window says where the object
ends. Room around the box let the tests' model paint beside it.
"""

import math
from typing import NamedTuple

from torch import Tensor

from ..layout.instance import Box

LEAST = 0.25  # of the picture's width and height: models paint badly in less
STEP = 2  # latent cells: sides and places are multiples of it, as a transformer's tokens are two cells wide


class Cells(NamedTuple):
    """A rectangle of latent cells."""

    top: int
    left: int
    height: int
    width: int

    def of(self, tensor: Tensor) -> Tensor:
        """(..., H, W) -> (..., height, width), a view."""
        return tensor[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def into(self, whole: Tensor, window: Tensor) -> Tensor:
        """A copy of (..., H, W) with (..., height, width) in place."""
        out = whole.clone()
        self.of(out).copy_(window)
        return out

    def part(self, height: int, width: int) -> Box:
        """The part of the picture that it is, on a latent of height x width cells."""
        return (
            self.left / width, self.top / height, (self.left + self.width) / width, (self.top + self.height) / height
        )  # fmt: skip


def window_of(box: Box, height: int, width: int) -> Cells:
    """The window around a box (x0, y0, x1, y1 in 0..1) on a latent of height x width cells; it never sticks out."""
    (top, tall), (left, wide) = _side(box[1], box[3], height), _side(box[0], box[2], width)
    return Cells(top, left, tall, wide)


def _side(low: float, high: float, size: int) -> tuple[int, int]:
    """First cell and number of cells: all that the box touches, and as many on either side as are missing to the least."""
    first, last = math.floor(low * size / STEP + 1e-6) * STEP, math.ceil(high * size / STEP - 1e-6) * STEP
    length = min(max(last - first, STEP * math.ceil(LEAST * size / STEP)), size)
    missing = length - (last - first)
    first -= STEP * round(missing / 2 / STEP) if missing > 0 else 0
    return min(max(first, 0), size - length), length
