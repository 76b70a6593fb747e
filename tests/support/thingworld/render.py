"""The picture of a scene of things, and the exact mask of each."""

from dataclasses import replace

import numpy as np
from instdiff.instdiff_modules.shapeworld.vocabulary import COLORS
from PIL import Image
from support.shapeworld.render import Rendered
from support.thingworld.emoji import sprite
from support.thingworld.scene import ThingScene
from support.thingworld.words import KIND, LANDSCAPES

# Landscapes: colours from top to bottom, each with the share of the height at which it begins. Between the first two the sky is graded.
BANDS = {
    "meadow": ((0.0, (150, 205, 245)), (0.55, (225, 240, 250)), (0.55, (120, 185, 80)), (1.0, (80, 150, 60))),
    "beach": ((0.0, (120, 190, 245)), (0.4, (200, 230, 250)), (0.4, (45, 135, 200)), (0.6, (90, 190, 215)), (0.6, (240, 220, 165)), (1.0, (225, 195, 130))),
    "desert": ((0.0, (250, 200, 130)), (0.5, (255, 235, 190)), (0.5, (225, 165, 90)), (1.0, (200, 130, 65))),
    "snow": ((0.0, (165, 185, 210)), (0.5, (215, 225, 235)), (0.5, (235, 240, 248)), (1.0, (250, 252, 255))),
    "night": ((0.0, (15, 20, 60)), (0.6, (50, 60, 120)), (0.6, (25, 60, 50)), (1.0, (10, 35, 30))),
    "sea": ((0.0, (175, 220, 250)), (0.35, (225, 240, 250)), (0.35, (40, 120, 190)), (1.0, (15, 60, 120))),
}  # fmt: skip
HILLS = {"meadow": 0.05, "desert": 0.06, "snow": 0.05, "night": 0.04}  # height of the hills, a share of the canvas
SHIFT = 0.08  # the horizon moves so far
EDGE = 1e-4  # a share of the height between two bands


def background(scene: ThingScene) -> np.ndarray:
    """(H, W, 3) float32 0..255."""
    height, width = scene.height, scene.width
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    if scene.background not in LANDSCAPES:
        ends = [np.array(COLORS[name], np.float32) for name in scene.background.split(" and ")]
        return np.broadcast_to((ends[0] + y[:, None, None] * (ends[-1] - ends[0])), (height, width, 3)).copy()
    bands = BANDS[scene.background]
    at, colors = np.array([share for share, _ in bands], np.float32), np.array([c for _, c in bands], np.float32)
    x = np.arange(width, dtype=np.float32) / max(width, height)
    hill, frequency, phase, shift = wave(scene)
    moved = np.clip(y[:, None] - shift - hill * np.sin(2 * np.pi * (x * frequency + phase)), 0, 1)
    inner = np.flatnonzero(np.diff(at) == 0)  # where one band ends and the next begins
    picture = np.stack([np.interp(moved, at + EDGE * np.isin(np.arange(len(at)), inner + 1), c) for c in colors.T], -1)
    return picture.astype(np.float32)


def wave(scene: ThingScene) -> tuple[float, float, float, float]:
    """Of a landscape's horizon: height of its hills, how many there are on the longer side, where they begin, how far it is moved."""
    rng = np.random.default_rng(scene.seed)
    frequency, phase = rng.uniform(0.6, 1.6), rng.random()
    return HILLS.get(scene.background, 0.0), frequency, phase, rng.uniform(-SHIFT, SHIFT)


def without_unseen(scene: ThingScene) -> ThingScene:
    """The scene without the things of which no pixel is seen: among many, a thin one may be too small or quite hidden."""
    while not (seen := render_things(scene).visible.any((1, 2))).all():
        scene = replace(scene, things=tuple(item for item, there in zip(scene.things, seen, strict=True) if there))
    return scene


def render_things(scene: ThingScene) -> Rendered:
    """Paint the things back to front; a pixel belongs to a mask if more than half of it is covered."""
    height, width = scene.height, scene.width
    side = min(height, width)
    canvas = background(scene)
    whole = np.zeros((len(scene.things), height, width), bool)
    visible = np.zeros_like(whole)
    for i, item in enumerate(scene.things):
        flipped = bool(item.facing) and item.facing != KIND[item.word].faces
        picture = sprite(item.word, item.color, flipped)
        scale = item.size * side / max(picture.size)
        small = picture.resize([max(1, round(v * scale)) for v in picture.size], Image.Resampling.BOX, reducing_gap=3.0)
        left = min(max(round(item.center[0] * width - small.width / 2), 0), width - small.width)
        top = min(max(round(item.center[1] * height - small.height / 2), 0), height - small.height)
        pixels = np.asarray(small, np.float32)
        place = slice(top, top + small.height), slice(left, left + small.width)
        canvas[place] = pixels[..., :3] + (1 - pixels[..., 3:] / 255) * canvas[place]
        whole[i][place] = pixels[..., 3] > 127
        visible[:i] &= ~whole[i]
        visible[i] = whole[i]
    return Rendered((canvas + 0.5).clip(0, 255).astype(np.uint8), visible, whole)
