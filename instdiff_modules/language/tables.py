"""Rows as objects: of Markdown tables and of CSV with a head, each cell by the name above it; of CSV without one, a name and four numbers."""

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .lines import MARKS, MAX_NAME, MAX_WIDTH, PROMPT_KEYS

DELIMITERS = "|,;\t"
_UNITS = re.compile(r"\s{0,9}[(\[](?:px|pixels?|%|percent)[)\]]$")
_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})")


def table_items(text: str) -> tuple[list[Mapping[str, Any]], int]:
    """(all rows of the tables in a text, how many lines with numbers have more or fewer cells than the head above them)."""
    found: list[Mapping[str, Any]] = []
    odd = 0
    head: list[str] = []
    delimiter = ""
    for line in text.splitlines():
        cells = _cells(line, delimiter) if head else []
        if len(cells) < 2:
            head, delimiter = _head(line)
            if not head and (item := _headless(line)):
                found.append(item)
        elif len(cells) == len(head) and not set(line) <= set("|-: \t"):
            found.append(dict(zip(head, cells, strict=True)))
        elif len(cells) != len(head):
            odd += any(map(_NUMBER.fullmatch, cells))
    return found, odd


def _head(line: str) -> tuple[list[str], str]:
    """(the names of the columns in lower case, what stands between them); [] if the line is no head."""
    for delimiter in DELIMITERS:
        names = [_UNITS.sub("", cell.lower()) for cell in _cells(line, delimiter)]  # Left (px)
        if len(names) >= 2 and (delimiter == "|" or _names_columns(names)):
            return names, delimiter
    return [], ""


def _names_columns(names: Sequence[str]) -> bool:
    """Whether one of them says what carries words, and none is a number or longer than a name: prose has commas, too."""
    return any(name in PROMPT_KEYS for name in names) and all(
        0 < len(name) < 30 and not _NUMBER.fullmatch(name) for name in names
    )


def _headless(line: str) -> Mapping[str, Any] | None:
    """cat,10,20,200,300 and its like, a score behind it or not."""
    for delimiter in DELIMITERS[1:]:
        name, *numbers = _cells(line, delimiter) or [""]
        if len(numbers) in (4, 5) and all(map(_NUMBER.fullmatch, numbers)) and _is_name(name):
            return {"prompt": name, "box": [float(v) for v in numbers[:4]]}
    return None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and not _NUMBER.fullmatch(text) and not any(c in "[](){}|:=<>" for c in text)


def _cells(line: str, delimiter: str) -> list[str]:
    """Of a row; [] where nothing parts it."""
    line = line[:MAX_WIDTH]
    if delimiter not in line:
        return []
    if delimiter == "|":
        return [cell.strip(MARKS) for cell in line.strip().strip("|").split("|")]
    try:
        row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a quoted cell that goes on in the next line
        return []
    return [cell.strip(MARKS) for cell in row]
