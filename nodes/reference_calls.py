"""What Apply References does while a model is sampled: the references run through the UNet, then its patches share them."""

import functools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.model_management
import comfy.patcher_extension
import comfy.sampler_helpers
import comfy.samplers
import torch
from torch import Tensor

from ..instdiff_modules.layout.frames import check_batch
from ..instdiff_modules.references.blocks import BlockKey, kept_numbers, self_attentions
from ..instdiff_modules.references.places import Places, Plan
from ..instdiff_modules.references.sharing import KeysValues, Recorder, Sharing
from ..instdiff_modules.sampling.options import run_options
from ..instdiff_modules.sampling.token_sets import items_of_chunk, negatives, parts_of_chunks
from .apply_settings import block_attention
from .aspect import canvases_of, warn_if_stretched
from .patching import applied_to, wrap_runs

KEY = "instdiff_references"  # of our attachment, wrappers and transformer option
PLACES = comfy.patcher_extension.WrappersMP
Kept = Mapping[BlockKey, KeysValues]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """A reference. latent (1, C, h, w) as its VAE gives it; inside (H, W) in 0..1: the opacity of a cut-out picture."""

    latent: Tensor
    inside: Tensor | None = None


@dataclass(frozen=True, eq=False)
class References:
    """What one Apply References node put on a MODEL. start, end: shares of the denoising; noise: share of the step's noise on
    the references; prompt: the empty one's conditioning, with which they are looked at; canvases: as those of Applied."""

    pictures: tuple[Picture, ...]
    places: Places
    prompt: Any
    start: float
    end: float
    noise: float
    canvases: tuple[tuple[int | None, int | None], ...] = ()


def attach_references(model: Any, references: References) -> Any:
    """A clone of the MODEL that shares the references while it is sampled."""
    patched = model.clone()
    patched.set_attachments(KEY, (*(model.get_attachment(KEY) or ()), references))
    wrap_runs(patched)
    places = (PLACES.OUTER_SAMPLE, begin), (PLACES.PREPARE_SAMPLING, with_room), (PLACES.APPLY_MODEL, with_references)
    for place, wrapper in places:
        patched.remove_wrappers_with_key(place, KEY)
        patched.add_wrapper_with_key(place, KEY, wrapper)
    return patched


def begin(
    executor: Any,
    noise: Tensor,
    latent_image: Any,
    sampler: Any,
    sigmas: Any,
    denoise_mask: Any = None,
    callback: Any = None,
    disable_pbar: bool = False,
    seed: int | None = None,
    **kwargs: Any,
) -> Tensor:
    """OUTER_SAMPLE wrapper: what a run keeps of the references goes with it."""
    guider = executor.class_obj
    to_sigma = functools.cache(guider.model_patcher.get_model_object("model_sampling").percent_to_sigma)
    given = guider.model_patcher.get_attachment(KEY)
    told = canvases_of(applied_to(guider.model_patcher))  # as the sampler begins
    warn_if_stretched(canvases_of(given) - told, noise.shape)
    runs = tuple(ReferenceRun(one, to_sigma, seed or 0) for one in given)
    options = guider.model_options["transformer_options"]
    guider.model_options = {**guider.model_options, "transformer_options": {**options, KEY: runs}}
    out = executor(noise, latent_image, sampler, sigmas, denoise_mask, callback, disable_pbar, seed, **kwargs)
    for one in (run.references for run in runs if not run.reached):
        _log.warning(
            "Apply References: no step of this run lies within start %g and end %g, so the references did nothing.",
            one.start,
            one.end,
        )
    return out


def with_room(executor: Any, model: Any, noise_shape: Sequence[int], *args: Any, **kwargs: Any) -> Any:
    """PREPARE_SAMPLING wrapper: ComfyUI frees memory for a batch that is larger by as many pictures as the kept keys and values weigh."""
    unet = model.get_model_object("diffusion_model")
    latents = (picture.latent for given in model.get_attachment(KEY) for picture in given.pictures)
    kept = sum(kept_numbers(unet, *latent.shape[-2:]) for latent in latents)
    size = comfy.model_management.dtype_size(model.model.get_dtype_inference())
    extra = math.ceil(kept * size / model.model.memory_required([1, *noise_shape[1:]]))
    return executor(model, [noise_shape[0] + extra, *noise_shape[1:]], *args, **kwargs)


