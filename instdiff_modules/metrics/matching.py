"""Which detection belongs to which instance, and how far the two agree."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..geometry.masks import decode_mask
from ..layout.instance import Point
from .record import Region


def ious(wanted: Sequence[Region], found: Sequence[Region], kind: str) -> np.ndarray:
    """Intersection over union of every instance with every detection, (n, m) float; NaN where one of the two has no such region.

    kind: "box" or "mask". The numbers are pycocotools', without its special case for crowds.
    """
    from pycocotools import mask as coco  # only scores need it

    out = np.full((len(wanted), len(found)), np.nan)
    rows, columns = ([i for i, p in enumerate(regions) if getattr(p, kind) is not None] for regions in (wanted, found))
    if rows and columns:
        gts: Any = [_plain(wanted[i], kind) for i in rows]
        dts: Any = [_plain(found[j], kind) for j in columns]
        out[np.ix_(rows, columns)] = np.asarray(coco.iou(dts, gts, [0] * len(gts))).T
    return out


def _plain(region: Region, kind: str) -> list[float] | dict[str, Any]:
    """A region as pycocotools takes it."""
    if kind == "box":
        assert region.box is not None  # those without are left out
        return list(region.box)
    assert region.mask is not None
    return {"size": [region.mask.height, region.mask.width], "counts": region.mask.counts.encode("ascii")}


def share_inside(
    points: Sequence[Point], region: Region, width: int, height: int, box_will_do: bool = False
) -> float | None:
    """Share of points (fractions of the picture) that lie in a detection's mask; without a mask in its box, if that will do."""
    if region.mask is not None:
        mask = decode_mask(region.mask)
        return float(
            np.mean(
                [
                    mask[min(int(y * mask.shape[0]), mask.shape[0] - 1), min(int(x * mask.shape[1]), mask.shape[1] - 1)]
                    for x, y in points
                ]
            )
        )
    if not box_will_do or region.box is None:
        return None
    x0, y0, w, h = region.box
    return float(np.mean([x0 <= x * width <= x0 + w and y0 <= y * height <= y0 + h for x, y in points]))


def overlaps(
    wanted: Sequence[Region], found: Sequence[Region], points: Sequence[Sequence[Point]], width: int, height: int
) -> np.ndarray:
    """How far instances and detections agree, (n, m) in 0..1: of the masks, else of the boxes, else the points inside.

    points: of each instance its point and scribble, for those that have neither box nor mask.
    """
    by_mask, by_box = ious(wanted, found, "mask"), ious(wanted, found, "box")
    out = np.where(np.isnan(by_mask), by_box, by_mask)
    for i, j in np.argwhere(np.isnan(out)):
        out[i, j] = share_inside(points[i], found[j], width, height, box_will_do=True)
    return out


def match(overlap: np.ndarray, allowed: np.ndarray, scores: Sequence[float]) -> tuple[int | None, ...]:
    """One detection at most for each instance, and one instance for each detection.

    overlap, allowed: (n, m). The pair that agrees best is taken first; of equal ones that of the surer detection, then of
    the earlier instance. Pairs that do not touch are none. (The authors' eval_pim.py goes through the instances in their
    order, gives each the best mask that is left, touching or not, and knows no classes.)
    """
    pairs = [(-overlap[i, j], -scores[j], i, j) for i, j in np.argwhere(allowed & (overlap > 0)).tolist()]
    chosen: list[int | None] = [None] * overlap.shape[0]
    taken: set[int] = set()
    for _, _, i, j in sorted(pairs):
        if chosen[i] is None and j not in taken:
            chosen[i] = j
            taken.add(j)
    return tuple(chosen)


def with_strays(matches: Sequence[int | None], allowed: np.ndarray, scores: Sequence[float]) -> tuple[int | None, ...]:
    """The matches, and for an instance without one the surest detection that it may have and that nobody has: far from its region."""
    chosen = list(matches)
    free = sorted(set(range(len(scores))) - set(matches), key=lambda j: -scores[j])
    for i, match_of_i in enumerate(matches):
        stray = next((j for j in free if allowed[i, j]), None) if match_of_i is None else None
        if stray is not None:
            chosen[i] = stray
            free.remove(stray)
    return tuple(chosen)


def same_class(wanted: Sequence[Region], found: Sequence[Region]) -> np.ndarray:
    """(n, m) bool; a detection without a class fits every instance."""
    return np.array([[f.name is None or f.name == w.name for f in found] for w in wanted], bool).reshape(
        len(wanted), len(found)
    )
