"""Which instances are near each other, and how to deal them into two groups that keep near ones apart."""

from collections.abc import Sequence

import numpy as np

from ..layout.instance import Instance
from .masks import extent

REACH = 0.15  # of the canvas: at this gap two instances are e times less likely to leak into each other than at none
UNIT = 1e-9  # closeness is counted in whole units, so that sums are exact and equal deals are seen to be equal


def closeness(instances: Sequence[Instance]) -> np.ndarray:
    """(n, n) in 0..1: 1 where two touch or overlap, falling with the gap between extents (in 0..1 of the canvas)."""
    boxes = np.array([extent(instance) for instance in instances], dtype=np.float64).reshape(-1, 4)
    low, high = boxes[:, :2], boxes[:, 2:]
    gap = np.maximum(low[:, None] - high[None], low[None] - high[:, None]).clip(min=0)  # (n, n, 2)
    return np.exp(-np.hypot(gap[..., 0], gap[..., 1]) / REACH)


def two_groups(instances: Sequence[Instance]) -> tuple[tuple[int, ...], ...]:
    """Indices of the instances in two groups, so that as little closeness as possible is left inside them.

    Instances of strength 0 belong to none. Found by moving one or two at a time until no such change leaves less; the
    same layout always gives the same groups. No more groups than instances; no empty ones.
    """
    shown = [i for i, instance in enumerate(instances) if instance.strength != 0]
    deal = Deal(closeness([instances[i] for i in shown]))
    while deal.move() | deal.exchange():
        pass
    groups = (tuple(i for i, side in zip(shown, deal.side, strict=True) if side == which) for which in (1, -1))
    return tuple(sorted(group for group in groups if group))


class Deal:
    """Two sides that instances stand on: all on one at first, then changed for the better, in a fixed order.

    A deal is better if it leaves less closeness within the sides; of equal ones, the more even.
    """

    def __init__(self, near: np.ndarray) -> None:
        """near: (n, n) closeness of each two."""
        self.near = np.rint(near / UNIT).astype(np.int64)
        np.fill_diagonal(self.near, 0)
        self.side = np.ones(len(near), dtype=np.int64)  # 1 or -1
        self.more = len(near)  # sum of `side`: how many more stand on the one side
        self.pull = self.near.sum(1)  # what an instance has on its own side, less what it has on the other

    def move(self) -> bool:
        """Moves each instance to the other side, where that is better; whether any was."""
        changed, i = False, 0
        while (i := self._first(-self.pull, self.side, i)) is not None:
            self._turn(i)
            changed, i = True, i + 1
        return changed

    def exchange(self) -> bool:
        """Moves each two instances together, each to its other side, where that is better; whether any were."""
        changed = False
        for i in range(len(self.side)):
            j = i + 1
            while (j := self._partner(i, j)) is not None:
                self._turn(i)
                self._turn(j)
                changed, j = True, j + 1
        return changed

    def _partner(self, i: int, start: int) -> int | None:
        """The first instance from `start` on that is better moved together with i."""
        between = self.near[i] * (2 * self.side[i]) * self.side
        return self._first(between - self.pull - self.pull[i], self.side + self.side[i], start)

    def _first(self, left: np.ndarray, leaving: np.ndarray, start: int) -> int | None:
        """The first change from number `start` on that is better.

        left: how much more closeness each change leaves; leaving: the sum of the sides that instances leave by it.
        """
        better = (left < 0) | (left == 0) & (abs(self.more - 2 * leaving) < abs(self.more))
        first = start + int(better[start:].argmax()) if start < len(better) else start
        return first if first < len(better) and better[first] else None

    def _turn(self, i: int) -> None:
        """Moves one instance to the other side."""
        self.more -= 2 * int(self.side[i])
        self.side[i] *= -1
        self.pull += self.near[i] * (2 * self.side[i]) * self.side
        self.pull[i] *= -1
