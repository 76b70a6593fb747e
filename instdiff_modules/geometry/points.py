"""From shapes to the numbers the tokenizer eats: sampled points of masks and strokes, attention masks.

The sampling rules are those of the reference's dataset/decode_item.py and utils/input.py, so that a mask gives the
numbers the weights were trained on; only their unseeded random draws take a generator here.
"""

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..layout.instance import Box, Point
from .interior import interior_points, lengths
from .masks import decode_mask, encode_mask, mask_box, pixel_range, resize_seg

__all__ = [
    "POLYGON_POINTS",
    "SCRIBBLE_POINTS",
    "attention_masks",
    "box_center",
    "decode_mask",
    "drawable",
    "encode_mask",
    "interior_points",
    "is_point_set",
    "mask_box",
    "mask_contours",
    "mask_polygon_points",
    "mask_scribble_points",
    "reorder_points",
    "resample_stroke",
    "resize_seg",
    "scale_points",
    "spread_points",
]

SCRIBBLE_POINTS = 20
POLYGON_POINTS = 256
MAX_DRAWN = 20_000  # points of a stroke that is drawn
MAX_OUTLINE = 50_000  # steps between pixels inside and outside; beyond, 128 points tell nothing finer


def box_center(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def mask_contours(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines of a mask (H, W), each (n, 2) as x, y in pixels (binary_mask_to_polygon at tolerance 0).

    The outline runs over the zero pixels around the mask, one pixel to the right and below because of the border that
    is added to close it: kept, since the weights were trained on such outlines. Outlines of more than MAX_OUTLINE steps,
    as of noise, are those of the mask in larger pixels.
    """
    from skimage.measure import find_contours  # slow to import, and only masks need it

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return []
    top, left = rows[0], columns[0]
    padded, pixel = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1] != 0, 1), 1
    while sum(np.count_nonzero(np.diff(padded, axis=axis)) for axis in (0, 1)) > MAX_OUTLINE:
        padded, pixel = np.pad(_halved(padded[1:-1, 1:-1]), 1), 2 * pixel
    found = find_contours(padded.astype(np.float64), 0.0)
    return [contour[:, ::-1] * pixel + (left, top) for contour in found if len(contour) >= 3]


def _halved(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool in pixels of twice the size, set where any of the four is."""
    height, width = mask.shape
    even = np.pad(mask, ((0, height % 2), (0, width % 2)))
    return even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]


def mask_polygon_points(
    mask: np.ndarray, count: int = POLYGON_POINTS, rng: random.Random | None = None
) -> np.ndarray | None:
    """(count, 2) points x, y in pixels: half on the outlines of a mask (H, W), half inside; nearest the origin first.

    None if the mask is empty (sample_sparse_points_from_mask). rng: for masks with fewer than count / 2 pixels.
    """
    contours = mask_contours(mask)
    if not contours:
        return None
    outline = np.concatenate(contours)
    outline = outline[np.linspace(0, len(outline) - 1, count // 2).astype(int)]
    inside = interior_points(mask, count - len(outline), rng or random.Random(0))
    return _by_distance(np.concatenate((inside, outline)))


def mask_scribble_points(mask: np.ndarray, rng: np.random.RandomState, count: int = SCRIBBLE_POINTS) -> np.ndarray:
    """(count, 2) random points x, y in pixels inside a mask (H, W), nearest to the origin first; zeros if it is empty.

    Pixels repeat only if there are fewer than `count` (sample_random_points_from_mask).
    """
    pixels = np.argwhere(mask)
    if len(pixels) == 0:
        return np.zeros((count, 2))
    chosen = rng.choice(len(pixels), count, replace=len(pixels) < count)
    return _by_distance(pixels[chosen][:, ::-1].astype(np.float64))


def scale_points(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels (n, 2) as x, y -> x, y interleaved (2 n,) in fractions, cut at 1 (convert_points)."""
    return np.minimum(points / (width, height), 1.0).reshape(-1)


def drawable(stroke: Sequence[Point]) -> Sequence[Point]:
    """A stroke of at most MAX_DRAWN points and its last one, evenly chosen: more fall into the same pixels, but take long to draw."""
    step = -(-len(stroke) // MAX_DRAWN)
    return stroke if step <= 1 else (*stroke[::step], stroke[-1])


def reorder_points(points: Sequence[Point] | np.ndarray, count: int = SCRIBBLE_POINTS) -> np.ndarray:
    """(n, 2) -> (count, 2), nearest to the origin first, as reorder_scribbles means to do for one scribble.

    More points than `count`: every (n // count)-th, so that up to count - 1 far ones may be lost; fewer: some repeat.
    """
    ordered = _by_distance(np.asarray(points, dtype=np.float64))
    return _by_distance(ordered[_spread(len(ordered), count, authors=True)])


def spread_points(points: Sequence[Point], count: int = SCRIBBLE_POINTS) -> tuple[Point, ...]:
    """A set of points as exactly `count`, evenly repeated or thinned out; none that was not given is made up."""
    return tuple(points[i] for i in _spread(len(points), count, authors=False))


def is_point_set(scribble: Sequence[Point]) -> bool:
    """Whether a scribble came from spread_points: its points stand for themselves, no line joins them."""
    return len(scribble) == SCRIBBLE_POINTS and any(a == b for a, b in pairwise(scribble))


def resample_stroke(stroke: Sequence[Point], count: int = SCRIBBLE_POINTS) -> np.ndarray:
    """A stroke of any number of points -> (count, 2) points on it, nearest to the origin first.

    Exactly `count` points are taken as they are; others are placed at equal distances along the line. (The authors
    expect 20 points; of 21 to 39 their code would keep the 20 nearest to the origin, half of the stroke.)
    """
    points = np.asarray(stroke, dtype=np.float64).reshape(-1, 2)
    if len(points) != count:
        steps = np.sqrt((np.diff(points, axis=0) ** 2).sum(1))
        along = np.concatenate(([0.0], np.cumsum(steps)))
        at = np.linspace(0, along[-1], count)
        points = np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], axis=1)
    return _by_distance(points)


def attention_masks(
    boxes: Sequence[Box], height: int, width: int, transposed: bool = False, keep_small: bool = True
) -> np.ndarray:
    """Boxes in 0..1 -> (len(boxes), height, width) uint8, 1 in the cells of the box; edges rounded half to even.

    Every box with an area gets at least one cell; keep_small=False leaves out those that round to nothing.
    transposed=True is get_attmask_w_box to the letter: x along the height, no such cell, and edges off the canvas
    taken as Python slices take them (the weights may have been trained with such masks).
    """
    out = np.zeros((len(boxes), height, width), dtype=np.uint8)
    for cells, (x0, y0, x1, y1) in zip(out, boxes, strict=True):
        if transposed:
            a, c = (int(np.round(v * height)) for v in (x0, x1))
            b, d = (int(np.round(v * width)) for v in (y0, y1))
            cells[a:c, b:d] = 1
        elif x1 > x0 and y1 > y0 and (keep_small or (_rounds(y0, y1, height) and _rounds(x0, x1, width))):
            cells[slice(*pixel_range(y0, y1, height)), slice(*pixel_range(x0, x1, width))] = 1
    return out


def _rounds(low: float, high: float, size: int) -> bool:
    return np.round(low * size) < np.round(high * size)


def _by_distance(points: np.ndarray) -> np.ndarray:
    """Sort (n, 2) by distance to (0, 0); equal ones keep their order."""
    return points[np.argsort(lengths(points), kind="stable")]


def _spread(n: int, count: int, authors: bool) -> list[int]:
    """Indices of `count` of n items, evenly: repeated if n is smaller, thinned out if it is larger."""
    if n == 0:
        raise ValueError("Expected at least one point, got none.")
    if n >= count and authors:
        return [i * (n // count) for i in range(count)]
    return [i * n // count for i in range(count)]
