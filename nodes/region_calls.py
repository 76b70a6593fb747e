"""What Apply Layout does as a run begins and at every noise level: texts of the regions behind the prompts."""

import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import comfy.conds
import comfy.patcher_extension
import torch
from torch import Tensor

from ..instdiff_modules.geometry.crop import WHOLE
from ..instdiff_modules.layout.frames import check_batch
from ..instdiff_modules.layout.instance import Box
from ..instdiff_modules.regions.families import Family, anima_text, family_of
from ..instdiff_modules.regions.plan import Region, Regions, Row, Text, appended, of_pictures, segments_of
from ..instdiff_modules.sampling.context_window import context_window
from ..instdiff_modules.sampling.options import run_options, with_run_options
from ..instdiff_modules.sampling.part import part_of_area, part_of_window
from .aspect import APPLIED, canvases_of, warn_if_stretched
from .region_masks import with_masks
from .region_run import KEY, RegionRun, regions_in

PLACES = comfy.patcher_extension.WrappersMP


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


def begin(executor: Any, noise: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """OUTER_SAMPLE wrapper: what a run keeps goes with it. ValueError if no conditioning has regions."""
    guider = executor.class_obj
    given = [regions_in(cond) for conds in guider.conds.values() for cond in conds or ()]
    if not any(given):
        raise ValueError(
            "The MODEL comes from Apply Layout, but no conditioning of the sampler does. Connect Apply Layout's "
            "conditioning to the sampler's positive."
        )
    for layer in (layer for regions in given if regions for layer in regions.layers):
        check_batch(len(layer), len(noise))
    told = canvases_of(guider.model_patcher.get_attachment(APPLIED) or ())
    cell = getattr(guider.model_patcher.get_model_object("latent_format"), "spacial_downscale_ratio", 8)
    warn_if_stretched(canvases_of(filter(None, given)) - told, noise.shape, cell)
    options, run = guider.model_options["transformer_options"], RegionRun()
    guider.model_options = {**guider.model_options, "transformer_options": {**options, KEY: run}}
    out = executor(noise, *args, **kwargs)
    run.check_reached()
    return out


def with_texts(
    executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict
) -> list[Tensor]:
    """CALC_COND_BATCH wrapper: the texts of the regions that act now behind the prompt of each conditioning."""
    options = model_options["transformer_options"]
    run = options.get(KEY) or RegionRun()
    run.steps += 1
    if not any(regions_in(cond) for entries in conds for cond in entries or ()):
        return executor(model, conds, x, timestep, model_options)
    call = ModelCall(run, model, x, float(timestep.max()), options)
    lists = [None if entries is None else [call.entry(for_control(cond)) for cond in entries] for entries in conds]
    told = with_run_options(model_options, run_options(options).also_known_as(call.names))
    return executor(
        model, lists, x, timestep, {**told, "transformer_options": {**told["transformer_options"], KEY: run}}
    )


class ModelCall:
    """One call for x (images, C, H, W) or (images, C, 1, H, W) at a noise level. names: new uuids, with those before."""

    def __init__(self, run: RegionRun, model: Any, x: Tensor, sigma: float, options: Mapping[str, Any]) -> None:
        self.run, self.model, self.x, self.sigma, self.names = run, model, x, sigma, {}
        if run.to_sigma is None:  # of some models each reading waits for the device
            run.to_sigma = functools.cache(model.model_sampling.percent_to_sigma)
        self.to_sigma = run.to_sigma
        self.window, told = part_of_window(options, x.ndim), run_options(options)
        self.parts, window = told.parts, context_window(options, len(x))
        self.images: Sequence[int | None] = range(len(x)) if window is None else window.frames
        # a branch of Apply InstDiff shows its own instance alone
        if told.items is not None and len(told.items.branches) == len(x):
            self.images = [b.image if b.is_global or b.apart else None for b in told.items.branches]

    def entry(self, cond: dict) -> dict:
        """A conditioning as ComfyUI computes it now; its rows are noted in the run."""
        regions = regions_in(cond)
        if regions is None:
            return cond
        given = {name: value for name, value in cond["model_conds"].items() if name != KEY}
        name, cond = self._name(cond.get("uuid"), regions), {**cond, "model_conds": given}
        each = [() if i is None else regions.of_image(i, self.sigma, self.to_sigma) for i in self.images]
        if not any(each):
            self.run.rows.pop(name, None)
            return {**cond, "uuid": name}
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
        self.run.rows[name] = rows * (len(self.images) // len(rows))
        return {**cond, "model_conds": {**given, **longer}, "uuid": name}

    def _name(self, before: Any, regions: Regions) -> uuid.UUID:
        """A uuid for a conditioning with regions: ComfyUI gives copies for areas, on the other side, that of the given one.

        The same in every step, since ComfyUI's caches find by it what they kept.
        """
        name = self.run.known.setdefault((before, regions), uuid.uuid4())
        self.names[name] = before
        return name

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


def for_control(cond: dict) -> dict:
    """A conditioning of which a ControlNet reads the prompt alone: masks do not reach the attention of its own."""
    given = cond["model_conds"]
    if cond.get("control") is None or "c_crossattn" not in given:
        return cond
    return {**cond, "model_conds": {"crossattn_controlnet": given["c_crossattn"], **given}}


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
    first, behind = (of_pictures(mask, len(tokens)) for mask in (first, torch.cat(rows)))
    return {"attention_mask": comfy.conds.CONDRegular(torch.cat((first, behind), 1))}
