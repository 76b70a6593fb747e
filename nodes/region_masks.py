"""What Apply Layout does around one call of a model: the masks of its regions around every attention call."""

from collections.abc import Mapping
from typing import Any

import comfy.patcher_extension
import torch
from torch import Tensor

from ..instdiff_modules.regions.families import Family, family_of
from ..instdiff_modules.regions.forward import Forward
from ..instdiff_modules.regions.plan import Row
from ..instdiff_modules.sampling.context_window import context_window
from .region_run import KEY, RegionRun

PLACES = comfy.patcher_extension.WrappersMP
MOST_KEPT = 2**30  # bytes of masks between the calls of a run


def with_masks(
    executor: Any,
    x: Tensor,
    t: Tensor,
    c_concat: Any = None,
    c_crossattn: Tensor | None = None,
    control: Any = None,
    transformer_options: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Tensor:
    """APPLY_MODEL wrapper: attention under the masks of the regions. ValueError if the model's attention never asked for one."""
    options = transformer_options or {}
    kwargs.pop(KEY, None)  # where no calc_cond_batch took it out
    run = options.get(KEY) or RegionRun()
    rows = rows_of(run, options, x)
    if c_crossattn is None or not any(rows):
        return executor(x, t, c_concat, c_crossattn, control, transformer_options, **kwargs)
    model = executor.class_obj
    family = family_of(model.diffusion_model, model)
    for name in family.alone & {name for name, value in kwargs.items() if value is not None}:
        raise ValueError(
            f"Apply Layout cannot be combined with reference pictures on {family.name} ({name}). Remove the reference, or Apply Layout."
        )
    if sum(mask.nbytes for mask in run.kept.values() if mask is not None) > MOST_KEPT:
        run.kept.clear()
    height, width = x.shape[-2:]
    forward = Forward(family, model.diffusion_model, rows, (height, width), c_crossattn.shape[1], run.kept)
    changed = forward.options(options)
    if family.apart:
        changed = _refined_apart(changed, forward)
    out = executor(x, t, c_concat, c_crossattn, control, changed, **kwargs)
    check_forward(run, forward, family)
    return out


def rows_of(run: RegionRun, options: Mapping[str, Any], x: Tensor) -> list[Row | None]:
    """What steers each row of a call for x. ValueError if x is a part of the picture or of the batch that nobody names."""
    uuids = options.get("uuids") or [None]
    if not any(one in run.rows for one in uuids):
        return [None] * len(x)
    chunk, out = len(x) // len(uuids), []
    for one in uuids:
        rows = run.rows.get(one)
        if rows is not None and len(rows) != chunk:  # the frames of a window that another pack chose after us
            window = context_window(options, chunk)
            known = window is not None and max(window.frames) < len(rows)
            rows = [rows[i] for i in window.frames] if window is not None and known else ()
        out += [None] * chunk if rows is None else rows
    sizes = {row.latent for row in out if row is not None}
    if len(out) != len(x) or any(size != x.shape[-2:] for size in sizes):
        raise ValueError(
            "Another node on the MODEL calls it for a part of the picture or of the batch without saying which, so the layout "
            "cannot be placed. Remove that node (tiled sampling, for example), or sample without Apply Layout."
        )
    return out


def check_forward(run: RegionRun, forward: Forward, family: Family) -> None:
    """ValueError if a pass left the layout out. Nodes that cache may skip the model, but not in the first step of a run."""
    run.calls, run.masked = run.calls + 1, run.masked + forward.masked
    if run.steps <= 1:
        run.check_reached()
    trained = any(row is not None and row.placed.trained for row in forward.rows)
    if forward.masked and trained and family.trained_positions and not forward.positioned:
        raise ValueError(
            f"EliGen on {family.name} needs a newer ComfyUI, which lets text positions be set. Update it, or set method to regions."
        )


def _refined_apart(options: dict[str, Any], forward: Forward) -> dict[str, Any]:
    """HunyuanVideo's options with which its first block gets the texts that were refined one by one."""
    refined: list[Tensor] = []

    def forward_pass(executor: Any, x: Tensor, timestep: Tensor, context: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        mask = args[4] if len(args) > 4 else kwargs.get("attention_mask")
        if mask is not None and not mask.is_floating_point():
            mask = (mask - 1).to(x.dtype) * torch.finfo(x.dtype).max
        refined[:] = [forward.refine(context, timestep, mask)]
        return executor(x, timestep, context, *args, **kwargs)

    replaced = dict(options.get("patches_replace", {}))
    first = ("double_block", 0)
    previous = replaced.get("dit", {}).get(first)

    def first_block(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
        args = {**args, "txt": refined[0].to(args["txt"])}
        return extra["original_block"](args) if previous is None else previous(args, extra)

    replaced["dit"] = {**replaced.get("dit", {}), first: first_block}
    wrappers = dict(options.get("wrappers", {}))
    wrappers[PLACES.DIFFUSION_MODEL] = {**wrappers.get(PLACES.DIFFUSION_MODEL, {}), KEY: [forward_pass]}
    return {**options, "patches_replace": replaced, "wrappers": wrappers}
