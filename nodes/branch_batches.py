"""How the model is asked for a batch of branches: in parts that fit the memory, and no question twice.

A CALC_COND_BATCH wrapper, so the sampler always sees all branches at once and its noise does not depend on the machine.
"""

from typing import Any

import comfy.conds
import comfy.controlnet
import comfy.model_management
import torch
from torch import Tensor

from ..instdiff_modules.sampling.context_window import context_window
from ..instdiff_modules.sampling.owners import OWNER, questions
from ..instdiff_modules.sampling.patches import BRANCHES, UNCOND, Branches

# What ComfyUI repeats over the batch from its first row on, image by image.
REPEATED = (comfy.conds.CONDRegular, comfy.conds.CONDNoiseShape, comfy.conds.CONDCrossAttn)
# Those that fit their hints to the batch of every call; others (T2I adapters) keep what they made for the first one.
CONTROLS = (comfy.controlnet.ControlNet, comfy.controlnet.ControlLora)


def evaluate_branches(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict
) -> list[Tensor]:
    """CALC_COND_BATCH wrapper: the predictions of every list of conditionings for x (items, C, H, W).

    In the first step all branches of an image hold the same latent. What guides away is then asked once for each image.
    """
    branches = model_options.get("transformer_options", {}).get(BRANCHES)
    if branches is None:
        return executor(model, conds, x, timestep, model_options)
    options = model_options["transformer_options"]
    if x.shape[0] != len(branches.items) or context_window(options, x.shape[0]) is not None:
        # Some of them, or all in an order of its own: asked as they come, without conditionings of which nobody says whose branch they are for.
        common = [entries and [entry for entry in entries if OWNER not in entry] for entries in conds]
        return executor(model, common, x, timestep, model_options)
    common = _common_lists(conds, x, branches, options.get(UNCOND))
    apart = [None if i in common else entries for i, entries in enumerate(conds)]
    out = _by_owner(executor, model, apart, x, timestep, model_options, branches)
    if common:
        images = slice(branches.images)
        first = _with_items(model_options, branches._replace(items=branches.items[images]))
        once = executor(
            model, [c if i in common else None for i, c in enumerate(conds)], x[images], timestep[images], first
        )
        samples = [item.sample for item in branches.items]
        out = [once[i][samples] if i in common else out[i] for i in range(len(conds))]
    return out


def _common_lists(conds: list, x: Tensor, branches: Branches, negatives: frozenset | None) -> set[int]:
    """Which lists of conditionings give the same for all branches of an image: they guide away, from one latent."""
    if not negatives or len(branches.items) == branches.images:
        return set()
    common = {
        i
        for i, entries in enumerate(conds)
        if entries and all(_same_for_all(e, branches.images, negatives) for e in entries)
    }
    return common if common and torch.equal(x, x[[item.sample for item in branches.items]]) else set()


def _same_for_all(cond: dict, images: int, negatives: frozenset) -> bool:
    """Whether an entry guides away, and has nothing in it that ComfyUI would give to some branches only."""
    batches = [value.cond.shape[0] for value in cond["model_conds"].values() if type(value) in REPEATED]
    if cond["uuid"] not in negatives or not all(
        type(v) in (*REPEATED, comfy.conds.CONDConstant) for v in cond["model_conds"].values()
    ):
        return False
    if "mask" in cond:
        batches.append(cond["mask"].shape[0])
    control = cond.get("control")
    while control is not None:
        if type(control) not in CONTROLS or control.cond_hint_original is None:
            return False
        batches.append(control.cond_hint_original.shape[0])
        control = control.previous_controlnet
    return all(images % batch == 0 for batch in batches)


def _by_owner(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict, branches: Branches
) -> list[Tensor]:
    """All items, each asked with the conditionings of its branch."""
    asked = list(questions(conds, branches, float(timestep.max())))
    if len(asked) == 1:
        return _in_parts(executor, model, asked[0].conds, x, timestep, model_options, branches)
    out = [torch.zeros_like(x) for _ in conds]
    for rows, wanted, own in asked:
        sliced = [None if c is None else [_slice_prompts(e, rows, x.shape[0]) for e in c] for c in own]
        some = branches._replace(items=tuple(branches.items[k] for k in rows))
        answers = _in_parts(executor, model, sliced, x[rows], timestep[rows], _with_items(model_options, some), some)
        kept = [rows.index(k) for k in wanted]
        for whole, part in zip(out, answers):
            whole[wanted] = part[kept]
    return out


def _in_parts(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict, branches: Branches
) -> list[Tensor]:
    """All items, in as few calls as the free memory allows."""
    size = _fitting_items(model, x, branches.images)
    if size >= x.shape[0]:
        return executor(model, conds, x, timestep, model_options)
    parts = []
    for at in range(0, x.shape[0], size):
        part = slice(at, at + size)
        sliced = [None if c is None else [_slice_prompts(e, part, x.shape[0]) for e in c] for c in conds]
        options = _with_items(model_options, branches._replace(items=branches.items[part]))
        parts.append(executor(model, sliced, x[part], timestep[part], options))
    return [torch.cat(outs) for outs in zip(*parts)]


def _with_items(model_options: dict, branches: Branches) -> dict:
    """The options of a call for these items."""
    return {**model_options, "transformer_options": {**model_options["transformer_options"], BRANCHES: branches}}


def _fitting_items(model: Any, x: Tensor, images: int) -> int:
    """How many items of x fit into free memory: a multiple of the images, at least one branch of each."""
    free = comfy.model_management.get_free_memory(x.device)
    items = x.shape[0]
    while items > images and model.memory_required([items, *x.shape[1:]]) * 1.5 >= free:
        items -= images
    return items


def _slice_prompts(cond: dict, part: slice | list[int], items: int) -> dict:
    prompts = cond["model_conds"].get("c_crossattn")
    if prompts is None or prompts.cond.shape[0] != items:
        return cond
    return {
        **cond,
        "model_conds": {**cond["model_conds"], "c_crossattn": comfy.conds.CONDCrossAttn(prompts.cond[part])},
    }
