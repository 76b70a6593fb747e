"""The patterns: where a textured object shows its second shade."""

import numpy as np
from instdiff.instdiff_modules.shapeworld.textures import CHECKER_CELL, DOT_RADIUS, DOT_SPACING, STRIPE_PERIOD


def second_shade(texture: str, dx: np.ndarray, dy: np.ndarray, unit: float) -> np.ndarray:
    """Share of the second shade, float32 0..1, at offsets dx (w,), dy (h,) in pixels from the object's centre -> (h, w).

    unit: pixels per reference pixel. Edges are a pixel soft. Stripes are horizontal and dots sit on a square grid, one
    in the centre of the object.
    """
    x, y = dx[None, :].astype(np.float32) / unit, dy[:, None].astype(np.float32) / unit
    if texture == "plain":
        return np.zeros((len(dy), len(dx)), np.float32)
    if texture == "striped":
        share = _step(_wave(y / STRIPE_PERIOD) * STRIPE_PERIOD, unit)
        return np.broadcast_to(share, (len(dy), len(dx)))
    if texture == "checkered":
        a, b = (_step(_wave(v / (2 * CHECKER_CELL) + 0.25) * 2 * CHECKER_CELL, unit) for v in (x, y))
        return a + b - 2 * a * b
    if texture == "dotted":
        a, b = ((v / DOT_SPACING + 0.5) % 1 * DOT_SPACING - DOT_SPACING / 2 for v in (x, y))
        return _step(DOT_RADIUS - np.sqrt(a * a + b * b), unit)
    raise ValueError(f"Unknown texture {texture!r}.")


def _wave(turns: np.ndarray) -> np.ndarray:
    """Distance into the "on" half of each turn: 0.25 in its middle, 0 at its edges, -0.25 in the middle of "off"."""
    return 0.25 - np.abs((turns + 0.25) % 1 - 0.5)


def _step(distance: np.ndarray, unit: float) -> np.ndarray:
    return np.clip(distance * unit + 0.5, 0, 1)
