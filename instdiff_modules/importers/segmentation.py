"""Masks as COCO and others write them: rings of points in pixels, or run-lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..geometry.polygons import MASKS, mask_of_polygons
from ..layout import fields
from ..layout.instance import Mask
from .amounts import amount
from .json_field import json_in
from .odd_items import keep_good

MEANING = "[x1, y1, x2, y2, x3, y3, ...] in pixels"


def read_segmentation(segmentation: Any, width: int, height: int, where: str, beside: int = MASKS) -> Mask:
    """Run-lengths (text or numbers) or polygons [[x1, y1, ...], ...] in pixels, or a single flat one; odd rings are left out.

    Polygons on a huge canvas give a smaller mask (`mask_of_polygons`). beside: how many masks the layout has. ValueError if nothing
    of it is a mask of width x height pixels.
    """
    segmentation = json_in(segmentation)
    if isinstance(segmentation, list) and len(segmentation) == 1 and isinstance(segmentation[0], Mapping):
        segmentation = segmentation[0]
    if isinstance(segmentation, Mapping):
        mask = (
            fields.mask({**segmentation, "counts": _counts(segmentation.get("counts"))}, where)
            if "counts" in segmentation
            else fields.mask(segmentation, where)
        )
        if (mask.height, mask.width) != (height, width):
            raise ValueError(
                f"{where}: the segmentation is {mask.width}x{mask.height} pixels, its image {width}x{height}."
            )
        return mask
    if isinstance(segmentation, str) or not isinstance(segmentation, Sequence):
        raise ValueError(f"{where}: segmentation must be polygons or run-lengths, got {fields.shorten(segmentation)}.")
    flat = segmentation and (
        all(map(_is_number, segmentation)) or (len(segmentation) > 2 and all(map(_is_pair, segmentation)))
    )
    rings = [segmentation] if flat else segmentation
    return mask_of_rings(keep_good(rings, lambda ring, _: _ring(ring, where)), width, height, where, beside)


def mask_of_rings(rings: Sequence[Sequence[float]], width: int, height: int, where: str, beside: int = MASKS) -> Mask:
    """Rings [x1, y1, ...] in pixels -> the mask of all of them. ValueError if it covers no pixel. See `mask_of_polygons`."""
    mask = mask_of_polygons(rings, height, width, where, beside) if rings else None
    if mask is None:
        raise ValueError(f"{where}: the segmentation covers no pixel of the {width}x{height} canvas.")
    return mask


def _ring(ring: Any, where: str) -> list[float]:
    while isinstance(ring, list) and len(ring) == 1 and isinstance(ring[0], list):
        ring = ring[0]
    if isinstance(ring, Sequence) and not isinstance(ring, str) and ring and all(map(_is_pair, ring)):
        ring = [v for xy in ring for v in ((xy["x"], xy["y"]) if isinstance(xy, Mapping) else xy)]
    if isinstance(ring, str) or not isinstance(ring, Sequence) or len(ring) < 6 or len(ring) % 2:
        raise ValueError(f"{where}: a polygon must be {MEANING}, got {fields.shorten(ring)}.")
    return [fields.number(amount(v), where, "segmentation") for v in ring]


def _counts(counts: Any) -> Any:
    """Run-lengths as other programs leave them: bytes of pycocotools or how Python shows those, whole numbers as floats or in a text."""
    if isinstance(counts, bytes):
        return counts.decode("latin-1")
    if isinstance(counts, str) and counts[:2] in ("b'", 'b"') and counts[-1:] == counts[1]:
        return counts[2:-1].replace("\\\\", "\\")
    if isinstance(counts, str) and ("," in counts or " " in counts):
        counts = counts.strip(" []").replace(",", " ").split()
    if not isinstance(counts, list):
        return counts
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in map(amount, counts)]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    return (isinstance(value, (list, tuple)) and len(value) == 2) or (
        isinstance(value, Mapping) and "x" in value and "y" in value
    )
