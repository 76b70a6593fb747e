"""Which detection belongs to which instance, and how far the two agree."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..geometry.masks import mask_bits, pixels_at
from ..layout.instance import Mask, Point
from .record import Region

MAX_PAIRS = 5_000_000  # of an instance and a detection, in a picture
MAX_RUNS = 20_000_000  # characters of run-lengths, over all pairs; beyond, masks are compared as bits
_BITS = np.array([i.bit_count() for i in range(2**16)], np.uint8)


def check_pairs(wanted: int, found: int, where: str) -> None:
    """ValueError if every instance cannot be compared with every detection in time."""
    if wanted * found > MAX_PAIRS:
        raise ValueError(
            f"{where}: {wanted} instances and {found} detections are too many to compare. Use at most {MAX_PAIRS // wanted} "
            "detections: raise the detector's threshold."
        )


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
        ragged = kind == "mask" and _runs(gts) * len(dts) + _runs(dts) * len(gts) > MAX_RUNS
        found_ious = _ious_of_bits(gts, dts) if ragged else np.asarray(coco.iou(dts, gts, [0] * len(gts))).T
        out[np.ix_(rows, columns)] = found_ious
    return out


def _runs(regions: Sequence[dict[str, Any]]) -> int:
    """About how many runs there are: each takes a character or more."""
    return sum(len(region["counts"]) for region in regions)


def _ious_of_bits(wanted: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> np.ndarray:
    """The same numbers for masks of so many runs that walking along them takes longer than comparing all pixels."""
    rows, columns = ([_bits(region) for region in regions] for regions in (wanted, found))
    areas, others = (np.array([_count(bits) for bits in side]) for side in (rows, columns))
    both = np.array([[_count(a & b) for b in columns] for a in rows])
    return both / np.maximum(areas[:, None] + others - both, 1)


def _bits(region: dict[str, Any]) -> np.ndarray:
    height, width = region["size"]
    packed = mask_bits(Mask(height, width, region["counts"].decode("ascii")))
    return np.pad(packed, (0, len(packed) % 2)).view(np.uint16)


def _count(bits: np.ndarray) -> int:
    return int(_BITS[bits].sum(dtype=np.int64))


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
    xs, ys = np.asarray(points, np.float64).reshape(-1, 2).T
    if region.mask is not None:
        rows, columns = (
            (v * side).astype(np.int64).clip(max=side - 1)
            for v, side in ((ys, region.mask.height), (xs, region.mask.width))
        )
        return float(pixels_at(region.mask, rows, columns).mean())
    if not box_will_do or region.box is None:
        return None
    x0, y0, w, h = region.box
    xs, ys = xs * width, ys * height
    return float(((x0 <= xs) & (xs <= x0 + w) & (y0 <= ys) & (ys <= y0 + h)).mean())


def overlaps(
    by_mask: np.ndarray,
    by_box: np.ndarray,
    found: Sequence[Region],
    points: Sequence[Sequence[Point]],
    width: int,
    height: int,
) -> np.ndarray:
    """How far instances and detections agree, (n, m) in 0..1: of the masks, else of the boxes, else the points inside.

    by_mask, by_box: `ious`. points: of each instance its point and scribble, for those that have neither box nor mask.
    """
    out = np.where(np.isnan(by_mask), by_box, by_mask)
    for j, i in np.argwhere(np.isnan(out).T):
        out[i, j] = share_inside(points[i], found[j], width, height, box_will_do=True)
    return out


def match(overlap: np.ndarray, allowed: np.ndarray, scores: Sequence[float]) -> tuple[int | None, ...]:
    """One detection at most for each instance, and one instance for each detection.

    overlap, allowed: (n, m). The pair that agrees best is taken first; of equal ones that of the surer detection, then of
    the earlier instance. Pairs that do not touch are none. (The authors' eval_pim.py goes through the instances in their
    order, gives each the best mask that is left, touching or not, and knows no classes.)
    """
    rows, columns = np.nonzero(allowed & (overlap > 0))
    order = np.lexsort((columns, rows, -np.asarray(scores, np.float64)[columns], -overlap[rows, columns]))
    chosen: list[int | None] = [None] * overlap.shape[0]
    taken: set[int] = set()
    for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
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
    ids = {name: i for i, name in enumerate({region.name for region in wanted})}
    rows = np.array([ids[region.name] for region in wanted], int)
    columns = np.array([-1 if region.name is None else ids.get(region.name, -2) for region in found], int)
    return (columns == -1) | (rows[:, None] == columns)
