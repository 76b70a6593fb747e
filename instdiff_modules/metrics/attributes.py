"""Colours and textures: what a prompt asks for, and colours that leaked from one instance into another."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..shapeworld import vocabulary as words
from ..shapeworld.regions import clean_colors

# The attributes that the paper tests: eight of each (eval_attribute_binding.py). Its colours are the shape world's.
COLORS = words.COLOR_NAMES
PAPER_TEXTURES = ("rubber", "fluffy", "metallic", "wooden", "plastic", "fabric", "leather", "glass")


class Wanted(NamedTuple):
    """What a prompt says: its first word for a shape, a colour, a texture of the shape world and one of the paper's; or None."""

    shape: str | None
    color: str | None
    texture: str | None
    material: str | None


def wanted(prompt: str) -> Wanted:
    found = re.findall(r"\w+", prompt.lower())
    return Wanted(
        *(
            next((word for word in found if word in known), None)
            for known in (words.SHAPES, COLORS, words.TEXTURES, PAPER_TEXTURES)
        )
    )


def color_map(picture: np.ndarray) -> np.ndarray:
    """picture (H, W, 3) uint8 -> (H, W) index of COLORS: the nearest colour of the shape world, both shades of it.

    Along the edges of objects, where colours mix, a pixel has the colour of one of the areas that meet there: between red
    and white there is pink, but nothing pink.
    """
    return clean_colors(picture)[0]


def leakage(
    colors: np.ndarray, regions: Sequence[np.ndarray | None], exact: Sequence[bool], names: Sequence[str | None]
) -> list[float | None]:
    """Of each instance: share of its region that has the colour of another instance, 0..1.

    colors: color_map's. regions: where each instance belongs, (H, W) bool in depth order, None if unknown. exact:
    whether a region is a mask and not a box. names: its colour. Its own colour and the background never count, since
    neither is another instance's. A region ends where an instance in front of it begins, and a box, whose corners may show
    what lies behind it, ends at every other region. None without a region or a colour, and where no instance has another
    colour: nothing could leak.
    """
    out: list[float | None] = []
    for i, (region, name) in enumerate(zip(regions, names, strict=True)):
        others = [
            COLORS.index(other) for other in sorted({other for other in names if other is not None}) if other != name
        ]
        if region is None or name is None or not others:
            out.append(None)
            continue
        own = region.copy()
        for j, other in enumerate(regions):
            if other is not None and j != i and (j > i or not exact[i]):
                own &= ~other
        out.append(float(np.isin(colors[own], others).mean()) if own.any() else None)
    return out
