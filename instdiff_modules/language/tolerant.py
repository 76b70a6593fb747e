"""JSON as language models write it: read in one pass, with every liberty noted. Nothing is evaluated.

Forgiven: trailing and missing commas, single, curly and missing quotes, quotes inside a text, comments, Python's True, None and
tuples, a wrong or missing bracket, an end that is cut off. Not forgiven: expressions, calls, NaN among coordinates.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from .json_pieces import (
    BARE,
    CLOSING_QUOTES,
    ESCAPES,
    MAX_DEPTH,
    MAX_DIGITS,
    NAME,
    NOT_FINITE,
    NOT_FINITE_WORD,
    NUMBER,
    OPENERS,
    SETTING_ENDS,
    SETTINGS,
    SPACE,
    UNIT,
    WORDS,
    CutList,
    CutObject,
    Found,
    NotJSON,
    is_of_objects,
    whole,
)


def read_value(text: str, start: int = 0) -> Found:
    """The object or list that begins at `start`.

    NotJSON for what cannot be read; ValueError for what no layout holds and nobody should read: nesting deeper than MAX_DEPTH,
    and, but for SETTINGS, numbers of more than MAX_DIGITS characters, NaN and infinity. Time grows with the length of the text and no faster.
    """
    reader = _Reader(text, start)
    try:
        value = reader.container()
    except NotJSON as problem:
        problem.begun = reader.begun
        raise
    return Found(value, reader.at, tuple(reader.notes))


def read_arguments(text: str, start: int, names: Sequence[str]) -> tuple[dict[str, Any], int]:
    """(the arguments of a call whose parenthesis opens at `start`, where the text goes on).

    They are named literals, or literals in the order of `names`. NotJSON for anything else, such as a call within; ValueError as read_value.
    """
    reader = _Reader(text, start)
    try:
        return reader.arguments(), reader.at
    except NotJSON:
        values, end, _ = read_value(text, start)
        return dict(zip(names, values, strict=False)), end


class _Missing:
    """In place of a value that the text ends in the middle of."""


class _Reader:
    def __init__(self, text: str, start: int) -> None:
        self.text, self.at = text, start
        self.notes: dict[str, None] = {}  # a set that keeps its order
        self.open: list[str] = []  # the brackets that are waited for
        self.begun: dict[int, Found | None] = {}

    def note(self, words: str) -> None:
        self.notes[words] = None

    def skip(self) -> str:
        """Go to the next character that counts; it, or "" at the end."""
        while match := SPACE.match(self.text, self.at):
            if not match[0].isspace():
                self.note("comments were left out")
            self.at = match.end()
        return self.text[self.at : self.at + 1]

    def container(self) -> Any:
        closer = OPENERS[self.text[self.at]]
        if len(self.open) >= MAX_DEPTH:
            raise ValueError(
                f"The answer is nested more than {MAX_DEPTH} levels deep. No layout is: ask the model again."
            )
        start = self.at
        self.begun[start] = None
        self.open.append(closer)
        self.at += 1
        items, ended = (self._object if closer == "}" else self._list)(closer)
        self.open.pop()
        if ended:
            self.begun[start] = Found(items, self.at, tuple(self.notes))
            return items
        self.note("the end was cut off")
        return CutObject(items) if closer == "}" else CutList(items)

    def arguments(self) -> dict[str, Any]:
        self.open.append(")")
        self.at += 1
        return self._object(")")[0]

    def _list(self, closer: str) -> tuple[list[Any], bool]:
        items: list[Any] = []
        if closer == ")":
            self.note("Python's tuples were read as lists")
        separated = True
        while True:
            state, separated = self._between(closer, separated, bool(items))
            if state is not None:
                return items, state
            if self.text.startswith(("...", "…"), self.at):
                self.at += 3 if self.text[self.at] == "." else 1
                self.note('the model wrote "..." in place of something')
                continue
            value = self.value()
            if value is _Missing:
                return items, False
            items.append(value)
            separated = False

    def _object(self, closer: str) -> tuple[dict[str, Any], bool]:
        items: dict[str, Any] = {}
        separated = True
        while True:
            state, separated = self._between(closer, separated, bool(items))
            if state is not None:
                return items, state
            if self.text.startswith(("...", "…"), self.at):
                self.at += 3 if self.text[self.at] == "." else 1
                self.note('the model wrote "..." in place of something')
                continue
            key = self.key()
            if key is _Missing or not (colon := self.skip()):
                return items, False
            if colon not in ":=：":
                raise NotJSON(f"a colon is missing after {key[:40]!r}", self.at)
            if colon != ":":
                self.note(f'"{colon}" was read as ":"')
            self.at += 1
            if not self.skip():
                return items, False
            value = self.setting() if key in SETTINGS else self.value()
            if value is _Missing:
                return items, False
            if key not in items:
                items[key] = value
            elif is_of_objects(value) and is_of_objects(items[key]):
                self.note(f"{key[:40]!r} stands there twice, both lists were read")
                items[key] += value
            else:
                self.note(f"{key[:40]!r} stands there twice, the later one counts")
                items[key] = value
            separated = False

    def _between(self, closer: str, separated: bool, any_item: bool) -> tuple[bool | None, bool]:
        """What comes between two items: (True: the container ends, False: the text ends, None: an item, whether a comma came)."""
        while (c := self.skip()) and c in ",;，；、":
            if c != ",":
                self.note(f'"{c}" was read as ","')
            separated = True
            self.at += 1
        if not c:
            return False, separated
        if c in "}])":
            if c != closer:
                if c not in self.open:
                    raise NotJSON(f"{c!r} closes nothing", self.at)
                self.note("a missing or wrong bracket was set right")
                return True, separated  # it is the one around this that it closes
            if separated and any_item:
                self.note("trailing commas were removed")
            self.at += 1
            return True, separated
        if not separated:
            self.note("missing commas were added")
        return None, separated

    def key(self) -> Any:
        c = self.text[self.at]
        if c in CLOSING_QUOTES:
            return self.string()
        match = NAME.match(self.text, self.at) or NUMBER.match(self.text, self.at)
        if not match:
            raise NotJSON(f"the name of a field was expected, {c!r} came", self.at)
        self.at = match.end()
        self.note("missing quotes were added")
        return match[0] if self.at < len(self.text) else _Missing

    def value(self) -> Any:
        c = self.text[self.at]
        if c in OPENERS:
            return self.container()
        if c in CLOSING_QUOTES:
            return self.string()
        if NOT_FINITE_WORD.match(self.text, self.at):
            raise ValueError(NOT_FINITE)
        if match := NUMBER.match(self.text, self.at):
            return self.number(match)
        name = NAME.match(self.text, self.at)
        if not name:
            raise NotJSON(f"a value was expected, {c!r} came", self.at)
        if name[0] in WORDS:
            self.at = name.end()
            if name[0][0].isupper():
                self.note("Python's True, False and None were read")
            return WORDS[name[0]] if self.at < len(self.text) else _Missing
        bare = BARE.match(self.text, self.at)
        text = bare[0] if bare else name[0]
        end = self.at + len(text)
        if (end < len(self.text) and self.text[end] in "(){[") or "__" in text:
            raise NotJSON(f"{self.text[self.at : min(end + 1, self.at + 40)].strip()!r} is an expression", end)
        self.at = end
        self.note("missing quotes were added")
        return text.strip() if self.at < len(self.text) else _Missing

    def setting(self) -> Any:
        """A value; NaN and numbers that nobody should read as a text, which whoever wants a number names and leaves out."""
        match = NOT_FINITE_WORD.match(self.text, self.at) or NUMBER.match(self.text, self.at)
        if not match or not SETTING_ENDS.match(self.text, match.end()):
            return self.value()
        if len(match[0]) <= MAX_DIGITS and math.isfinite(float(match[0])):
            return self.value()
        self.at = match.end()
        return match[0]

    def number(self, match: re.Match[str]) -> Any:
        if len(match[0]) > MAX_DIGITS:
            raise ValueError(
                f"The answer holds a number of {len(match[0])} characters. No coordinate needs that: ask the model again."
            )
        self.at = match.end()
        unit = UNIT.match(self.text, self.at)
        if unit:
            self.at = unit.end()
            return match[0] + unit[1]
        if self.at >= len(self.text):
            return _Missing  # more digits may have followed
        after = self.text[self.at]
        if (
            after.isalnum()
            or after in "_*+^%!.=-("
            or (after == "/" and self.text[self.at + 1 : self.at + 2] not in ("/", "*"))
        ):
            raise NotJSON(f"{self.text[match.start() : match.end() + 10].strip()!r} is an expression", match.start())
        number = float(match[0])
        if math.isinf(number):  # 1e400
            raise ValueError(NOT_FINITE)
        return int(number) if re.fullmatch(r"[+-]?\d+", match[0]) else number

    def string(self) -> Any:
        quote = self.text[self.at]
        if quote != '"':
            self.note("curly quotes were replaced" if ord(quote) > 127 else "single quotes were replaced")
        closing = CLOSING_QUOTES[quote]
        stop = re.compile(f"[{re.escape(closing)}\\\\]")
        parts, at = [], self.at + 1
        while match := stop.search(self.text, at):
            parts.append(self.text[at : match.start()])
            at = match.end()
            if match[0] == "\\":
                part, at = self._escape(at)
                parts.append(part)
            elif self._closes(at):
                self.at = at
                return whole("".join(parts))
            else:
                self.note("quotes inside a text were kept as its own")
                parts.append(match[0])
        self.at = len(self.text)
        return _Missing

    def _escape(self, at: int) -> tuple[str, int]:
        c = self.text[at : at + 1]
        digits = self.text[at + 1 : at + 5]
        if c == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            return chr(int(digits, 16)), at + 5
        return ESCAPES.get(c, c), at + 1

    def _closes(self, at: int) -> bool:
        """Whether a quote that ends at `at` ends the text: then something follows that may stand behind a text."""
        while self.text[at : at + 1] in (" ", "\t"):
            at += 1
        return at >= len(self.text) or self.text[at] in ",;:，；：、}])\r\n" or self.text.startswith(("//", "/*"), at)
