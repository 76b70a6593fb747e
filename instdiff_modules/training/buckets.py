"""Sizes for pictures of other shapes than the one that is trained on, and batches of one size each."""

import math
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache

from .draws import seed_of

Size = tuple[int, int]  # width, height


def bucket_sizes(resolution: Size, least: int, most: int, step: int) -> list[Size]:
    """Sizes of about the resolution's area, sides multiples of `step` between `least` and `most`; the resolution itself is one."""
    area, found = resolution[0] * resolution[1], {resolution}
    for side in range(-(-least // step) * step, most + 1, step):
        other = min(area // side // step * step, most)
        if other >= least:
            found |= {(side, other), (other, side)}
    return sorted(found)


def nearest_bucket(width: int, height: int, sizes: Sequence[Size]) -> Size:
    """The size whose shape is nearest the picture's, the larger of two alike."""
    shape = math.log(width / height)
    return min(sizes, key=lambda size: (round(abs(math.log(size[0] / size[1]) - shape), 9), -size[0] * size[1]))


class Plan:
    """Which samples make up which batch: each epoch every sample `repeats` times, shuffled, sizes never mixed.

    A size whose samples do not fill its last batch begins again from its first.
    """

    def __init__(self, sizes: Sequence[Size], repeats: Sequence[int], batch: int, seed: int) -> None:
        """sizes, repeats: of every sample, by its number. batch: over all processes."""
        self.batch, self.seed = batch, seed
        self.of: Mapping[Size, list[int]] = {}
        for number, (size, times) in enumerate(zip(sizes, repeats, strict=True)):
            self.of.setdefault(size, []).extend([number] * times)
        self.batches = sum(-(-len(numbers) // batch) for numbers in self.of.values())
        self.epoch = lru_cache(maxsize=2)(self._epoch)

    def at(self, number: int) -> list[int]:
        """The samples of the batch with this number, counted from the first epoch on."""
        return self.epoch(number // self.batches)[number % self.batches]

    def _epoch(self, epoch: int) -> list[list[int]]:
        rng = random.Random(seed_of("epoch", self.seed, epoch))
        batches = []
        for _, numbers in sorted(self.of.items()):
            order = list(numbers)
            rng.shuffle(order)
            count = -(-len(order) // self.batch)
            around = [order[i % len(order)] for i in range(count * self.batch)]
            batches += [around[i * self.batch : (i + 1) * self.batch] for i in range(count)]
        rng.shuffle(batches)
        return batches
