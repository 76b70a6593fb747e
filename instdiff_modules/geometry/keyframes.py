"""Layouts over time: keyframes at some frames of a batch, and every frame between them.

Instances are matched by id. Between two keyframes boxes, points and scribbles move from one location to the other. A mask cannot: it is held from
the nearest keyframe, and so is everything else that is not a number (prompt, colour, order, caption).
"""

import logging
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..layout import fields
from ..layout.frames import canvas_of, check_aspect, check_total
from ..layout.instance import Frames, Instance, Layout, Point
from .points import is_point_set

LINEAR, SMOOTH, HOLD = MOTIONS = ("linear", "smooth", "hold")
LEAVE_OUT, BRIDGE = GAPS = ("leave out", "bridge")
FRAME = "frame"  # unknown field of a layout: the frame, from 0, that it was made for
MAX_POINTS = 2_000_000  # of the scribbles of all frames
WHERE = "Keyframes of Instances"
Track = dict[int, Instance]  # an instance by the index of each keyframe that has it

logger = logging.getLogger(__name__)


def keyframe_numbers(text: str, frames: Frames, count: int) -> list[int]:
    """The frame, from 0, of each layout: as `text` lists them, else by the layouts' own "frame", else spread evenly over `count` frames.

    ValueError unless they are as many as the layouts, rise, and lie below `count`.
    """
    if text.strip():
        words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
        if not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
            raise ValueError(f'{WHERE}: at must list frame numbers like "0, 8, 15", got {fields.shorten(text)}.')
        numbers = [int(word) for word in words]
        if len(numbers) != len(frames):
            raise ValueError(
                f"{WHERE}: at lists {len(numbers)} frames, but {len(frames)} layouts are connected. Name one frame for each layout."
            )
    elif all(FRAME in layout.extra for layout in frames):
        numbers = [_whole(layout.extra[FRAME], i) for i, layout in enumerate(frames, 1)]
    elif len(frames) > count:
        raise ValueError(f"{WHERE}: there are {len(frames)} layouts for {count} frames. Raise count, or connect fewer.")
    else:
        numbers = [round(i * (count - 1) / max(len(frames) - 1, 1)) for i in range(len(frames))]
    for before, after in pairwise(numbers):
        if after <= before:
            raise ValueError(
                f"{WHERE}: the keyframes must come in order, each once, but frame {after} follows frame {before}. Sort them."
            )
    if numbers[-1] >= count:
        raise ValueError(
            f"{WHERE}: there is a keyframe at {numbers[-1]}, but {count} frames are numbered 0 to {count - 1}. Raise count."
        )
    return numbers


def between_keyframes(
    keys: Frames, numbers: Sequence[int], count: int, motion: str = LINEAR, gaps: str = LEAVE_OUT
) -> Frames:
    """`count` layouts from the keyframes keys[i] at frame numbers[i]; before the first and behind the last these are held.

    motion: "linear", "smooth" (slow at the keyframes) or "hold" (each keyframe until the next). An instance that only one of two neighbouring
    keyframes has is there as long as that one is the nearer; with gaps "bridge" one that is missing between two keyframes that have it moves on.
    ValueError for canvases of different shape.
    """
    for key in keys[1:]:
        if size := canvas_of(key):
            check_aspect(keys[0], *size, "The canvas of a keyframe")
    _warn_of_strangers(keys, numbers)
    tracks: dict[str, Track] = {}
    for i, key in enumerate(keys):
        for instance in key.instances:
            tracks.setdefault(instance.id, {})[i] = instance  # dicts keep their order, so the keyframes of a track rise
    _check_cost(keys, tracks, count, gaps)
    return tuple(_frame(keys, numbers, tracks, k, motion, gaps) for k in range(count))


def _check_cost(keys: Frames, tracks: dict[str, Track], count: int, gaps: str) -> None:
    """ValueError if there would be more instances, or points of scribbles, than can be made in a few seconds."""
    most = len(tracks) if gaps == BRIDGE else max(len(key.instances) for key in keys)
    check_total(count * most, WHERE)
    points = max(sum(len(i.scribble or ()) for i in key.instances) for key in keys)
    if count * points > MAX_POINTS:
        raise ValueError(
            f"{WHERE}: the scribbles would have {count * points} points over {count} frames, at most {MAX_POINTS} are possible. "
            "Use fewer frames, or scribbles of fewer points."
        )