def with_references(
    executor: Any,
    x: Tensor,
    t: Tensor,
    c_concat: Any = None,
    c_crossattn: Tensor | None = None,
    control: Any = None,
    transformer_options: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Tensor:
    """APPLY_MODEL wrapper: a call of the model in which the references act. ValueError if they reached no self-attention."""
    options = transformer_options or {}
    acting = []
    for run in options.get(KEY, ()):
        sharing = run.sharing(executor.class_obj, x, float(t.max()), options)
        if sharing is not None:
            acting.append(sharing)
            options = {**options, "patches": sharing.around(options.get("patches", {}))}
    out = executor(x, t, c_concat, c_crossattn, control, options, **kwargs)
    if not all(sharing.blocks for sharing in acting):
        raise ValueError(
            "The reference pictures did not reach the model: another node on the MODEL replaces its self-attention. Remove "
            "that node or Apply References."
        )
    return out


class ReferenceRun:
    """The references of one node in one sampling run."""

    def __init__(self, references: References, to_sigma: Any, seed: int) -> None:
        self.references, self.to_sigma, self.seed = references, to_sigma, seed
        self.reached = False  # whether a call lay within start and end
        self._kept: dict[Any, tuple[Any, list[Kept]]] = {}

    def sharing(self, model: Any, x: Tensor, sigma: float, options: Mapping[str, Any]) -> Sharing | None:
        """The patches for a call on x (items, C, H, W) at a noise level; None where no reference acts."""
        given = self.references
        if not self.to_sigma(given.end) <= sigma <= self.to_sigma(given.start):
            return None
        self.reached = True
        plans = self._plans(len(x), sigma, options)
        if not any(plans):
            return None
        every = self_attentions(model.diffusion_model)
        replaced = options.get("patches_replace", {}).get("attn1", {})  # by others: these blocks are theirs
        free = {key: one for key, one in every.items() if key not in replaced and key[:2] not in replaced}
        return Sharing(free, self._recorded(model, every, x, sigma), plans, _attend)

    def _plans(self, count: int, sigma: float, options: Mapping[str, Any]) -> list[Plan | None]:
        """Of each of `count` items. The negative predictions do not see the references: guidance then leads towards them."""
        run, kinds = run_options(options), options.get("cond_or_uncond") or [0]
        items = items_of_chunk(count // len(kinds), options, run)
        check_batch(len(self.references.places.frames), items.images, "Apply References has a layout of")
        return [
            None if negative else self.references.places.plan(branch, part, sigma, self.to_sigma)
            for part, negative in zip(
                parts_of_chunks(len(kinds), options, run), negatives(kinds, options, run), strict=True
            )
            for branch in items.branches
        ]

    def _recorded(self, model: Any, attentions: Mapping[BlockKey, Any], x: Tensor, sigma: float) -> list[Kept]:
        """Keys and values of every reference, with its share of the noise of this level; made once for each level.

        A LoRA that acts for some conditionings alone gives them keys and values of its own.
        """
        noise_level = max(self.references.noise * sigma, float(model.model_sampling.sigma_min))
        hooks = getattr(model.current_patcher.current_hooks, "hooks", ())
        loras, made_for = tuple(hooks), (noise_level, [hook.strength for hook in hooks])
        if self._kept.get(loras, (None,))[0] != made_for:
            self._kept.pop(loras, None)
            self._kept[loras] = made_for, self._record(model, attentions, x, noise_level)
        return self._kept[loras][1]

    def _record(self, model: Any, attentions: Mapping[BlockKey, Any], x: Tensor, sigma: float) -> list[Kept]:
        """References of one size together, at most as many as the call that they are for has items: so many fit."""
        pictures = self.references.pictures
        kept: dict[int, Kept] = {}
        sizes: dict[Any, list[int]] = {}
        for i, picture in enumerate(pictures):
            sizes.setdefault(picture.latent.shape, []).append(i)
        for same in sizes.values():
            for at in range(0, len(same), len(x)):
                some = same[at : at + len(x)]
                recorder = Recorder(attentions, [pictures[i].inside for i in some])
                self._run(model, recorder, [self._noised(model, pictures[i].latent, x, sigma) for i in some], sigma)
                kept.update(zip(some, recorder.kept, strict=True))
        return [kept[i] for i in range(len(pictures))]

    def _noised(self, model: Any, latent: Tensor, x: Tensor, sigma: float) -> Tensor:
        """A reference as the sampler would have it at that level; its noise is the seed's alone, the same at every level."""
        latent = model.process_latent_in(latent.float()).to(x)
        generator = torch.Generator().manual_seed(self.seed % 2**63)
        noise = torch.randn(latent.shape, generator=generator).to(x)
        return model.model_sampling.noise_scaling(x.new_full((1,), sigma), noise, latent, False)

    def _run(self, model: Any, recorder: Recorder, latents: Sequence[Tensor], sigma: float) -> None:
        """Through the model alone: what other nodes add to it is for the picture, not for the references."""
        x = torch.cat(list(latents))
        level = x.new_full((len(x),), sigma)
        conds = [{**cond} for cond in comfy.sampler_helpers.convert_cond(self.references.prompt)[:1]]
        given = {"latent_image": x, "denoise_mask": None, "seed": self.seed, "latent_shapes": [x.shape]}
        encoded = comfy.samplers.encode_model_conds(model.extra_conds, conds, x, x.device, "positive", **given)[0]
        inputs = {
            name: value.process_cond(batch_size=len(x), area=None).cond
            for name, value in encoded["model_conds"].items()
        }
        options = {
            "patches": recorder.patches,
            "cond_or_uncond": [0],
            "uuids": [encoded["uuid"]],
            "sigmas": level[:1],
        }
        model.apply_model(x, level, transformer_options=options, **inputs)


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int, options: Mapping[str, Any]) -> Tensor:
    return block_attention(options)(q, k, v, heads, None)
