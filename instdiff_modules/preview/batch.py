"""Previews of frames over batches of images, as IMAGE tensors."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..geometry.raster import MAX_PIXELS, check_memory, output_size
from ..layout.instance import Frames
from .draw import draw_layout

MAX_PICTURE = 2**27  # numbers of a single picture, 0.5 GB


def draw_frames(frames: Frames, width: int, height: int, background: Tensor | None = None) -> Tensor:
    """Frames over an IMAGE batch (B, H, W, C) in 0..1 or nothing -> (n, height, width, 3) in 0..1.

    width or height 0: that of the background, else of the first layout's canvas. Either side may be a single one and
    then serves all of the other; else their numbers must agree.
    """
    images = [] if background is None else pictures_of(background, "background")
    count = max(len(frames), len(images))
    if len(images) > 1 and len(frames) not in (1, len(images)):
        raise ValueError(
            f"There are {len(frames)} frames and {len(images)} background images. Expected equal numbers, or one."
        )
    size = output_size(frames[0], width, height, images[0].size if images else None)
    check_memory(count, *size, 3, "pictures", MAX_PICTURE if count == 1 else MAX_PIXELS)
    out = torch.empty(count, size[1], size[0], 3)
    for i, picture in enumerate(out):
        drawn = draw_layout(frames[i % len(frames)], *size, images[i % len(images)] if images else None)
        np.divide(np.asarray(drawn), np.float32(255), out=picture.numpy())
    return out


def preview_size(width: int, height: int) -> tuple[int, int]:
    """The size of a canvas, halved until a single picture of it may be drawn."""
    while 3 * width * height > MAX_PICTURE:
        width, height = max(1, width // 2), max(1, height // 2)
    return width, height


def first_picture(background: Tensor) -> Tensor:
    """The first picture of an IMAGE batch, as draw_frames takes it for a background -> (1, H, W, 3) in 0..1."""
    picture = np.asarray(_picture(image_batch(background, "background")[0]))
    return torch.from_numpy(picture.astype(np.float32) / 255)[None]


def pictures_of(image: Tensor, name: str) -> list[Image.Image]:
    """IMAGE (B, H, W, C) or (H, W, C) in 0..1 -> RGB pictures. ValueError names the input if it is not an IMAGE."""
    return [_picture(one) for one in image_batch(image, name)]


def image_batch(image: Tensor, name: str) -> Tensor:
    """IMAGE as (B, H, W, C). ValueError names the input if it is not an IMAGE."""
    if (
        not isinstance(image, Tensor)
        or image.ndim not in (3, 4)
        or image.shape[-1] not in (1, 3, 4)
        or image.numel() == 0
    ):
        shape = (
            tuple(image.shape) if isinstance(image, Tensor) else "nothing" if image is None else type(image).__name__
        )
        raise ValueError(
            f"Expected an IMAGE of shape (batch, height, width, 3) as {name}, got {shape}. Connect an IMAGE output."
        )
    return image.reshape(-1, *image.shape[-3:])


def _picture(image: Tensor) -> Image.Image:
    """(H, W, C) in 0..1 -> RGB; what is transparent is drawn as it is, without its alpha."""
    values = torch.nan_to_num(image.detach().float().cpu()).clamp(0, 1)
    rgb = values[..., :3].expand(*values.shape[:2], 3)
    return Image.fromarray((rgb.numpy() * 255).round().astype(np.uint8))
