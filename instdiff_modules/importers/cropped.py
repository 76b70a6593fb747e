"""A mask that is given for a rectangle of the canvas alone, as the whole canvas's. Time and memory grow with the rectangle, not the canvas."""

import numpy as np

from ..geometry.masks import encode_mask
from ..layout import fields
from ..layout.instance import Box, Mask
from ..layout.rle import decode_runs, encode_runs


def box_or_mask(cut: np.ndarray, corner: tuple[int, int], size: tuple[int, int], where: str) -> dict[str, Box | Mask]:
    """{"box": ...} if the mask fills its rectangle, else {"mask": ...}.

    cut: (h, w) bool, not empty. corner: its x, y in the canvas. size: height, width of that. ValueError for a mask of too large a canvas.
    """
    (x, y), (height, width) = corner, size
    rows, columns = np.flatnonzero(cut.any(1)), np.flatnonzero(cut.any(0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    if cut[top:bottom, left:right].all():
        return {"box": ((x + left) / width, (y + top) / height, (x + right) / width, (y + bottom) / height)}
    check_pixels(height, width, where)
    strip = np.zeros((height, cut.shape[1]), dtype=bool)
    strip[y : y + cut.shape[0]] = cut
    runs = decode_runs(encode_mask(strip).counts).astype(np.int64)  # down each column, from left to right
    runs[0] += x * height
    behind = (width - x - cut.shape[1]) * height
    if len(runs) % 2:
        runs[-1] += behind
    elif behind:
        runs = np.append(runs, behind)
    return {"mask": Mask(height, width, encode_runs(runs))}


def check_pixels(height: int, width: int, where: str) -> None:
    """ValueError for a mask that our own document could not hold."""
    if max(height, width) > fields.MAX_SIDE or height * width > fields.MAX_MASK_PIXELS:
        raise ValueError(
            f"{where}: a mask of {width}x{height} pixels is too large. Use sides up to {fields.MAX_SIDE} and at most "
            f"{fields.MAX_MASK_PIXELS // 2**20} million pixels."
        )
