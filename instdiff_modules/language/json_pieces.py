"""What the forgiving reader of JSON finds, and the characters it knows."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_DEPTH = 32
MAX_DIGITS = 40
NOT_FINITE = "The answer holds NaN or infinity, which is not a coordinate. Ask the model again."
# Numbers that are no coordinates: an odd one costs itself, not the answer.
SETTINGS = ("strength", "start", "end", "opacity", "reference_strength", "score", "confidence")
OPENERS = {"{": "}", "[": "]", "(": ")"}
CLOSING_QUOTES = {'"': '"', "'": "'", "`": "`", "“": '”“"', "”": '”“"', "„": '“”"', "‘": "’‘'", "’": "’‘'", "«": "»"}
WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

SPACE = re.compile(r"\s+|//[^\n]*|/\*.*?(?:\*/|\Z)|#[^\n]*", re.S)
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
UNIT = re.compile(r"[ \t]{0,9}(px|%)")
NAME = re.compile(r"[^\W\d][\w-]*")
BARE = re.compile(r"[^,\]}\r\n(){\[]+")  # a text that lacks its quotes; brackets make it an expression
NOT_FINITE_WORD = re.compile(r"[+-]?(?:nan|inf|infinity)\b", re.I)
SETTING_ENDS = re.compile(r"\s{0,9}[,}]")


class Found(NamedTuple):
    """value: the object or list. end: where the text goes on. notes: what was forgiven."""

    value: Any
    end: int
    notes: tuple[str, ...]


class NotJSON(Exception):
    """Why the text at `position` is not valid JSON, in a few words.

    begun: of every object and list that was begun, by where: as it was found, or None if it never ended.
    """

    def __init__(self, why: str, position: int) -> None:
        super().__init__(why)
        self.position = position
        self.begun: Mapping[int, Found | None] = {}


class CutObject(dict):
    """An object that the text ends in the middle of."""


class CutList(list):
    """A list that the text ends in the middle of."""


def is_of_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def whole(text: str) -> str:
    r"""Halves of characters (\ud83e\udd8a) put together; a half alone becomes the sign for an unknown character."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
