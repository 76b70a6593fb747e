"""Which value of an object says where it is, under any of its usual names: a box, a position with a size, two corners, points."""

import re
from collections.abc import Mapping
from typing import Any

from .coordinates import box_numbers
from .lines import BOX_KEYS, PROMPT_KEYS

POINT_KEYS = ("point", "point_2d")
NO_BOXES = ("image", "canvas", "picture", "viewport", "crop", "parts", "children", "background")
# Compared by their letters alone: "top-left" and "topLeft" are the same.
_PLACES = (
    "position",
    "location",
    "pos",
    "origin",
    "topleft",
    "upperleft",
    "lefttop",
    "xy",
    "coordinates",
    "coords",
    "offset",
    "center",
    "centre",
)
_SIZES = ("size", "dimensions", "dimension", "dims", "scale", "wh", "extent")
_CORNERS = (
    ("topleft", "bottomright"),
    ("upperleft", "lowerright"),
    ("lefttop", "rightbottom"),
    ("leftupper", "rightlower"),
    ("start", "end"),
    ("from", "to"),
    ("min", "max"),
    ("p1", "p2"),
    ("point1", "point2"),
    ("corner1", "corner2"),
    ("tl", "br"),
    ("topleftcorner", "bottomrightcorner"),
)
_SECONDS = ("bottomright", "lowerright", "rightbottom")
_LIKE_PROMPTS = ("objectname", "classname", "labelname", "tagname", "classlabel", "textlabel", "labels", "tag", "tags")
# Texts of an object that are not what it is.
_NOT_WORDS = frozenset(
    "id ids uid uuid color colour units unit order format position location size area shape layer depth zindex image imageid file filename path mask url "
    "time status mode side anchor align parent parentid partof group groupid reference negative negativeprompt box bbox bboxd boxd boundingbox coordinates "
    "rect".split()
)  # fmt: skip
_LOOSE = (
    "position",
    "location",
    "pos",
    "origin",
    "xy",
    "coordinates",
    "coords",
    "offset",
)  # the menus may say that they are centres
_RANGES = (("x", "y"), ("xrange", "yrange"), ("horizontal", "vertical"))  # of two numbers each
_ENDS = (
    ("min", "max"),
    ("start", "end"),
    ("from", "to"),
    ("x", "y"),
    ("left", "top"),
    ("width", "height"),
    ("w", "h"),
)  # what a pair may name
_PAIR_TEXT = re.compile(r"[\s(\[]{0,3}(\d[\d.%px]{0,19})\s{0,9}[,;x×* ]\s{0,9}(\d[\d.%px]{0,19})[\s)\]]{0,3}", re.I)  # fmt: skip


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
        if (box := _as_box(low.get(key))) is not None:
            return box, key
    if box_numbers(item):
        return item, ""
    for key, given in item.items():  # under any name, an object that names the sides of a box is one
        if isinstance(given, Mapping) and key.lower() not in NO_BOXES and (box := _as_box(given)) is not None:
            return box, key
    pair = _place_and_size(item)
    return (pair, "") if pair and box_numbers(pair) else None


def is_placed(item: Mapping[str, Any]) -> bool:
    """Whether an object says where it is."""
    return _has_numbers(item) and (
        box_of(item) is not None
        or any(_pair(get(item, key)) for key in POINT_KEYS)
        or isinstance(get(item, "scribble"), list)
        or isinstance(get(item, "mask"), Mapping)
    )


def words_of(item: Mapping[str, Any]) -> str:
    """What an object is called, on one line; "" if nothing says it."""
    low = {k.lower(): words for k, v in item.items() if (words := _words_in(v))}
    found = next((low[key] for key in PROMPT_KEYS if key in low), "")
    return found or (_other_words(low) if low and is_placed(item) else "")


def _words_in(value: Any) -> str:
    """A text, the name of an object, or texts side by side, on one line."""
    if isinstance(value, Mapping):
        value = value.get("name")
    if isinstance(value, list) and len(value) < 9 and all(isinstance(v, str) for v in value):
        value = ", ".join(value)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _other_words(low: Mapping[str, str]) -> str:
    """The words of an object that has a place, under no usual name: under a name like one, else the only words that it has."""
    plain = {re.sub(r"[^a-z]", "", key): words for key, words in low.items()}
    words = {
        key: value
        for key, value in plain.items()
        if key not in _NOT_WORDS and any(map(str.isalpha, value)) and not box_numbers(value)
    }
    usual = next((words[key] for key in _LIKE_PROMPTS if key in words), "")
    return usual or (next(iter(words.values())) if len(words) == 1 else "")


