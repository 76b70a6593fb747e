"""Finds the objects of a picture: shape, colour, texture, box and mask, from the pixels alone.

It knows the world's palette, outlines and patterns, but nothing of the scene that the picture shows. On clean scenes it
is exact; on pictures of a decoder it tolerates soft edges, faint patterns and wobbly outlines.
"""

from dataclasses import dataclass

import numpy as np

from . import vocabulary as words
from .outlines import coverage, half_extent
from .regions import Region, find_regions, shade_map
from .textures import CHECKER_CELL, DOT_SPACING, REFERENCE_SIDE, STRIPE_PERIOD

MIN_CONTRAST = 0.17  # spread of the shade, 1 = the whole way between both shades, from which on an object has a texture
STRIPES_ONE_WAY = 3.0  # how much stronger the pattern is down than across if it is stripes and not dots
MIN_SIZE, MAX_SIZE = 0.08, 0.75  # longer side of what counts as an object, as a share of the shorter canvas side
MIN_SCORE = 0.35
HIDDEN_COST = 0.15  # what is assumed to be hidden weakens a fit: a moon whose bite is covered is not a circle


@dataclass(frozen=True)
class Detection:
    """box (x0, y0, x1, y1) in 0..1 and mask (H, W) bool of what is seen; score 0..1: how well the shape's outline fits."""

    shape: str
    color: str
    texture: str
    box: tuple[float, float, float, float]
    mask: np.ndarray
    score: float

    @property
    def phrase(self) -> str:
        return words.phrase(self.shape, self.color, self.texture)


def detect(picture: np.ndarray) -> tuple[str, list[Detection]]:
    """picture (H, W, 3) uint8 -> background colour, and detections, best score first."""
    height, width = picture.shape[:2]
    side = min(height, width)
    background, regions = find_regions(picture)
    found = []
    for region in (unhidden(region, regions) for region in regions):
        x0, y0, x1, y1 = pixel_box(region.mask)
        if not MIN_SIZE * side <= max(x1 - x0, y1 - y0) <= MAX_SIZE * side:
            continue
        shape, score = best_shape(region)
        if score >= MIN_SCORE:
            texture = find_texture(picture, region.mask, region.color)
            box = (x0 / width, y0 / height, x1 / width, y1 / height)
            found.append(Detection(shape, region.color, texture, box, region.mask, score))
    return background, sorted(found, key=lambda d: -d.score)


def unhidden(region: Region, regions: list[Region]) -> Region:
    """The region without what surrounds it among the others: that lies behind it, unless it is a ring, which has a hole."""
    around = [other.mask for other in regions if other is not region and _surrounds(other, region)]
    return region._replace(others=region.others & ~np.logical_or.reduce(around)) if around else region


def _surrounds(other: Region, region: Region) -> bool:
    from skimage.measure import label  # slow to import, and only this detector needs it

    x0, y0, x1, y1 = pixel_box(other.mask)
    left, top, right, bottom = pixel_box(region.mask)
    if not (x0 < left and y0 < top and right < x1 and bottom < y1):
        return False
    parts = np.asarray(label(np.pad(~other.mask, 1, constant_values=True), connectivity=1))
    holes = (parts > 0) & (parts != parts[0, 0])
    return bool(holes[1:-1, 1:-1][region.mask].all()) and best_shape(other)[0] != "ring"


def pixel_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def best_shape(region: Region) -> tuple[str, float]:
    """The shape whose outline covers the region best, and its intersection over union, leaving out what others hide."""
    scores = {shape: max(_fit(region, shape, *place) for place in _places(region, shape)) for shape in words.SHAPES}
    shape = max(scores, key=scores.__getitem__)
    return shape, scores[shape]


def _places(region: Region, shape: str) -> list[tuple[float, float, float]]:
    """Where an outline may lie, as (x, y, size) in pixels: filling the region's box, or reaching behind another object."""
    x0, y0, x1, y1 = pixel_box(region.mask)
    wide, tall = half_extent(shape)
    by_width, by_height = (x1 - x0) / wide, (y1 - y0) / tall
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    places = [(x, y, (by_width * by_height) ** 0.5)]
    pad = 3
    frame = (slice(max(y0 - pad, 0), y1 + pad), slice(max(x0 - pad, 0), x1 + pad))
    if region.others[frame].any():
        size = by_width
        places += [(x, y0 + tall * size / 2, size), (x, y1 - tall * size / 2, size)]
        size = by_height
        places += [(x0 + wide * size / 2, y, size), (x1 - wide * size / 2, y, size)]
        for size in (by_width * 1.12, by_height * 1.12):
            for cx in (x0 + wide * size / 2, x1 - wide * size / 2):
                places += [(cx, y0 + tall * size / 2, size), (cx, y1 - tall * size / 2, size)]
    return places


def _fit(region: Region, shape: str, x: float, y: float, size: float) -> float:
    height, width = region.mask.shape
    if not (0 <= x < width and 0 <= y < height):
        return 0.0
    rows, columns, inside = coverage(shape, (x, y), size, height, width)
    whole = inside > 0.5
    outline = whole & ~region.others[rows, columns]
    common = (outline & region.mask[rows, columns]).sum()
    fit = common / (outline.sum() + region.mask.sum() - common)
    return float(fit * (1 - HIDDEN_COST * (1 - outline.sum() / max(whole.sum(), 1))))


def find_texture(picture: np.ndarray, mask: np.ndarray, color: str) -> str:
    """The pattern of the two shades inside a mask (H, W) of one colour."""
    from skimage.morphology import erosion  # slow to import, and only this detector needs it

    side = min(mask.shape)
    rim = max(1, round(side / 100))
    core = mask
    for _ in range(rim):
        core = erosion(core, np.ones((3, 3), bool))
    if core.sum() < 0.2 * mask.sum():
        core = mask
    shades = shade_map(picture, color)[core]
    if shades.std() < MIN_CONTRAST:
        return "plain"
    y, x = (v.astype(np.float64) * REFERENCE_SIDE / side for v in np.nonzero(core))
    across = _explained(shades, x, y, [(1 / DOT_SPACING, 0.0)])
    down = _explained(shades, x, y, [(0.0, 1 / STRIPE_PERIOD)])
    diagonal = 0.5 / CHECKER_CELL
    crossed = _explained(shades, x, y, [(diagonal, diagonal), (diagonal, -diagonal)])
    if crossed > across + down:
        return "checkered"
    return "striped" if down > STRIPES_ONE_WAY * across else "dotted"


def _explained(values: np.ndarray, x: np.ndarray, y: np.ndarray, waves: list[tuple[float, float]]) -> float:
    """Share of the variance of values (n,) at x, y that waves of these frequencies (turns per pixel) and any phase explain."""
    columns = [np.ones_like(x)]
    for fx, fy in waves:
        angle = 2 * np.pi * (fx * x + fy * y)
        columns += [np.cos(angle), np.sin(angle)]
    basis = np.stack(columns, 1)
    solved = np.linalg.lstsq(basis.T @ basis, basis.T @ values, rcond=None)[0]
    rest = values - basis @ solved
    return float(1 - rest.var() / max(values.var(), 1e-12))
