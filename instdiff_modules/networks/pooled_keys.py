"""Fewer visual keys and values for attention: the mean of each 2 x 2 of them, which weighs as much as all it stands for."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

POOL = 2
SPARE = 8  # channels added to each head, of which one carries the weight: kernels like multiples of eight


def pool_keys(visual: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """visual (..., h * w, C) of a grid (h, w) -> the means (..., m, C) and the log of how many each stands for (m,)."""
    planes = visual.flatten(0, -3).mT.unflatten(-1, grid)  # (B, C, h, w)
    means = F.avg_pool2d(planes, POOL, ceil_mode=True)  # at the far edges of odd grids a mean of two, or of one
    columns, rows = (_sizes(side, visual) for side in reversed(grid))
    return means.flatten(2).mT.unflatten(0, visual.shape[:-2]), (rows[:, None] * columns).flatten().log()


def _sizes(side: int, like: Tensor) -> Tensor:
    starts = torch.arange(0, side, POOL, device=like.device)
    return (side - starts).clamp(max=POOL).to(like.dtype)


def weigh_keys(q: Tensor, k: Tensor, v: Tensor, heads: int, log_weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What attention without a mask takes for q (B, n, C), k and v (B, m + T, C) with log_weights (m,) added to the first logits.

    Each head gets SPARE channels more: softmax(q k / sqrt(d + SPARE)) of the results is softmax(q k / sqrt(d) + log_weights) of what
    is given. A mask would do the same, but takes B x n x (m + T) numbers and the faster kernels with it.
    """
    width = q.shape[-1] // heads
    q, k, v = (F.pad(tensor.unflatten(-1, (heads, width)), (0, SPARE)) for tensor in (q, k, v))
    q[..., :width] *= math.sqrt((width + SPARE) / width)
    q[..., width] = 1
    k[:, : len(log_weights), :, width] = (log_weights * math.sqrt(width + SPARE))[:, None]
    return q.flatten(-2), k.flatten(-2), v.flatten(-2)


def without_spare(out: Tensor, heads: int) -> Tensor:
    """Attention of `weigh_keys` (B, n, heads * (d + SPARE)) -> (B, n, heads * d)."""
    return out.unflatten(-1, (heads, -1))[..., :-SPARE].flatten(-2)