def _has_numbers(item: Mapping[str, Any]) -> bool:
    """Whether anything but words stands there: most objects are told apart by this, and quickly."""
    return any(not isinstance(value, str) or any(map(str.isdigit, value)) for value in item.values())


def _as_box(value: Any) -> Any:
    """A value that is a box in any form, as `box_numbers` reads it; None if it is none."""
    if value is None or box_numbers(value):
        return value
    if isinstance(value, list):
        pairs = [_pair(corner) for corner in value] if len(value) in (2, 4) else []
        if not pairs or None in pairs:
            return None
        if len(pairs) == 2:  # box_numbers knows those that are lists
            value = {"topleft": value[0], "bottomright": value[1]}
        else:  # the corners of a box, one after the other
            sides = [sorted(axis, key=_amount) for axis in zip(*pairs, strict=True)]
            value = {"topleft": [sides[0][0], sides[1][0]], "bottomright": [sides[0][-1], sides[1][-1]]}
    pair = _place_and_size(value) if isinstance(value, Mapping) else None
    return pair if pair and box_numbers(pair) else None


def _place_and_size(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """A place and a size, two corners or two ranges, by any of their names, as one mapping by the names of its sides."""
    plain = {re.sub(r"[^a-z0-9]", "", k.lower()): v for k, v in item.items() if isinstance(k, str)}
    pairs = {key: pair for key, given in plain.items() if (pair := _pair(given)) is not None}
    seconds = [key for key in pairs if key in _SECONDS]
    for first, second in (*_CORNERS, *((key, seconds[0]) for key in _LOOSE if seconds)):
        if first in pairs and second in pairs:
            (left, top), (right, bottom) = pairs[first], pairs[second]
            return {"left": left, "top": top, "right": right, "bottom": bottom}
    for first, second in _RANGES:
        if first in pairs and second in pairs:
            (left, right), (top, bottom) = pairs[first], pairs[second]
            return {"left": left, "top": top, "right": right, "bottom": bottom}
    named = next((key for key in _SIZES if key in pairs), "")
    width, height = pairs[named] if named else (plain.get("width"), plain.get("height"))
    if width is None or height is None:
        return None
    for across, down in (("x", "y"), ("left", "top"), ("cx", "cy"), ("centerx", "centery")):
        if across in plain and down in plain and named != "scale":  # which beside a place is a factor
            return {across: plain[across], down: plain[down], "width": width, "height": height}
    key = next((key for key in _PLACES if key in pairs), None)
    if key is None:
        return None
    across, down = ("cx", "cy") if key in ("center", "centre") else ("x", "y") if key in _LOOSE else ("left", "top")
    return {across: pairs[key][0], down: pairs[key][1], "width": width, "height": height}


def is_pair(value: Any) -> bool:
    """Whether it may be a corner, a size or a range."""
    return isinstance(value, (list, Mapping)) and _pair(value) is not None


def _pair(value: Any) -> tuple[Any, Any] | None:
    """A point, a size or a range: two numbers, named ones, or a text of two; None if it is none."""
    if isinstance(value, str):
        match = _PAIR_TEXT.fullmatch(value)
        return (match[1], match[2]) if match else None
    if isinstance(value, Mapping):
        low = {k.lower(): v for k, v in value.items() if isinstance(k, str)}
        return next((_pair([low[a], low[b]]) for a, b in _ENDS if a in low and b in low), None)
    if not isinstance(value, list) or len(value) != 2:
        return None
    return (value[0], value[1]) if all(map(_is_amount, value)) else None


def _is_amount(value: Any) -> bool:
    """Whether it is a number, or a text that begins with one."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or (
        isinstance(value, str) and bool(re.match(r"\s{0,9}[-+.]?\d", value))
    )


def _amount(value: Any) -> float:
    found = re.match(r"\s{0,9}([-+]?\d{0,9}\.?\d{0,9})", str(value))
    return float(found[1]) if found and any(map(str.isdigit, found[1])) else 0.0
