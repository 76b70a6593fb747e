"""Instances and their text features -> the padded tensors of the tokenizer (paper section 3.2)."""

import functools
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.masks import SEG_SIZE, decode_mask, mask_extent, shrink_mask
from ..geometry.points import (
    POLYGON_POINTS,
    SCRIBBLE_POINTS,
    box_center,
    mask_polygon_points,
    resample_stroke,
    resize_seg,
    scale_points,
)
from ..layout.instance import Instance, Mask

TEXT_DIM = 768
SLOTS = 30
MAX_PIXELS = 2048 * 2048  # of a mask
MOST_AT_ONCE = 4  # masks; each takes up to 150 MB meanwhile


class GroundingInputs(NamedTuple):
    """B layouts with N slots, float32 on the CPU. Coordinates are fractions 0..1, x and y interleaved."""

    boxes: Tensor  # (B, N, 4)
    points: Tensor  # (B, N, 2)
    scribbles: Tensor  # (B, N, 40)
    polygons: Tensor  # (B, N, 512)
    segs: Tensor  # (B, N, 512, 512); without any mask an expanded zero, which takes no memory and cannot be written to
    text: Tensor  # (B, N, 768): pooled CLIP features before projection, zeros in empty slots
    text_mask: Tensor  # (B, N): 1 = the slot holds an instance; 0 = null text feature
    box_mask: Tensor  # (B, N): 1 = present; 0 = null feature; likewise below
    point_mask: Tensor  # (B, N)
    scribble_mask: Tensor  # (B, N)
    polygon_mask: Tensor  # (B, N)
    seg_mask: Tensor  # (B,): the mask image is common to all instances of a layout


def null_grounding(slots: int = SLOTS, text_dim: int = TEXT_DIM, batch: int = 1) -> GroundingInputs:
    """No instance at all: the input of the unconditional pass."""

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(batch, *shape)

    return GroundingInputs(
        boxes=zeros(slots, 4),
        points=zeros(slots, 2),
        scribbles=zeros(slots, 2 * SCRIBBLE_POINTS),
        polygons=zeros(slots, 2 * POLYGON_POINTS),
        segs=zeros(1, 1, 1).expand(-1, slots, SEG_SIZE, SEG_SIZE),
        text=zeros(slots, text_dim),
        text_mask=zeros(slots),
        box_mask=zeros(slots),
        point_mask=zeros(slots),
        scribble_mask=zeros(slots),
        polygon_mask=zeros(slots),
        seg_mask=zeros(),
    )


def build_grounding(
    layouts: Sequence[Sequence[Instance]], text: Sequence[Tensor], slots: int = SLOTS, seed: int = 0
) -> GroundingInputs:
    """layouts: B lists of instances, which fill slots in their order; text: B tensors (n_i, text_dim).

    A location format counts as present where the user gave it; a mask without box gives its bounding box, and a box
    without point its centre, as in training. `seed` drives the points drawn from masks of fewer than 128 pixels.
    """
    if len(layouts) != len(text):
        raise ValueError(f"Expected one text tensor per layout, got {len(text)} for {len(layouts)} layouts.")
    text_dim = next((t.shape[-1] for t in text if t.ndim == 2), TEXT_DIM)
    out = null_grounding(slots, text_dim, len(layouts))
    if any(instance.mask is not None for instances in layouts for instance in instances):
        out = out._replace(segs=torch.zeros(out.segs.shape))
    for b, (instances, features) in enumerate(zip(layouts, text, strict=True)):
        if len(instances) > slots:
            raise ValueError(
                f"The layout has {len(instances)} instances, the loaded model takes at most {slots}. Remove some."
            )
        if len(features) != len(instances):
            raise ValueError(f"Expected {len(instances)} text features, one per instance, got {len(features)}.")
        _sample_together(instances, seed)
        for i, instance in enumerate(instances):
            _fill_slot(out, b, i, instance, seed)
        if instances:
            out.text[b, : len(instances)] = features.to(out.text)
            out.text_mask[b, : len(instances)] = 1
    return out


