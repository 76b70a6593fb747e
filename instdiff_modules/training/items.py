"""A layout and the frame of its picture -> what the tokenizer is trained on: locations, and which text speaks for each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from ..geometry.crop import crop_instances
from ..geometry.masks import decode_mask, extent
from ..geometry.points import mask_scribble_points
from ..grounding.inputs import GroundingInputs, build_grounding
from ..layout.instance import Instance, Layout
from . import authors_items
from .captions import named_caption, with_instances
from .draws import Draws
from .frames import Frame, mirrored
from .recipe import Recipe

NAME = "category_name"  # field of an instance that holds its name beside its prompt, the caption
DETECTED = "is_det"  # field of a layout whose picture has no caption of its own, only things


class Item(NamedTuple):
    """inputs: one layout, its text still zero. slots: index of the instance in each used slot, and whether its "name" or its
    "caption" speaks. texts: what these say. caption: of the picture, "" if it was dropped. flipped: the picture is mirrored."""

    inputs: GroundingInputs
    slots: tuple[tuple[int, str], ...]
    texts: tuple[str, ...]
    caption: str
    flipped: bool


def make_item(layout: Layout, frame: Frame, draws: Draws, recipe: Recipe, slots: int = 30, text_dim: int = 768) -> Item:
    """The frame is without its flip, which is drawn here.

    Raises ValueError where the authors' data class would stop, if its ways are asked for.
    """
    if recipe.items == "authors":
        return _authors_item(layout, frame, draws, recipe, slots, text_dim)
    flipped = _flips(draws, recipe)
    found = [(i, mirrored(one) if flipped else one) for i, one in crop_instances(layout.instances, frame.part)]
    found = [(i, one) for i, one in found if not _too_small(one, recipe.min_box_size)]
    if recipe.sort_by_area or len(found) > slots:  # too many: the largest stay, in their order
        largest = sorted(found, key=lambda pair: -_area(pair[1]))[:slots]
        found = largest if recipe.sort_by_area else [pair for pair in found if pair in largest]
    found = [(i, _with_scribble(one, draws)) for i, one in found]
    text = torch.zeros(len(found), text_dim)
    inputs = build_grounding([[one for _, one in found]], [text], slots, int(draws.uniform() * 2**32))
    return _spoken(layout, inputs, [i for i, _ in found], draws, recipe)._replace(flipped=flipped)


def _authors_item(layout: Layout, frame: Frame, draws: Draws, recipe: Recipe, slots: int, text_dim: int) -> Item:
    taken = authors_items.take(layout.instances, frame, draws)
    frame = replace(frame, flipped=_flips(draws, recipe))
    inputs, order, kept = authors_items.locate(taken, frame, recipe.min_box_size, slots, text_dim)
    return _spoken(layout, inputs, order, draws, recipe, kept)._replace(flipped=frame.flipped)


def _flips(draws: Draws, recipe: Recipe) -> bool:
    return recipe.flip_aug and draws.uniform() < 0.5


def _spoken(
    layout: Layout,
    inputs: GroundingInputs,
    order: Sequence[int],
    draws: Draws,
    recipe: Recipe,
    kept: Sequence[int] | None = None,
) -> Item:
    """order: the instance in each slot; kept: those for which a text is drawn, in the order of the draws."""
    says = {}
    for i in order if kept is None else kept:
        name, caption = named_as(layout.instances[i]), layout.instances[i].prompt
        drawn = draws.uniform() < recipe.instance_caption_rate if caption and name else bool(caption)
        says[i] = "caption" if drawn else "name"
    slots = tuple((i, says[i]) for i in order)
    texts = tuple(_text(layout.instances[i], which) for i, which in slots)
    return Item(inputs, slots, texts, _caption(layout, order, draws, recipe), False)


def _caption(layout: Layout, order: Sequence[int], draws: Draws, recipe: Recipe) -> str:
    if draws.uniform() >= 1 - recipe.caption_dropout_rate:
        return ""
    if not layout.extra.get(DETECTED):
        return layout.prompt
    instances = [layout.instances[i] for i in order]
    text = named_caption([named_as(one) or one.prompt for one in instances], recipe.count_names, layout.prompt or None)
    return with_instances(text, instance_captions(layout, order)) if recipe.add_instance_captions else text


def instance_captions(layout: Layout, order: Sequence[int]) -> list[str]:
    """Of each slot's instance "name, caption", or "" where it has no caption or the picture has one of its own."""
    instances = [layout.instances[i] for i in order]
    detected = bool(layout.extra.get(DETECTED))
    return [f"{named_as(one)}, {one.prompt}" if detected and one.prompt else "" for one in instances]


def instance_texts(layout: Layout) -> set[str]:
    """All that may speak for an instance of the layout."""
    return {_text(one, which) for one in layout.instances for which in ("name", "caption") if _text(one, which)}


def possible_captions(layout: Layout) -> set[str]:
    """The caption, where it is known before the picture is cut; of a picture of which only the things are known it is not."""
    return set() if layout.extra.get(DETECTED) else {layout.prompt}


def speaks(instance: Instance) -> str:
    """The text of an instance where nothing is drawn: its caption, else its name."""
    return _text(instance, "caption" if instance.prompt else "name")


def named_as(instance: Instance) -> str:
    """Its name beside its caption, such as a detector's label; empty if it has none."""
    return str(instance.extra.get(NAME) or "")


def _text(instance: Instance, which: str) -> str:
    """What the encoder reads. A caption that does not hold the name is put behind it, as the authors prepared theirs."""
    name = named_as(instance)
    if which == "name":
        return name
    return instance.prompt if not name or name in instance.prompt else f"{name}. {instance.prompt}"


def _area(instance: Instance) -> float:
    x0, y0, x1, y1 = extent(instance)
    return (x1 - x0) * (y1 - y0)


def _too_small(instance: Instance, least: float) -> bool:
    """A point or a stroke has no size to judge by."""
    return (instance.box is not None or instance.mask is not None) and _area(instance) < least


def _with_scribble(instance: Instance, draws: Draws) -> Instance:
    """An instance with a mask and no stroke of its own gets 20 of its pixels, others at each visit."""
    if instance.scribble is not None or instance.mask is None:
        return instance
    pixels = decode_mask(instance.mask)
    points = mask_scribble_points(pixels, draws.pixels) / np.array([pixels.shape[1], pixels.shape[0]])
    return replace(instance, scribble=tuple((float(x), float(y)) for x, y in points))
