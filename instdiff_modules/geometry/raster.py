"""Instances as pixels: from and to MASK tensors, and as boxes in pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..layout import fields
from ..layout.document import visible_instances
from ..layout.frames import canvas_of, check_aspect
from ..layout.instance import Frames, Instance, Layout, Mask
from .masks import decode_at_size, draw_box, encode_mask, extent
from .points import drawable, is_point_set

DEFAULT_SIDE = 512  # pixels, if the canvas is unknown
MAX_PIXELS = 2**30  # numbers of a whole batch, 4 GB
EMPTY_MASK = (
    "The mask is empty (all black). Paint where the instance belongs; an image without transparency gives such a mask."
)


def masks_per_frame(mask: Tensor, threshold: float, frames: Frames) -> list[dict[str, Mask] | None]:
    """MASK (B, H, W) or (H, W) in 0..1 -> the mask of one instance in each frame.

    As many masks as frames (more than one): one each, None where it is black. Else their union, for every frame.
    """
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3) or mask.numel() == 0:
        shape = "nothing" if mask is None else tuple(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(
            f"Expected a MASK of shape (batch, height, width) with at least one mask, got {shape}. Connect a node that gives one."
        )
    mask = mask.reshape(-1, *mask.shape[-2:]).float().cpu()
    if not all(torch.isfinite(one).all() for one in mask):  # one by one: it takes as much memory again
        raise ValueError("The mask holds values that are not numbers (NaN or infinity). Check the node that made it.")
    inside = (mask > threshold).numpy()
    if not inside.any():
        raise ValueError(
            EMPTY_MASK if not mask.any() else f"No pixel of the mask is above the threshold {threshold:g}. Lower it."
        )
    height, width = inside.shape[1:]
    for layout in frames:
        check_aspect(layout, width, height, "The mask")
    if len(frames) == 1 or len(inside) != len(frames):
        joined = {"mask": encode_mask(np.logical_or.reduce(inside))}
        return [joined for _ in frames]
    return [{"mask": encode_mask(one)} if one.any() else None for one in inside]


def layout_masks(layouts: Sequence[Layout], height: int, width: int) -> Tensor:
    """Visible instances of all layouts -> (n, height, width) float32 of 0 and 1; one black mask if there are none."""
    instances = [instance for layout in layouts for instance in visible_instances(layout)]
    if not instances:
        return torch.zeros(1, height, width)
    check_memory(len(instances), width, height, 1, "masks")
    out = torch.empty(len(instances), height, width)
    for mask, instance in zip(out, instances, strict=True):
        mask.copy_(torch.from_numpy(draw_instance(instance, height, width)))
    return out


def check_memory(count: int, width: int, height: int, channels: int, what: str, most: int = MAX_PIXELS) -> None:
    """ValueError if a batch of float32 tensors would not fit into `most` numbers."""
    size = count * channels * height * width
    if size > most:
        raise ValueError(
            f"{count} {what} of {width}x{height} pixels need {size / 2**28:.2g} GB, at most {most / 2**28:.2g} GB "
            "are made. Choose a smaller width and height."
        )


def draw_instance(instance: Instance, height: int, width: int) -> np.ndarray:
    """Where an instance is -> (height, width) bool: its mask, else box, else discs at its point or along its scribble."""
    if instance.mask is not None:
        return decode_at_size(instance.mask, height, width)
    if instance.box is not None:
        return draw_box(instance.box, height, width)
    radius = max(2.0, min(height, width) / 40)
    given = instance.scribble or ((instance.point,) if instance.point is not None else ())
    points = [(x * width, y * height) for x, y in drawable(given)]
    picture = Image.new("1", (width, height))
    draw = ImageDraw.Draw(picture)
    stroke = instance.scribble is not None and not is_point_set(instance.scribble)
    if stroke and len(points) > 1:
        draw.line(points, fill=1, width=round(2 * radius), joint="curve")
    for x, y in (points[0], points[-1]) if stroke else dict.fromkeys(points):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.array(picture)  # a copy: the picture lends its bytes read-only


def output_size(layout: Layout, width: int, height: int, known: tuple[int, int] | None = None) -> tuple[int, int]:
    """(width, height) to draw at. Given sides are kept, a 0 follows from the other one and the canvas.

    The canvas is `known` (a background, width x height), else the layout's, else 512 x 512.
    """
    width, height = fields.side(width, "The picture", "width"), fields.side(height, "The picture", "height")
    canvas = known or canvas_of(layout) or (DEFAULT_SIDE, DEFAULT_SIDE)
    if not width and not height:
        return canvas
    return width or max(1, round(height * canvas[0] / canvas[1])), height or max(
        1, round(width * canvas[1] / canvas[0])
    )


def layout_boxes(layout: Layout, height: int, width: int) -> list[dict[str, Any]]:
    """Visible instances -> [{x, y, width, height, label}] in whole pixels; at least one pixel each.

    An instance without box gets the smallest one around its mask, scribble or point.
    """
    return [_pixel_box(instance, height, width) for instance in visible_instances(layout)]


def _pixel_box(instance: Instance, height: int, width: int) -> dict[str, Any]:
    x0, y0, x1, y1 = np.round(np.array(extent(instance)) * (width, height, width, height)).astype(int).tolist()
    x0, y0 = min(x0, width - 1), min(y0, height - 1)
    return {"x": x0, "y": y0, "width": max(x1 - x0, 1), "height": max(y1 - y0, 1), "label": instance.prompt}
