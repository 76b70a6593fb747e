"""Regions, what the attention couple of Tooling Nodes takes: a chain of masks with their conditionings."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..geometry.overlaps import visible_parts
from ..layout.instance import Instance


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


def shared_out(masks: Tensor, instances: Sequence[Instance]) -> Tensor:
    """masks (n, H, W) of 0 and 1, back to front -> shares of each pixel, together at most 1: all of it for an opaque instance in front.

    Instances of strength 0 have none.
    """
    shares = visible_parts(masks, instances)
    for share, instance in zip(shares, instances, strict=True):
        if instance.strength == 0:
            share.zero_()
    return shares / shares.sum(0).clamp(min=1) if len(shares) else shares


def to_regions(background: list[Any], masks: Tensor, conditionings: Sequence[list[Any]]) -> Region:
    """masks (n, H, W), back to front, that together leave 0..1 of each pixel to the background."""
    region = Region(None, None, background)
    for mask, conditioning in zip(masks, conditionings, strict=True):
        if mask.any():  # what lies wholly behind others has no pixel of its own
            region = Region(region, mask[None], conditioning)
    return region
