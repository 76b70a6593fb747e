"""How InstDiff gets onto a MODEL, and what it does as a sampling run begins."""

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import comfy.patcher_extension
from torch import Tensor

from ..instdiff_modules.grounding.bank import TokenBank, token_sets_of
from ..instdiff_modules.layout.instance import Box, Instance
from ..instdiff_modules.sampling.branch import EXACT, branches_of
from ..instdiff_modules.sampling.branched_batch import BranchedBatch, Words
from ..instdiff_modules.sampling.fuser_patch import FuserPatch
from ..instdiff_modules.sampling.merge import merge
from ..instdiff_modules.sampling.options import RunOptions, run_options, with_run_options
from ..instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from . import checks
from .aspect import APPLIED, Canvas, canvases_of, warn_if_stretched
from .branched_run import BranchedRun
from .layout_branches import LayoutLayer, layout_layers
from .model_calls import check_goes_together
from .prepared_conds import of_conditionings, parts_of, with_new_uuids
from .window_conds import check_windows

MULTI_INSTANCE = "instdiff_multi_instance"  # attachment: MultiInstance, the settings of multi-instance sampling
PLACES = comfy.patcher_extension.WrappersMP
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Applied:
    """What one Apply node put on a model, frame by frame.

    Its tokens, its instances, what encodes the words of a branch, and the canvas (width, height) of each layout.
    """

    bank: TokenBank
    frames: tuple[tuple[Instance, ...], ...]
    encode: Callable[[str], Words]
    canvases: tuple[Canvas, ...] = ()


@dataclass(frozen=True)
class MultiInstance:
    """Settings of multi-instance sampling. share: of the steps, in 0..1; mode and feather (latent cells): see merge()."""

    share: float
    mode: str = "average"
    feather: int = 0
    grouping: str = EXACT
    merge: Callable[..., Tensor] = merge


def attach(model: Any, fusers: FuserPatch, scale: ScaleUPatch | None, applied: Applied) -> Any:
    """A clone of the model with the patches on it. fusers.layer is the number of Apply nodes before it."""
    patched = model.clone()
    patched.set_model_patch(fusers, "middle_patch")
    # With several Apply nodes in a row the last one's ScaleU acts, alone: the gains must act once.
    patches = patched.model_options["transformer_options"].setdefault("patches", {})
    patches["output_block_patch"] = [p for p in patches.get("output_block_patch", []) if not isinstance(p, ScaleUPatch)]
    if scale is not None:
        patched.set_model_output_block_patch(scale)
    patched.set_attachments(APPLIED, (*applied_to(model), applied))
    wrap_runs(patched)
    cleanup = comfy.patcher_extension.CallbacksMP.ON_CLEANUP
    for patch in (fusers, scale):
        if patch is not None:
            patched.add_callback_with_key(cleanup, APPLIED, lambda _, patch=patch: patch.cleanup())
    return patched


def attach_multi_instance(model: Any, settings: MultiInstance) -> Any:
    """A clone of the model whose sampling runs the first steps in branches."""
    patched = model.clone()
    patched.set_attachments(MULTI_INSTANCE, settings)
    wrap_runs(patched)
    return patched


def wrap_runs(patched: Any) -> None:
    """Let the patches on a MODEL know of each run: its noise levels, the parts of its conditionings, its branches."""
    for place, wrapper in ((PLACES.OUTER_SAMPLE, prepare_run), (PLACES.SAMPLER_SAMPLE, begin_run)):
        patched.remove_wrappers_with_key(place, APPLIED)
        patched.add_wrapper_with_key(place, APPLIED, wrapper)


def applied_to(model: Any) -> tuple[Applied, ...]:
    """What the Apply nodes before left on a MODEL."""
    return model.get_attachment(APPLIED) or ()


