"""JSON text -> Python values, for every file and wire that brings JSON. Standard library only: the launcher reads with it too.

Python's own reader takes NaN, keeps the last of two equal keys, stops at any depth it happens to reach and answers in its own
words. Here everything that is not a plain document is one sentence, and is found in time that grows with the length of the
text and no faster.
"""

import codecs
import json
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from .plain_files import file_size, shown_name

MAX_DOCUMENT_BYTES = 32 * 2**20
MAX_LEVELS = 200
MAX_DIGITS = 400
BYTES_PER_CONTAINER = 16  # a text with more lists and objects than one in so many bytes holds next to nothing else

_FLOAT_DIGITS = 309  # whole numbers with fewer digits are below the largest float
_IN_CONTEXT = 20  # characters to either side of a mistake
_BLANK = " \t\r\n"
_LIST_OR_OBJECT = bytes.maketrans(b"[]{}", bytes((1, 255, 1, 255)))  # as signed bytes: one level down, one level up
_OTHER_THAN_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS = bytes(ord("0") if chr(i) in "0123456789" else ord(" ") for i in range(256))
_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))  # fmt: skip
# The standard library's messages, in words of ours; the first that fits. Newer versions name a comma before the end.
_WORDS = (
    ("Expecting value", "expected a value"),
    ("Illegal trailing comma before end of array", "expected a value"),
    ("Illegal trailing comma", "expected a field's name in quotes"),
    ("Expecting property name", "expected a field's name in quotes"),
    ("Expecting ':'", "expected ':'"),
    ("Expecting ','", "expected ',' or the end of the list or object"),
    ("Extra data", "expected nothing more"),
    ("Unterminated string", "a text without its closing quote"),
    ("Invalid control character", "a line break or another control character inside a text"),
    ("Invalid \\", "a backslash that begins no character"),
)


def load_json(text: str | bytes, what: str = "The layout", limit: int = MAX_DOCUMENT_BYTES) -> Any:
    """JSON text, or its UTF-8 bytes (a byte order mark does no harm) -> Python values.

    what: begins every sentence ("The layout", "predictions.json"). limit: bytes. Raises ValueError with one sentence for
    anything else, and for what no document holds: more than MAX_LEVELS levels, numbers of more than MAX_DIGITS digits or
    beyond a float, NaN and infinity, a name twice in an object, half a character.
    """
    text = _as_text(b"" if text is None else text, what, limit)
    start = len(text) - len(text.lstrip(_BLANK + "\ufeff"))
    if start == len(text):
        raise ValueError(f"{what}: the text is empty. Expected a JSON document.")
    long_numbers = _check_size(text, what, limit)
    decoder = json.JSONDecoder(
        parse_constant=lambda name: _refuse(
            f"{what} holds {name}, which JSON has no word for. Write a number instead."
        ),
        parse_float=lambda digits: _finite(digits, what),
        parse_int=(lambda digits: _whole(digits, what)) if long_numbers else None,
        object_pairs_hook=lambda pairs: _object(pairs, what),
    )
    try:
        value, end = decoder.raw_decode(text, start)
        rest = len(text) - len(text[end:].lstrip(_BLANK))
        if rest < len(text):
            raise json.JSONDecodeError("Extra data", text, rest)
    except json.JSONDecodeError as error:
        words = next((ours for theirs, ours in _WORDS if error.msg.startswith(theirs)), "expected a value")
        ends = " but the text ends" if error.pos >= len(text) else ""
        raise ValueError(f"{what} is not valid JSON: {words}{ends} {_place(text, error.pos)}.") from error
    except RecursionError as error:  # the caller is deep down already
        raise ValueError(f"{what} is nested too deeply to be read here.") from error
    if "\\ud" in text or "\\uD" in text:
        _check_whole_characters(value, what)
    return value


def read_json(path: str | Path, what: str | None = None, limit: int = MAX_DOCUMENT_BYTES) -> Any:
    """The JSON in a file, as `load_json`; what: the file's name by default. ValueError too if there is no such file."""
    what = shown_name(path) if what is None else what
    _check_bytes(file_size(path, "a JSON file"), what, limit)
    try:
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ValueError(f"{what} cannot be read ({error.strerror}): expected a JSON file.") from error
    return load_json(content, what, limit)


