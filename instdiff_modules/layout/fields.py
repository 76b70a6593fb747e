"""Checks of the fields of a layout document. Every function takes the JSON value and `where`, the words that name it
("Instance 3 (fox)"), and returns a clean value or raises ValueError with one sentence."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from .instance import Box, Mask, Point
from .rle import check_runs, decode_runs, encode_runs

logger = logging.getLogger(__name__)

MAX_SIDE = 16384  # pixels, ComfyUI's own limit
MAX_SCRIBBLE = 1_000_000  # points
MAX_MASK_PIXELS = 8192 * 8192
# A box that sticks out of the canvas is cut; one that sticks out this far was surely written in pixels.
MAX_FRACTION = 16
EDGE = 1e-6  # rounding that a point on the border may carry
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def shorten(value: Any, length: int = 60) -> str:
    """A value as a person may read it in an error."""
    text = " ".join(repr(value).split())
    return text if len(text) <= length else text[:length] + "..."


def number(value: Any, where: str, field: str) -> float:
    """A finite float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{where}: {field} must be a number, got {shorten(value)}.")
    if (isinstance(value, int) and abs(value) > 2**53) or not math.isfinite(value):
        raise ValueError(f"{where}: {field} must be a finite number, got {shorten(value)}.")
    return float(value)


def number_in(value: Any, low: float, high: float, where: str, field: str) -> float:
    """A float in low..high."""
    result = number(value, where, field)
    if not low <= result <= high:
        raise ValueError(f"{where}: {field} must lie in {low:g}..{high:g}, got {result:.10g}.")
    return result


def whole(value: Any, where: str, field: str, high: int = MAX_SIDE) -> int:
    """A whole number of pixels, 1..high."""
    result = number(value, where, field)
    if result != int(result) or not 1 <= result <= high:
        raise ValueError(f"{where}: {field} must be a whole number of pixels in 1..{high}, got {shorten(value)}.")
    return int(result)


def side(value: Any, where: str, field: str) -> int:
    """A whole number of pixels as `whole`, or 0 where it is not given (None, 0)."""
    return 0 if value is None or (isinstance(value, int) and value == 0) else whole(value, where, field)


