"""What happens where instances overlap: how well the shared area is met, and who is in front.

o-mIoU is OverLayBench's (Li et al., NeurIPS 2025, arXiv 2509.19282): of two instances whose boxes overlap, the IoU of the area that
the given boxes share with the area that the boxes of their detections share. Who is in front no benchmark of the field measures by a
detector; the rule here is our own, see `front_is_right`.
"""

from collections.abc import Sequence

import numpy as np

from ..geometry.growing import grown
from ..geometry.masks import crop_mask, decode_mask, mask_area
from .record import Record, Region

SHARED = 0.05  # a pair overlaps if this much of the smaller region is shared
NESTED = 0.9  # and from here on the smaller one lies in the larger
REACH = 1 / 64  # of the picture's shorter side: objects this near touch, since a detector's masks leave a seam
TOUCH = 0.2  # of the side of the square that is as large as the shared area: along so much of it at least they touch
MOST_PAIRS = 1000  # of a picture; of more, those whose boxes share most
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels


def overlapping_pairs(regions: Sequence[Region]) -> list[tuple[int, int]]:
    """Positions of instances whose regions (masks, else boxes) share at least SHARED of the smaller one, the one behind first:
    regions are in depth order."""
    known = [i for i, region in enumerate(regions) if region.box is not None]
    x, y, w, h = np.array([regions[i].box for i in known], np.float64).reshape(-1, 4).T
    across = (np.minimum(x + w, (x + w)[:, None]) - np.maximum(x, x[:, None])).clip(min=0)
    down = (np.minimum(y + h, (y + h)[:, None]) - np.maximum(y, y[:, None])).clip(min=0)
    area = np.triu(across * down, 1)
    behind, front = np.nonzero(area)
    largest = np.argsort(-area[behind, front], kind="stable")[:MOST_PAIRS]
    pairs = sorted((known[behind[k]], known[front[k]]) for k in largest)
    return [pair for pair in pairs if _share(regions[pair[0]], regions[pair[1]]) >= SHARED]


def overlap_iou(record: Record, first: int, second: int) -> float:
    """IoU, 0..1, of the area that the boxes of two instances share and the area that the boxes of their detections share; 0 if one was
    not found. first, second: positions in `record.wanted`, both with boxes; matches of the record are those of the boxes."""
    given = _shared_box(record.wanted[first], record.wanted[second])
    one, two = record.matches[first], record.matches[second]
    if given is None or one is None or two is None:
        return 0.0
    seen = _shared_box(record.found[one], record.found[two])
    both = None if seen is None else _cut(given, seen)
    if seen is None or both is None:
        return 0.0
    return _area(both) / (_area(given) + _area(seen) - _area(both))


def mean_overlap_iou(records: Sequence[Record], pairs: Sequence[Sequence[tuple[int, int]]]) -> float | None:
    """o-mIoU: mean over pictures of the mean over their pairs, 0..1; pictures without any are left out. None if none has a pair."""
    means = [
        sum(overlap_iou(record, *pair) for pair in given) / len(given)
        for record, given in zip(records, pairs, strict=True)
        if given
    ]
    return sum(means) / len(means) if means else None


def mean_box_iou(records: Sequence[Record], overlaps: Sequence[np.ndarray]) -> float | None:
    """OverLayBench's mIoU: mean over pictures of the mean IoU of the instances' boxes with their detections, 0 without one.

    overlaps: of each record `matching.ious` of its boxes, (n, m)."""
    means = [
        sum(0.0 if j is None else float(ious[i, j]) for i, j in enumerate(record.matches)) / len(record.matches)
        for record, ious in zip(records, overlaps, strict=True)
        if record.matches
    ]
    return sum(means) / len(means) if means else None


