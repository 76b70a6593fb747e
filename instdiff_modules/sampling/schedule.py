"""When the fusers act, how long the branches run, and at which noise levels the authors' sampler runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

TIMESTEPS = 1000
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


def branch_steps(steps: int, share: float) -> int:
    """Number of steps, from the first on, that run in branches: int(steps * share) as in the reference.

    A share above 0 means one step at least: of 4 steps a share of 0.2 would else be none. share 0..1, else ValueError.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share of multi-instance steps must lie in 0..1, got {share}.")
    return min(steps, max(1, int(steps * share))) if share > 0 else 0


def plms_timesteps(steps: int, authors: bool = False) -> list[int]:
    """Time steps of the authors' sampler, falling, 1..999; 981 ... 1 for 50 steps.

    Evenly spaced, exactly `steps` of them. authors=True is PLMSSampler.make_schedule: the spacing is 1000 // steps, so
    a number that does not divide 1000 gives more steps, and some (9, 27, ...) raise ValueError because the first one
    would lie beyond the table.
    """
    if not 1 <= steps < TIMESTEPS:
        raise ValueError(f"The number of steps must lie in 1..{TIMESTEPS - 1}, got {steps}.")
    if not authors:
        return [i * TIMESTEPS // steps + 1 for i in reversed(range(steps))]
    ascending = range(1, TIMESTEPS + 1, TIMESTEPS // steps)
    if ascending[-1] >= TIMESTEPS:
        raise ValueError(
            f"The authors' sampler cannot run {steps} steps: it would start at step {ascending[-1]} of {TIMESTEPS}."
        )
    return list(reversed(ascending))


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
