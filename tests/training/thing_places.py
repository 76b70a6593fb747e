"""Points, strokes and outlines of every kind of thing, in shares of its box: a thing is the same picture wherever it stands, so they are
found once and moved with it."""

from typing import NamedTuple

import make_layouts
import numpy as np
import torch
from instdiff.instdiff_modules.geometry.points import mask_polygon_points, mask_scribble_points
from PIL import Image
from support.thingworld.emoji import sprite
from support.thingworld.words import KIND, KINDS
from torch import Tensor

SIZES = (40, 70, 110)  # longer side in pixels: a stroke on a small thing is another one
VARIANTS = 16  # of points and strokes
SIDE = 256  # the canvas that they are found on


class Places(NamedTuple):
    """Of all kinds (n), sizes (s), variants (v), x and y: middle (n, s, 1, 2), points (n, s, v, 2), strokes and dots (n, s, v, 20, 2),
    outline (n, s, 256, 2)."""

    middle: Tensor
    points: Tensor
    strokes: Tensor
    dots: Tensor
    outline: Tensor


def places() -> Places:
    found = [[_places(kind.word, size) for size in SIZES] for kind in KINDS]
    parts = [[torch.stack(part) for part in zip(*sizes, strict=True)] for sizes in found]
    return Places(*(torch.stack(part) for part in zip(*parts, strict=True)))


def _places(word: str, size: int) -> Places:
    mask, box = _mask(word, size)
    seed = (KINDS.index(KIND[word]), size)

    def shares(points: object) -> Tensor:
        """Pixels (..., 2) -> shares of the box."""
        return torch.from_numpy((np.asarray(points) - box[:2]) / box[2:]).float()

    rng, turn = np.random.RandomState(seed), np.random.default_rng(seed)
    points = [make_layouts.deep_points(mask, rng) for _ in range(VARIANTS)]
    strokes = [make_layouts.deep_stroke(mask, turn) for _ in range(VARIANTS)]
    return Places(
        shares([np.array(points[0][0]) * SIDE]),
        shares([np.array(any_one) * SIDE for _, any_one in points]),
        shares(np.stack(strokes) * SIDE),
        shares(np.stack([mask_scribble_points(mask, rng) for _ in range(VARIANTS)])),
        shares(mask_polygon_points(mask)),
    )


def _mask(word: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The thing in the middle of a canvas, as the set shows it, and left, top, width and height of its box."""
    alpha = sprite(word).getchannel("A")
    wide, tall = (max(1, round(v * size / max(alpha.size))) for v in alpha.size)
    left, top = (SIDE - wide) // 2, (SIDE - tall) // 2
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + tall, left : left + wide] = np.asarray(alpha.resize((wide, tall), Image.Resampling.BOX)) > 127
    return mask, np.array((left, top, wide, tall))