def front_is_right(record: Record, behind: int, front: int) -> bool | None:
    """Whether of two overlapping instances the one that is later in the layout is seen in front.

    Most of the pixels of either object in the area that their given regions share belong to the one in front. Where one region lies in
    the other (NESTED) the smaller object is only seen if it is in front. None if the picture cannot tell: one of the two was not
    found, detections without masks, neither in the shared area, the one in front can be seen through, or the two objects hardly touch
    each other: the corners of a star's region are empty.
    """
    one, two = record.matches[behind], record.matches[front]
    back, over = record.wanted[behind], record.wanted[front]
    area = _shared_box(back, over)
    if one is None or two is None or area is None or over.see_through:
        return None
    found = record.found[one], record.found[two]
    masked = all(region.mask is not None for region in found)
    shared = _pixels(back, area, record) & _pixels(over, area, record)
    if masked and not _touch(*found, area, int(shared.sum()), record):
        return None
    small, large = sorted((_size(back), _size(over)))
    if _share(back, over) >= NESTED and small < NESTED * large:
        return small == _size(over)
    if not masked:
        return None
    below, above = (int((_pixels(region, area, record) & shared).sum()) for region in found)
    return above > below if above + below else None


def orders(record: Record) -> list[tuple[int, int, bool]]:
    """(behind, front, right) of every overlapping pair of which the picture tells; numbers as `overlapping_pairs`."""
    told = [(pair, front_is_right(record, *pair)) for pair in overlapping_pairs(record.wanted)]
    return [(*pair, right) for pair, right in told if right is not None]


def undecided(record: Record) -> int:
    """How many overlapping pairs do not tell who is in front, though both were found with masks and neither can be seen through."""

    def seen(i: int) -> bool:
        match = record.matches[i]
        return match is not None and record.found[match].mask is not None and not record.wanted[i].see_through

    pairs = [pair for pair in overlapping_pairs(record.wanted) if seen(pair[0]) and seen(pair[1])]
    return sum(front_is_right(record, *pair) is None for pair in pairs)


def _touch(one: Region, two: Region, area: Box, shared: int, record: Record) -> bool:
    """Whether two objects border on each other, in an area or right beside it, as far as objects of which one covers the other do."""
    reach = max(2, round(REACH * min(record.width, record.height)))
    rim = reach + 1
    x0, y0, x1, y1 = area
    around = max(x0 - rim, 0.0), max(y0 - rim, 0.0), min(x1 + rim, record.width), min(y1 + rim, record.height)
    first, second = (_pixels(region, around, record) for region in (one, two))
    near = min(int((first & grown(second, reach)).sum()), int((second & grown(first, reach)).sum()))
    return near >= TOUCH * reach * shared**0.5


def _share(one: Region, two: Region) -> float:
    """Of the smaller region, the part that both have, 0..1."""
    area = _shared_box(one, two)
    if area is None:
        return 0.0
    shared = _area(area)
    if one.mask is not None or two.mask is not None:
        size = next((r.mask.height, r.mask.width) for r in (one, two) if r.mask is not None)
        shared = float((_inside(one, area, size) & _inside(two, area, size)).sum())
    return shared / max(min(_size(one), _size(two)), 1e-9)


def _size(region: Region) -> float:
    """Pixels of a region: of its mask, else of its box."""
    if region.mask is not None:
        return float(mask_area(region.mask))
    return 0.0 if region.box is None else region.box[2] * region.box[3]


def _pixels(region: Region, area: Box, record: Record) -> np.ndarray:
    return _inside(region, area, (record.height, record.width))


def _inside(region: Region, area: Box, size: tuple[int, int]) -> np.ndarray:
    """Which pixels of an area, a part of the region's box, belong to the region: (rows, columns) bool. size: the picture's height, width."""
    (y0, y1), (x0, x1) = (
        (min(int(np.floor(low)), side - 1), min(int(np.ceil(high)), side))
        for low, high, side in ((area[1], area[3], size[0]), (area[0], area[2], size[1]))
    )
    if region.mask is None:
        return np.ones((y1 - y0, x1 - x0), bool)
    cut = crop_mask(region.mask, (y0, y1), (x0, x1))
    return np.zeros((y1 - y0, x1 - x0), bool) if cut is None else decode_mask(cut)


def _shared_box(one: Region, two: Region) -> Box | None:
    if one.box is None or two.box is None:
        return None
    return _cut(*((x, y, x + w, y + h) for x, y, w, h in (one.box, two.box)))


def _cut(one: Box, two: Box) -> Box | None:
    x0, y0, x1, y1 = max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
