"""Where random choices come from: a number for each (seed, step, place), so that a run that was cut off goes on with the same ones."""

import hashlib
import random
from typing import Any, Protocol

import numpy as np
import torch


class Draws(Protocol):
    """What a data item may ask for. `pixels.choice` is numpy's, `points.choice` is that of the module random."""

    pixels: Any
    points: Any

    def uniform(self) -> float:
        """A number in 0..1, without 1."""
        ...


class SeededDraws:
    """Draws that depend on the given numbers alone."""

    def __init__(self, *key: int | str) -> None:
        seed = seed_of(*key)
        self.points = random.Random(seed)
        self.pixels = np.random.RandomState(seed % 2**32)

    def uniform(self) -> float:
        return self.points.random()


def seed_of(*key: int | str) -> int:
    """A seed below 2 ** 63 for these numbers, the same on every machine."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1


def generator(*key: int | str) -> torch.Generator:
    """torch's random numbers for these numbers, on the CPU: the same whatever the training runs on."""
    return torch.Generator().manual_seed(seed_of(*key))
