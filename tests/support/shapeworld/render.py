"""A scene's picture, and the exact mask of each of its objects."""

from typing import NamedTuple

import numpy as np
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from instdiff.instdiff_modules.shapeworld.outlines import coverage
from instdiff.instdiff_modules.shapeworld.textures import REFERENCE_SIDE
from support.shapeworld.patterns import second_shade
from support.shapeworld.scene import Scene


class Rendered(NamedTuple):
    """picture (H, W, 3) uint8; visible and whole (n, H, W) bool: what is seen of each object, and all of it."""

    picture: np.ndarray
    visible: np.ndarray
    whole: np.ndarray


def render(scene: Scene) -> Rendered:
    """Paint the things back to front, anti-aliased; a pixel belongs to a mask if more than half of it is covered."""
    height, width = scene.height, scene.width
    side = min(height, width)
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = words.COLORS[scene.background]
    whole = np.zeros((len(scene.things), height, width), bool)
    visible = np.zeros_like(whole)
    for i, thing in enumerate(scene.things):
        center = (thing.center[0] * width, thing.center[1] * height)
        rows, columns, inside = coverage(thing.shape, center, thing.size * side, height, width)
        dx = np.arange(columns.start, columns.stop) + 0.5 - center[0]
        dy = np.arange(rows.start, rows.stop) + 0.5 - center[1]
        first, second = (np.array(palette[thing.color], np.float32) for palette in (words.COLORS, words.SHADES))
        paint: np.ndarray = first
        if thing.texture != "plain":
            paint = first + second_shade(thing.texture, dx, dy, side / REFERENCE_SIDE)[..., None] * (second - first)
        canvas[rows, columns] += inside[..., None] * (paint - canvas[rows, columns])
        whole[i, rows, columns] = inside > 0.5
        visible[:i] &= ~whole[i]
        visible[i] = whole[i]
    return Rendered((canvas + 0.5).astype(np.uint8), visible, whole)