def _fill_slot(out: GroundingInputs, b: int, i: int, instance: Instance, seed: int) -> None:
    box, point = instance.box, instance.point
    if instance.mask is not None:
        box = box or mask_extent(instance.mask)
        out.polygons[b, i], out.segs[b, i] = _mask_inputs(instance.mask, seed)
        out.polygon_mask[b, i] = out.seg_mask[b] = 1
    if box is not None:
        out.boxes[b, i], out.box_mask[b, i] = _tensor(box), 1
        point = point or box_center(box)
    if point is not None:
        out.points[b, i], out.point_mask[b, i] = _tensor(point), 1
    if instance.scribble is not None:
        out.scribbles[b, i] = _tensor(resample_stroke(instance.scribble).reshape(-1))
        out.scribble_mask[b, i] = 1


def _sample_together(instances: Sequence[Instance], seed: int) -> None:
    """Fill the cache below from the masks of a layout, several at once: a large one takes a tenth of a second, most of it in numpy and scipy."""
    masks = {instance.mask for instance in instances if instance.mask is not None}
    if len(masks) > 1:
        with ThreadPoolExecutor(min(len(masks), MOST_AT_ONCE)) as pool:
            list(pool.map(lambda mask: _mask_inputs(mask, seed), masks))


@functools.lru_cache(maxsize=SLOTS)  # 30 MB. A run grounds the same masks in its layout, in branches and in intervals
@torch.inference_mode(False)  # a training takes what a run has kept, too
def _mask_inputs(mask: Mask, seed: int) -> tuple[Tensor, Tensor]:
    """Polygon (512,) and seg (512, 512) of a mask, to be read only."""
    pixels = _pixels(mask)
    # One generator per instance: its points do not depend on who else is in the layout.
    polygon = mask_polygon_points(pixels, POLYGON_POINTS, random.Random(seed))
    assert polygon is not None, "a layout's masks are not empty"
    return _tensor(scale_points(polygon, *pixels.shape)), _tensor(resize_seg(pixels))


def _pixels(mask: Mask) -> np.ndarray:
    """The mask (H, W), a larger one shrunk to MAX_PIXELS: the weights see 512 x 512 of them, and 128 points of its outline."""
    scale = (MAX_PIXELS / (mask.height * mask.width)) ** 0.5
    if scale >= 1:
        return decode_mask(mask)
    return shrink_mask(mask, max(int(mask.height * scale), 1), max(int(mask.width * scale), 1))


def reference_grounding(
    boxes: Tensor,
    masks: Tensor,
    text: Tensor,
    scribbles: Tensor,
    polygons: Tensor,
    segs: Tensor,
    points: Tensor | None = None,
    *,
    drop_boxes: bool = False,
    drop_points: bool = False,
    drop_scribbles: bool = False,
    drop_masks: bool = False,
) -> tuple[GroundingInputs, bool]:
    """The authors' rules of what counts as present (UniFusion.forward in eval mode) and their test_drop_* flags.

    Arguments as their grounding input names them: boxes (B, N, 4), masks (B, N) = slot in use, text (B, N, D) =
    positive_embeddings, scribbles (B, N, 40), polygons (B, N, 512), segs (B, N, H, W), points (B, N, 2) or None for the
    centres of the boxes. A scribble or polygon counts as present where its coordinates plus the slot's mask sum to
    more than 0, so also in used slots without one; the mask image where any of its pixels is set. With everything
    dropped the boxes stay. Also returns their drop_box_mask, which switches masked attention off.
    """
    if drop_boxes and drop_points and drop_scribbles and drop_masks:
        drop_boxes = False
    if points is None:
        points = (boxes[..., :2] + boxes[..., 2:]) / 2
    if segs.shape[-2:] != (SEG_SIZE, SEG_SIZE):
        segs = F.interpolate(segs, (SEG_SIZE, SEG_SIZE), mode="nearest")

    def present(value: Tensor, dropped: bool) -> Tensor:
        return torch.zeros_like(value) if dropped else value

    return GroundingInputs(
        boxes=boxes,
        points=points,
        scribbles=scribbles,
        polygons=polygons,
        segs=segs,
        text=text,
        text_mask=masks,
        box_mask=present(masks, drop_boxes),
        point_mask=present(masks, drop_points),
        scribble_mask=present((scribbles.sum(-1) + masks > 0).to(masks), drop_scribbles),
        polygon_mask=present((polygons.sum(-1) + masks > 0).to(masks), drop_masks),
        seg_mask=present((segs.flatten(1).sum(1) > 0).to(masks), drop_masks),
    ), drop_boxes and drop_masks


def _tensor(values: Sequence[float] | np.ndarray) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32))
