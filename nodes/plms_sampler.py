"""The authors' PLMS sampler and its time steps as a ComfyUI sampler."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import comfy.samplers
import torch
from torch import Tensor

from ..instdiff_modules.sampling.options import run_options, with_run_options
from ..instdiff_modules.sampling.plms import sample_plms
from ..instdiff_modules.sampling.schedule import plms_timesteps

NAME = "plms"  # in the sampler list of our KSampler


class PLMS(comfy.samplers.KSAMPLER):
    """The authors' sampler. It tells the patches the number of each step, which they count instead of noise levels.

    `alphas` (strength by step of the whole run) replaces the fusers' own window; None keeps the window.
    """

    def __init__(self, alphas: Callable[[int], float] | None = None) -> None:
        super().__init__(self._run)
        self.alphas = alphas
        self._pure_noise = False

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict,
        callback: Any,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        self._pure_noise = latent_image is None or not bool(torch.any(latent_image))
        out = super().sample(model_wrap, sigmas, extra_args, callback, noise, latent_image, denoise_mask, disable_pbar)
        if denoise_mask is None or latent_image is None:
            return out
        # else the kept part would show the noise of the last sigma
        return out * denoise_mask + latent_image * (1 - denoise_mask)

    def max_denoise(self, model_wrap: Any, sigmas: Tensor) -> bool:
        # The authors start at time step 981 from noise of variance one, as if it were the last time step.
        return self._pure_noise or super().max_denoise(model_wrap, sigmas)

    def _run(
        self,
        model: Any,
        x: Tensor,
        sigmas: Tensor,
        extra_args: dict,
        callback: Any = None,
        disable: bool = False,  # noqa: ARG002
    ) -> Tensor:
        ones = x.new_ones([x.shape[0]])
        batch = run_options(extra_args.get("model_options", {}).get("transformer_options", {})).batch

        def predict(x: Tensor, sigma: Tensor, step: int) -> Tensor:
            denoised = model(x, sigma * ones, **self._step_args(extra_args, step))
            return (x - denoised) / sigma

        def on_step(i: int, x: Tensor, eps: Tensor) -> None:
            if callback is not None:
                sigma = sigmas[i]
                callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": x - sigma * eps})

        def revised(past: list[Tensor]) -> list[Tensor]:
            # At the merge the authors go on with what the global branch has seen so far.
            nonlocal branched
            if not branched or batch is None or not batch.merged:
                return past
            branched = False
            return [batch.spread(batch.global_branches(eps)) for eps in past]

        branched = True
        x = sample_plms(predict, x, sigmas, on_step, revised)
        return x / (1 + sigmas[-1] ** 2).sqrt()  # the authors' schedule ends just above 0, where latent = x sqrt(alpha)

    def _step_args(self, extra_args: dict, step: int) -> dict:
        model_options = extra_args.get("model_options", {})
        alpha = None if self.alphas is None else self.alphas(step)
        options = replace(run_options(model_options.get("transformer_options", {})), step=step, alpha=alpha)
        return {**extra_args, "model_options": with_run_options(model_options, options)}


def plms_sigmas(model_sampling: Any, steps: int, authors: bool = False) -> Tensor:
    """The authors' schedule for a model: evenly spaced time steps, 981 ... 1 for 50 of them, then time step 0.

    authors=True keeps their rounding, with which a number that does not divide 1000 gives more steps than requested.
    """
    return model_sampling.sigma(torch.tensor([*plms_timesteps(steps, authors), 0], dtype=torch.float32))
