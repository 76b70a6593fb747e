"""What the flow transformer is taught: the velocity that the shipped base expects of a noisy latent and its caption.

The noise and the picture that a latent was mixed of are one of many pairs that it could be of, and at high noise their velocity says little of
what they have in common. The base was trained on captions alone, too, and knows the mean.
"""

from pathlib import Path

import lab
import models
import noise
import torch
from torch import Tensor


class Teacher:
    """The UNet of base.pt, frozen."""

    def __init__(self, folder: Path, eager: bool = False) -> None:
        state = lab.averaged(lab.load_state(folder / "base.pt"))
        unet = models.unet().requires_grad_(False).eval().to(lab.DEVICE)
        unet.load_state_dict({key.removeprefix("unet."): v for key, v in state.items() if key.startswith("unet.")})

        def predicted(x: Tensor, t: Tensor, context: Tensor) -> Tensor:
            return unet._forward(x, t, context=context, transformer_options={})

        self.predicted = predicted if eager else lab.compiled(predicted)
        a = noise.alphas(lab.DEVICE)
        self.ratios = ((1 - a) / a).sqrt()  # of noise to picture, rising with the step

    @torch.no_grad()
    def velocity(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        """x (B, 4, h, w) = (1 - sigma) picture + sigma noise, context (B, 77, 128) -> noise - picture, as it is expected."""
        s = sigma[:, None, None, None]
        size = ((1 - s) ** 2 + s**2).sqrt()  # the base was trained on mixtures whose shares' squares add up to 1
        picture, grain, x = (1 - s) / size, s / size, x / size
        with lab.autocast():
            v = self.predicted(x, self.steps(sigma), context).float()
        return (grain - picture) * x + (
            picture + grain
        ) * v  # v = picture's share of the noise - the noise's share of the picture

    def steps(self, sigma: Tensor) -> Tensor:
        """The step of SD1.5's schedule, with a fraction, at which noise and picture have the same ratio; the last one beyond it."""
        wanted = (sigma / (1 - sigma).clamp(min=1e-6)).clamp(self.ratios[0], self.ratios[-1])
        after = torch.searchsorted(self.ratios, wanted).clamp(1, noise.STEPS - 1)
        low, high = self.ratios[after - 1], self.ratios[after]
        return after - 1 + (wanted - low) / (high - low)
