"""Omost's answer, a Python program of a fixed grammar: `canvas.add_local_description(location='on the left', ...)`.

Its calls are read as objects of named literals, by the reader of JSON that is forgiving; nothing is executed. Places and areas are Omost's own,
on its grid of 90 x 90: a location is the centre of a third, an offset moves it by ten cells.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..importers.omost import GRID, read_omost
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Layout
from .json_pieces import NotJSON
from .tolerant import read_arguments

GLOBAL, LOCAL = "set_global_description(", "add_local_description("
# Python's texts in three quotes, and texts side by side, which are one
_TRIPLE = re.compile(r"(\"\"\"|''')([^\0]{0,4000}?)\1")
_SIDE_BY_SIDE = re.compile(r"(?<=[\w.,;!? ])(['\"])\s{1,200}\1(?=\w)")
_THIRDS = {"left": 15, "right": 75, "top": 15, "bottom": 75}
_STEPS = {"left": -10, "right": 10, "upper": -10, "lower": 10}
_ACROSS = ("left", "right")
_LOCATIONS = {
    "in the center": (45, 45),
    **{f"on the {side}": (_THIRDS[side], 45) for side in _ACROSS},
    **{f"on the {side}": (45, _THIRDS[side]) for side in ("top", "bottom")},
    **{f"on the {v}-{h}": (_THIRDS[h], _THIRDS[v]) for v in ("top", "bottom") for h in _ACROSS},
}
_OFFSETS = {
    "no offset": (0, 0),
    **{f"slightly to the {side}": (_STEPS[side], 0) for side in _ACROSS},
    **{f"slightly to the {side}": (0, _STEPS[side]) for side in ("upper", "lower")},
    **{f"slightly to the {v}-{h}": (_STEPS[h], _STEPS[v]) for v in ("upper", "lower") for h in _ACROSS},
}
_SIZES = {"small": ((50, 50), (40, 60)), "medium-sized": ((60, 60), (50, 80)), "large": ((70, 70), (60, 90))}
_AREAS = {
    f"a {size} {shape} area": {"square": square, "vertical": tall, "horizontal": tall[::-1]}[shape]
    for size, (square, tall) in _SIZES.items()
    for shape in ("square", "vertical", "horizontal")
}
_GLOBAL_NAMES = ("description", "detailed_descriptions", "tags", "HTML_web_color_name")
_LOCAL_NAMES = (
    "location", "offset", "area", "distance_to_viewer", *_GLOBAL_NAMES[:3], "atmosphere", "style", "quality_meta", _GLOBAL_NAMES[3]
)  # fmt: skip


def is_omost(text: str) -> bool:
    return LOCAL in text


def read_omost_calls(text: str, canvas: tuple[int, int] | None) -> tuple[Layout, list[str]]:
    """(layout, back to front by the distance to the viewer; notes). ValueError if none of the calls can be read."""
    notes: list[str] = []
    text = _SIDE_BY_SIDE.sub("", _TRIPLE.sub(lambda match: json.dumps(match[2]), text))
    whole = {"rect": [0, GRID, 0, GRID], "prefixes": [], "suffixes": []}
    for given in _calls(text, GLOBAL, _GLOBAL_NAMES, notes):
        whole["prefixes"], whole["suffixes"] = _sentences([_text(given, "description")]), _details(given, ("tags",))
    placed = []
    calls = _calls(text, LOCAL, _LOCAL_NAMES, notes)
    if len(calls) > MAX_INSTANCES:
        raise ValueError(f"The answer has {len(calls)} instances, at most {MAX_INSTANCES} are read")
    for i, given in enumerate(calls, 1):
        words, distance = _text(given, "description"), given.get("distance_to_viewer", 1)
        where = f"Instance {i}" + (f" ({words[:40]})" if words else "")
        rect = _rect(given)
        if not words or rect is None:
            missing = "no description" if not words else "no location, offset and area that Omost knows"
            notes.append(f"{where} has {missing} and was left out.")
            continue
        if isinstance(distance, bool) or not isinstance(distance, (int, float)):
            notes.append(f"{where} has no distance_to_viewer; 1 was taken.")
            distance = 1
        suffixes = _details(given, ("tags", "atmosphere", "style", "quality_meta"))
        placed.append(
            (distance, {"rect": rect, "prefixes": [*whole["prefixes"], *_sentences([words])], "suffixes": suffixes})
        )
    if not placed:
        raise ValueError(f"Omost's program places nothing that can be read. {' '.join(notes[:2])}")
    placed.sort(key=lambda item: -item[0])  # stable: of equal distances the later one stands in front
    return read_omost([whole, *(item for _, item in placed)], canvas), notes


def _calls(text: str, name: str, names: tuple[str, ...], notes: list[str]) -> list[Mapping[str, Any]]:
    found = []
    at = text.find(name)
    while at >= 0:
        start = at + len(name) - 1
        try:
            arguments, end = read_arguments(text, start, names)
        except NotJSON as problem:
            notes.append(f"A call of {name[:-1]} cannot be read and was left out: {problem}.")
            end = max(problem.position, start + 1)
        else:
            found.append(arguments)
            if end >= len(text) and not text.endswith(")"):
                notes.append("The end was cut off.")
        at = text.find(name, end)
    return found


def _rect(given: Mapping[str, Any]) -> list[int] | None:
    """[top, bottom, left, right] in 0..90."""
    center, step, size = (
        _closest(_text(given, key) or default, table)
        for key, table, default in (
            ("location", _LOCATIONS, ""),
            ("offset", _OFFSETS, "no offset"),
            ("area", _AREAS, ""),
        )
    )
    if center is None or step is None or size is None:
        return None
    (x, y), (w, h) = (center[0] + step[0], center[1] + step[1]), size
    edges = (y - h // 2, y + h // 2, x - w // 2, x + w // 2)
    return [min(max(edge, 0), GRID) for edge in edges]


def _closest(words: str, table: Mapping[str, tuple[int, int]]) -> tuple[int, int] | None:
    """Omost, too, takes the name that is most like the one written."""
    words = words.lower()[:60]
    near = [words] if words in table else difflib.get_close_matches(words, table, n=1, cutoff=0.5) if words else []
    return table[near[0]] if near else None


def _details(given: Mapping[str, Any], more: tuple[str, ...]) -> list[str]:
    details = given.get("detailed_descriptions")
    texts = [t for t in details if isinstance(t, str)] if isinstance(details, list) else []
    return _sentences([*texts, *(_text(given, key) for key in more)])


def _sentences(texts: Sequence[str]) -> list[str]:
    return [f"{bare}." for text in texts if (bare := text.strip(",. "))]


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return " ".join(value.split()) if isinstance(value, str) else ""
