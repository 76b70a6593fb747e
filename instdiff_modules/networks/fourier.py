"""Fourier features of coordinates (paper section 3.2, "Location parameterization")."""

import torch
from torch import Tensor

NUM_FREQUENCIES = 16
TEMPERATURE = 100


def fourier_features(x: Tensor) -> Tensor:
    """Map coordinates (..., n), fractions of the canvas, to (..., n * 32) features in -1..1.

    Per frequency f_i = 100 ** (i / 16): sin of all n coordinates, then cos of all n. No 2 pi and no clipping,
    as in the reference's FourierEmbedder.__call__. Always computed in float32: the highest frequency
    turns the rounding error of a half-precision coordinate into a visible shift.
    """
    x = x.float()
    frequencies = TEMPERATURE ** (torch.arange(NUM_FREQUENCIES, device=x.device, dtype=torch.float32) / NUM_FREQUENCIES)
    angles = x.unsqueeze(-2) * frequencies.unsqueeze(-1)  # (..., 16, n)
    return torch.stack((angles.sin(), angles.cos()), dim=-2).flatten(-3)


def feature_size(coordinates: int) -> int:
    """Number of Fourier features of a vector of that many coordinates."""
    return coordinates * 2 * NUM_FREQUENCIES
