"""Binary masks as arrays: decoding, encoding, drawing from polygons and boxes, sizes, bounding boxes.

pycocotools and scikit-image are imported where they are used: most graphs need neither, and ComfyUI starts sooner.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout.instance import Box, Instance, Mask
from ..layout.rle import check_runs, decode_runs

SEG_SIZE = 512  # the tokenizer was trained on masks of this size
EMPTY = "The mask is empty (all black). Paint where the instance belongs, or remove the mask."


def decode_mask(mask: Mask) -> np.ndarray:
    """Mask -> (height, width) bool. Raises ValueError if its runs do not fill its size."""
    return np.ascontiguousarray(_columns(mask).T)


def crop_mask(mask: Mask, rows: tuple[int, int], columns: tuple[int, int]) -> Mask | None:
    """The pixels of rows first..end (without end) and of such columns, as a mask of that size; None if none is set."""
    cut = _columns(mask)[slice(*columns), slice(*rows)].T
    return encode_mask(cut) if cut.any() else None


def _columns(mask: Mask) -> np.ndarray:
    """(width, height) bool: the runs go down the columns."""
    runs = _runs(mask)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(mask.width, mask.height)


def _runs(mask: Mask) -> np.ndarray:
    runs = decode_runs(mask.counts)
    check_runs(runs, mask.height, mask.width)
    return runs


def encode_mask(mask: np.ndarray) -> Mask:
    """(height, width), non-zero = inside -> Mask."""
    from pycocotools import mask as coco

    return _as_mask(coco.encode(np.asfortranarray(mask != 0, dtype=np.uint8)))


def draw_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """COCO polygons, each [x1, y1, x2, y2, ...] in pixels -> (height, width) bool, their union."""
    from pycocotools import mask as coco

    given: Any = [list(map(float, polygon)) for polygon in polygons]  # the stubs of pycocotools know whole numbers only
    return decode_mask(_as_mask(coco.merge(coco.frPyObjects(given, height, width))))


def _as_mask(encoded: Any) -> Mask:
    """pycocotools' run-lengths, whose counts are bytes."""
    height, width = encoded["size"]
    return Mask(int(height), int(width), encoded["counts"].decode("ascii"))


def mask_box(mask: np.ndarray) -> Box:
    """Smallest box around a mask (H, W), in 0..1, along the outer borders of its pixels. ValueError if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        raise ValueError(EMPTY)
    height, width = mask.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def mask_extent(mask: Mask) -> Box:
    """`mask_box` of an encoded mask, read from its runs alone: for 2048 x 2048 pixels a hundred times as fast."""
    ends = np.cumsum(_runs(mask))
    firsts, lasts = ends[:-1:2], ends[1::2] - 1  # pixels of each run of ones, counted down the columns
    firsts, lasts = firsts[firsts <= lasts], lasts[firsts <= lasts]
    if not firsts.size:
        raise ValueError(EMPTY)
    height, width = mask.height, mask.width
    tops, bottoms = firsts % height, lasts % height
    if (firsts // height < lasts // height).any():  # a run that goes on in the next column touches both borders
        top, bottom = 0, height
    else:
        top, bottom = tops.min(), bottoms.max() + 1
    left, right = firsts[0] // height, lasts[-1] // height + 1
    return float(left / width), float(top / height), float(right / width), float(bottom / height)


def extent(instance: Instance) -> Box:
    """The smallest box, in 0..1, around all that says where the instance is."""
    if instance.box is not None:
        return instance.box
    if instance.mask is not None:
        return mask_extent(instance.mask)
    xs, ys = zip(*(*(instance.scribble or ()), *((instance.point,) if instance.point is not None else ())), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def resize_seg(mask: np.ndarray) -> np.ndarray:
    """(H, W) mask -> (512, 512) float32 in 0..1, as inference.py does: bilinear, smoothed where it shrinks."""
    from skimage.transform import resize

    return np.asarray(resize(mask.astype(np.float32), (SEG_SIZE, SEG_SIZE)), np.float32)


def resize_nearest(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) -> (height, width), the pixel under each new pixel's centre."""
    rows = (np.arange(height) * 2 + 1) * mask.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * mask.shape[1] // (2 * width)
    return mask[rows][:, columns]


def draw_box(box: Box, height: int, width: int) -> np.ndarray:
    """Box in 0..1 -> (height, width) bool; at least one pixel."""
    x0, x1 = pixel_range(box[0], box[2], width)
    y0, y1 = pixel_range(box[1], box[3], height)
    out = np.zeros((height, width), dtype=bool)
    out[y0:y1, x0:x1] = True
    return out


def pixel_range(low: float, high: float, size: int) -> tuple[int, int]:
    """Fractions -> first and one past the last of `size` pixels: rounded (half to even), on the canvas, never empty."""
    first = min(max(int(np.round(low * size)), 0), size - 1)
    return first, min(max(int(np.round(high * size)), first + 1), size)
