"""Each instance of a picture as a picture of its own, for nodes that describe pictures; and their captions back to the instances."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..geometry.masks import extent, mask_extent
from ..geometry.raster import check_memory, draw_instance
from ..layout import fields
from ..layout.document import visible_instances
from ..layout.frames import check_aspect
from ..layout.instance import Frames, Instance, Layout
from .items import NAME

GREY = 0.5
ROUNDING = 1e-6  # of a pixel: what edges that are whole pixels may miss them by
WHERE = "Caption Instances"


class Crop(NamedTuple):
    """picture: (1, height, width, 3) in 0..1. Prompt and id are those of its instance."""

    picture: Tensor
    prompt: str
    id: str


NOTHING = Crop(torch.full((1, 64, 64, 3), GREY), "", "")  # ComfyUI cannot go on with an empty list


def check_pairs(pictures: int, layouts: int) -> None:
    """ValueError unless there is a layout for each picture."""
    if pictures != layouts:
        raise ValueError(
            f"There are {pictures} pictures and {layouts} layouts. Expected one layout for each picture; Frames of Instances puts layouts in sequence."
        )


def crop_pictures(
    pictures: Sequence[Tensor],
    layouts: Sequence[Layout],
    margin: float = 0.1,
    min_side: int = 64,
    square: bool = False,
    grey: bool = False,
) -> list[Crop]:
    """Pictures (H, W, C) in 0..1, a layout each -> one crop for each visible instance, picture by picture, back to front.

    margin: what is added on each side, as a share of the instance's longer side. min_side: pixels that a crop has at least, as far as
    the picture reaches. square: widened to a square, with grey where the picture ends. grey: what is outside of an instance's mask is
    grey; instances without a mask stay as they are. `NOTHING` alone if there are no visible instances at all.
    """
    check_pairs(len(pictures), len(layouts))
    found = []
    for picture, layout in zip(pictures, layouts, strict=True):
        height, width = picture.shape[:2]
        check_aspect(layout, width, height, "The picture")
        for instance in visible_instances(layout):
            found.append((picture, instance, _window(instance, height, width, margin, min_side, square)))
    size = sum((x1 - x0) * (y1 - y0) for _, _, (x0, y0, x1, y1) in found)
    check_memory(1, size, 1, 3, "row of all crops")
    return [Crop(_cut(picture, one, window, grey), one.prompt, one.id) for picture, one, window in found] or [NOTHING]


def caption_instances(given: Sequence[Frames], captions: Sequence[str], keep_names: bool = True) -> list[Frames]:
    """Prompts for the visible instances of all layouts, in the order of `crop_pictures`; an empty caption leaves the prompt.

    captions: one for each instance, or a single text with a line for each. keep_names: the earlier prompt stays as the instance's name,
    which training uses beside the caption. ValueError for another number.
    """
    count = sum(len(visible_instances(layout)) for frames in given for layout in frames)
    words = [fields.text(caption, WHERE, "captions") for caption in captions]
    if len(words) == 1 and count > 1:
        words = words[0].strip().splitlines()
    if count == 0 and len(words) <= 1:
        return list(given)
    if len(words) != count:
        raise ValueError(
            f"{WHERE}: there are {len(words)} captions for {count} visible instances. "
            "Connect the captions of the crops that Crop Instances makes of the same layout, or one text with a line for each."
        )
    said = iter([" ".join(one.split()) for one in words])

    def captioned(instance: Instance) -> Instance:
        caption = next(said) if instance.visible else ""
        if not caption:
            return instance
        name = instance.prompt.strip()
        named = keep_names and name and name != caption and not instance.extra.get(NAME)
        return replace(instance, prompt=caption, extra={**instance.extra, NAME: name} if named else instance.extra)

    return [
        tuple(replace(layout, instances=tuple(map(captioned, layout.instances))) for layout in frames)
        for frames in given
    ]


def _window(
    instance: Instance, height: int, width: int, margin: float, min_side: int, square: bool
) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 in whole pixels; beyond the picture only where a square needs it."""
    x0, y0, x1, y1 = (v * side for v, side in zip(_place(instance), (width, height) * 2, strict=True))
    room = margin * max(x1 - x0, y1 - y0)
    longer = max(x1 - x0, y1 - y0) + 2 * room
    columns = _span(x0, x1, room, min_side, width, longer if square else 0)
    rows = _span(y0, y1, room, min_side, height, longer if square else 0)
    if square:  # rounding may differ by a pixel
        side = max(columns[1] - columns[0], rows[1] - rows[0])
        columns, rows = _moved_in(columns[0], side, width), _moved_in(rows[0], side, height)
    return columns[0], rows[0], columns[1], rows[1]


def _span(low: float, high: float, room: float, least: int, size: int, side: float) -> tuple[int, int]:
    """From low to high with its room, at least `least` pixels; `side` above 0: of that length, even beyond the picture."""
    length = max(high - low + 2 * room, least, side, 1)
    middle = (low + high) / 2
    if side or high - low + 2 * room <= least:  # a small thing at the border keeps its surroundings on the other side
        first, last = _moved_in(round(middle - length / 2), math.ceil(length - ROUNDING), size)
        if side:
            return first, last
    else:
        first, last = math.floor(middle - length / 2 + ROUNDING), math.ceil(middle + length / 2 - ROUNDING)
    first = min(max(first, 0), size - 1)
    return first, min(max(last, first + 1), size)


def _moved_in(first: int, length: int, size: int) -> tuple[int, int]:
    """Shifted onto the picture, or around it if it is longer."""
    first = min(max(first, 0), size - length) if length <= size else (size - length) // 2
    return first, first + length


def _place(instance: Instance) -> tuple[float, float, float, float]:
    """Where it is: its mask, else its box, else around its stroke and point."""
    return mask_extent(instance.mask) if instance.mask is not None else extent(instance)


def _cut(picture: Tensor, instance: Instance, window: tuple[int, int, int, int], grey: bool) -> Tensor:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = window
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    values = torch.nan_to_num(picture[top:bottom, left:right, :3].detach().float().cpu()).clamp(0, 1)
    values = values.expand(*values.shape[:2], 3)
    if grey and instance.mask is not None:
        inside = draw_instance(instance, height, width)[top:bottom, left:right]
        values = torch.where(torch.from_numpy(np.ascontiguousarray(inside))[..., None], values, torch.tensor(GREY))
    out = torch.full((1, y1 - y0, x1 - x0, 3), GREY)
    out[0, top - y0 : bottom - y0, left - x0 : right - x0] = values
    return out
