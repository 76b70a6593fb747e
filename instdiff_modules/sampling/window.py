"""When the fusers act: a part of the denoising, said in shares and found by noise level."""

from collections.abc import Callable
from dataclasses import dataclass

from ..grounding.bank import NULL, Timeline, TokenSet

# Share of the denoising (0 = first step, 1 = last) -> the noise level reached then, falling; ComfyUI's percent_to_sigma.
ToSigma = Callable[[float], float]


@dataclass(frozen=True)
class Window:
    """The fusers act from `start` to `end`, and fall linearly to nothing over the last `fade` (shares of the denoising).

    The authors' schedule [a, b, c] (utils.model.alpha_generator) is start 0, end a + b, fade b.
    """

    start: float
    end: float
    fade: float

    def share(self, sigma: float, to_sigma: ToSigma) -> float:
        """Share of the strength at that sigma, 0..1."""
        if not to_sigma(self.end) <= sigma <= to_sigma(self.start):
            return 0.0
        if self.fade <= 0 or sigma >= to_sigma(self.end - self.fade):
            return 1.0
        return max(0.0, min(1.0, (self.end - position(sigma, to_sigma)) / self.fade))


def position(sigma: float, to_sigma: ToSigma) -> float:
    """Share of the denoising at which sigma is reached: the inverse of to_sigma, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if to_sigma(middle) > sigma else (low, middle)
    return low


def token_set_at(timeline: Timeline, sigma: float, to_sigma: ToSigma) -> TokenSet:
    """The token set that holds at that sigma; the null set where no instance is active."""
    for interval in timeline:
        if to_sigma(interval.end) <= sigma <= to_sigma(interval.start):
            return interval.tokens
    return NULL
