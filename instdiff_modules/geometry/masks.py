"""Binary masks as arrays: decoding, encoding, drawing from polygons and boxes, sizes, bounding boxes.

pycocotools and scikit-image are imported where they are used: most graphs need neither, and ComfyUI starts sooner.
"""

from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..layout.instance import Box, Instance, Mask
from ..layout.rle import check_runs, decode_runs

SEG_SIZE = 512  # the tokenizer was trained on masks of this size
DENSE = 1 / 8  # of a mask's pixels: to look up more of them one by one takes longer than to unpack them all
SMOOTHED = 4  # cells of the seg beside a mask that its smoothing reaches: four times (n - 1) / 2 pixels of cells of n
EMPTY = "The mask is empty (all black). Paint where the instance belongs, or remove the mask."


def decode_mask(mask: Mask) -> np.ndarray:
    """Mask -> (height, width) bool. Raises ValueError if its runs do not fill its size."""
    return _transposed(_columns(mask))


def shrink_mask(mask: Mask, height: int, width: int) -> np.ndarray:
    """Mask -> a smaller (height, width) bool, set where any of the pixels is, so that nothing thin is lost. From the runs alone."""
    ends = _ends(mask).astype(np.int64)
    firsts, lasts = ends[:-1:2], ends[1::2] - 1
    firsts, lasts = firsts[firsts <= lasts], lasts[firsts <= lasts]
    left, right = firsts // mask.height, lasts // mask.height
    tops, bottoms = firsts % mask.height, lasts % mask.height
    # a run through several columns: the end of one, the beginning of another, all of those between
    over = left < right
    columns = np.concatenate((left, right[over]))
    tops = np.concatenate((tops, np.zeros(over.sum(), np.int64)))
    bottoms = np.concatenate((np.where(over, mask.height - 1, bottoms), bottoms[over]))
    steps = np.zeros((width, height + 1), np.int32)
    at = columns * width // mask.width
    np.add.at(steps, (at, tops * height // mask.height), 1)
    np.add.at(steps, (at, bottoms * height // mask.height + 1), -1)
    out = np.cumsum(steps[:, :-1], 1) > 0
    for a, b in zip((left[over] + 1).tolist(), right[over].tolist(), strict=True):
        if a < b:
            out[a * width // mask.width : (b - 1) * width // mask.width + 1] = True
    return out.T


def crop_mask(mask: Mask, rows: tuple[int, int], columns: tuple[int, int]) -> Mask | None:
    """The pixels of rows first..end (without end) and of such columns, as a mask of that size; None if none is set."""
    cut = _columns(mask)[slice(*columns), slice(*rows)].T
    return encode_mask(cut) if cut.any() else None


def _columns(mask: Mask) -> np.ndarray:
    """(width, height) bool: the runs go down the columns."""
    runs = _runs(mask)
    ones = np.zeros(len(runs), dtype=bool)
    ones[1::2] = True
    return np.repeat(ones, runs).reshape(mask.width, mask.height)


def _transposed(pixels: np.ndarray) -> np.ndarray:
    """A copy with rows and columns exchanged, tile by tile: sides of 4096 and such would use little of the processor's cache."""
    out = np.empty(pixels.shape[::-1], pixels.dtype)
    for i in range(0, pixels.shape[0], 32):
        for j in range(0, pixels.shape[1], 1024):
            out[j : j + 1024, i : i + 32] = pixels[i : i + 32, j : j + 1024].T
    return out


def _runs(mask: Mask) -> np.ndarray:
    runs = decode_runs(mask.counts)
    check_runs(runs, mask.height, mask.width)
    return runs


def mask_bits(mask: Mask) -> np.ndarray:
    """The pixels, eight in a byte, in an order that is the same for all masks of one size."""
    return np.packbits(_columns(mask))


def encode_mask(mask: np.ndarray) -> Mask:
    """(height, width), non-zero = inside -> Mask."""
    from pycocotools import mask as coco

    return as_mask(coco.encode(_transposed(mask != 0).view(np.uint8).T))


def as_mask(encoded: Any) -> Mask:
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


_extents: WeakKeyDictionary[Mask, Box] = WeakKeyDictionary()  # a layout asks for the same box at every turn


def mask_extent(mask: Mask) -> Box:
    """`mask_box` of an encoded mask, read from its runs alone, once for as long as the mask lives."""
    if mask not in _extents:
        _extents[mask] = _extent_of_runs(mask)
    return _extents[mask]


def _extent_of_runs(mask: Mask) -> Box:
    ends = _ends(mask)
    firsts, lasts = ends[:-1:2], ends[1::2] - 1  # pixels of each run of ones, counted down the columns
    some = firsts <= lasts
    if not some.all():
        firsts, lasts = firsts[some], lasts[some]
    if not firsts.size:
        raise ValueError(EMPTY)
    height, width = mask.height, mask.width
    if (firsts // height < lasts // height).any():  # a run that goes on in the next column touches both borders
        top, bottom = 0, height
    else:
        top, bottom = (firsts % height).min(), (lasts % height).max() + 1
    left, right = firsts[0] // height, lasts[-1] // height + 1
    return float(left / width), float(top / height), float(right / width), float(bottom / height)


def _ends(mask: Mask) -> np.ndarray:
    """Where each run ends: (n,) int32, pixels counted down the columns."""
    return np.cumsum(_runs(mask), dtype=np.int32)


def mask_area(mask: Mask) -> int:
    """How many pixels are set."""
    return int(_runs(mask)[1::2].sum(dtype=np.int64))


def extent(instance: Instance) -> Box:
    """The smallest box, in 0..1, around all that says where the instance is."""
    if instance.box is not None:
        return instance.box
    if instance.mask is not None:
        return mask_extent(instance.mask)
    flat = [*chain.from_iterable(instance.scribble or ()), *(instance.point or ())]
    xs, ys = flat[::2], flat[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def resize_seg(mask: np.ndarray) -> np.ndarray:
    """(H, W) mask -> (512, 512) float32 in 0..1, as inference.py does: bilinear, smoothed where it shrinks."""
    from skimage.transform import resize

    out = np.zeros((SEG_SIZE, SEG_SIZE), np.float32)
    rows = _cells_around(np.flatnonzero(mask.any(1)), mask.shape[0])
    columns = _cells_around(np.flatnonzero(mask.any(0)), mask.shape[1])
    if rows and columns:
        (y0, y1, tall), (x0, x1, wide) = rows, columns
        part = mask[y0 * tall : y1 * tall, x0 * wide : x1 * wide].astype(np.float32)
        out[y0:y1, x0:x1] = resize(part, (y1 - y0, x1 - x0))
        return out
    return np.asarray(resize(mask.astype(np.float32), out.shape), np.float32)


def _cells_around(rows: np.ndarray, size: int) -> tuple[int, int, int] | None:
    """Of SEG_SIZE cells over `size` rows: first and end of those that a mask on some rows reaches when smoothed, and rows of a cell.

    None where cells have no whole number of rows, so that a part of the mask would be resized a little differently.
    """
    if size % SEG_SIZE or not rows.size:
        return None
    cell = size // SEG_SIZE
    return max(int(rows[0]) // cell - SMOOTHED, 0), min(int(rows[-1]) // cell + SMOOTHED + 1, SEG_SIZE), cell


def resize_nearest(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) -> (height, width), the pixel under each new pixel's centre."""
    return mask[_centers(height, mask.shape[0])][:, _centers(width, mask.shape[1])]


def decode_at_size(mask: Mask, height: int, width: int) -> np.ndarray:
    """`resize_nearest` of `decode_mask`; a small picture of a large mask is read from the runs alone."""
    rows, columns = _centers(height, mask.height), _centers(width, mask.width)
    if height * width > DENSE * mask.height * mask.width:
        pixels = decode_mask(mask)
        return pixels if pixels.shape == (height, width) else pixels[rows][:, columns]
    return pixels_at(mask, rows, columns[:, None]).T  # (width, height), so that the pixels rise


def at_size(mask: Mask, height: int, width: int) -> Mask | None:
    """`decode_at_size`, encoded; None if no pixel is left: it is too small for the picture."""
    if (mask.height, mask.width) == (height, width) and _runs(mask)[1:].all():  # without runs of no pixels
        return mask
    pixels = decode_at_size(mask, height, width)
    return encode_mask(pixels) if pixels.any() else None


def pixels_at(mask: Mask, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Whether the pixels in these rows and columns are set, read from the runs alone."""
    asked = (columns * mask.height + rows).astype(np.int32)
    return np.searchsorted(_ends(mask), asked, side="right") % 2 == 1


def _centers(count: int, size: int) -> np.ndarray:
    """Of `count` new pixels over `size` old ones: which one lies under the centre of each."""
    return (np.arange(count) * 2 + 1) * size // (2 * count)


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
