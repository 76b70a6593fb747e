"""A running average of the weights that are trained."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Ema:
    """average = rate * average + (1 - rate) * weight after each step, in float32."""

    def __init__(self, weights: Mapping[str, Tensor], device: torch.device | None = None) -> None:
        """device: where the average is kept; None: beside the weights."""
        self.shadow = {
            name: weight.detach().to(device or weight.device, torch.float32, copy=True)
            for name, weight in weights.items()
        }

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], rate: float) -> None:
        for name, weight in weights.items():
            shadow = self.shadow[name]
            shadow.mul_(rate).add_(weight.detach().to(shadow), alpha=1 - rate)

    def load(self, shadow: Mapping[str, Tensor]) -> None:
        """Go on from an average that was saved."""
        for name, average in self.shadow.items():
            average.copy_(shadow[name])
