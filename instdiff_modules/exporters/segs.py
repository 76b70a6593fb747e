"""SEGS, the regions of the Impact Pack and of many packs that work with it: ((height, width), [SEG, ...])."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..layout.document import visible_instances
from ..layout.instance import Layout

CROP_FACTOR = 2.0  # how far the crop of a detailer reaches, in sides of the region


class SEG(NamedTuple):
    """Fields and order are the Impact Pack's, which unpacks them by name. Boxes are [x0, y0, x1, y1] in pixels.

    cropped_mask: (h, w) float32 in 0..1 of the crop_region. cropped_image: None, since detailers cut their own.
    """

    cropped_image: Any
    cropped_mask: np.ndarray
    confidence: float
    crop_region: list[int]
    bbox: list[int]
    label: str
    control_net_wrapper: Any = None


Segs = tuple[tuple[int, int], list[SEG]]


def to_segs(
    masks: Sequence[np.ndarray] | np.ndarray,
    labels: Sequence[str],
    height: int,
    width: int,
    crop_factor: float = CROP_FACTOR,
) -> Segs:
    """Masks (H, W), bool or in 0..1, with their labels -> SEGS; empty masks are left out, since a detailer has nothing to do there."""
    found = [(mask, label) for mask, label in zip(masks, labels, strict=True) if mask.any()]
    return (height, width), [_seg(mask, label, crop_factor) for mask, label in found]


def layout_segs(layout: Layout, masks: Tensor) -> Segs:
    """The visible instances of a layout by their masks (n, height, width) in 0..1, as `layout_masks` makes them."""
    labels = [instance.prompt for instance in visible_instances(layout)]
    return to_segs(masks[: len(labels)].numpy(), labels, *masks.shape[1:])


def _seg(mask: np.ndarray, label: str, crop_factor: float) -> SEG:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    left, right = _around(x0, x1, width, crop_factor)
    top, bottom = _around(y0, y1, height, crop_factor)
    return SEG(
        None, mask[top:bottom, left:right].astype(np.float32), 1.0, [left, top, right, bottom], [x0, y0, x1, y1], label
    )


def _around(low: int, high: int, size: int, factor: float) -> tuple[int, int]:
    """A span `factor` times as long around low..high, moved into 0..size where it sticks out."""
    length = min(round((high - low) * factor), size)
    first = min(max((low + high - length) // 2, 0), size - length)
    return first, first + length
