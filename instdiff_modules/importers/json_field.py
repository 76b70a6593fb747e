"""JSON that stands as a text in a field, as programs leave it that write tables."""

from typing import Any

from ..layout.json_text import load_json

MAX_LINES = 100_000


def json_or_lines(text: str) -> Any:
    """What a JSON text holds; of JSON Lines, an object in each, the list of them."""
    try:
        return load_json(text)
    except ValueError:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not 1 < len(lines) <= MAX_LINES or not all(line[0] == "{" and line[-1] == "}" for line in lines):
            raise
        return [load_json(line, f"Line {i}") for i, line in enumerate(lines, 1)]


def json_in(value: Any) -> Any:
    """What a text holds that is itself JSON, as programs put it into a field; anything else as it came."""
    if not isinstance(value, str) or value[:200].lstrip()[:1] not in ("{", "["):
        return value
    try:
        return load_json(value)
    except ValueError:
        return value
