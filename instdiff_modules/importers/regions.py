"""Masks of other nodes as instances: MASK batches, the Impact Pack's SEGS, the Regions of Tooling Nodes; one instance each."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.masks import encode_mask
from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Box, Frames, Instance, Layout
from .boxes import cut_box
from .cropped import box_or_mask, check_pixels
from .odd_items import keep_good, named
from .plain import dense, finite
from .prompts import prompt_lines

logger = logging.getLogger(__name__)

WHERE = "Instances from Masks"
EXPECTED = "a MASK batch, SEGS of the Impact Pack or Regions of Tooling Nodes"
MAX_PIXELS = 2**31  # of all masks together: 128 of 4096x4096
Size = tuple[int, int]  # height, width


class _Black(ValueError):
    """A mask without a pixel above the threshold: nothing was found there."""


def read_masks(value: Any, threshold: float = 0.5, prompts: str = "") -> Frames:
    """-> one layout, whose canvas has the masks' size. A pixel belongs to an instance if it is above the threshold (0..1).

    MASK (n, H, W), (H, W) or with a channel of one, n may be 0: each mask is an instance, as SAM3's individual masks. SEGS ((H, W), [SEG,
    ...]): mask and label of each region; a mask that fills its rectangle is a box, as box detectors give it. Regions (a chain of previous,
    mask, conditioning): each region but the background, whose words are encoded already. Black and odd masks are left out with a warning;
    the lines of prompts count them too. ValueError for anything else, and if none of the masks can be read.
    """
    items, size, read = _found(value)
    if len(items) > MAX_INSTANCES:
        raise ValueError(f"{WHERE}: there are {len(items)} masks, at most {MAX_INSTANCES} are read.")
    black = 0

    def read_one(item: Any, position: int) -> Instance | None:
        nonlocal black
        try:
            return read(item, position, threshold)
        except _Black:
            black += 1
            return None

    kept = tuple(instance for instance in keep_good(items, read_one) if instance is not None)
    if black:
        logger.warning(
            "%s: %d of %d masks have no pixel above %g and were left out.", WHERE, black, len(items), threshold
        )
    height, width = size or (None, None)
    return prompt_lines((Layout(kept, width, height),), prompts, WHERE, len(items))


def _found(value: Any) -> tuple[Sequence[Any], Size | None, Callable[[Any, int, float], Instance]]:
    """(what each instance is made of, the size of the canvas, what makes it)."""
    if _is_segs(value):
        size = _segs_size(value)
        return value[1], size, lambda seg, i, threshold: _seg(seg, i, size or (1, 1), threshold)
    masks = _chain(value) if hasattr(value, "previous") and hasattr(value, "mask") else _batches(value)
    sizes = list(dict.fromkeys((int(batch.shape[-2]), int(batch.shape[-1])) for batch in masks))
    if len(sizes) > 1:
        raise ValueError(f"{WHERE}: the masks differ in size. Give all of them the size of the picture.")
    count = sum(len(batch) for batch in masks)
    for height, width in sizes:
        check_pixels(height, width, WHERE)
        if height * width * min(count, MAX_INSTANCES) > MAX_PIXELS:
            raise ValueError(
                f"{WHERE}: {count} masks of {width}x{height} are too much at once, at most {MAX_PIXELS // (height * width)} of this size are read. "
                "Give fewer or smaller masks."
            )
    return [mask for batch in masks for mask in batch], sizes[0] if sizes else None, _mask


def _mask(mask: Tensor, position: int, threshold: float) -> Instance:
    values = mask.detach().float().cpu()
    if not torch.isfinite(values.sum()) and not torch.isfinite(values).all():  # the sum alone is much faster
        raise ValueError(
            f"{WHERE}: mask {position} holds values that are not numbers (NaN or infinity). Check the node that made it."
        )
    return Instance(f"i{position}", "", mask=encode_mask(_above(values.numpy(), threshold)))


def _above(values: np.ndarray, threshold: float) -> np.ndarray:
    inside = values > threshold
    if not inside.any():
        raise _Black
    return inside


def _batches(value: Any) -> list[Tensor]:
    """A MASK, or a list of masks -> batches (n, H, W)."""
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], (int, float)):
        return [batch for item in value for batch in _batches(item)]
    if isinstance(value, (list, tuple)) and not value:
        return []
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value.astype(np.float32))
    if not isinstance(value, Tensor) or value.is_complex():
        raise ValueError(f"{WHERE}: expected {EXPECTED}, got {fields.shorten(value)}.")
    value = dense(value, WHERE)
    shape = tuple(value.shape)
    if value.ndim == 4 and 1 in (shape[1], shape[3]):
        value = value.squeeze(1 if shape[1] == 1 else 3)  # a channel
    if value.ndim not in (2, 3) or 0 in value.shape[-2:]:
        advice = " Connect Convert Image to Mask." if value.ndim == 4 and shape[3] in (3, 4) else ""
        raise ValueError(f"{WHERE}: expected a MASK of shape (batch, height, width), got {shape}.{advice}")
    return [value.reshape(-1, *value.shape[-2:])]


def _chain(region: Any) -> list[Tensor]:
    """From the last region back to the first; the first may be the background, which has no mask."""
    found: list[Tensor] = []
    while region is not None and len(found) <= MAX_INSTANCES:
        if getattr(region, "mask", None) is not None:
            found += [batch.amax(dim=0, keepdim=True) for batch in _batches(region.mask) if len(batch)]
        region = getattr(region, "previous", None)
    return found[::-1]


def _is_segs(value: Any) -> bool:
    return (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and not hasattr(value, "mask")
        and isinstance(value[0], (tuple, list))
        and isinstance(value[1], (list, tuple))
    )


def _segs_size(value: Any) -> Size | None:
    """(height, width); None for Empty SEGS, which may know no size."""
    sides = list(value[0][:2])
    if not value[1] and (len(sides) < 2 or 0 in sides):
        return None
    if len(sides) < 2:
        raise ValueError(f"{WHERE}: SEGS begin with (height, width) in pixels, got {fields.shorten(value[0])}.")
    height, width = (
        fields.whole(_number(side), WHERE, f"the SEGS' {name}")
        for side, name in zip(sides, ("height", "width"), strict=True)
    )
    return height, width


def _seg(seg: Any, position: int, size: Size, threshold: float) -> Instance:
    label = getattr(seg, "label", None)
    where = f"{WHERE}: {named(position, label, what='region')} of the SEGS"
    if not all(hasattr(seg, name) for name in ("cropped_mask", "crop_region")):
        raise ValueError(f"{where} has no cropped_mask and crop_region, got {fields.shorten(seg)}.")
    try:
        location: dict[str, Any] = _region(seg, where, size, threshold)
    except _Black:
        raise
    except ValueError as error:
        box = _bbox(seg, size)
        if box is None:
            raise
        logger.warning("%s Its box was kept.", error)
        location = {"box": box}
    words = label if isinstance(label, str) else "" if label is None else str(label)[:60]
    return Instance(f"i{position}", fields.text(words, where, "label"), **location, extra=_score(seg))


def _region(seg: Any, where: str, size: Size, threshold: float) -> dict[str, Any]:
    height, width = size
    sides = _numbers(seg.crop_region)
    mask = _array(seg.cropped_mask)
    if mask.ndim == 3:  # of several channels, or one
        mask = mask.max(axis=2 if mask.shape[2] == 1 else 0) if mask.size else mask[0:0]
    x0, y0, x1, y1 = (int(v) for v in sides) if len(sides) == 4 else (0, 0, 0, 0)
    inside = 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    if not inside or mask.shape != (y1 - y0, x1 - x0) or not np.isfinite(mask).all():
        raise ValueError(
            f"{where} is broken: its mask has shape {tuple(mask.shape)}, its crop_region is {fields.shorten(sides)} in {width}x{height} pixels."
        )
    return box_or_mask(_above(mask, threshold), (x0, y0), size, where)


def _bbox(seg: Any, size: Size) -> Box | None:
    """The detector's own box, left, top, right, bottom in pixels; None if it is none."""
    sides = _numbers(getattr(seg, "bbox", None))
    if len(sides) != 4:
        return None
    x0, y0, x1, y1 = sides
    return cut_box(x0, y0, x1 - x0, y1 - y0, size[1], size[0])


def _score(seg: Any) -> dict[str, Any]:
    """How sure the detector is, which it may give as a number or an array of one."""
    score = _numbers(getattr(seg, "confidence", None))
    return {"score": score[0]} if score and score[0] != 1 else {}


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.detach().float().cpu().numpy()
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" else np.zeros(0)


def _number(value: Any) -> Any:
    """A tensor, array or scalar of one number as that number."""
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else value
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.size == 1 else value


def _numbers(value: Any) -> list[float]:
    """Finite numbers of a list, an array, a tensor, or a single one; none if something else is among them."""
    if isinstance(value, (Tensor, np.ndarray)):
        value = _array(value).reshape(-1)[:8].tolist()
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    values = [_number(v) for v in values]
    return [float(v) for v in values] if all(map(finite, values)) else []
