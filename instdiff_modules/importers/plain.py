"""What comes over a wire as plain values: tensors, arrays and scalars of NumPy are numbers, tuples are lists."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layout import fields

MAX_NUMBERS = 2**20
MAX_DEPTH = 12
MAX_SIZE = 1e300


def plain_values(value: Any, where: str, depth: int = 0) -> Any:
    """ValueError for a tensor that is too large to be boxes, such as a picture."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{where}: the value is nested too deeply to be boxes.")
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        size = 1
        for side in getattr(value, "shape", ()):
            size *= int(side)
        if size > MAX_NUMBERS:
            shape = tuple(value.shape)
            raise ValueError(f"{where}: a tensor of shape {shape} is not boxes. Connect the boxes of a detector.")
        return value.tolist()
    if isinstance(value, Mapping):
        return {k: plain_values(v, where, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(v, where, depth + 1) for v in value]
    return value


def finite(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return abs(value) <= MAX_SIZE  # which NaN is not


def unknown(value: Any, where: str) -> ValueError:
    """For what is of no kind: what it is, in one sentence."""
    if isinstance(value, Mapping):
        keys = ", ".join(sorted(str(k)[:20] for k in list(value)[:500])[:8])
        return ValueError(
            f"{where}: this is not a layout that InstDiff knows (its fields: {keys or 'none'}). The node's help lists the kinds that are read."
        )
    if isinstance(value, list) and value:
        first = value[0]
        rows = isinstance(first, list) and first and all(isinstance(v, (int, float)) for v in first)
        if rows:
            return ValueError(
                f"{where}: the list holds rows of {len(first)} numbers, such as {fields.shorten(first)}. Give the four numbers of each box alone."
            )
        return ValueError(
            f"{where}: the list holds no boxes that InstDiff knows: its first item is {fields.shorten(first)}. Each needs a place, such as a bbox."
        )
    return ValueError(
        f"{where}: {fields.shorten(value)} is not a known kind of boxes, nor a layout. The node's help lists the kinds that are read."
    )
