"""Points typed as text: "x, y; x, y", JSON pairs, or the JSON of point editors ({"x": .., "y": ..} objects)."""

import ast
import json
import re
from typing import Any

from . import fields
from .instance import Point

MAX_TEXT = 2**20
MAX_TYPED = 2**14  # characters of points that are not valid JSON
EXAMPLE = 'Write points as "0.2, 0.3; 0.5, 0.6" or [[0.2, 0.3], [0.5, 0.6]].'


def parse_points(text: str, width: int = 1, height: int = 1) -> tuple[Point, ...]:
    """Points -> fractions 0..1. width, height: what the numbers are measured in; 1 if they are fractions already.

    ValueError for text without points, or points that lie outside the canvas.
    """
    if len(fields.text("" if text is None else text, "The points", "their text")) > MAX_TEXT:
        raise ValueError(f"The text of the points has {len(text)} characters, at most {MAX_TEXT} are read.")
    if not text or not text.strip():
        raise ValueError(f"There are no points. {EXAMPLE}")
    pairs = _from_json(text) if text.strip()[0] in "[{" else _from_text(text)
    if not pairs:
        raise ValueError(f"There are no points. {EXAMPLE}")
    xy = [(x / width, y / height) for x, y in pairs]
    outside = next((i for i, p in enumerate(xy) if not all(-fields.EDGE <= v <= 1 + fields.EDGE for v in p)), None)
    if outside is not None:
        canvas = (
            "Fractions run from 0 to 1; choose pixels if they are pixels"
            if (width, height) == (1, 1)
            else f"It has {width}x{height} pixels"
        )
        raise ValueError(f"Point {outside + 1} at {list(pairs[outside])} lies outside the canvas. {canvas}.")
    return tuple(fields.point(p, f"Point {i}") for i, p in enumerate(xy, 1))


def split_lists(text: str) -> list[str]:
    """The texts of several lists of points, [[{"x": .., "y": ..}, ...], ...] or [[[x, y], ...], ...]; any other text alone, as it is."""
    if not isinstance(text, str) or len(text) > MAX_TEXT or not re.match(r"\s*\[\s*\[\s*[\[({]", text):
        return [text]
    lists = _literal(text)
    # of what cannot be read, parse_points says what is wrong
    return [text] if lists is None else [json.dumps(one) for one in lists]


def _from_text(text: str) -> list[Point]:
    pairs = []
    for part in re.split(r"[;\n]", text):
        if not part.strip():
            continue
        numbers = re.split(r"[,\s]+", part.strip().strip("()"))
        if len(numbers) != 2:
            raise ValueError(f"{fields.shorten(part.strip())} is not a point. {EXAMPLE}")
        try:
            pairs.append((float(numbers[0]), float(numbers[1])))
        except ValueError as error:
            raise ValueError(f"{fields.shorten(part.strip())} is not a point. {EXAMPLE}") from error
    return [_finite(pair, i) for i, pair in enumerate(pairs, 1)]


def _from_json(text: str) -> list[Point]:
    items = _literal(text)
    if not isinstance(items, (list, dict)):
        raise ValueError(f"{fields.shorten(text.strip()[:200])} are not points. {EXAMPLE}")
    if isinstance(items, dict) or (items and all(isinstance(v, (int, float)) for v in items) and len(items) == 2):
        items = [items]
    return [_finite(item, i) for i, item in enumerate(items, 1)]


def _literal(text: str) -> Any:
    """JSON, or what people type in its place: .5, single quotes; None if it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if len(text) > MAX_TYPED:
            return None
    try:
        value = ast.literal_eval(text.strip())
        json.dumps(value)  # no sets and no bytes
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value


def _finite(item: Any, position: int) -> Point:
    if isinstance(item, dict):
        item = [item.get("x"), item.get("y")]
    try:
        x, y = fields.numbers(item, 2, f"Point {position}", "its position", "two numbers, x and y")
    except ValueError as error:
        raise ValueError(f"{error} {EXAMPLE}") from error
    return x, y


def prompts_of(prompt: str, count: int) -> list[str]:
    """The prompt of each of several strokes: a line each, or one line for all."""
    lines = prompt.strip().splitlines() if isinstance(prompt, str) and count > 1 else [prompt]
    if len(lines) not in (1, count):
        raise ValueError(
            f"There are {count} strokes and {len(lines)} lines of prompts. Give one line for each stroke, or a single one for all."
        )
    return lines if len(lines) == count else lines * count
