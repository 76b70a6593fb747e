"""Apply Layout as a backend of multi-instance sampling: which branches a layout gives, and what each is prompted with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import comfy.conds
import torch

from ..instdiff_modules.geometry.coverage import Widths, coverage, has_area
from ..instdiff_modules.geometry.masks import mask_extent
from ..instdiff_modules.layout.instance import Box, Instance
from ..instdiff_modules.regions.plan import Region, Regions
from ..instdiff_modules.sampling.branch import Branch
from ..instdiff_modules.sampling.branch_window import Cells, window_of
from .region_run import KEY, regions_in

OF_TEXT = ("attention_mask", "t5xxl_ids", "t5xxl_weights", "pooled_output")  # what a prompt may say beside its tokens


@dataclass(frozen=True, eq=False)
class LayoutLayer:
    """A layout of one Apply Layout node. regions: a single layer; frames: its instances, each with an area."""

    regions: Regions
    frames: tuple[tuple[Instance, ...], ...]

    def region(self, branch: Branch) -> Region:
        layer = self.regions.layers[0]
        return layer[branch.image % len(layer)][branch.members[0]]

    def window(self, branch: Branch, height: int, width: int) -> Cells:
        """What the branch paints: where its instance is; all, where EliGen's weights know its place."""
        if self.regions.trained:
            return Cells(0, 0, height, width)
        return window_of(_extent(branch.instances[0]), height, width)

    def positive(self, cond: Mapping[str, Any], region: Region) -> dict[str, Any]:
        """A positive conditioning, before the model has encoded it, for the branch of a region: its prompt alone."""
        given = {name: value for name, value in cond.items() if name not in OF_TEXT}
        return {
            **given,
            **region.text.options,
            "cross_attn": region.text.tokens,
            "model_conds": self._own(cond, region),
        }

    def owned(self, cond: dict[str, Any], region: Region) -> dict[str, Any]:
        """A conditioning of the region's own instance, which acts alone in its branch."""
        given = {name: value for name, value in cond["model_conds"].items() if name != KEY}
        return {**cond, "model_conds": {**given, **self._own(cond, region)}}

    def _own(self, cond: Mapping[str, Any], region: Region) -> dict[str, Any]:
        regions = regions_in(cond)
        if regions is None or not regions.trained:
            return {}
        return {KEY: comfy.conds.CONDConstant(regions.only((region.instance,)))}


def layout_layers(positive: Sequence[Mapping[str, Any]], height: int, width: int) -> list[LayoutLayer]:
    """Of the positive conditionings, back to front, each layout once. height, width: of the latent."""
    found: dict[Any, LayoutLayer] = {}
    for cond in positive:
        regions = regions_in(cond)
        if regions is None:
            continue
        for layer in regions.layers:
            key = tuple(tuple((id(region.instance), id(region.text)) for region in frame) for frame in layer)
            frames = tuple(tuple(_placed(r, regions.widths, height, width) for r in frame) for frame in layer)
            found.setdefault(key, LayoutLayer(replace(regions, layers=(layer,)), frames))
    return list(found.values())


def without_others(cond: dict[str, Any], region: Region) -> dict[str, Any]:
    """A conditioning of another name than the positive one, with this region alone."""
    regions = regions_in(cond)
    if regions is None:
        return cond
    own = comfy.conds.CONDConstant(regions.only((region.instance,)))
    return {**cond, "model_conds": {**cond["model_conds"], KEY: own}}


def _placed(region: Region, widths: Widths, height: int, width: int) -> Instance:
    """The instance, with a box where it has no area of its own."""
    instance = region.instance
    if not has_area(instance):
        covered = coverage(instance, height, width, widths)
        covered = covered >= covered.max() / 2  # a small disc between cells fills none of them
        rows, columns = (torch.nonzero(covered.any(axis)).flatten().tolist() for axis in (1, 0))
        box = columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
        instance = replace(instance, box=box)
    return instance


def _extent(instance: Instance) -> Box:
    if instance.mask is not None:
        return mask_extent(instance.mask)
    assert instance.box is not None
    return instance.box
