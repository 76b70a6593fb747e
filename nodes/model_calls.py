"""How the model is called for a batch of branches: in parts that fit the memory, and no prediction twice.

A CALC_COND_BATCH wrapper, so the sampler always sees all branches at once and its noise does not depend on the machine.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import comfy.conds
import comfy.controlnet
import comfy.model_management
import comfy.patcher_extension
import torch
from torch import Tensor

from ..instdiff_modules.sampling.context_window import context_window
from ..instdiff_modules.sampling.fuser_patch import FuserPatch
from ..instdiff_modules.sampling.instance_conditioning import OWNER, call_parts
from ..instdiff_modules.sampling.options import Items, RunOptions, run_options, with_run_options
from ..instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from .region_run import regions_in

PLACES = comfy.patcher_extension.WrappersMP
# What ComfyUI cuts to the batch of a call, or repeats over it from its first item on.
REPEATED = (comfy.conds.CONDRegular, comfy.conds.CONDNoiseShape, comfy.conds.CONDCrossAttn)
# Those that fit their hints to the batch of every call; others (T2I adapters) keep what they made for the first one.
CONTROLS = (comfy.controlnet.ControlNet, comfy.controlnet.ControlLora)
FITTED_CONTROLS = (*CONTROLS, comfy.controlnet.T2IAdapter)
CFG_FUNCTIONS = (
    "sampler_cfg_function",
    "sampler_pre_cfg_function",
    "sampler_post_cfg_function",
    "sampler_calc_cond_batch_function",
    "model_function_wrapper",
)
OURS = "instdiff"  # keys of our own wrappers begin so
CALL_WRAPPERS = (PLACES.CALC_COND_BATCH, PLACES.APPLY_MODEL, PLACES.DIFFUSION_MODEL)


def calc_branches(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict
) -> list[Tensor]:
    """CALC_COND_BATCH wrapper: the predictions of every list of conditionings for x (items, C, H, W).

    In the first step all branches of an image hold the same latent. The negative prediction is then computed once for
    each image, where no other function looks at it.
    """
    options = model_options["transformer_options"]
    run = run_options(options)
    if run.items is None:
        return executor(model, conds, x, timestep, model_options)
    if x.shape[0] != len(run.items.branches) or context_window(options, x.shape[0]) is not None:
        # Some of them, or all in an order of its own: called as they come, without conditionings of which it is not known
        # whose branch they are for.
        common = [entries and [entry for entry in entries if OWNER not in entry] for entries in conds]
        return executor(model, common, x, timestep, model_options)
    timestep = timestep.expand(x.shape[0])  # functions of guidance may have been given one noise level
    shared = set() if seen_by_others(model_options) else _shared_lists(conds, x, run)
    unshared = [None if i in shared else entries for i, entries in enumerate(conds)]
    out = _by_conditioning(executor, model, unshared, x, timestep, model_options, run.items)
    if shared:
        images = slice(run.items.images)
        first = _with_items(model_options, run.items._replace(branches=run.items.branches[images]))
        lists = [[_slice(e, images, x.shape[0]) for e in c] if i in shared else None for i, c in enumerate(conds)]
        once = executor(model, lists, x[images], timestep[images], first)
        image_of = [branch.image for branch in run.items.branches]
        out = [once[i][image_of] if i in shared else out[i] for i in range(len(conds))]
    return out


def seen_by_others(model_options: Mapping[str, Any]) -> bool:
    """Whether any function that is not ours looks at single predictions, or at what happens inside the model."""
    patches = model_options.get("transformer_options", {}).get("patches", {})
    return (
        any(model_options.get(name) for name in CFG_FUNCTIONS)
        or any(not isinstance(patch, FuserPatch | ScaleUPatch) for some in patches.values() for patch in some)
        or keeps_what_it_sees(model_options)
    )


def keeps_what_it_sees(model_options: Mapping[str, Any]) -> bool:
    """Whether others may keep from one call of the model what they use in the next: these must see the batch whole."""
    options = model_options.get("transformer_options", {})
    wrappers = options.get("wrappers", {})
    return any(options.get("patches_replace", {}).values()) or any(
        not str(key).startswith(OURS) for place in CALL_WRAPPERS for key in wrappers.get(place, {})
    )


def check_goes_together(guider: Any, shape: Sequence[int], apart: bool = False) -> None:
    """ValueError for what cannot be sampled in branches. shape: of the latent (images, C, H, W); apart: some are windows.

    What is predicted by itself (windows, a conditioning of one instance's own) beside a patch that must see all branches in
    one call; context windows across the picture, which ComfyUI has for single images alone.
    """
    handler = guider.model_options.get("context_handler")
    axis = getattr(handler, "dim", 0)
    if 0 < axis < len(shape) and shape[axis] > getattr(handler, "context_length", shape[axis]):
        raise ValueError(
            "Context windows across the height or width take a single image, not its branches. Set their dim to 0, or "
            "sample without multi-instance sampling."
        )
    owned = any(OWNER in cond for conds in guider.conds.values() for cond in conds or ())
    if (owned or apart) and keeps_what_it_sees(guider.model_options):
        whose = "with their own conditioning" if owned else "of Apply Layout"
        remove = (
            "Instance Conditioning, that patch, or multi-instance sampling"
            if owned
            else "that patch or multi-instance sampling"
        )
        raise ValueError(
            f"Multi-instance sampling calls the model separately for instances {whose}, but another patch on the MODEL "
            f"(Self-Attention Guidance, EasyCache or the like) needs all of them in one call. Remove {remove}."
        )


def _shared_lists(conds: list, x: Tensor, run: RunOptions) -> set[int]:
    """Which lists of conditionings give the same for all branches of an image: negative ones, from one latent."""
    items, negatives = run.items, run.negatives
    if items is None or not negatives or len(items.branches) == items.images:
        return set()
    if any(branch.negative for branch in items.branches):  # each branch avoids something else
        return set()
    shared = {
        i for i, entries in enumerate(conds) if entries and all(_same_for_all(entry, negatives) for entry in entries)
    }
    return shared if shared and torch.equal(x, x[[branch.image for branch in items.branches]]) else set()


def _same_for_all(cond: dict, negatives: frozenset) -> bool:
    """Whether an entry is a negative one, and has nothing in it that ComfyUI would give to some branches only."""
    if (
        cond["uuid"] not in negatives
        or regions_in(cond)
        or not all(type(v) in (*REPEATED, comfy.conds.CONDConstant) for v in cond["model_conds"].values())
    ):
        return False
    control = cond.get("control")
    while control is not None:
        if type(control) not in CONTROLS or control.cond_hint_original is None:
            return False
        control = control.previous_controlnet
    return True


def _by_conditioning(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict, items: Items
) -> list[Tensor]:
    """All items, each with the conditionings of its branch."""
    parts = list(call_parts(conds, items, float(timestep.max())))
    if len(parts) == 1:
        return _in_memory(executor, model, parts[0].conds, x, timestep, model_options, items)
    out = [torch.zeros_like(x) for _ in conds]
    for rows, wanted, own in parts:
        sliced = [None if c is None else [_slice(e, rows, x.shape[0]) for e in c] for c in own]
        some = items._replace(branches=tuple(items.branches[k] for k in rows))
        options = _with_items(model_options, some)
        predictions = _in_memory(executor, model, sliced, x[rows], timestep[rows], options, some)
        kept = [rows.index(k) for k in wanted]
        for whole, part in zip(out, predictions, strict=True):
            whole[wanted] = part[kept]
    return out


def _in_memory(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict, items: Items
) -> list[Tensor]:
    """All items, in as few calls as the free memory allows; in one where others have to see all."""
    size = x.shape[0] if keeps_what_it_sees(model_options) else _fitting_items(model, x, items.images)
    if size >= x.shape[0]:
        return executor(model, conds, x, timestep, model_options)
    parts = []
    for at in range(0, x.shape[0], size):
        part = slice(at, at + size)
        sliced = [None if c is None else [_slice(e, part, x.shape[0]) for e in c] for c in conds]
        options = _with_items(model_options, items._replace(branches=items.branches[part]))
        parts.append(executor(model, sliced, x[part], timestep[part], options))
    return [torch.cat(outs) for outs in zip(*parts, strict=True)]


def _with_items(model_options: dict, items: Items) -> dict:
    """The options of a call for these items."""
    run = run_options(model_options["transformer_options"])
    return with_run_options(model_options, run.with_items(items))


def _fitting_items(model: Any, x: Tensor, images: int) -> int:
    """How many items of x fit into free memory: a multiple of the images, at least one branch of each."""
    free = comfy.model_management.get_free_memory(x.device)
    items = x.shape[0]
    while items > images and model.memory_required([items, *x.shape[1:]]) * 1.5 >= free:
        items -= images
    return items


def _slice(cond: dict, part: slice | list[int], items: int) -> dict:
    """A conditioning for some items: their masks and tensors, where each of the `items` has its own."""
    given = {"mask": cond["mask"][part]} if len(cond.get("mask", ())) == items else {}
    own = {k: v for k, v in cond["model_conds"].items() if type(v) in REPEATED and v.cond.shape[0] == items}
    model_conds = {key: type(value)(value.cond[part]) for key, value in own.items()}
    return {**cond, **given, "model_conds": {**cond["model_conds"], **model_conds}}