def _frame(keys: Frames, numbers: Sequence[int], tracks: dict[str, Track], k: int, motion: str, gaps: str) -> Layout:
    after = bisect_right(numbers, k)
    left, right = max(after - 1, 0), min(after, len(keys) - 1)
    near = keys[_nearer(numbers, left, right, k, motion)]
    positions = {instance.id: i for i, instance in enumerate(near.instances)}
    if gaps == BRIDGE:  # what the nearest keyframe lacks lies in front
        positions |= {name: len(near.instances) for name in tracks if name not in positions}
    found = []
    for name in sorted(positions, key=positions.__getitem__):
        ends = _span(tracks[name], left, right) if gaps == BRIDGE else (left, right)
        instance = _moved(tracks[name], numbers, *ends, k, motion)
        if instance is not None:
            found.append(instance)
    return replace(near, instances=tuple(found), extra={**near.extra, FRAME: k})


def _span(track: Track, left: int, right: int) -> tuple[int, int]:
    """The keyframes of the track around frame k, if there are some on both sides; else the neighbouring keyframes."""
    given = list(track)
    before, behind = bisect_right(given, left) - 1, bisect_left(given, right)
    return (given[before], given[behind]) if before >= 0 and behind < len(given) else (left, right)


def _moved(track: Track, numbers: Sequence[int], left: int, right: int, k: int, motion: str) -> Instance | None:
    """The instance at frame k, between the keyframes left and right; None where it is absent."""
    near = _nearer(numbers, left, right, k, motion)
    if left == right or left not in track or right not in track:
        return track.get(near)
    return interpolate(track[left], track[right], _share(numbers, left, right, k, motion), near == right)


def interpolate(a: Instance, b: Instance, share: float, later: bool) -> Instance:
    """The instance at `share` (0..1) of the way from a to b; what cannot move is that of b if `later`, else of a.

    Formats that only one of them has are those of the one that is held.
    """
    held = b if later else a
    given: dict[str, Any] = {
        name: a_v + (b_v - a_v) * share
        for name in ("strength", "start", "end", "opacity", "reference_strength")
        for a_v, b_v in [(getattr(a, name), getattr(b, name))]
    }
    for name in ("box", "point"):
        old, new = getattr(a, name), getattr(b, name)
        if old is not None and new is not None:
            given[name] = tuple(x + (y - x) * share for x, y in zip(old, new, strict=True))
    if a.scribble is not None and b.scribble is not None:
        lines = _alike(a.scribble, b.scribble)
        if lines is not None:
            given["scribble"] = tuple((float(x), float(y)) for x, y in lines[0] + (lines[1] - lines[0]) * share)
    return replace(held, **given)


def _alike(a: Sequence[Point], b: Sequence[Point]) -> tuple[np.ndarray, np.ndarray] | None:
    """Two strokes with equally many points and the same direction, or two sets of as many points; None for what does not match."""
    sets = is_point_set(a), is_point_set(b)
    if any(sets):
        return (np.asarray(a), np.asarray(b)) if all(sets) and len(set(a)) == len(set(b)) else None
    count = max(len(a), len(b))
    first, second = _along(a, count), _along(b, count)
    ends = first[[0, -1]]
    turned = np.abs(ends - second[[-1, 0]]).sum() < np.abs(ends - second[[0, -1]]).sum()  # drawn the other way round
    return first, second[::-1] if turned else second


def _along(stroke: Sequence[Point], count: int) -> np.ndarray:
    points = np.asarray(stroke, dtype=np.float64)
    if len(points) == count:
        return points
    along = np.concatenate(([0.0], np.cumsum(np.sqrt((np.diff(points, axis=0) ** 2).sum(1)))))
    return np.stack([np.interp(np.linspace(0, along[-1], count), along, points[:, axis]) for axis in (0, 1)], axis=1)


def _share(numbers: Sequence[int], left: int, right: int, k: int, motion: str) -> float:
    if left == right or motion == HOLD:
        return 0.0 if k < numbers[right] else 1.0
    share = min(max((k - numbers[left]) / (numbers[right] - numbers[left]), 0.0), 1.0)
    return share * share * (3 - 2 * share) if motion == SMOOTH else share


def _nearer(numbers: Sequence[int], left: int, right: int, k: int, motion: str) -> int:
    """Of two keyframes the nearer one to frame k, the earlier one in the middle; with "hold" the earlier one."""
    if left == right:
        return left
    if motion == HOLD:
        return left if k < numbers[right] else right
    return left if k - numbers[left] <= numbers[right] - k else right


def _warn_of_strangers(keys: Frames, numbers: Sequence[int]) -> None:
    for (a, b), (first, second) in zip(pairwise(keys), pairwise(numbers), strict=True):
        if a.instances and b.instances and not {i.id for i in a.instances} & {i.id for i in b.instances}:
            logger.warning(
                "The keyframes at %d and %d have no instance id in common, so nothing moves between them.",
                first,
                second,
            )


def _whole(value: Any, position: int) -> int:
    if type(value) is not int or not 0 <= value < 10**6:
        raise ValueError(
            f'{WHERE}: "frame" of layout {position} must be a whole number from 0, got {fields.shorten(value)}.'
        )
    return value