def text(value: Any, where: str, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: {field} must be text, got {shorten(value)}.")
    if not value.isascii() and _HALF_CHARACTER.search(value):  # no file or browser could take it back
        raise ValueError(f"{where}: {field} holds a broken character in {shorten(value)}. Type it again.")
    return value


def flag(value: Any, where: str, field: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {field} must be true or false, got {shorten(value)}.")
    return value


def color(value: Any, where: str) -> str:
    """Empty, or "#rgb" / "#rrggbb"."""
    if not re.fullmatch(r"(#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6})?", text(value, where, "color")):
        raise ValueError(f'{where}: color must be like "#e6194b" or empty, got {shorten(value)}.')
    return value


def numbers(value: Any, count: int, where: str, field: str, meaning: str) -> tuple[float, ...]:
    """Exactly `count` finite floats."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or len(value) != count:
        raise ValueError(f"{where}: {field} must be {meaning}, got {shorten(value)}.")
    return tuple(number(v, where, field) for v in value)


def box(value: Any, where: str) -> Box:
    """[x0, y0, x1, y1], cut to the canvas with a warning if it sticks out."""
    x0, y0, x1, y1 = given = numbers(value, 4, where, "box", "[left, top, right, bottom] in 0..1")
    if x1 <= x0 or y1 <= y0:
        raise ValueError(
            f"{where}: box {_list(given)} is empty. Its right edge must lie right of its left, its bottom below top."
        )
    x0, y0, x1, y1 = cut = tuple(min(max(v, 0.0), 1.0) for v in given)
    if x0 >= x1 or y0 >= y1 or max(map(abs, given)) > MAX_FRACTION:
        raise ValueError(
            f"{where}: box {_list(given)} lies outside the canvas. Coordinates are fractions 0..1 of its width "
            "and height, not pixels."
        )
    if cut != given:
        logger.warning("%s: box %s sticks out of the canvas and was cut to %s.", where, _list(given), _list(cut))
    return x0, y0, x1, y1


def point(value: Any, where: str, field: str = "point") -> Point:
    """[x, y] on the canvas."""
    given = numbers(value, 2, where, field, "[x, y] in 0..1")
    if not all(-EDGE <= v <= 1 + EDGE for v in given):
        raise ValueError(
            f"{where}: {field} {_list(given)} lies outside the canvas. Coordinates are fractions 0..1 of its width and "
            "height, not pixels."
        )
    return _inside(given)


def scribble(value: Any, where: str) -> tuple[Point, ...]:
    """[[x, y], ...]; points that lie outside the canvas are pulled to its border, with a warning."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        raise ValueError(
            f"{where}: scribble must be a list of [x, y] points in 0..1, at least one, got {shorten(value)}."
        )
    if len(value) > MAX_SCRIBBLE:
        raise ValueError(
            f"{where}: the scribble has {len(value)} points, at most {MAX_SCRIBBLE} are read. Draw it with fewer points."
        )
    given = _pairs(value, where)
    inside = ((given >= -EDGE) & (given <= 1 + EDGE)).all(1)
    if not inside.any() or np.abs(given).max() > MAX_FRACTION:
        raise ValueError(
            f"{where}: scribble lies outside the canvas (first point {_list(given[0].tolist())}). Coordinates are fractions "
            "0..1 of its width and height, not pixels."
        )
    if not inside.all():
        logger.warning(
            "%s: %d scribble points lie outside the canvas and were pulled to its border.", where, int((~inside).sum())
        )
    return tuple(map(tuple, given.clip(0.0, 1.0).tolist()))


def _pairs(value: Sequence[Any], where: str) -> np.ndarray:
    """[[x, y], ...] -> (n, 2) float64; plain lists of numbers at once, and one by one what may be anything else."""
    if set(map(type, value)) <= {list, tuple} and set(map(len, value)) == {2}:
        flat = list(chain.from_iterable(value))
        if set(map(type, flat)) <= {int, float} and all(map(_is_finite, flat)):
            return np.array(flat, np.float64).reshape(-1, 2)
    return np.array([numbers(v, 2, where, "scribble", "a list of [x, y] points in 0..1") for v in value])


def _is_finite(value: float) -> bool:
    return -(2**53) <= value <= 2**53


def mask(value: Any, where: str) -> Mask:
    """{"size": [height, width], "counts": COCO run-length encoding, as text or as a list of run lengths}."""
    if not isinstance(value, Mapping) or "size" not in value or "counts" not in value:
        raise ValueError(f'{where}: mask must be {{"size": [height, width], "counts": "..."}}, got {shorten(value)}.')
    size = numbers(value["size"], 2, where, "mask size", "[height, width] in pixels")
    height, width = (whole(v, where, "mask size") for v in size)
    if height * width > MAX_MASK_PIXELS:
        raise ValueError(
            f"{where}: a mask of {width}x{height} is too large. Use at most {MAX_MASK_PIXELS // 2**20} million pixels."
        )
    counts = value["counts"]
    try:
        if isinstance(counts, str):
            runs = decode_runs(counts)
        else:
            runs = _runs(counts) if isinstance(counts, Sequence) else np.zeros(0, np.int64)
            counts = encode_runs(runs)
        area = check_runs(runs, height, width)
    except ValueError as error:
        raise ValueError(f"{where}: the mask cannot be read: {error}.") from error
    if area == 0:
        raise ValueError(
            f"{where}: the mask is empty (all black). Paint where the instance belongs, or remove the mask."
        )
    return Mask(height, width, counts)


def _runs(values: Sequence[Any]) -> np.ndarray:
    """Run lengths (n,) int64."""
    if not set(map(type, values)) <= {int} or (values and not 0 <= min(values) <= max(values) <= MAX_MASK_PIXELS):
        odd = next(v for v in values if type(v) is not int or not 0 <= v <= MAX_MASK_PIXELS)
        raise ValueError(f"a run length must be a whole number from 0, got {shorten(odd)}")
    return np.array(values, dtype=np.int64)


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """An unknown field, kept as it is; NaN and infinity are refused because JSON has no word for them."""
    if depth > 64:
        raise ValueError(f"{where}: unknown fields are nested too deeply.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: an unknown field holds {value}, which JSON cannot store.")
    if isinstance(value, Mapping):
        return {str(k): plain(v, where, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, where, depth + 1) for v in value]
    if value is not None and not isinstance(value, (str, int, float, bool)):
        raise ValueError(f"{where}: an unknown field holds {shorten(value)}, which JSON cannot store.")
    return value


def _inside(xy: Sequence[float]) -> Point:
    return min(max(xy[0], 0.0), 1.0), min(max(xy[1], 0.0), 1.0)


def _list(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{v:g}" for v in values) + "]"
