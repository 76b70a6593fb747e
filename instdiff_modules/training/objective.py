"""The task: a noisy latent in, its noise (or velocity) out, and the mean squared error of it."""

import torch
from torch import Tensor

STEPS = 1000


def sd_alphas(start: float = 0.00085, end: float = 0.012) -> Tensor:
    """The cumulative products of 1 - beta of Stable Diffusion's schedule, (1000,) float64."""
    betas = torch.linspace(start**0.5, end**0.5, STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0)


def scales(alphas: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the latent and of the noise at each time step, float32."""
    alphas = alphas.double()
    return alphas.sqrt().float(), (1 - alphas).sqrt().float()


def timesteps(uniform: Tensor, steps: int = STEPS) -> Tensor:
    """Numbers in 0..1 -> whole time steps 0 .. steps - 1, int64."""
    return (uniform * steps).long()


def noisy(latent: Tensor, noise: Tensor, t: Tensor, alphas: Tensor) -> Tensor:
    """Latents (B, C, h, w) at the time steps t (B,)."""
    signal, share = _at(t, alphas, latent)
    return signal * latent + share * noise


def target(latent: Tensor, noise: Tensor, t: Tensor, alphas: Tensor, prediction: str) -> Tensor:
    """What the network shall answer: the noise for "eps", the velocity for "v"."""
    if prediction == "eps":
        return noise
    signal, share = _at(t, alphas, latent)
    return signal * noise - share * latent


def error(answer: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error in float32, unweighted."""
    return torch.nn.functional.mse_loss(answer.float(), wanted.float())


def _at(t: Tensor, alphas: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    signal, share = (values.to(like.device)[t][:, None, None, None] for values in scales(alphas))
    return signal, share
