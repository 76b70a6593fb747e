"""How much of each latent cell an instance covers: a box or mask exactly, points and scribbles as soft discs and strokes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..layout.instance import Box, Instance, Mask, Point
from .masks import decode_at_size, draw_box, resize_nearest
from .points import drawable, is_point_set

FINER = 4  # samples of a mask along each side of a cell
PIXELS = 8  # of a latent cell's side, as EliGen's models have them


@dataclass(frozen=True)
class Widths:
    """Of what has no area, as shares of the canvas's shorter side: radius of a point's disc, width of a scribble's stroke."""

    point: float = 0.15
    stroke: float = 0.15


def coverage(instance: Instance, height: int, width: int, widths: Widths) -> Tensor:
    """(height, width) float32 in 0..1 for a latent of that many cells. Its mask counts, else its box, else scribble and point."""
    if instance.mask is not None:
        return _of_mask(instance.mask, height, width)
    if instance.box is not None:
        return _of_box(instance.box, height, width)
    out = torch.zeros(height, width)
    if instance.scribble is not None:
        points = drawable(instance.scribble)
        if is_point_set(instance.scribble):
            out = _soft(_distance(points, height, width, joined=False), widths.point * min(height, width))
        else:
            out = _soft(_distance(points, height, width, joined=True), widths.stroke / 2 * min(height, width))
    if instance.point is not None:
        disc = _soft(_distance([instance.point], height, width, joined=False), widths.point * min(height, width))
        out = torch.maximum(out, disc)
    return out


def has_area(instance: Instance) -> bool:
    """Whether its edges are its own, not those of a disc or a stroke."""
    return instance.mask is not None or instance.box is not None


def trained_mask(instance: Instance, height: int, width: int, widths: Widths) -> Tensor:
    """(height, width) float32 of 0 and 1, as EliGen's training made it: of a mask in pixels the one at each cell's centre."""
    if instance.mask is not None:
        return torch.from_numpy(decode_at_size(instance.mask, height, width)).float()
    if instance.box is not None:
        drawn = draw_box(instance.box, height * PIXELS, width * PIXELS)
        return torch.from_numpy(resize_nearest(drawn, height, width)).float()
    return (coverage(instance, height, width, widths) >= 0.5).float()


def _of_mask(mask: Mask, height: int, width: int) -> Tensor:
    fine = torch.from_numpy(decode_at_size(mask, height * FINER, width * FINER)).float()
    return torch.nn.functional.avg_pool2d(fine[None], FINER)[0]


def _of_box(box: Box, height: int, width: int) -> Tensor:
    rows, columns = _overlap(box[1], box[3], height), _overlap(box[0], box[2], width)
    return rows[:, None] * columns[None]


def _overlap(low: float, high: float, count: int) -> Tensor:
    """Which share of each of `count` cells lies in low..high of their whole length."""
    edges = torch.arange(count, dtype=torch.float64)
    return (
        (torch.minimum(edges + 1, torch.tensor(high * count)) - torch.maximum(edges, torch.tensor(low * count)))
        .clamp(0, 1)
        .float()
    )


def _distance(points: Sequence[Point], height: int, width: int, joined: bool) -> Tensor:
    """Of each cell's centre from the nearest point, or from the line through them, in cells."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    given = [(px * width, py * height) for px, py in points]
    pairs = list(pairwise(given)) if joined and len(given) > 1 else [(one, one) for one in dict.fromkeys(given)]
    nearest_yet = torch.full((height, width), math.inf)
    for (ax, ay), (bx, by) in pairs:
        dx, dy = bx - ax, by - ay
        along = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9)
        along = along.clamp(0, 1)
        nearest_yet = torch.minimum(nearest_yet, torch.hypot(x - ax - along * dx, y - ay - along * dy))
    return nearest_yet


def _soft(distance: Tensor, radius: float) -> Tensor:
    """1 within half the radius, falling to 0 at the radius; at least the nearest cell."""
    soft = (2 * (1 - distance / max(radius, 1e-9))).clamp(0, 1)
    return soft if soft.any() else (distance == distance.min()).float()
