"""Items and their texts as one batch, and which of their locations count in this step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..grounding.inputs import GroundingInputs
from ..layout.instance import Box
from ..sampling.attention_mask import MaskedAttention
from .drops import without
from .items import Item
from .recipe import Recipe

Slots = tuple[Box | None, ...]


def with_text(item: Item, features: Sequence[Tensor]) -> GroundingInputs:
    """The item's inputs with the text features (text_dim,) of its used slots."""
    text = torch.zeros_like(item.inputs.text)
    for slot, feature in enumerate(features):
        text[0, slot] = feature
    return item.inputs._replace(text=text)


def joined(layouts: Sequence[GroundingInputs]) -> GroundingInputs:
    """B times one layout -> one batch of B. Without any mask the planes take no memory."""
    fields = {
        name: torch.cat([getattr(one, name) for one in layouts]) for name in GroundingInputs._fields if name != "segs"
    }
    if any(bool(one.seg_mask.any()) for one in layouts):
        return GroundingInputs(**fields, segs=torch.cat([one.segs for one in layouts]))
    return GroundingInputs(**fields, segs=_no_planes(len(layouts), layouts[0].segs, layouts[0].segs.device))


def _no_planes(count: int, like: Tensor, device: torch.device | str) -> Tensor:
    """Planes of as many layouts, which take no memory; nobody looks at them."""
    return torch.zeros(1, 1, 1, 1, dtype=like.dtype, device=device).expand(count, *like.shape[1:])


def moved(inputs: GroundingInputs, device: torch.device | str) -> GroundingInputs:
    """To a device; planes without any mask are not moved."""
    fields = {name: value.to(device) for name, value in inputs._asdict().items() if name != "segs"}
    if inputs.seg_mask.any():
        return GroundingInputs(**fields, segs=inputs.segs.to(device))
    return GroundingInputs(**fields, segs=_no_planes(len(inputs.segs), inputs.segs, device))


def dropped(layouts: Sequence[GroundingInputs], gone: Sequence[set[str] | None]) -> GroundingInputs:
    """Of each layout without the formats that are gone for it."""
    return joined([without(one, formats) for one, formats in zip(layouts, gone, strict=True)])


def masking(recipe: Recipe) -> MaskedAttention | None:
    """The rule by which visual tokens see their own instance alone."""
    if recipe.masked_attention == "off":
        return None
    return MaskedAttention(
        "all" if recipe.masked_attention == "all" else "finest", authors=recipe.masked_attention == "authors"
    )


def mask_boxes(before: GroundingInputs, after: GroundingInputs, recipe: Recipe) -> list[Slots]:
    """The boxes by which attention is masked, of each layout. before, after: the drops.

    An instance whose box and polygon were both dropped has no place and masks nothing; with the authors' masks it still does,
    as their recomputed blocks never hear of the drop, unless the whole input was dropped.
    """
    kept = (after.box_mask > 0) | (after.polygon_mask > 0)
    if recipe.masked_attention == "authors":
        kept = (before.text_mask > 0) & (after.text_mask > 0)
    return [
        tuple((row[0], row[1], row[2], row[3]) if there else None for row, there in zip(boxes, flags, strict=True))
        for boxes, flags in zip(before.boxes.tolist(), kept.tolist(), strict=True)
    ]
