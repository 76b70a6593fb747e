"""What Apply Layout does while a model is sampled: texts of the regions behind the prompt, masks around the attention."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import comfy.conds
import comfy.patcher_extension
import torch
from torch import Tensor

from ..instdiff_modules.geometry.crop import WHOLE
from ..instdiff_modules.layout.instance import Box
from ..instdiff_modules.regions.families import Family, anima_text, family_of
from ..instdiff_modules.regions.forward import Forward
from ..instdiff_modules.regions.plan import Region, Regions, Row, Text, appended, segments_of
from ..instdiff_modules.sampling.context_window import context_window
from ..instdiff_modules.sampling.options import run_options
from ..instdiff_modules.sampling.part import part_of_area, part_of_window
from .aspect import APPLIED, canvases_of, warn_if_stretched

KEY = (
    "instdiff_regions"  # of our wrappers, of our transformer option, and of the regions in a conditioning's model_conds
)
PLACES = comfy.patcher_extension.WrappersMP
MOST_KEPT = 2**30  # bytes of masks between the calls of a run


@dataclass
class RegionRun:
    """Of one run. rows: what steers each image, by a conditioning's uuid. kept: masks; known: rows and Anima's texts."""

    rows: dict[Any, Sequence[Row | None]] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict)


def attach_regions(model: Any) -> Any:
    """A clone of the MODEL that heeds the regions of its conditionings. A second time changes nothing."""
    patched = model.clone()
    for place, wrapper in (
        (PLACES.OUTER_SAMPLE, begin),
        (PLACES.CALC_COND_BATCH, with_texts),
        (PLACES.APPLY_MODEL, with_masks),
    ):
        patched.remove_wrappers_with_key(place, KEY)
        patched.add_wrapper_with_key(place, KEY, wrapper)
    return patched


def regions_in(cond: Mapping[str, Any]) -> Regions | None:
    """Those that Apply Layout put into a conditioning."""
    found = cond.get("model_conds", {}).get(KEY)
    return None if found is None else found.cond


def begin(executor: Any, noise: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """OUTER_SAMPLE wrapper: what a run keeps goes with it. ValueError if no conditioning has regions."""
    guider = executor.class_obj
    given = [regions_in(cond) for conds in guider.conds.values() for cond in conds or ()]
    if not any(given):
        raise ValueError(
            "The MODEL comes from Apply Layout, but no conditioning of the sampler does. Connect Apply Layout's "
            "conditioning to the sampler's positive."
        )
    told = canvases_of(guider.model_patcher.get_attachment(APPLIED) or ())
    cell = getattr(guider.model_patcher.get_model_object("latent_format"), "spacial_downscale_ratio", 8)
    warn_if_stretched(canvases_of(filter(None, given)) - told, noise.shape, cell)
    options = guider.model_options["transformer_options"]
    guider.model_options = {**guider.model_options, "transformer_options": {**options, KEY: RegionRun()}}
    return executor(noise, *args, **kwargs)


def with_texts(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict
) -> list[Tensor]:
    """CALC_COND_BATCH wrapper: the texts of the regions that act now behind the prompt of each conditioning."""
    if not any(regions_in(cond) for entries in conds for cond in entries or ()):
        return executor(model, conds, x, timestep, model_options)
    options = model_options["transformer_options"]
    before = options.get(KEY) or RegionRun()
    run = RegionRun({}, before.kept, before.known)
    call = ModelCall(run, model, x, float(timestep.max()), options)
    lists = [None if entries is None else [call.entry(cond) for cond in entries] for entries in conds]
    return executor(model, lists, x, timestep, {**model_options, "transformer_options": {**options, KEY: run}})


class ModelCall:
    """One call for x (images, C, H, W) or (images, C, 1, H, W) at a noise level."""

    def __init__(self, run: RegionRun, model: Any, x: Tensor, sigma: float, options: Mapping[str, Any]) -> None:
        self.run, self.model, self.x, self.sigma = run, model, x, sigma
        self.to_sigma = model.model_sampling.percent_to_sigma
        self.window = part_of_window(options, x.ndim)
        window, items, self.parts = (
            context_window(options, len(x)),
            run_options(options).items,
            run_options(options).parts,
        )
        self.images: Sequence[int | None] = range(len(x)) if window is None else window.frames
        if items is not None and len(items.branches) == len(
            x
        ):  # a branch of Apply InstDiff shows its own instance alone
            self.images = [branch.image if branch.is_global or branch.apart else None for branch in items.branches]

    def entry(self, cond: dict) -> dict:
        """A conditioning as ComfyUI computes it now; its rows are noted in the run."""
        regions = regions_in(cond)
        if regions is None:
            return cond
        given = {name: value for name, value in cond["model_conds"].items() if name != KEY}
        cond = {**cond, "model_conds": given}
        each = [() if i is None else regions.of_image(i, self.sigma, self.to_sigma) for i in self.images]
        if not any(each):
            return cond
        check_picture(self.x)
        if len({tuple(map(id, some)) for some in each}) == 1:
            each = each[:1]
        family = family_of(self.model.diffusion_model, self.model)
        prompt = given["c_crossattn"].cond
        texts = [[self._tokens(region.text, prompt, family) for region in some] for some in each]
        tokens = appended(prompt, texts)
        part, latent = self._part(cond)
        rows = []
        for some, lengths in zip(each, [[t.shape[1] for t in row] for row in texts], strict=True):
            key = (regions, some, prompt.shape[1], tuple(lengths), tokens.shape[1], latent, part)
            if key not in self.run.known:
                segments = segments_of(prompt.shape[1], lengths, tokens.shape[1])
                forces = tuple(region.force for region in some)
                self.run.known[key] = Row(regions.placed(some), forces, segments, regions.rule, latent, part)
            rows.append(self.run.known[key])
        longer = {"c_crossattn": type(given["c_crossattn"])(tokens), **_masks(given, each, tokens)}
        if "num_tokens" in given:  # Lumina2's and Z-Image's
            longer["num_tokens"] = comfy.conds.CONDConstant(
                given["num_tokens"].cond + tokens.shape[1] - prompt.shape[1]
            )
        cond["model_conds"] = {**given, **longer}
        cond["uuid"] = uuid.uuid4()
        self.run.rows[cond["uuid"]] = rows if len(rows) == len(self.images) else rows * len(self.images)
        return cond

    def _tokens(self, text: Text, prompt: Tensor, family: Family) -> Tensor:
        """(1, L, D), where the prompt is."""
        if text.options.get("t5xxl_ids") is None or family.name != "Anima":
            return text.tokens.to(prompt)
        if text not in self.run.known:
            ids, weights = text.options["t5xxl_ids"], text.options.get("t5xxl_weights")
            given = text.tokens.to(self.x.device, self.model.get_dtype_inference())
            self.run.known[text] = anima_text(self.model.diffusion_model, given, ids, weights)
        return self.run.known[text].to(prompt)

    def _part(self, cond: Mapping[str, Any]) -> tuple[Box, tuple[int, int]]:
        """The part of the picture that a conditioning acts in, and the size of its latent."""
        height, width = self.x.shape[-2:]
        area = cond.get("area")
        if area is None:
            return self.parts.get(cond.get("uuid")) or self.window or WHOLE, (height, width)
        dims = len(area) // 2
        area = (*area[dims - 2 : dims], *area[-2:])
        h, w = min(area[0], height - area[2]), min(area[1], width - area[3])
        return self.parts.get(cond.get("uuid")) or part_of_area(area, height, width) or WHOLE, (h, w)


def check_picture(x: Tensor) -> None:
    """ValueError for a latent of several frames."""
    if x.ndim == 5 and x.shape[2] != 1:
        raise ValueError(
            f"Apply Layout steers pictures, got a video latent of {x.shape[2]} frames. Sample one frame, or without Apply Layout."
        )


def _masks(given: Mapping[str, Any], each: Sequence[Sequence[Region]], tokens: Tensor) -> dict[str, Any]:
    """The text encoder's attention mask, where there is one, for the longer text."""
    masks = [[region.text.options.get("attention_mask") for region in some] for some in each]
    known = given.get("attention_mask")
    if known is None and all(mask is None or bool(mask.all()) for some in masks for mask in some):
        return {}
    if known is not None and known.cond.shape[-1] != given["c_crossattn"].cond.shape[1]:
        raise ValueError(
            "Apply Layout cannot be combined with a conditioning that has an attention mask of its own (Apply Style Model "
            "with attn_bias). Choose its strength_type multiply."
        )
    prompt = given["c_crossattn"].cond
    first = torch.ones(prompt.shape[:2], dtype=torch.long) if known is None else known.cond
    rows = []
    for some, row in zip(each, masks, strict=True):
        whole = [
            torch.ones(1, region.text.tokens.shape[1], dtype=torch.long) if mask is None else mask.reshape(1, -1)
            for region, mask in zip(some, row, strict=True)
        ]
        whole = torch.cat([first.new_zeros(1, 0), *(mask.to(first) for mask in whole)], 1)
        rows.append(torch.nn.functional.pad(whole, (0, tokens.shape[1] - prompt.shape[1] - whole.shape[1])))
    behind = torch.cat(rows)
    count = max(len(first), len(behind))
    return {
        "attention_mask": comfy.conds.CONDRegular(torch.cat((first.expand(count, -1), behind.expand(count, -1)), 1))
    }


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
    run, uuids = options.get(KEY) or RegionRun(), options.get("uuids") or [None]
    chunk = len(x) // len(uuids)
    rows: list[Row | None] = [row for one in uuids for row in run.rows.get(one) or [None] * chunk]
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
    if not forward.masked:
        raise ValueError(
            "The regions did not reach the model: another node on the MODEL replaces its attention, so the picture would "
            "ignore the layout. Remove that node or Apply Layout."
        )
    if family.trained_positions and not forward.positioned and any(row and row.placed.trained for row in rows):
        raise ValueError(
            f"EliGen on {family.name} needs a newer ComfyUI, which lets text positions be set. Update it, or set method to regions."
        )
    return out


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
