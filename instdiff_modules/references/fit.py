"""Sizes of reference pictures: their own shape, as many pixels as the model is used to."""

import math

import torch
from torch import Tensor

SHAPE = 2.0  # sides of a picture differ at most by this factor; what is longer is cut at both ends
STEP = 64  # pixels: sides that every level of a UNet halves without a rest
LOW, HIGH = 256**2, 1024**2


def fitted_size(width: int, height: int, area: float) -> tuple[int, int]:
    """(width, height) of a picture with about `area` pixels, within 256 x 256 .. 1024 x 1024, in whole steps."""
    shape = min(max(width / height, 1 / SHAPE), SHAPE)
    side = math.sqrt(min(max(area, LOW), HIGH))
    wanted = side * math.sqrt(shape), side / math.sqrt(shape)
    return tuple(max(STEP, round(v / STEP) * STEP) for v in wanted)  # type: ignore[return-value]


def fitted(picture: Tensor, area: float) -> Tensor:
    """picture (H, W, 3) in 0..1 -> (1, h, w, 3): its middle, at the size above."""
    height, width = picture.shape[:2]
    w, h = fitted_size(width, height, area)
    cut_h, cut_w = min(height, max(1, round(width * h / w))), min(width, max(1, round(height * w / h)))
    top, left = (height - cut_h) // 2, (width - cut_w) // 2
    middle = picture[top : top + cut_h, left : left + cut_w, :3].movedim(-1, 0)[None].float()
    resized = torch.nn.functional.interpolate(middle, (h, w), mode="bicubic", antialias=True, align_corners=False)
    return resized.movedim(1, -1).clamp(0, 1)
