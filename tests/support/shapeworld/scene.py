"""Scenes as plain values, and the seeded generator that places objects so that all stay recognisable."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from instdiff.instdiff_modules.shapeworld.outlines import coverage, half_extent
from instdiff.instdiff_modules.shapeworld.regions import GAP
from support.shapeworld import captions

# Rules of placement, as shares of the canvas' shorter side or of an object's area.
SIZE_RANGE = (0.15, 0.50)
MARGIN = 0.02  # between an object and the canvas' border
OVERLAP_SHARE = 0.3  # of the scenes allow objects to overlap
MIN_VISIBLE = 0.75  # of an object's area stays uncovered
CROWDED = 0.85  # with n objects, sizes stay below CROWDED / sqrt(n)
ROUGH = 64  # side of the canvas on which coverage is estimated while placing
# Side of the smallest object that gets a texture, as a share of the canvas' shorter side: smaller ones, or thinner
# parts, have no room for two periods of the pattern and would only look mottled.
MIN_TEXTURED: Mapping[str, float] = {
    "circle": 0.22,
    "square": 0.22,
    "triangle": 0.28,
    "star": 0.32,
    "ring": 0.36,
    "cross": 0.30,
    "heart": 0.25,
    "moon": 0.32,
}


@dataclass(frozen=True)
class Thing:
    """One object: center (x, y) as shares of the canvas' width and height, size = longer side / shorter canvas side."""

    shape: str
    color: str
    texture: str
    center: tuple[float, float]
    size: float

    @property
    def phrase(self) -> str:
        return words.phrase(self.shape, self.color, self.texture)


@dataclass(frozen=True)
class Scene:
    """Things in depth order (the last is in front) before a plain background."""

    width: int
    height: int
    background: str
    things: tuple[Thing, ...]

    @property
    def caption(self) -> str:
        return captions.sentence([thing.phrase for thing in self.things], self.background)

    @property
    def placed_caption(self) -> str:
        """The caption with a place in words behind each thing: "a red star in the upper left and ..."."""
        return captions.sentence(
            [f"{thing.phrase} {captions.place(*thing.center)}" for thing in self.things], self.background
        )


def random_scene(
    seed: int | tuple[int, ...],
    width: int = 256,
    height: int = 256,
    counts: tuple[int, int] = (1, 6),
    overlaps: bool | None = None,
) -> Scene:
    """The scene of a seed. counts: fewest and most objects (fewer than drawn if no room is found); overlaps: None = now and then.

    No object has the background's colour. Objects that overlap or nearly touch have different colours, and of every
    object at least MIN_VISIBLE stays visible.
    """
    rng = np.random.default_rng(seed)
    background = str(rng.choice(words.COLOR_NAMES))
    count = int(rng.integers(counts[0], counts[1] + 1))
    if overlaps is None:
        overlaps = bool(rng.random() < OVERLAP_SHARE)
    most = min(SIZE_RANGE[1], CROWDED / count**0.5)
    things: list[Thing] = []
    for _ in range(40 * count):
        if len(things) == count:
            break
        thing = _draw(rng, background, width, height, most)
        if _fits(things, thing, width, height, overlaps):
            things.append(thing)
    return Scene(width, height, background, tuple(things))


def _draw(rng: np.random.Generator, background: str, width: int, height: int, most: float) -> Thing:
    side = min(width, height)
    shape = str(rng.choice(words.SHAPES))
    color = str(rng.choice([name for name in words.COLOR_NAMES if name != background]))
    size = float(rng.uniform(SIZE_RANGE[0], most))
    textured = size >= MIN_TEXTURED[shape] and rng.random() < 0.75
    texture = str(rng.choice(words.TEXTURES[1:])) if textured else "plain"
    wide, tall = (extent * size / 2 + MARGIN for extent in half_extent(shape))
    x = rng.uniform(wide * side / width, 1 - wide * side / width)
    y = rng.uniform(tall * side / height, 1 - tall * side / height)
    return Thing(shape, color, texture, (float(x), float(y)), size)


def _fits(things: list[Thing], new: Thing, width: int, height: int, overlaps: bool) -> bool:
    near = [thing for thing in things if _apart(thing, new, width, height) < GAP]
    if not near:
        return True
    if not overlaps or any(thing.color == new.color for thing in near):
        return False
    stack = [*things, new]
    covers = [rough_cover(thing, width, height) for thing in stack]
    hidden = np.zeros_like(covers[0])
    for cover in reversed(covers):
        if (cover & ~hidden).sum() < MIN_VISIBLE * cover.sum():
            return False
        hidden |= cover
    return True


def _apart(one: Thing, other: Thing, width: int, height: int) -> float:
    """Gap between two objects' boxes, in shorter sides; negative if they overlap."""
    side = min(width, height)
    gaps = []
    for axis, canvas in ((0, width), (1, height)):
        reach = (half_extent(one.shape)[axis] * one.size + half_extent(other.shape)[axis] * other.size) / 2
        gaps.append(abs(one.center[axis] - other.center[axis]) * canvas / side - reach)
    return max(gaps)


def rough_cover(thing: Thing, width: int, height: int) -> np.ndarray:
    scale = ROUGH / min(width, height)
    rows, columns = round(height * scale), round(width * scale)
    out = np.zeros((rows, columns), bool)
    y, x, inside = coverage(
        thing.shape, (thing.center[0] * columns, thing.center[1] * rows), thing.size * ROUGH, rows, columns
    )
    out[y, x] = inside > 0.5
    return out
