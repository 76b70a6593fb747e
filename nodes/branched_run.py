"""One sampling run whose first steps are predicted in branches (paper section 3.5), around any ComfyUI sampler.

The sampler's own function runs once, over the whole schedule, on a batch of the images and their branches. When the steps
of the branches are over, the guider is put back to the conditionings of the images alone and is given their merged
latents; every branch goes on with the prediction for them (see `BranchedBatch`). So mask functions see the whole
schedule, noise and kept parts are the run's own, and multi-step samplers keep their history.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import comfy.patcher_extension
import comfy.samplers
from torch import Tensor

from ..instdiff_modules.sampling.context_window import CORE as CONTEXT_WINDOW
from ..instdiff_modules.sampling.options import Items, RunOptions, run_options, with_run_options
from ..instdiff_modules.sampling.shared_noise import SharedNoise
from .branch_conds import of_batch
from .cfg_functions import CfgHistory, without_added
from .model_calls import OURS, calc_branches
from .prepared_conds import of_conditionings, with_new_uuids
from .window_calls import WindowCalls

PLACES = comfy.patcher_extension.WrappersMP
CACHE = "easycache"  # transformer option of ComfyUI's EasyCache and LazyCache: what they keep from step to step


class BranchedRun:
    """Of one guider; to be called in place of the sampler's executor."""

    def __init__(self, guider: Any, options: RunOptions, sigmas: Tensor) -> None:
        assert options.batch is not None
        self.options, self.batch, self.sigmas = options, options.batch, sigmas
        self.conds = guider.conds
        self.noise = SharedNoise(self.batch.image_of, self.batch.images)
        self.history = CfgHistory(self.batch)
        # The copy that the sampler calls: its conditionings change at the merge, its wrapper decides what is predicted.
        self.guider = copy.copy(guider)
        self.guider.conds = of_batch(guider.conds, self.batch.together)
        self.guider.model_options = _first(PLACES.PREDICT_NOISE, self.predict, guider.model_options)
        self._steps: list[float] = sigmas.tolist()
        self._shape: tuple[int, ...] = ()
        self._fresh_cache: Any = None

    def __call__(
        self,
        executor: Any,
        extra_args: dict,
        callback: Any,
        noise: Tensor,
        latent_image: Any = None,
        denoise_mask: Any = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """What executor(guider, sigmas, ...) gives for the images, sampled in branches first."""
        batch, self._shape = self.batch, tuple(noise.shape)
        batch.merged = False  # a wrapper around this one may sample twice
        options = self.options.with_items(Items(batch.images, batch.branches))
        model_options = with_run_options(extra_args["model_options"], options)
        model_options = _first(
            PLACES.CALC_COND_BATCH, self._calls(noise, latent_image, denoise_mask, extra_args), model_options
        )
        self.history.begin(model_options)
        spread = [None if tensor is None else batch.spread(tensor) for tensor in (noise, latent_image, denoise_mask)]
        with self.noise:
            out = executor(
                self.guider,
                self.sigmas,
                {**extra_args, "model_options": model_options},
                self._shown(callback),
                *spread,
                disable_pbar,
            )
        return batch.merge_items(out)

    def _calls(self, noise: Tensor, latent_image: Any, denoise_mask: Any, extra_args: dict) -> Callable[..., Any]:
        """The CALC_COND_BATCH wrapper of the branches."""
        if not self.batch.apart:
            return calc_branches
        guider = self.guider

        def encode(cond: dict) -> dict:
            given = {"latent_image": latent_image, "denoise_mask": denoise_mask, "seed": extra_args.get("seed")}
            given["latent_shapes"] = [noise.shape]
            device = guider.model_patcher.load_device
            extra = guider.inner_model.extra_conds
            return comfy.samplers.encode_model_conds(extra, [cond], noise, device, "positive", **given)[0]

        return WindowCalls(self.batch, self.conds, encode)

    def predict(self, executor: Any, x: Tensor, timestep: Tensor, model_options: dict, seed: Any = None) -> Tensor:
        """PREDICT_NOISE wrapper: the prediction for all items (items, C, H, W), in branches or merged."""
        at = float(timestep.max()), run_options(model_options["transformer_options"]).step
        with self.noise.paused():
            if not self.batch.merged and self.batch.is_over(self._steps, *at):
                self._merge(model_options)
            if self.batch.merged:
                return self._predict_merged(executor, x, timestep, model_options, seed)
            predictions = executor(x, timestep, self.history.listening(model_options), seed)
            return self.batch.layered(predictions, self._steps, *at)

    def _merge(self, model_options: dict) -> None:
        """From here on the images are denoised, with conditionings of which nothing is kept."""
        self.batch.merged = True
        self.guider.conds = {name: with_new_uuids(conds) for name, conds in self.conds.items()}
        cache = model_options["transformer_options"].get(CACHE)
        if hasattr(cache, "clone") and hasattr(cache, "prepare_timesteps"):
            self._fresh_cache = cache.clone().prepare_timesteps(self.guider.inner_model.model_sampling)
        self.history.tell_again(self._merged_options(model_options))

    def _predict_merged(self, executor: Any, x: Tensor, timestep: Tensor, model_options: dict, seed: Any) -> Tensor:
        batch = self.batch
        options, added = without_added(self._merged_options(model_options), self.history.base)
        denoised = executor(batch.merge_items(x), batch.global_branches(timestep), options, seed)
        return added.of_items(batch.spread, batch.spread(denoised), x, timestep, model_options)

    def _merged_options(self, model_options: dict) -> dict:
        run = run_options(model_options["transformer_options"])
        run = of_conditionings(replace(run, items=None), self.guider.conds, self._shape)
        options = with_run_options(model_options, run)
        options["transformer_options"].pop(CONTEXT_WINDOW, None)  # ComfyUI leaves that of the branches behind
        if self._fresh_cache is not None:
            options["transformer_options"][CACHE] = self._fresh_cache
        return options

    def _shown(self, callback: Any) -> Callable[..., Any] | None:
        """A progress callback that shows the images: their global branches, then the merged latents."""
        if callback is None:
            return None

        def images_of(items: Tensor) -> Tensor:
            return self.batch.merge_items(items) if self.batch.merged else self.batch.global_branches(items)

        return lambda step, denoised, x, total: callback(step, images_of(denoised), images_of(x), total)


def _first(place: str, wrapper: Callable[..., Any], model_options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a wrapper around all others of that place."""
    options = model_options["transformer_options"]
    wrappers = options.get("wrappers", {})
    wrappers = {**wrappers, place: {OURS: [wrapper], **wrappers.get(place, {})}}
    return {**model_options, "transformer_options": {**options, "wrappers": wrappers}}
