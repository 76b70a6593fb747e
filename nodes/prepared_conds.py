"""What the conditionings of a sampling run, as ComfyUI prepared them, say to the patches."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

import comfy.samplers

from ..instdiff_modules.layout.instance import Box
from ..instdiff_modules.sampling.options import RunOptions
from ..instdiff_modules.sampling.part import part_of_area

Conditionings = Mapping[str, Sequence[dict]]  # by the guider's name of them: positive, negative, ...


def with_new_uuids(conds: Sequence[dict] | None) -> list[dict]:
    """The same conditionings, as ComfyUI would know them had they come in anew."""
    return [{**cond, "uuid": uuid.uuid4()} for cond in conds or ()]


def of_conditionings(options: RunOptions, conds: Conditionings, shape: Sequence[int]) -> RunOptions:
    """The options with what the prepared conditionings of a run say."""
    negatives = frozenset(cond["uuid"] for name, some in conds.items() if "negative" in name for cond in some)
    return replace(options, negatives=negatives, parts=parts_of(conds, shape))


def parts_of(conds: Conditionings, shape: Sequence[int]) -> dict[uuid.UUID, Box]:
    """The part of the picture of each conditioning that has an area, by its uuid. shape: of the latent."""
    height, width = shape[-2:]
    parts = {}
    for some in conds.values():
        resolved = [cond for cond in some or () if "area" in cond or cond.get("set_area_to_bounds")]
        comfy.samplers.resolve_areas_and_cond_masks_multidim(resolved, tuple(shape[2:]), "cpu")
        for cond in resolved:
            part = part_of_area(cond["area"], height, width) if "area" in cond else None
            if part is not None:
                parts[cond["uuid"]] = part
    return parts
