"""Masks of other nodes as instances: MASK batches, the Impact Pack's SEGS, the Regions of Tooling Nodes; one instance each."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.masks import draw_box, encode_mask, mask_box
from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Frames, Instance, Layout
from .prompts import prompt_lines

logger = logging.getLogger(__name__)

WHERE = "Instances from Masks"
EXPECTED = "a MASK batch, SEGS of the Impact Pack or Regions of Tooling Nodes"


def read_masks(value: Any, threshold: float = 0.5, prompts: str = "") -> Frames:
    """-> one layout, whose canvas has the masks' size. A pixel belongs to an instance if it is above the threshold (0..1).

    MASK (n, H, W) or (H, W): each mask is an instance, as SAM3's individual masks. SEGS ((H, W), [SEG, ...]): mask and label of each
    region; a mask that fills its rectangle is a box, as box detectors give it. Regions (a chain of previous, mask,
    conditioning): each region but the background, whose words are encoded already. Black masks are left out with a warning;
    the lines of prompts count them too. ValueError for anything else.
    """
    segs = False
    if isinstance(value, Tensor):
        found = [(mask, "", {}) for mask in _batch(value)]
        size = value.shape[-2:]
    elif (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and isinstance(value[1], (list, tuple))
        and not hasattr(value, "mask")
    ):
        segs, size = True, _size(value[0])
        found = [_seg(seg, i, size) for i, seg in enumerate(value[1], 1)]
    elif hasattr(value, "previous") and hasattr(value, "mask"):
        found = _chain(value)
        size = found[0][0].shape if found else (512, 512)
    else:
        raise ValueError(f"{WHERE}: expected {EXPECTED}, got {fields.shorten(value)}.")
    if len(found) > MAX_INSTANCES:
        raise ValueError(f"{WHERE}: there are {len(found)} masks, at most {MAX_INSTANCES} are read.")
    if any(mask.shape != tuple(size) for mask, _, _ in found):
        raise ValueError(f"{WHERE}: the masks differ in size. Give all of them the size of the picture.")
    layout = Layout(
        tuple(_instance(i, *one, threshold, segs) for i, one in enumerate(found, 1)), int(size[1]), int(size[0])
    )
    (named,) = prompt_lines((layout,), prompts, WHERE)
    kept = tuple(instance for instance in named.instances if instance.mask is not None or instance.box is not None)
    if len(kept) < len(found):
        logger.warning(
            "%s: %d of %d masks have no pixel above %g and were left out.",
            WHERE,
            len(found) - len(kept),
            len(found),
            threshold,
        )
    return (Layout(kept, named.width, named.height),)


def _instance(
    position: int, mask: np.ndarray, words: str, extra: dict[str, Any], threshold: float, rectangle_is_box: bool
) -> Instance:
    """Without a place where no pixel of the mask is above the threshold."""
    inside = mask > threshold
    if not inside.any():
        return Instance(f"i{position}", words)
    box = mask_box(inside)
    if rectangle_is_box and (draw_box(box, *inside.shape) == inside).all():
        return Instance(f"i{position}", words, box=box, extra=extra)
    return Instance(f"i{position}", words, mask=encode_mask(inside), extra=extra)


def _batch(value: Tensor) -> list[np.ndarray]:
    if value.ndim not in (2, 3) or value.numel() == 0:
        raise ValueError(
            f"{WHERE}: expected a MASK of shape (batch, height, width) with at least one mask, got {tuple(value.shape)}."
        )
    masks = value.detach().reshape(-1, *value.shape[-2:]).float().cpu()
    if not all(torch.isfinite(mask).all() for mask in masks):  # one by one: it takes as much memory again
        raise ValueError(
            f"{WHERE}: the masks hold values that are not numbers (NaN or infinity). Check the node that made them."
        )
    return list(masks.numpy())


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        raise ValueError(f"{WHERE}: SEGS begin with (height, width) in pixels, got {fields.shorten(value)}.")
    height, width = (
        fields.whole(side, WHERE, f"the SEGS' {name}")
        for side, name in zip(value[:2], ("height", "width"), strict=True)
    )
    return height, width


def _seg(seg: Any, position: int, size: tuple[int, int]) -> tuple[np.ndarray, str, dict[str, Any]]:
    where = f"{WHERE}: region {position} of the SEGS"
    if not all(hasattr(seg, name) for name in ("cropped_mask", "crop_region", "label")):
        raise ValueError(f"{where} has no cropped_mask and crop_region, got {fields.shorten(seg)}.")
    x0, y0, x1, y1 = (int(v) for v in seg.crop_region)
    mask = seg.cropped_mask
    mask = mask.detach().float().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask, dtype=np.float32)
    mask = mask.max(axis=0) if mask.ndim == 3 else mask
    if (
        not (0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0])
        or mask.shape != (y1 - y0, x1 - x0)
        or not np.isfinite(mask).all()
    ):
        raise ValueError(
            f"{where} is broken: its mask has shape {tuple(mask.shape)}, its crop_region is {[x0, y0, x1, y1]} in {size[1]}x{size[0]} pixels."
        )
    whole = np.zeros(size, dtype=np.float32)
    whole[y0:y1, x0:x1] = mask
    score = getattr(seg, "confidence", None)
    score = float(np.asarray(score).reshape(-1)[0]) if score is not None and np.size(score) else 1.0
    return (
        whole,
        fields.text(seg.label or "", where, "label"),
        {"score": score} if np.isfinite(score) and score != 1 else {},
    )


def _chain(region: Any) -> list[tuple[np.ndarray, str, dict[str, Any]]]:
    """From the last region back to the first; the first may be the background, which has no mask."""
    found: list[tuple[np.ndarray, str, dict[str, Any]]] = []
    while region is not None and len(found) <= MAX_INSTANCES:
        if region.mask is not None:
            masks: Sequence[np.ndarray] = _batch(region.mask)
            found.append((np.max(masks, axis=0), "", {}))
        region = region.previous
    return found[::-1]
