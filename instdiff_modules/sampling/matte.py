"""Which part of its region an instance fills, seen from what its own branch predicts there.

A branch shows its instance before a background of its own, so what differs from the background is the instance. The
background behind it is not seen; it is filled in from around the region.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 1 / 16  # of the longer side of the latent: how far beyond its region an instance is looked for
BINS = 64
LOW, HIGH = 0.5, 1.2  # of the threshold between instance and background: where the soft edge begins and ends


def matte(predicted: Tensor, region: Tensor) -> Tensor:
    """How far each cell belongs to the instance, (H, W) in 0..1, with soft edges.

    predicted: the branch's prediction of the clean latent (C, H, W); region (H, W) in 0..1: where the instance is to be.
    The region itself where there is nothing around it to tell the background from, or nothing that differs.
    """
    around = grown(region > 0, max(1, round(MARGIN * max(region.shape))))
    if bool(around.all()):
        return region
    picture = predicted.float()
    differs = (picture - filled(picture, ~around)).square().sum(0).sqrt()
    threshold = otsu(differs[around])
    if threshold <= 0:
        return region
    return ((differs / threshold - LOW) / (HIGH - LOW)).clamp(0, 1) * around


def grown(mask: Tensor, cells: int) -> Tensor:
    """(H, W) bool, wider by so many cells on all sides."""
    return F.max_pool2d(mask.float()[None, None], 2 * cells + 1, stride=1, padding=cells)[0, 0] > 0


def filled(picture: Tensor, known: Tensor) -> Tensor:
    """(C, H, W) with all that is not known (H, W) filled in smoothly from around, from coarse to fine. Some is known."""
    if bool(known.all()):
        return picture
    weight = known.to(picture)[None]
    half = ((picture.shape[-2] + 1) // 2, (picture.shape[-1] + 1) // 2)
    share = F.adaptive_avg_pool2d(weight, half)
    coarse = F.adaptive_avg_pool2d(picture * weight, half) / share.clamp(min=1e-6)
    below = F.interpolate(filled(coarse, share[0] > 0)[None], picture.shape[-2:], mode="bilinear")[0]
    return torch.where(known, picture, below)


def otsu(values: Tensor) -> float:
    """The threshold that parts some values into two groups, each as alike as can be; 0 where all are equal or one is not finite."""
    low, high = (float(v) for v in values.aminmax())
    if not 0 < high - low < math.inf:
        return 0.0
    counts = torch.histc(values.cpu(), BINS, low, high)
    middles = low + (torch.arange(BINS) + 0.5) * (high - low) / BINS
    below, sum_below = counts.cumsum(0)[:-1], (counts * middles).cumsum(0)[:-1]
    above, sum_above = counts.sum() - below, (counts * middles).sum() - sum_below
    between = below * above * (sum_below / below.clamp(min=1) - sum_above / above.clamp(min=1)).square()
    # between two groups that are far apart every threshold is as good: the middle one
    best = float((between >= between.max()).nonzero().float().mean())
    return low + (best + 1) * (high - low) / BINS
