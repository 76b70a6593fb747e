"""Points-in-Mask by the rules of the authors' script, to compare with the paper's numbers."""

from collections.abc import Sequence

import numpy as np

from ..geometry.masks import decode_mask
from ..geometry.points import mask_scribble_points
from .matching import ious
from .record import Record

KINDS = ("point", "scribble")


def points_in_mask(records: Sequence[Record], kind: str, seed: int = 0) -> float | None:
    """eval_pim.py: the mean over pictures of the mean over their matched instances, 0..1; None if nothing is matched.

    Instances with a mask, in their order, get the mask of any class that overlaps them most and is left, even if none of it
    does; those for which none is left do not count. "point": whether the middle of the instance's box, a whole pixel, lies in
    the detection's mask. "scribble": the share of 20 random pixels of the instance's mask (from a seed here).
    """
    rng = np.random.RandomState(seed)
    pictures = []
    for record in records:
        values = []
        for i, j in _match(ious(record.wanted, record.found, "mask")):
            there, here = record.wanted[i].mask, record.found[j].mask
            assert there is not None and here is not None  # else they had no overlap
            wanted, found = decode_mask(there), decode_mask(here)
            points = _middle(wanted) if kind == "point" else mask_scribble_points(wanted, rng).astype(int)
            values.append(found[points[:, 1], points[:, 0]].mean())
        if values:
            pictures.append(np.mean(values))
    return float(np.mean(pictures)) if pictures else None


def _match(overlap: np.ndarray) -> list[tuple[int, int]]:
    """(n, m), NaN where a side has no mask -> pairs, each row and column once."""
    pairs: list[tuple[int, int]] = []
    left = overlap.copy()
    for i in range(len(overlap)):
        if not np.isnan(left[i]).all():
            j = int(np.nanargmax(left[i]))
            pairs.append((i, j))
            left[:, j] = np.nan
    return pairs


def _middle(mask: np.ndarray) -> np.ndarray:
    """(H, W) -> (1, 2): x, y of the pixel in the middle of the mask's box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([[(columns[0] + columns[-1]) // 2, (rows[0] + rows[-1]) // 2]])
