"""Regions, what the attention couple of Tooling Nodes takes: a chain of masks with their conditionings."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Region(NamedTuple):
    """Fields and method are Tooling Nodes' own. mask: (1, H, W), None for the background; conditioning: as ComfyUI has it."""

    previous: "Region | None"
    mask: Tensor | None
    conditioning: list[Any]

    def preprocess(self) -> list["Region"]:
        """All regions, the first one first; the background gets what the others leave."""
        chain: list[Region] = []
        region: Region | None = self
        while region is not None:
            chain.insert(0, region)
            region = region.previous
        if chain[0].mask is None and len(chain) > 1:
            rest = 1 - torch.stack([region.mask for region in chain[1:] if region.mask is not None]).sum(0)
            chain[0] = Region(None, rest, chain[0].conditioning)
        return chain


def to_regions(background: list[Any], masks: Tensor, conditionings: Sequence[list[Any]]) -> Region:
    """masks (n, H, W) of 0 and 1, back to front. Where they overlap the one in front has the pixel, since regions share none."""
    region = Region(None, None, background)
    covered = masks.new_zeros(masks.shape[1:])
    own = []
    for mask in reversed(masks):
        own.append(mask * (1 - covered))
        covered = torch.maximum(covered, mask)
    for mask, conditioning in zip(reversed(own), conditionings, strict=True):
        if mask.any():  # what lies wholly behind others has no pixel of its own
            region = Region(region, mask[None], conditioning)
    return region
