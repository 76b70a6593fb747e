"""What comes over a wire as plain values: tensors, arrays and scalars of NumPy are numbers, tuples are lists."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..layout import fields

MAX_NUMBERS = 2**20
MAX_VALUES = 2**21  # in lists and objects together
MAX_DEPTH = 12
_PLAIN = {int, float, str, bool, type(None)}
MAX_SIZE = 1e300


def plain_values(value: Any, where: str) -> Any:
    """ValueError for a tensor that is too large to be boxes, such as a picture, or that has no values; and for more than MAX_VALUES."""
    return _plain(value, where, 0, [MAX_VALUES])


def _plain(value: Any, where: str, depth: int, left: list[int]) -> Any:
    """left: how many values may still come, shared by the whole walk."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{where}: the value is nested too deeply to be boxes.")
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return _numbers(value, where)
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    left[0] -= len(value) + 1
    if left[0] < 0:
        raise ValueError(
            f"{where}: the value holds more than {MAX_VALUES} numbers and texts. Connect fewer boxes or frames."
        )
    if isinstance(value, Mapping):
        return {k: _plain(v, where, depth + 1, left) for k, v in value.items()}
    if all(type(v) in _PLAIN for v in value):
        return list(value)
    return [_plain(v, where, depth + 1, left) for v in value]


def _numbers(value: Any, where: str) -> Any:
    """What a tensor, an array or a scalar of NumPy holds."""
    shape = () if getattr(value, "is_nested", False) else tuple(getattr(value, "shape", ()))
    if math.prod(int(side) for side in shape) > MAX_NUMBERS:
        raise ValueError(f"{where}: a tensor of shape {shape} is not boxes. Connect the boxes of a detector.")
    if isinstance(value, torch.Tensor):
        value = dense(value, where)
    return value.tolist()


def dense(value: torch.Tensor, where: str) -> torch.Tensor:
    """A quantized or sparse tensor as a plain one. ValueError for a nested one, and for one without values (meta)."""
    if value.is_meta or value.is_nested:
        what = "without values (meta)" if value.is_meta else "of rows of different lengths (nested)"
        raise ValueError(f"{where}: a tensor {what} came. Connect a plain one.")
    if value.is_quantized:
        return value.dequantize()
    return value.detach().to_dense() if value.layout != torch.strided else value.detach()


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
