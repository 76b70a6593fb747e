"""The shapes as coverage masks: drawn four times as large by PIL and averaged, so that edges are anti-aliased."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

OVERSAMPLING = 4
RING_HOLE = 0.46  # radius of the hole, as a share of the ring's radius
CROSS_ARM = 0.36  # half the width of a bar, as a share of half the side
STAR_INNER = 0.45  # radius of the inner corners
MOON_SHIFT, MOON_CUT = 0.62, 0.86  # the bite: how far right of the centre, and its radius


@lru_cache(maxsize=8)
def corners(shape: str) -> np.ndarray:
    """Corners (n, 2) as x, y of a polygonal shape, scaled to fill -1..1 on its longer axis, centred."""
    if shape == "square":
        points = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    elif shape == "triangle":
        points = np.array([(0, -1), (1, 0.85), (-1, 0.85)], float)
    elif shape == "cross":
        a = CROSS_ARM
        points = np.array(
            [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]
        )
    elif shape == "star":
        angle = np.arange(10) * np.pi / 5
        radius = np.where(np.arange(10) % 2 == 0, 1.0, STAR_INNER)
        points = np.stack((radius * np.sin(angle), -radius * np.cos(angle)), 1)
    elif shape == "heart":
        t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        points = np.stack((16 * np.sin(t) ** 3, -y), 1)
    elif shape == "moon":
        reach = np.arccos((1 + MOON_SHIFT**2 - MOON_CUT**2) / (2 * MOON_SHIFT))  # where the two circles meet
        outer = np.linspace(reach, 2 * np.pi - reach, 48)
        turn = np.arctan2(np.sin(reach), np.cos(reach) - MOON_SHIFT)
        inner = np.linspace(2 * np.pi - turn, turn, 48)
        points = np.concatenate(
            (
                np.stack((np.cos(outer), np.sin(outer)), 1),
                np.stack((MOON_SHIFT + MOON_CUT * np.cos(inner), MOON_CUT * np.sin(inner)), 1),
            )
        )
    else:
        raise ValueError(f"Expected a shape with corners, got {shape!r}.")
    low, high = points.min(0), points.max(0)
    return (points - (low + high) / 2) / ((high - low).max() / 2)


@lru_cache(maxsize=16)
def half_extent(shape: str) -> tuple[float, float]:
    """Half width and half height of a shape whose longer side is 2."""
    if shape in ("circle", "ring"):
        return 1.0, 1.0
    width, height = np.abs(corners(shape)).max(0)
    return float(width), float(height)


def coverage(
    shape: str, center: Sequence[float], size: float, height: int, width: int
) -> tuple[slice, slice, np.ndarray]:
    """(rows, columns, share of each of their pixels inside the shape, float32 0..1) on a height x width canvas.

    center (x, y) and size (the longer side) are in pixels. Parts off the canvas are cut.
    """
    half = size / 2
    wide, tall = (extent * half for extent in half_extent(shape))
    x0, x1 = max(int(np.floor(center[0] - wide)) - 1, 0), min(int(np.ceil(center[0] + wide)) + 1, width)
    y0, y1 = max(int(np.floor(center[1] - tall)) - 1, 0), min(int(np.ceil(center[1] + tall)) + 1, height)
    k = OVERSAMPLING
    image = Image.new("L", ((x1 - x0) * k, (y1 - y0) * k))
    draw = ImageDraw.Draw(image)

    def place(points: np.ndarray) -> list[tuple[float, float]]:
        moved = (points * half + (center[0] - x0, center[1] - y0)) * k - 0.5  # PIL's pixel centres lie on whole numbers
        return [(float(x), float(y)) for x, y in moved]

    if shape in ("circle", "ring"):
        draw.ellipse([xy for point in place(np.array([(-1.0, -1.0), (1.0, 1.0)])) for xy in point], fill=255)
        if shape == "ring":
            hole = np.array([(-RING_HOLE, -RING_HOLE), (RING_HOLE, RING_HOLE)])
            draw.ellipse([xy for point in place(hole) for xy in point], fill=0)
    else:
        draw.polygon(place(corners(shape)), fill=255)
    return slice(y0, y1), slice(x0, x1), np.asarray(image.reduce(k), dtype=np.float32) / 255
