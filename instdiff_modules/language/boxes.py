"""Which value of an object says where it is, under any of its usual names: a box, a position with a size, two corners, points."""

from collections.abc import Mapping
from typing import Any

from .coordinates import box_numbers
from .lines import BOX_KEYS, PROMPT_KEYS

POINT_KEYS = ("point", "point_2d")
NO_BOXES = ("image", "canvas", "picture", "viewport", "crop", "parts", "children", "background")
_PLACES = (
    "position",
    "location",
    "pos",
    "origin",
    "top_left",
    "topleft",
    "xy",
    "coordinates",
    "offset",
    "center",
    "centre",
)
_SIZES = ("size", "dimensions", "dimension", "dims", "scale", "wh", "extent")
_SECOND_CORNERS = ("bottom_right", "bottomright", "lower_right")


def get(item: Mapping[str, Any], key: str) -> Any:
    """A field, whatever its capitals."""
    if key in item:
        return item[key]
    return next((v for k, v in item.items() if len(k) == len(key) and k.lower() == key), None)


def box_of(item: Mapping[str, Any]) -> tuple[Any, str] | None:
    """(the value that says where, the key it stands under); the item itself if it names its edges."""
    if not _has_numbers(item):
        return None
    low = {k.lower(): v for k, v in item.items()}
    for key in BOX_KEYS:
        given = low.get(key)
        if given is not None and box_numbers(given):
            return given, key
    if box_numbers(item):
        return item, ""
    for key, given in item.items():  # under any name, an object that names the sides of a box is one
        if isinstance(given, Mapping) and key.lower() not in NO_BOXES and box_numbers(given):
            return given, key
    pair = _place_and_size(low)
    return (pair, "") if pair and box_numbers(pair) else None


def is_placed(item: Mapping[str, Any]) -> bool:
    """Whether an object says where it is."""
    return _has_numbers(item) and (
        box_of(item) is not None
        or any(_is_pair(get(item, key)) for key in POINT_KEYS)
        or isinstance(get(item, "scribble"), list)
        or isinstance(get(item, "mask"), Mapping)
    )


def words_of(item: Mapping[str, Any]) -> str:
    """What an object is called, on one line; "" if nothing says it."""
    low = {k.lower(): v for k, v in item.items() if isinstance(v, str)}
    return next((" ".join(value.split()) for key in PROMPT_KEYS if (value := low.get(key, "")).strip()), "")


def _has_numbers(item: Mapping[str, Any]) -> bool:
    """Whether anything but words stands there: most objects are told apart by this, and quickly."""
    return any(not isinstance(value, str) or any(map(str.isdigit, value)) for value in item.values())


def _place_and_size(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """{"position": {"x", "y"}, "size": {"width", "height"}} and its like as one mapping by the names of its sides."""
    key = next((key for key in _PLACES if _is_pair(get(item, key))), None)
    if key is None:
        return None
    x, y = _pair(get(item, key), ("x", "left"), ("y", "top"))
    corner = next((given for name in _SECOND_CORNERS if _is_pair(given := get(item, name))), None)
    if corner is not None:
        right, bottom = _pair(corner, ("x", "right"), ("y", "bottom"))
        return {"left": x, "top": y, "right": right, "bottom": bottom}
    sides = next((given for name in _SIZES if _is_pair(given := get(item, name))), item)
    width, height = _pair(sides, ("width", "w"), ("height", "h"))
    if width is None or height is None:
        return None
    names = {"center": ("cx", "cy"), "centre": ("cx", "cy"), "top_left": ("left", "top"), "topleft": ("left", "top")}
    across, down = names.get(key, ("x", "y"))
    return {across: x, down: y, "width": width, "height": height}


def _is_pair(value: Any) -> bool:
    """Whether a value may be a point or a size: two numbers, or named ones."""
    if isinstance(value, Mapping):
        return any(
            _pair(value, a, b) != (None, None)
            for a, b in ((("x", "left"), ("y", "top")), (("width", "w"), ("height", "h")))
        )
    return isinstance(value, list) and len(value) == 2 and not any(isinstance(v, (list, Mapping, bool)) for v in value)


def _pair(value: Any, first: tuple[str, ...], second: tuple[str, ...]) -> tuple[Any, Any]:
    if isinstance(value, list):
        return value[0], value[1]
    sides = [
        next((given for name in names if (given := get(value, name)) is not None), None) for names in (first, second)
    ]
    return (sides[0], sides[1]) if None not in sides else (None, None)
