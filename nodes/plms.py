"""The authors' PLMS sampler and its time steps as a ComfyUI sampler."""

from typing import Any, Callable

import comfy.samplers
import torch
from torch import Tensor

from ..instdiff_modules.sampling.patches import ALPHA
from ..instdiff_modules.sampling.plms import sample_plms
from ..instdiff_modules.sampling.schedule import plms_timesteps

NAME = "plms"  # in the sampler list of our KSampler


class PLMS(comfy.samplers.KSAMPLER):
    """PLMS with the history kept over a multi-instance merge.

    `alphas` (one per step of the whole run) replaces the fusers' own window, because the authors count steps, not
    sigmas; None keeps the window. `history` and `first_step` let a run go on where another stopped.
    """

    def __init__(self, alphas: Callable[[int], float] | None = None) -> None:
        super().__init__(self._run)
        self.alphas = alphas
        self.history: list[Tensor] = []
        self.first_step = 0
        self.last_part = True
        self._pure_noise = False

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict,
        callback: Any,
        noise: Tensor,
        latent_image: Any = None,
        denoise_mask: Any = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        self._pure_noise = latent_image is None or not torch.any(latent_image)
        out = super().sample(model_wrap, sigmas, extra_args, callback, noise, latent_image, denoise_mask, disable_pbar)
        if denoise_mask is None or not self.last_part:
            return out
        return out * denoise_mask + latent_image * (
            1 - denoise_mask
        )  # else the kept part would show the noise of the last sigma

    def max_denoise(self, model_wrap: Any, sigmas: Tensor) -> bool:
        # The authors start at time step 981 from noise of variance one, as if it were the last time step.
        return self._pure_noise or super().max_denoise(model_wrap, sigmas)

    def _run(
        self, model: Any, x: Tensor, sigmas: Tensor, extra_args: dict, callback: Any = None, disable: bool = False
    ) -> Tensor:
        ones = x.new_ones([x.shape[0]])

        def predict(x: Tensor, sigma: Tensor, step: int) -> Tensor:
            denoised = model(x, sigma * ones, **self._step_args(extra_args, step))
            return (x - denoised) / sigma

        def on_step(i: int, x: Tensor, eps: Tensor) -> None:
            if callback is not None:
                sigma = sigmas[i]
                callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": x - sigma * eps})

        x, self.history = sample_plms(predict, x, sigmas, self.history, self.first_step, on_step)
        if not self.last_part:
            return x
        self.history, self.first_step = [], 0
        return x / (1 + sigmas[-1] ** 2).sqrt()  # the authors' schedule ends just above 0, where latent = x sqrt(alpha)

    def _step_args(self, extra_args: dict, step: int) -> dict:
        if self.alphas is None:
            return extra_args
        options = extra_args.get("model_options", {})
        transformer_options = {**options.get("transformer_options", {}), ALPHA: self.alphas(step)}
        return {**extra_args, "model_options": {**options, "transformer_options": transformer_options}}


def plms_sigmas(model_sampling: Any, steps: int, authors: bool = False) -> Tensor:
    """The authors' schedule for a model: evenly spaced time steps, 981 ... 1 for 50 of them, then time step 0.

    authors=True keeps their rounding, with which a number that does not divide 1000 gives more steps than asked.
    """
    return model_sampling.sigma(torch.tensor([*plms_timesteps(steps, authors), 0], dtype=torch.float32))
