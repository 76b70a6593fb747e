"""COCO-MIG's measures: is the object at its box, and does it have its colour (Zhou et al., MIGC, CVPR 2024; MIG_Bench's eval_mig.py).

Its rules: of an instance counts the detection of its class that overlaps its box most, even if another instance has it too; from an
IoU of 0.5 on it is in place; its colour is right if at least a fifth of its pixels lie in the colour's range of HSV. mIoU is 0 for an
object in place whose colour is wrong. There the pixels are those that Segment Anything finds in the given box; here they are the
detection's mask.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..geometry.masks import decode_mask
from .classes import plain_words
from .matching import ious, same_class
from .record import Record

LEVELS = (2, 3, 4, 5, 6)  # instances of a picture
IN_PLACE = 0.5  # minimum IoU
COLORED = 0.2  # minimum share of the object's pixels
Range = tuple[tuple[int, int, int], tuple[int, int, int]]
# Lowest and highest hue (0..180), saturation and value (0..255), both included; brown and yellow share some.
RANGES: Mapping[str, tuple[Range, ...]] = {
    "red": (((0, 43, 35), (6, 255, 255)), ((156, 43, 35), (180, 255, 255))),
    "brown": (((6, 43, 35), (25, 255, 255)),),
    "yellow": (((20, 43, 35), (34, 255, 255)),),
    "green": (((35, 43, 35), (77, 255, 255)),),
    "blue": (((78, 43, 35), (124, 255, 255)),),
    "black": (((0, 0, 0), (180, 255, 35)),),
    "white": (((0, 0, 221), (180, 43, 255)),),
}


class MigRow(NamedTuple):
    """Of one instance. iou: with the best detection of its class, 0..1. colored: None if the detection has no mask, or nothing is in place."""

    iou: float
    colored: bool | None

    @property
    def placed(self) -> bool:
        return self.iou >= IN_PLACE


def color_and_object(label: str) -> tuple[str, str] | None:
    """ "a red dining table" -> ("red", "dining table"); None if the first word, after an article, is none of the colours."""
    words = plain_words(label).split()
    words = words[1:] if words[:1] in (["a"], ["an"]) else words
    return (words[0], " ".join(words[1:])) if len(words) > 1 and words[0] in RANGES else None


def hsv(picture: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB -> hue 0..180 (degrees halved), saturation and value 0..255, rounded, as OpenCV's 8-bit HSV to within 1."""
    rgb = picture.astype(np.float32)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    value, spread = rgb.max(-1), rgb.max(-1) - rgb.min(-1)
    step = np.where(spread > 0, spread, 1)
    hue = np.select(
        [value == red, value == green], [(green - blue) / step, 2 + (blue - red) / step], 4 + (red - green) / step
    )
    saturation = 255 * spread / np.where(value > 0, value, 1)
    return np.rint(np.stack([30 * hue % 180, saturation, value], -1)).astype(np.uint8)


def color_share(pixels: np.ndarray, color: str) -> float:
    """Share of the pixels (n, 3) uint8 RGB that lie in the range of a colour of RANGES, 0..1; 0 of none. KeyError for another colour."""
    given = hsv(pixels)
    inside = np.zeros(len(given), bool)
    for low, high in RANGES[color]:
        inside |= ((given >= low) & (given <= high)).all(-1)
    return float(inside.mean()) if inside.size else 0.0


def mig_rows(record: Record, picture: np.ndarray, colors: Sequence[str]) -> list[MigRow]:
    """picture: (H, W, 3) uint8 of the record's size; its regions have boxes. colors: of each instance, a word of RANGES."""
    overlap = np.where(same_class(record.wanted, record.found), ious(record.wanted, record.found, "box"), 0)
    rows = []
    for values, color in zip(overlap, colors, strict=True):
        best = int(values.argmax()) if values.size else None
        iou = 0.0 if best is None else float(values[best])
        mask = None if best is None or iou < IN_PLACE else record.found[best].mask
        right = None if mask is None else color_share(picture[decode_mask(mask)], color) >= COLORED
        rows.append(MigRow(iou, right))
    return rows


def mig_totals(pictures: Sequence[Sequence[MigRow]]) -> dict[str, float | None]:
    """Means in 0..1: "mig_success" and "mig_miou" over all instances, the same with "_l2" to "_l6" over those of the pictures with so many
    instances, and "mig_pictures": share of the pictures whose instances are all right. None where there are none, and everywhere if
    an object in place has no mask: then its colour is unknown."""
    known = all(row.colored is not None for rows in pictures for row in rows if row.placed)
    groups = {"": list(pictures), **{f"_l{level}": [r for r in pictures if len(r) == level] for level in LEVELS}}
    out: dict[str, float | None] = {}
    for name, group in groups.items():
        rows = [row for one in group for row in one] if known else []
        out[f"mig_success{name}"] = _mean([_right(row) for row in rows])
        out[f"mig_miou{name}"] = _mean([0.0 if row.placed and not row.colored else row.iou for row in rows])
    out["mig_pictures"] = _mean([all(map(_right, rows)) for rows in pictures if rows] if known else [])
    return out


def _right(row: MigRow) -> bool:
    return row.placed and bool(row.colored)


def _mean(values: Sequence[float | bool]) -> float | None:
    return sum(values) / len(values) if values else None
