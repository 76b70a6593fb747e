"""One odd item among good ones costs itself: the rest is used, and what is left out is said once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Read = TypeVar("Read")


def usable(items: Iterable[Item], read: Callable[[Item, int], Read], what: str) -> list[Read]:
    """read(item, its position from 1) of all items that it takes; it raises ValueError for the others.

    what: the items' name in the warning ("predictions"). ValueError with the first reason if there are items, but none is good.
    """
    kept: list[Read] = []
    reasons: list[str] = []
    for position, item in enumerate(items, 1):
        _read(read, item, position, kept, reasons)
    if reasons and not kept:
        raise ValueError(f"None of the {len(reasons)} {what} can be used, the first: {reasons[0]}")
    warn(reasons, len(reasons) + len(kept), f"{what} cannot be used and are left out")
    return kept


def _read(read: Callable[[Item, int], Read], item: Item, position: int, kept: list[Read], reasons: list[str]) -> None:
    try:
        kept.append(read(item, position))
    except ValueError as error:
        reasons.append(str(error))


def warn(reasons: list[str], total: int, what: str) -> None:
    """One line for all of them; none if there are none."""
    if reasons:
        logger.warning("%d of %d %s, the first: %s", len(reasons), total, what, reasons[0])