def prepare_run(
    executor: Any,
    noise: Tensor,
    latent_image: Any,
    sampler: Any,
    sigmas: Any,
    denoise_mask: Any = None,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    """OUTER_SAMPLE wrapper: everything that the run needs is checked, encoded and tokenized here, before the UNet is loaded."""
    for value, name in ((noise, "noise"), (latent_image, "latent"), (denoise_mask, "noise mask")):
        checks.check_finite(value, name)
    guider = executor.class_obj
    applied, settings = applied_to(guider.model_patcher), guider.model_patcher.get_attachment(MULTI_INSTANCE)
    parts = {None, *parts_of(guider.conds, noise.shape).values()} if applied else ()
    for one in applied:
        frames = range(one.bank.frames)
        one.bank.prepare(token_sets_of(one.bank.timeline(frame, None, part) for frame in frames for part in parts))
    batch = None
    if settings is not None and settings.share > 0:
        batch = prepare_branches(guider, applied, settings, noise.shape, parts)
    if batch is None:
        _warn_of_unused_negatives(applied)
    # The run's own copy of the options, which ComfyUI drops with the run.
    guider.model_options = _innermost(with_run_options(guider.model_options, RunOptions(batch=batch)))
    return executor(noise, latent_image, sampler, sigmas, denoise_mask, *args, **kwargs)


def _innermost(model_options: dict) -> dict:
    """The options with `begin_run` inside all other wrappers of the sampler: these see the images, never the branches."""
    wrappers = model_options["transformer_options"]["wrappers"]
    others = {key: some for key, some in wrappers[PLACES.SAMPLER_SAMPLE].items() if key != APPLIED}
    wrappers[PLACES.SAMPLER_SAMPLE] = {**others, APPLIED: [begin_run]}
    return model_options


def prepare_branches(
    guider: Any, applied: Sequence[Applied], settings: MultiInstance, shape: Sequence[int], parts: Iterable[Box | None]
) -> BranchedBatch | None:
    """The batch of branches with its prompts encoded and its token sets made; None, and a warning, without instances."""
    images = shape[0]
    layouts = layout_layers(guider.conds.get("positive") or (), *shape[-2:])
    apart: dict[int | None, LayoutLayer] = dict(enumerate(layouts, len(applied)))
    branches = branches_of([one.frames for one in applied], images, settings.grouping, [one.frames for one in layouts])
    if len(branches) == images:
        _log.warning(
            "Multi-instance sampling found no instances: it samples as usual. Put Apply InstDiff or Apply Layout before "
            "the sampler."
        )
        return None
    windows = any(branch.apart for branch in branches)
    check_goes_together(guider, shape, windows)
    if windows:
        check_windows(guider)
    if windows and settings.mode == "average":
        _log.warning(
            "merge is average: it mixes each instance of Apply Layout with the whole picture, so it shows faintly. Set "
            "merge to crop and paste or masked average."
        )
    prompts = {}
    for branch in branches:
        if branch.layer is not None and branch.prompt is not None and not branch.apart:
            one = applied[branch.layer]
            for words in filter(None, (branch.prompt, branch.negative)):
                if (branch.layer, words) not in prompts:
                    prompts[branch.layer, words] = one.encode(words)
            frame = branch.image % one.bank.frames
            one.bank.prepare(token_sets_of(one.bank.timeline(frame, branch.members, part) for part in parts))
    sides = ("positive", "negative") if any(branch.negative for branch in branches) else ("positive",)
    for prompt in list(prompts.values())[:1]:
        for side in sides:
            for cond in guider.conds.get(side) or ():
                checks.check_prompt_width(cond.get("cross_attn"), prompt.context.shape[-1], side)
    return BranchedBatch(
        branches, images, settings.share, settings.mode, settings.feather, prompts, settings.merge, apart
    )


def begin_run(
    executor: Any,
    guider: Any,
    sigmas: Tensor,
    extra_args: dict,
    callback: Any,
    noise: Tensor,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    """SAMPLER_SAMPLE wrapper: tell the patches about the run, and sample; in branches, if there are any."""
    warn_if_stretched(canvases_of(applied_to(guider.model_patcher)), noise.shape)
    # ComfyUI gives each area a copy on the other side, under the same uuid: without new ones the positive areas would
    # count as negative.
    guider.conds = {
        name: with_new_uuids(conds) if "negative" in name else conds for name, conds in guider.conds.items()
    }
    to_sigma = functools.cache(guider.model_patcher.get_model_object("model_sampling").percent_to_sigma)
    options = replace(
        run_options(extra_args["model_options"]["transformer_options"]),
        to_sigma=to_sigma,
        latent_size=tuple(noise.shape[-2:]),
    )
    options = of_conditionings(options, guider.conds, noise.shape)
    extra_args = {**extra_args, "model_options": with_run_options(extra_args["model_options"], options)}
    if options.batch is not None:
        if options.batch.images != noise.shape[0]:  # another wrapper samples the batch in parts
            options = replace(options, batch=_batch_of(guider.model_patcher, options.batch, noise.shape[0]))
        return BranchedRun(guider, options, sigmas)(executor, extra_args, callback, noise, *args, **kwargs)
    return executor(guider, sigmas, extra_args, callback, noise, *args, **kwargs)


def _warn_of_unused_negatives(applied: Sequence[Applied]) -> None:
    if any(i.negative.strip() and i.strength for one in applied for frame in one.frames for i in frame):
        _log.warning(
            "Negative prompts of instances act in the branches of multi-instance sampling; this run has none and ignores them. "
            "Use Multi-Instance KSampler, or set share above 0."
        )


def _batch_of(model: Any, batch: BranchedBatch, images: int) -> BranchedBatch:
    """The prepared batch for another number of images; their layouts are told apart as ever, by their place."""
    grouping = model.get_attachment(MULTI_INSTANCE).grouping
    apart = [one.frames for one in batch.apart.values()]
    return batch.of_images(branches_of([one.frames for one in applied_to(model)], images, grouping, apart), images)
