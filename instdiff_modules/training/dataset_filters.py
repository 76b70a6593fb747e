"""Which instances of detections go into a dataset: sure enough, large enough, each thing once, not too many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..geometry.masks import extent, mask_area, mask_extent
from ..layout.instance import Box, Instance, Layout, Mask
from ..layout.parts import without

HIDDEN, UNNAMED, UNSURE, SMALL, DOUBLE, MANY = (
    "hidden",
    "without a prompt",
    "below the score",
    "too small",
    "overlapping",
    "more than the most",
)

ROUNDING = 1e-6  # of an IoU


@dataclass(frozen=True)
class Filters:
    """min_score: of the field `score` that detections have, 0..1; instances without it are sure. min_area: share of the picture, 0..1.

    max_overlap: IoU, 0..1, above which the less sure of two goes, whatever their prompts; 1 keeps all. most: instances, by area.
    """

    min_score: float = 0.3
    min_area: float = 0.001
    max_overlap: float = 0.8
    most: int = 30


def filtered(layout: Layout, filters: Filters) -> tuple[Layout, Counter[str]]:
    """The layout without what the filters leave out, in its order, and how many went for which reason."""
    gone: dict[int, str] = {}
    for i, one in enumerate(layout.instances):
        reason = _reason(one, filters)
        if reason:
            gone[i] = reason
    left = [i for i in range(len(layout.instances)) if i not in gone]
    gone |= dict.fromkeys(_doubles(layout.instances, left, filters.max_overlap), DOUBLE)
    left = [i for i in left if i not in gone]
    largest = sorted(left, key=lambda i: -(_area(layout.instances[i]) or 0))
    gone |= dict.fromkeys(largest[filters.most :], MANY)
    return replace(layout, instances=without(layout.instances, set(gone))), Counter(gone.values())


def _reason(one: Instance, filters: Filters) -> str:
    area = _area(one)
    if not one.visible:
        return HIDDEN
    if not one.prompt.strip():
        return UNNAMED
    if _score(one) < filters.min_score:
        return UNSURE
    return SMALL if area is not None and area < filters.min_area else ""


def _score(one: Instance) -> float:
    """What a detector wrote; what a person drew is sure."""
    score = one.extra.get("score")
    return float(score) if isinstance(score, (int, float)) and not isinstance(score, bool) else 1.0


def _area(one: Instance) -> float | None:
    """Share of the picture; None for points and strokes, which have none."""
    if one.mask is not None:
        return mask_area(one.mask) / (one.mask.height * one.mask.width)
    return None if one.box is None else (one.box[2] - one.box[0]) * (one.box[3] - one.box[1])


def _doubles(instances: Sequence[Instance], left: Sequence[int], most: float) -> list[int]:
    """Non-maximum suppression: from the surest on (of equals the largest), each removes those that overlap it too much."""
    regions = {
        i: _Region(one.mask, _place(one), area) for i in left if (area := _area(one := instances[i])) is not None
    }
    kept: list[int] = []
    gone = []
    for i in sorted(regions, key=lambda i: (-_score(instances[i]), -regions[i].area)):
        if _overlaps(regions[i], [regions[k] for k in kept], most):
            gone.append(i)
        else:
            kept.append(i)
    return gone


class _Region(NamedTuple):
    """place: the box around it, x0, y0, x1, y1. area: of the mask, else of the box; a share of the picture."""

    mask: Mask | None
    place: Box
    area: float


def _place(one: Instance) -> Box:
    return extent(one) if one.mask is None else mask_extent(one.mask)


def _overlaps(one: _Region, others: Sequence[_Region], most: float) -> bool:
    """Whether an IoU is above `most`: of masks of one size that of their pixels, else that of the boxes around."""
    if not others:
        return False
    place, places = np.array(one.place), np.array([other.place for other in others])
    common = np.clip(np.minimum(place[2:], places[:, 2:]) - np.maximum(place[:2], places[:, :2]), 0, None).prod(1)
    union = (place[2:] - place[:2]).prod() + (places[:, 2:] - places[:, :2]).prod(1) - common
    masked = np.array([_same_size(one.mask, other.mask) for other in others])
    if (~masked & (common > 0) & (common > most * union)).any():
        return True
    # Pixels are compared only where boxes and areas leave it possible: that takes far longer.
    areas = np.array([other.area for other in others])
    shared = np.minimum(common, np.minimum(areas, one.area))
    near = masked & (shared > 0) & (shared > (most - ROUNDING) * (areas + one.area - shared))
    return any(_mask_iou(one.mask, others[k].mask) > most for k in np.flatnonzero(near).tolist())


def _same_size(a: Mask | None, b: Mask | None) -> bool:
    return a is not None and b is not None and (a.height, a.width) == (b.height, b.width)


def _mask_iou(a: Mask | None, b: Mask | None) -> float:
    """Of two masks of one size, 0..1; 0 if there are none."""
    from pycocotools import mask as coco

    given: list[Any] = [  # the stubs of pycocotools know no dictionaries
        {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")} for mask in (a, b) if mask
    ]
    return float(np.asarray(coco.iou(given[:1], given[1:], [0]))[0, 0]) if len(given) == 2 else 0.0