def _as_text(value: Any, what: str, limit: int) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value) if len(value) <= limit else value
        _check_bytes(len(value), what, limit)
        marked = next((name for mark, name in _MARKS if bytes(value[: len(mark)]) == mark), None)
        if marked:
            raise ValueError(f"{what} is {marked} text, expected UTF-8. Save it as UTF-8.")
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{what} is not UTF-8 text: its byte {error.start + 1} is part of no character. Save it as UTF-8."
            ) from error
    if not isinstance(value, str):
        raise ValueError(f"{what}: its JSON must be text, got {_shorten(value)}.")
    _check_bytes(len(value), what, limit)  # a character has a byte or more
    try:
        _check_bytes(len(value) if value.isascii() else len(value.encode("utf-8")), what, limit)
    except UnicodeEncodeError as error:
        raise ValueError(f"{what}: its JSON holds a broken character {_place(value, error.start)}. Type it again.") from error  # fmt: skip
    return value


def _check_bytes(size: int, what: str, limit: int) -> None:
    if size > limit:
        most = f"{limit / 2**20:.0f} MB" if limit >= 2**20 else f"{limit} bytes"
        raise ValueError(f"{what}: the text has {size / 2**20:.1f} MB, at most {most} are read.")


def _check_size(text: str, what: str, limit: int) -> bool:
    """Levels, lists, objects and digits, counted before anything is built; whether whole numbers have to be looked at."""
    bare = text.replace("\\\\", "").replace('\\"', "") if "\\" in text else text
    outside = "".join(bare.split('"')[::2]).encode("latin-1", "replace")
    brackets = outside.translate(None, _OTHER_THAN_BRACKETS)
    containers = brackets.count(b"[") + brackets.count(b"{")
    if containers > MAX_LEVELS:
        if containers > (most := max(limit // BYTES_PER_CONTAINER, 1000)):
            raise ValueError(f"{what} holds {containers:,} lists and objects, at most {most:,} are read.")
        levels = max(accumulate(array("b", brackets.translate(_LIST_OR_OBJECT))))
        if levels > MAX_LEVELS:
            raise ValueError(f"{what} is nested too deeply: {levels} levels, at most {MAX_LEVELS} are read.")
    digits = outside.translate(_DIGITS)
    if b"0" * (MAX_DIGITS + 1) in digits:
        longest = max(map(len, digits.split()))
        raise ValueError(f"{what} holds a number of {longest} digits, at most {MAX_DIGITS} are read.")
    return b"0" * _FLOAT_DIGITS in digits


def _finite(digits: str, what: str) -> float:
    value = float(digits)
    if math.isinf(value):
        _refuse(
            f"{what} holds the number {_shorten_text(digits, 20)}, which is too large. Numbers reach up to 1.8e308."
        )
    return value


def _whole(digits: str, what: str) -> int:
    _finite(digits, what)
    return int(digits)


def _object(pairs: Sequence[tuple[str, Any]], what: str) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        times = "twice" if count == 2 else f"{count} times"
        _refuse(f"{what} names {_quoted(name)} {times}; keep one.")
    return fields


def _check_whole_characters(value: Any, what: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        near = error.object[max(error.start - _IN_CONTEXT, 0) : error.start + _IN_CONTEXT]
        _refuse(f"{what}: its JSON holds a broken character, near {_shorten(near)}. Type it again.")


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    near = text[max(position - _IN_CONTEXT, 0) : position + _IN_CONTEXT]
    return f"at line {line}, column {column}, near {_shorten(near)}"


def _refuse(sentence: str) -> Any:
    raise ValueError(sentence)


def _quoted(name: str) -> str:
    return json.dumps(_shorten_text(name))


def _shorten(value: Any) -> str:
    return _shorten_text(" ".join(repr(value).split()))


def _shorten_text(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[:length] + "..."
