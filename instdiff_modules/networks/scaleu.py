"""ScaleU: learned gains for the decoder's main features and for the low frequencies of its skips (paper section 3.4).

The reference filters the skip with two FFTs, though its gain differs from 1 at no more than seven frequencies. Written
as a projection on those seven waves, the same filter is two thin matrix products.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

SMALL_PLANE = 16 * 16


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # kept, and a training in the same process has to take it as well
def low_pass_basis(height: int, width: int, device: torch.device) -> Tensor:
    """Waves that the filter touches on a height x width plane, float32: A of shape (height * width, r), r <= 7.

    filter(x) = x + (s - 1) A A^T x. The reference (Fourier_filter, threshold 1) multiplies the block {-1, 0} x {-1, 0}
    of the shifted spectrum by s and keeps the real part. Of a real plane the real part sees only the symmetric half of
    that gain, (g(k) + g(-k)) / 2, which is what is decomposed here.
    """
    # Numbers, not tensors, decide which waves there are: torch.compile can then trace this.
    block = {(ky, kx) for ky in {0, height - 1} for kx in {0, width - 1}}
    gains: dict[tuple[int, int], float] = {}
    for ky, kx in block:
        for k in ((ky, kx), (-ky % height, -kx % width)):
            gains[k] = gains.get(k, 0.0) + 0.5
    y = torch.arange(height, dtype=torch.float64)[:, None] / height
    x = torch.arange(width, dtype=torch.float64)[None, :] / width
    waves = []
    for (ky, kx), gain in sorted(gains.items()):
        mirror = (-ky % height, -kx % width)
        if mirror < (ky, kx):
            continue  # k and -k share their waves, which the first of the two brought
        angle = 2 * torch.pi * (ky * y + kx * x)
        power = gain / (height * width)
        if mirror == (ky, kx):
            waves.append(power**0.5 * angle.cos())
        else:
            waves += [(2 * power) ** 0.5 * angle.cos(), (2 * power) ** 0.5 * angle.sin()]
    return torch.stack(waves, -1).flatten(0, 1).float().to(device)


class Gains(NamedTuple):
    """Of one decoder block: main (C,) for the main features' channels, skip for the skip's low frequencies."""

    main: Tensor
    skip: Tensor | float


def gains(b: Tensor, s: Tensor, like: Tensor) -> Gains:
    """From the parameters b (C,) and s (1,): tanh + 1, worked out in float32; main in the dtype and place of `like`."""
    return Gains((torch.tanh(b.float()) + 1).to(like), torch.tanh(s.float()) + 1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def low_pass_matrix(height: int, width: int, gain: float, device: torch.device) -> Tensor:
    """The whole filter as one matrix (height * width, height * width), float32, for planes so small that it costs less."""
    basis = low_pass_basis(height, width, device)
    return torch.eye(height * width, device=device) + (gain - 1) * basis @ basis.T


def filter_skip(skip: Tensor, gain: Tensor | float) -> Tensor:
    """Scale the lowest frequencies of skip (B, C, H, W) by gain (one number). Reference: Fourier_filter."""
    height, width = skip.shape[-2:]
    basis = low_pass_basis(height, width, skip.device)
    flat = skip.flatten(0, 1).flatten(1).float()  # (B C, H W), float32 as the reference's transform of a half skip
    if isinstance(gain, Tensor):
        out = torch.addmm(flat, (flat @ basis) * (gain - 1).to(flat), basis.T)
    elif flat.dtype == skip.dtype or torch.is_grad_enabled():
        out = torch.addmm(flat, flat @ basis, basis.T, alpha=gain - 1)
    elif height * width <= SMALL_PLANE:
        out = flat @ low_pass_matrix(height, width, gain, skip.device)
    else:  # a copy of our own, to be written over
        out = flat.addmm_(flat @ basis, basis.T, alpha=gain - 1)
    return out.view_as(skip).to(skip.dtype)


def scale_main(h: Tensor, gain: Tensor) -> Tensor:
    """Scale the main features h (B, C, H, W) per channel by gain (C,)."""
    return h * gain.to(h)[:, None, None]


def scale_main_se(h: Tensor, gain: Tensor) -> Tensor:
    """The "SE" variant (enable_se_scaleu): the gain acts where the channel mean is high, not at all where it is lowest.

    The authors' inference never uses it; an older ComfyUI port does, so its users know its look.
    """
    mean = h.mean(dim=1, keepdim=True)
    low, high = mean.amin((2, 3), keepdim=True), mean.amax((2, 3), keepdim=True)
    return h * (1 + (gain - 1).to(h)[:, None, None] * (mean - low) / (high - low))


def scaleu(h: Tensor, skip: Tensor, gains: Gains, se: bool = False) -> tuple[Tensor, Tensor]:
    """Scaled (h, skip) of one decoder block."""
    main = scale_main_se if se else scale_main
    return main(h, gains.main), filter_skip(skip, gains.skip)
