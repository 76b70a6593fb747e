"""One rule for odd items, in every reader: what cannot be read is left out with a warning that names it, and the rest is kept.

Only if things were given and none of them can be read is that an error, with the first reason.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..layout import fields

logger = logging.getLogger(__name__)

SAMPLE = 1000  # items by which a list is recognised
MAX_SHOWN = 8  # warnings of one kind in the log
Item = TypeVar("Item")
Read = TypeVar("Read")


class Question(ValueError):
    """What no item can answer, since the data do not say it: units, the order of the numbers, the canvas, which image."""


def keep_good(items: Iterable[Item], read: Callable[[Item, int], Read], what: str = "") -> list[Read]:
    """read(item, its number from 1) of every item that it takes. ValueError with the first reason if it takes none of them.

    what: the node or file, before each warning. A Question is for all items and is not caught.
    """
    good: list[Read] = []
    reasons: list[str] = []
    for i, item in enumerate(items, 1):
        found, reason = _tried(lambda item=item, i=i: read(item, i))
        good += found
        reasons += reason
    if reasons and not good:
        raise ValueError(reasons[0])
    left_out(reasons, what)
    return good


def left_out(reasons: list[str], what: str = "") -> None:
    """A warning for each item that was left out, up to MAX_SHOWN."""
    for reason in reasons[:MAX_SHOWN]:
        logger.warning("%s%s It was left out.", _before(what), _sentence(reason))
    if len(reasons) > MAX_SHOWN:
        logger.warning("%s%d more were left out.", _before(what), len(reasons) - MAX_SHOWN)


def good_locations(readers: Mapping[str, Callable[[], Any]], nowhere: str) -> dict[str, Any]:
    """What the readers (of a box, a mask, ...) give; one that cannot be read is left out with a warning if another can.

    ValueError with the first reason if none can, or `nowhere` if there is no reader at all. Readers may give None: nothing there.
    """
    good: dict[str, Any] = {}
    reasons: list[str] = []
    for name, read in readers.items():
        found, reason = _tried(read)
        if found and found[0] is not None:
            good[name] = found[0]
        reasons += reason
    if not good:
        raise ValueError(reasons[0] if reasons else nowhere)
    for reason in reasons:
        logger.warning("%s Its %s was kept.", _sentence(reason), " and ".join(good))
    return good


def named(position: int, *names: Any, what: str = "Instance") -> str:
    """The words that name an item: its position and the first name that it has."""
    name = next((str(n) for n in names if isinstance(n, (str, int)) and not isinstance(n, bool) and str(n).strip()), "")
    return f"{what} {position}" + (f" ({' '.join(name.split())[:40]})" if name else "")


def id_of(value: Any) -> str | int | float | None:
    """A name or number as it is, a whole number as an int; None for what is neither."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None


def text_of(value: Any) -> str:
    """A name or number as text; empty for what is neither."""
    found = id_of(value)
    return "" if found is None else str(found)


def an_object(item: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise ValueError(f"{where} must be a JSON object, got {fields.shorten(item)}.")
    return item


def _tried(read: Callable[[], Read]) -> tuple[list[Read], list[str]]:
    """([what was read], []) or ([], [why it was not])."""
    try:
        return [read()], []
    except Question:
        raise
    except ValueError as error:
        return [], [str(error)]


def _sentence(reason: str) -> str:
    return reason if reason.endswith(".") else f"{reason}."


def _before(what: str) -> str:
    return f"{what}: " if what else ""


def listing(names: list[str], length: int = 120) -> str:
    """As many of the names as fit, and how many more there are."""
    shown: list[str] = []
    for name in names:
        if sum(map(len, shown)) + len(name) > length and shown:
            break
        shown.append(" ".join(name.split())[:60])
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
