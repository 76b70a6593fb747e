"""What is measured of the pictures with overlapping instances: each measure takes a picture and its detections, and gives 0..1."""

from collections.abc import Callable

import numpy as np
from instdiff.instdiff_modules.layout.instance import Box, Layout
from instdiff.instdiff_modules.metrics.attributes import COLORS, color_map
from instdiff.instdiff_modules.metrics.detection import SHAPES, Detection
from instdiff.instdiff_modules.metrics.record import Record
from instdiff.instdiff_modules.metrics.score import Settings, score_picture

Measure = Callable[[np.ndarray, list[Detection]], float]


def found(phrase: str) -> Measure:
    """1 if an object of this phrase is in the picture."""
    return lambda picture, seen: float(any(d.label == phrase for d in seen))


def overlap(phrase: str, mask: np.ndarray) -> Measure:
    """Best intersection over union of an object of this phrase with the mask."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        return max(
            (float((d.mask & mask).sum() / (d.mask | mask).sum()) for d in seen if d.label == phrase), default=0.0
        )

    return measure


def count(phrases: list[str]) -> Measure:
    """Share of the phrases that are found, each once."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        labels = [d.label for d in seen]
        return sum(min(labels.count(p), phrases.count(p)) for p in set(phrases)) / len(phrases)

    return measure


def in_front(color: str, other: str, area: Box) -> Measure:
    """Share of the pixels of `area` that have the one colour, of those that have either."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = (round(v * s) for v, s in zip(area, (width, height) * 2, strict=True))
        named = color_map(picture)[y0:y1, x0:x1]
        own, rival = ((named == COLORS.index(c)).sum() for c in (color, other))
        return float(own / max(own + rival, 1))

    return measure


def front(wanted: Measure) -> Measure:
    """1 if more than half of the pixels are those of the instance that is to be in front."""
    return lambda picture, seen: float(wanted(picture, seen) > 0.5)


def in_place(layout: Layout) -> Measure:
    """Share of the instances with an object of their phrase at their place (intersection over union at least 0.5)."""
    return lambda picture, seen: _scored(layout, picture, seen).score


def leaking(layout: Layout) -> Measure:
    """Share of the instances' regions that has the colour of another instance."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        leaked = [row.leakage for row in _scored(layout, picture, seen).rows if row.leakage is not None]
        return float(np.mean(leaked)) if leaked else 0.0

    return measure


def _scored(layout: Layout, picture: np.ndarray, seen: list[Detection]) -> Record:
    size = (picture.shape[1], picture.shape[0])
    return score_picture("", layout, seen, size, Settings(categories=SHAPES), picture, colors=True)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean of values in 0..1, and Wilson's 95 % confidence interval; for shares it errs on the wide side."""
    n, p, z = len(values), float(np.mean(values)), 1.96
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return round(p, 3), round(max(low, 0.0), 3), round(min(high, 1.0), 3)
