"""Polygons as masks: drawn as COCO's own code draws them, at a resolution whose cost is known before anything is drawn."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout.fields import MAX_MASK_PIXELS
from ..layout.instance import Mask
from .masks import as_mask, mask_area

MAX_OUTLINE = 4_000_000  # pixels around all polygons of a mask; drawing walks along them, 40 bytes for each
MAX_OUTLINES = 30_000_000  # of all masks of a layout together
MAX_POLYGONS = 10_000  # of a mask
MAX_POLYGONS_TOGETHER = 200_000
MIN_SIDE = 64  # pixels of a mask that is drawn smaller than its canvas
MASKS = 100  # of a layout whose number is not known
MERGED = 32  # polygons that are joined at once

logger = logging.getLogger(__name__)


def mask_of_polygons(
    polygons: Sequence[Sequence[float]], height: int, width: int, where: str, beside: int = MASKS
) -> Mask | None:
    """COCO polygons, each [x1, y1, x2, y2, ...] in pixels, at least three points -> their union; None if it covers no pixel.

    The mask has the size of the canvas, height x width; where that is larger than a mask may be, or the outline too long to
    be drawn in time, a smaller one of the same shape, with a warning. beside: how many masks the layout has. ValueError,
    beginning with `where`, for too many polygons or an outline that would not even fit a small mask.
    """
    most = max(min(MAX_POLYGONS, MAX_POLYGONS_TOGETHER // beside), 1)
    if len(polygons) > most:
        raise ValueError(f"{where}: the mask has {len(polygons)} polygons, at most {most} are drawn here. Join them, or use run-lengths.")  # fmt: skip
    # Cut before drawing: the drawing code walks along the whole edge, however far it leads off the picture.
    rings = [np.asarray(polygon, np.float64).reshape(-1, 2).clip(0, (width, height)) for polygon in polygons]
    outline = sum(map(_outline, rings))
    longest = max(min(MAX_OUTLINE, MAX_OUTLINES // beside), 1)
    scale = min(1.0, math.sqrt(MAX_MASK_PIXELS / (height * width)), longest / max(outline, 1.0))
    if scale < 1:
        small = max(int(width * scale), 1), max(int(height * scale), 1)
        if outline > longest and max(small) < min(MIN_SIDE, max(width, height)):
            raise ValueError(
                f"{where}: the outline of the polygons is {outline:.0f} pixels long, which takes too long to draw. Use fewer points."
            )
        logger.warning("%s: the mask is kept at %dx%d pixels, not %dx%d.", where, *small, width, height)
        rings = [ring * (small[0] / width, small[1] / height) for ring in rings]
        width, height = small
    mask = as_mask(_union([ring.reshape(-1) for ring in rings], height, width))
    return mask if mask_area(mask) else None


def _outline(ring: np.ndarray) -> float:
    """(n, 2) -> how many pixels the closed ring passes."""
    return float(np.abs(ring - np.roll(ring, 1, axis=0)).max(1).sum())


def _union(polygons: Sequence[np.ndarray], height: int, width: int) -> Any:
    """pycocotools' run-lengths of all polygons; joined in groups, since each join reads everything that is joined so far."""
    from pycocotools import mask as coco

    drawn: Any = [coco.frPyObjects([polygon], height, width)[0] for polygon in polygons]  # type: ignore[list-item]
    while len(drawn) > 1:
        drawn = [coco.merge(drawn[i : i + MERGED]) for i in range(0, len(drawn), MERGED)]
    return drawn[0]
