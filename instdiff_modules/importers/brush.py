"""Label Studio's run-lengths of brushes: the RGBA values of a picture, row by row, packed into bits (thi.ng's rle-pack).

A head of 32 bits (how many values), 5 (bits of a value, less 1) and four times 4 (bits of a run's length, less 1); then for each run
1 bit (whether it repeats a single value), 2 bits (which of the four sizes), the length less 1, and one value or as many as the length.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout import fields

CHANNELS = 4
MAX_BYTES = 8 * 2**20


def decode_brush(rle: Any, width: int, height: int, where: str) -> np.ndarray:
    """The bytes -> (height, width) bool, where alpha is above 0. ValueError if they are no such run-lengths of that size."""
    if (
        not isinstance(rle, Sequence)
        or isinstance(rle, str)
        or not 0 < len(rle) <= MAX_BYTES
        or not all(map(_is_byte, rle))
    ):
        raise ValueError(f"{where}: the brush's rle must be a list of bytes, got {fields.shorten(rle)}.")
    if width * height > fields.MAX_MASK_PIXELS:
        raise ValueError(f"{where}: a mask of {width}x{height} is too large.")
    total = width * height * CHANNELS
    bits = _Bits(bytes(map(int, rle)), where)
    if bits.read(32) != total:
        raise ValueError(f"{where}: the brush is not of {width}x{height} pixels.")
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(total, dtype=bool)
    done = 0
    while done < total:
        repeats = bits.read(1)
        length = bits.read(sizes[bits.read(2)]) + 1
        end = min(done + length, total)
        if repeats:
            values[done:end] = bits.read(word) > 0
        else:
            values[done:end] = [bits.read(word) > 0 for _ in range(end - done)]
        done = end
    mask = values.reshape(height, width, CHANNELS)[:, :, 3]
    if not mask.any():
        raise ValueError(f"{where}: the brush is empty.")
    return mask


class _Bits:
    """Numbers of so many bits each, read one after the other."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.where, self.at = data, where, 0

    def read(self, size: int) -> int:
        end = self.at + size
        if end > 8 * len(self.data):
            raise ValueError(f"{self.where}: the brush's run-lengths end too early.")
        number = int.from_bytes(self.data[self.at // 8 : -(-end // 8)], "big") >> -end % 8
        self.at = end
        return number & (1 << size) - 1


def _is_byte(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 256 and value == int(value)
