"""The optimizers that a config may name."""

from collections.abc import Iterable

import torch
from torch import nn

from .settings import Settings

ADAMW, ADAFACTOR = OPTIMIZERS = ("AdamW", "AdaFactor")
KEPT = {
    ADAMW: 2,
    ADAFACTOR: 0,
}  # numbers that are kept of each trained one; AdaFactor keeps a row and a column of each matrix


def optimizer_of(settings: Settings, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """AdamW, as the authors train; or Adafactor (Shazeer and Stern 2018), whose rate counts in sizes of the weights themselves."""
    if settings.optimizer_type == ADAFACTOR:
        return torch.optim.Adafactor(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    return torch.optim.AdamW(
        parameters,
        settings.learning_rate,
        (settings.adam_beta1, settings.adam_beta2),
        settings.adam_epsilon,
        settings.weight_decay,
    )
