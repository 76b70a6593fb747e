"""Masks grown and thinned by a number of pixels, in time that hardly depends on the number."""

import numpy as np


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask (H, W) bool that reaches `pixels` farther to each side, along rows and columns."""
    for axis in (0, 1) if pixels else ():
        mask = _grown_along(mask, pixels, axis)
    return mask


def thinned(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask (H, W) bool without what lies within `pixels` of its border; the picture's own edges are no border."""
    return ~grown(~mask, pixels)


def _grown_along(mask: np.ndarray, pixels: int, axis: int) -> np.ndarray:
    """Whether any pixel of the window around is set: windows of twice the length are made of two, until they are long enough."""
    pads = [(pixels, pixels) if i == axis else (0, 0) for i in (0, 1)]
    out, length, wanted = np.moveaxis(np.pad(mask, pads), axis, 0), 1, 2 * pixels + 1
    while length < wanted:
        step = min(length, wanted - length)
        out = out[:-step] | out[step:]
        length += step
    return np.moveaxis(out, 0, axis)
