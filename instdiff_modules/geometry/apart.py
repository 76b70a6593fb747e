"""Which instances are near each other, and how to deal them into two groups that keep near ones apart."""

import math
from collections.abc import Sequence
from itertools import combinations

from ..layout.instance import Instance
from .masks import extent

REACH = 0.15  # of the canvas: at this distance two instances are e times less likely to leak into each other than when they touch


def closeness(one: Instance, other: Instance) -> float:
    """1 where the two touch or overlap, falling with the gap between their extents (in shares of the canvas)."""
    a, b = extent(one), extent(other)
    gap = math.hypot(max(a[0] - b[2], b[0] - a[2], 0), max(a[1] - b[3], b[1] - a[3], 0))
    return math.exp(-gap / REACH)


def two_groups(instances: Sequence[Instance]) -> tuple[tuple[int, ...], ...]:
    """Indices of the instances in two groups, so that as little closeness as possible is left inside them.

    Instances of strength 0 belong to none. Found by moving and exchanging until no single change leaves less; the same layout always
    gives the same groups. No more groups than instances; no empty ones.
    """
    shown = [i for i, instance in enumerate(instances) if instance.strength != 0]
    near = {pair: closeness(*(instances[i] for i in pair)) for pair in combinations(shown, 2)}
    side = dict.fromkeys(shown, 0)

    def inside() -> tuple[float, int]:
        """Closeness left within the groups; of equals the more even deal."""
        left = sum(value for (i, j), value in near.items() if side[i] == side[j])
        return round(left, 9), abs(sum(side.values()) * 2 - len(shown))

    best, better = inside(), True
    while better:
        better = False
        for change in [(i,) for i in shown] + list(near):
            for i in change:
                side[i] ^= 1
            if (now := inside()) < best:
                best, better = now, True
            else:
                for i in change:
                    side[i] ^= 1
    groups = (tuple(i for i in shown if side[i] == which) for which in (0, 1))
    return tuple(sorted(group for group in groups if group))
