"""JSON that stands as a text in a field, as programs leave it that write tables."""

from typing import Any

from ..layout.json_text import load_json


def json_in(value: Any) -> Any:
    """What a text holds that is itself JSON, as programs put it into a field; anything else as it came."""
    if not isinstance(value, str) or value[:200].lstrip()[:1] not in ("{", "["):
        return value
    try:
        return load_json(value)
    except ValueError:
        return value
