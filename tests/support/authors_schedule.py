"""The authors' schedules, as far as only the comparison with their code needs them: fusers' strength by step, noise levels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from instdiff.instdiff_modules.sampling.schedule import TIMESTEPS, plms_timesteps
from torch import Tensor

BETA_START, BETA_END = 0.00085, 0.012
_SUM_ROUNDING = 1e-6  # shares typed in decimals need not add to exactly 1


def alpha_schedule(length: int, kind: Sequence[float] | None = None, authors: bool = False) -> list[float]:
    """Strength of the fusers at each of `length` steps: full, then falling to 0, then 0 (utils.model.alpha_generator).

    kind: the three shares, adding to 1; None means [1, 0, 0]. The falling interval of n steps is (n-1)/n ... 0.
    authors=True is the reference to the letter: its int() cuts 0.58 * 50 to 28, and ValueError stands where its
    assertions fail ([0.7, 0.2, 0.1], a falling interval of 49 steps).
    """
    shares = [1.0, 0.0, 0.0] if kind is None else [float(v) for v in kind]
    if len(shares) != 3 or not all(0 <= v <= 1 for v in shares):
        raise ValueError(f"The schedule must be three shares in 0..1 (full, falling, off), got {shares}.")
    total = shares[0] + shares[1] + shares[2]
    if (total != 1) if authors else abs(total - 1) > _SUM_ROUNDING:
        raise ValueError(f"The three shares of the schedule must add to 1, {shares} add to {total!r}.")
    slack = 0.0 if authors else _SUM_ROUNDING
    full, falling = (int(share * length + slack) for share in shares[:2])
    ramp = [i / falling for i in reversed(range(falling))]
    if authors and falling:
        ramp = np.arange(0, 1, 1 / falling)[::-1].tolist()
        if len(ramp) != falling:
            raise ValueError(
                f"The authors' schedule cannot make a falling interval of {falling} steps: it makes {len(ramp)}."
            )
    return [1.0] * full + ramp + [0.0] * (length - full - falling)


class NoiseTables(NamedTuple):
    """The noise schedule of the weights, one entry per time step, float64."""

    betas: Tensor  # (1000,)
    alphas_cumprod: Tensor  # (1000,)

    @property
    def sigmas(self) -> Tensor:
        """(1000,) noise levels in ComfyUI's terms: sqrt((1 - a) / a)."""
        return ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt()


def noise_tables() -> NoiseTables:
    """The schedule called "linear" by ldm and "scaled_linear" elsewhere (register_schedule)."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return NoiseTables(betas, torch.cumprod(1 - betas, dim=0))


def plms_sigmas(steps: int, authors: bool = False) -> Tensor:
    """(n + 1,) falling noise levels in ComfyUI's terms, float64. The last is that of time step 0 (0.0292), not 0."""
    return noise_tables().sigmas[[*plms_timesteps(steps, authors), 0]]
