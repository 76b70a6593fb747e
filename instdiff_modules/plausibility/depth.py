"""Perspective on flat ground: an object's height in the picture, per metre, grows with how far its lower edge lies below the horizon.

Each known object gives a range of scales, canvas heights per metre, since real sizes vary. Only what no pair of real sizes can explain
is a conflict; of a pair the one that is at odds with more of the others is to blame.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..layout.instance import Box
from .sizes import Size

SAME_DEPTH = 0.06  # of the canvas height between two lower edges
TOLERANCE = 1.3  # drawn sizes are not measurements
FAR_TOLERANCE = (
    2.5  # for near things that are too large beside far ones: they may stand on a step, or the horizon be another
)
NEAR_TOLERANCE = 1.5
MAX_RATIO = 3.0  # of the nearness of two things; more would rest on the exact height of the horizon
NEAREST = 0.03  # of the canvas below the horizon; closer to it the rule says nothing


class Thing(NamedTuple):
    """An instance of known real size. instance_index: in the layout. box: x0, y0, x1, y1 in 0..1."""

    instance_index: int
    box: Box
    size: Size
    fixed: bool  # locked: never to blame if another can be

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def scale(self) -> float:
        """Canvas heights per metre, for the middle of its real sizes."""
        return self.height / (self.size.low * self.size.high) ** 0.5


class Conflict(NamedTuple):
    """blamed and other: Things. kind: "size" or "perspective". larger: whether the blamed one is too large."""

    blamed: Thing
    other: Thing
    kind: str
    larger: bool


def conflicts(things: Sequence[Thing], horizon: float, size: bool = True, perspective: bool = True) -> list[Conflict]:
    """One conflict for each thing that is to blame. horizon: its height in the picture, 0 top, 1 bottom."""
    standing = [thing for thing in things if not _lifted(thing, things)]
    pairs = [pair for i, a in enumerate(standing) for b in standing[i + 1 :] for pair in _compare(a, b, horizon)]
    pairs = [(kind, large, small) for kind, large, small in pairs if (size if kind == "size" else perspective)]
    result = []
    while pairs:
        counts: dict[int, int] = {}
        for _, large, small in pairs:
            for thing in (large, small):
                counts[thing.instance_index] = counts.get(thing.instance_index, 0) + 1
        kind, large, small = max(
            pairs, key=lambda pair: max(counts[pair[1].instance_index], counts[pair[2].instance_index])
        )
        # A tie: models draw things too small more often than too large, except what they put into the distance.
        weight = {
            True: (not large.fixed, counts[large.instance_index], not large.size.ground, kind == "perspective"),
            False: (not small.fixed, counts[small.instance_index], not small.size.ground, kind == "size"),
        }
        larger = weight[True] > weight[False]
        blamed, other = (large, small) if larger else (small, large)
        result.append(Conflict(blamed, other, kind, larger))
        pairs = [
            pair for pair in pairs if blamed.instance_index not in (pair[1].instance_index, pair[2].instance_index)
        ]
    return result


def target_height(conflict: Conflict, sound: Sequence[Thing], horizon: float) -> float:
    """The height (0..1) nearest to the drawn one that agrees with the sound things (else with the other one of the conflict)."""
    blamed = conflict.blamed
    if not blamed.size.ground:
        scale = conflict.other.scale
    else:
        known = [thing for thing in sound if thing.size.ground and thing.box[3] > horizon + NEAREST] or [conflict.other]
        scales = (thing.scale * _nearness(blamed, horizon) / _nearness(thing, horizon) for thing in known)
        scale = math.exp(sum(map(math.log, scales)) / len(known))  # their product would leave the range of numbers
    low, high = blamed.size.low * scale, blamed.size.high * scale
    return min(max(blamed.height, low), high)


def _compare(a: Thing, b: Thing, horizon: float) -> list[tuple[str, Thing, Thing]]:
    """(kind, the one that is drawn too large beside the other, the one too small) if the two cannot stand in one picture."""
    near, far = (a, b) if a.box[3] >= b.box[3] else (b, a)
    if not (a.size.ground and b.size.ground):
        return _resting(a, b)
    if near.box[3] - far.box[3] <= SAME_DEPTH:
        return [("size", *pair) for pair in ((near, far), (far, near)) if _outgrows(*pair, TOLERANCE)]
    if far.box[3] <= horizon + NEAREST:
        return []  # not on the ground that is seen: on a hill, in the air, behind something
    ratio = min(_nearness(near, horizon) / _nearness(far, horizon), MAX_RATIO)
    if _outgrows(far, near, NEAR_TOLERANCE / ratio):
        return [("perspective", far, near)]
    return [("size", near, far)] if _outgrows(near, far, FAR_TOLERANCE * ratio) else []


def _resting(a: Thing, b: Thing) -> list[tuple[str, Thing, Thing]]:
    """A thing whose lower edge lies within another one rests on it, and is as far away."""
    if a.size.ground == b.size.ground:
        return []
    thing, base = (a, b) if b.size.ground else (b, a)
    if not _carries(base, thing):
        return []
    return [("size", *pair) for pair in ((thing, base), (base, thing)) if _outgrows(*pair, TOLERANCE * 1.5)]


def _lifted(thing: Thing, things: Sequence[Thing]) -> bool:
    """A rider, or something half hidden: it belongs on the ground, but where it would touch it is unknown."""
    others = (
        other
        for other in things
        if other.instance_index != thing.instance_index and thing.size.ground and other.size.ground
    )
    return any(_carries(other, thing) and other.box[3] - thing.box[3] > SAME_DEPTH for other in others)


def _carries(base: Thing, thing: Thing) -> bool:
    """Whether the middle of a thing's lower edge lies within the other one's box."""
    center = (thing.box[0] + thing.box[2]) / 2
    return base.box[0] <= center <= base.box[2] and base.box[1] - 0.02 <= thing.box[3] <= base.box[3]


def _outgrows(large: Thing, small: Thing, tolerance: float) -> bool:
    """Whether the smallest scale of one exceeds the largest of the other, `tolerance` times."""
    return large.height / large.size.high > tolerance * small.height / small.size.low


def _nearness(thing: Thing, horizon: float) -> float:
    return max(thing.box[3] - horizon, NEAREST)
