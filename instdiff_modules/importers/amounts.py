"""Numbers that programs write as texts: "12.5", and "10, 20, 30, 40" for a box. What is no such text stays as it came."""

import re
from typing import Any

_NUMBER = re.compile(r"\s{0,9}[-+]?(?:\d{1,15}(?:\.\d{0,20})?|\.\d{1,20})(?:e[-+]?\d{1,3})?\s{0,9}", re.IGNORECASE)
_MAX_TEXT = 200


def amount(value: Any) -> Any:
    """A number that is a text as a number."""
    return float(value) if isinstance(value, str) and value.isascii() and _NUMBER.fullmatch(value) else value


def amounts(value: Any) -> Any:
    """A list of numbers, some of them texts, or all in one text, as numbers."""
    if isinstance(value, str) and len(value) < _MAX_TEXT:
        parts = re.split(r"[,;\s]+", value.strip(" []()"))
        value = parts if all(map(_NUMBER.fullmatch, parts)) else value
    return [amount(v) for v in value] if isinstance(value, (list, tuple)) else value
