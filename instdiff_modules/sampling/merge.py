"""How the latents of the branches are merged (paper section 3.5): where an instance lives, and what it weighs there."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.points import decode_mask
from ..layout.document import Instance

BY_DEPTH = "by depth"
MERGES = ("average", "crop and paste", "masked average", BY_DEPTH)


def region(instance: Instance, height: int, width: int) -> Tensor | None:
    """Where an instance lives on a height x width latent, (height, width) in 0..1; None if only a point says where.

    Its mask if it has one, else its box (edges truncated to whole cells as in the reference, never empty), else the
    bounding box of its scribble.
    """
    if instance.mask is not None:
        mask = torch.as_tensor(decode_mask(instance.mask), dtype=torch.float32)
        return F.interpolate(mask[None, None], (height, width), mode="area")[0, 0]
    box = instance.box
    if box is None and instance.scribble is not None and len(instance.scribble) > 1:
        xs, ys = zip(*instance.scribble, strict=True)
        box = (min(xs), min(ys), max(xs), max(ys))
    if box is None:
        return None
    out = torch.zeros(height, width)
    (x0, x1), (y0, y1) = _cells(box[0], box[2], width), _cells(box[1], box[3], height)
    out[y0:y1, x0:x1] = 1
    return out


def _cells(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(int(low * size), size - 1)
    return first, max(int(high * size), first + 1)


def feather(mask: Tensor, radius: int) -> Tensor:
    """Soften the border of (H, W) inwards over `radius` cells: linear from 0 outside to 1 well inside."""
    if radius <= 0:
        return mask
    soft, eroded = mask, mask
    for _ in range(radius):
        eroded = -F.max_pool2d(-eroded[None, None], 3, stride=1, padding=1)[0, 0]
        soft = soft + eroded
    return soft / (radius + 1)


def merge(branches: Tensor, regions: Sequence[Tensor | None], mode: str, feather_radius: int = 0) -> Tensor:
    """Merge the latents of one image: branches (1 + n, C, H, W), the global one first, then n instances in depth order.

    average: the mean of all, as the authors' default. crop and paste: each instance's region over the global latent,
    later ones in front. masked average: the mean at every place of the global branch and of those whose region holds it.
    by depth: like crop and paste, with what each instance covers (see `covers`) as its region, without feathering.
    An instance without a region (a point) takes part everywhere in the two averages, and is not pasted.
    """
    if mode not in MERGES:
        raise ValueError(f"Expected a merge mode out of {', '.join(MERGES)}, got {mode!r}.")
    if len(branches) != len(regions) + 1:
        raise ValueError(f"Expected one region for each of {len(branches) - 1} instance branches, got {len(regions)}.")
    if mode == "average":
        return branches.mean(0)
    if mode == BY_DEPTH:
        out = branches[0]
        for latent, covered in zip(branches[1:], regions, strict=True):
            out = out if covered is None else torch.lerp(out, latent, covered.to(out))
        return out
    soft = [None if r is None else feather(r, feather_radius).to(branches) for r in regions]
    if mode == "crop and paste":
        out = branches[0]
        for latent, mask in zip(branches[1:], soft, strict=True):
            if mask is not None:
                out = (
                    torch.where(mask > 0, out + mask * (latent - out), out)
                    if feather_radius
                    else torch.where(mask > 0.5, latent, out)
                )
        return out
    weights = torch.stack([torch.ones_like(branches[0, 0]) if m is None else m for m in (None, *soft)])[:, None]
    return (branches * weights).sum(0) / weights.sum(0)
