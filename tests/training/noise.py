"""SD1.5's noise schedule, the weights of the training loss, and the small sampler that draws the grids."""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

STEPS = 1000
OFFSET = (
    0.3  # noise shared by all pixels: the mean of a latent would else betray the background, and the prompt go unread
)
SNR_CAP = 5.0
EARLY, EARLY_SHARE = 600, 0.5


@lru_cache(maxsize=4)
def alphas(device: torch.device) -> Tensor:
    """Cumulative products of the "scaled linear" schedule that ComfyUI's SD1.5 has, (1000,) float32."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float().to(device)


def draw_times(count: int, device: torch.device) -> Tensor:
    """Steps (count,): half of them anywhere, half where only prompt and layout can tell what the picture shows."""
    low = EARLY * (torch.rand(count, device=device) < EARLY_SHARE)
    return (low + torch.rand(count, device=device) * (STEPS - low)).long().clamp(max=STEPS - 1)


def draw_noise(x: Tensor) -> Tensor:
    return torch.randn_like(x) + OFFSET * torch.randn(*x.shape[:2], 1, 1, device=x.device)


def noised(x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Latents x (B, 4, h, w) with the noise of steps t (B,)."""
    a = alphas(x.device)[t][:, None, None, None]
    return a.sqrt() * x + (1 - a).sqrt() * noise


def velocity(x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """What the network predicts (Salimans and Ho 2022): sqrt(a) noise - sqrt(1 - a) x.

    With the noise itself as target, the whole picture is a tenth of the output's size at high noise, and nothing that a
    fuser says there counts.
    """
    a = alphas(x.device)[t][:, None, None, None]
    return a.sqrt() * noise - (1 - a).sqrt() * x


def loss_weights(t: Tensor) -> Tensor:
    """Weight of the squared error of the velocity at steps t.

    In terms of the noise's error, which is a times as large: min-SNR 5 at low noise; at high noise it grows as 1 / sqrt(SNR).

    Without the latter nearly nothing at high noise depends on the picture, and colours and places are learned last.
    """
    a = alphas(t.device)[t]
    snr = a / (1 - a)
    return a * torch.where(snr > 1, snr.clamp(max=SNR_CAP) / snr, snr.rsqrt())


@torch.no_grad()
def sample(v: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int = 25) -> Tensor:
    """DDIM: v(x, t) -> guided velocity; noise (B, 4, h, w) -> latents."""
    a, x = alphas(noise.device), noise
    times = torch.linspace(STEPS - 1, 0, steps, device=x.device).round().long()
    for i, t in enumerate(times):
        out = v(x, t.expand(len(x)))
        clean, e = a[t].sqrt() * x - (1 - a[t]).sqrt() * out, (1 - a[t]).sqrt() * x + a[t].sqrt() * out
        after = a[times[i + 1]] if i + 1 < steps else torch.ones_like(a[0])
        x = after.sqrt() * clean + (1 - after).sqrt() * e
    return x
