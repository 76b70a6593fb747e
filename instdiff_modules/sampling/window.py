"""When the fusers act: a part of the denoising, said in shares and found by sigma."""

from dataclasses import dataclass
from typing import Callable, Sequence

from ..grounding.bank import Stretch


@dataclass(frozen=True)
class Window:
    """The fusers act from `start` to `end`, and fall linearly to nothing over the last `fade` (shares of the denoising).

    to_sigma maps a share (0 = first step, 1 = last) to the sigma reached then, falling; ComfyUI's percent_to_sigma.
    The authors' schedule [a, b, c] (utils.model.alpha_generator) is start 0, end a + b, fade b.
    """

    start: float
    end: float
    fade: float
    to_sigma: Callable[[float], float]

    def share(self, sigma: float) -> float:
        """Share of the strength at that sigma, 0..1."""
        if not self.to_sigma(self.end) <= sigma <= self.to_sigma(self.start):
            return 0.0
        if self.fade <= 0 or sigma >= self.to_sigma(self.end - self.fade):
            return 1.0
        return max(0.0, min(1.0, (self.end - self.position(sigma)) / self.fade))

    def position(self, sigma: float) -> float:
        """Share of the denoising at which sigma is reached: the inverse of to_sigma, by bisection."""
        low, high = 0.0, 1.0
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (middle, high) if self.to_sigma(middle) > sigma else (low, middle)
        return low

    def row(self, timeline: Sequence[Stretch], sigma: float) -> int:
        """The bank's row that holds at that sigma; 0, the null row, where no instance is active."""
        for stretch in timeline:
            if self.to_sigma(stretch.end) <= sigma <= self.to_sigma(stretch.start):
                return stretch.row
        return 0
