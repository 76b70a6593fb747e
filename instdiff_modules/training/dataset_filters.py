"""Which instances of detections go into a dataset: sure enough, large enough, each thing once, not too many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.masks import extent, mask_area
from ..layout.instance import Instance, Layout
from ..layout.parts import without

HIDDEN, UNNAMED, UNSURE, SMALL, DOUBLE, MANY = (
    "hidden",
    "without a prompt",
    "below the score",
    "too small",
    "overlapping",
    "more than the most",
)


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
    ranked = sorted(
        (i for i in left if _area(instances[i]) is not None),
        key=lambda i: (-_score(instances[i]), -(_area(instances[i]) or 0)),
    )
    kept: list[int] = []
    gone = []
    for i in ranked:
        if max(_ious(instances[i], [instances[k] for k in kept]), default=0) > most:
            gone.append(i)
        else:
            kept.append(i)
    return gone


def _ious(one: Instance, others: Sequence[Instance]) -> list[float]:
    """Of masks of one size that of their pixels, else that of the boxes around; only where the boxes touch."""
    if not others:
        return []
    a, b = np.array(extent(one)), np.array([extent(other) for other in others])
    sides = np.clip(np.minimum(a[2:], b[:, 2:]) - np.maximum(a[:2], b[:, :2]), 0, None)
    common = sides.prod(1)
    union = (a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(1) - common
    ious = np.divide(common, union, out=np.zeros(len(b)), where=union > 0)
    masked = [i for i, other in enumerate(others) if common[i] > 0 and _same_size(one, other)]
    if masked:
        ious[masked] = _mask_ious(one, [others[i] for i in masked])
    return ious.tolist()


def _same_size(a: Instance, b: Instance) -> bool:
    return bool(a.mask and b.mask) and (a.mask.height, a.mask.width) == (b.mask.height, b.mask.width)


def _mask_ious(one: Instance, others: Sequence[Instance]) -> np.ndarray:
    from pycocotools import mask as coco

    def encoded(instance: Instance) -> dict:
        mask = instance.mask
        assert mask
        return {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}

    return np.asarray(coco.iou([encoded(one)], [encoded(other) for other in others], [0] * len(others)))[0]
