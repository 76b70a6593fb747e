"""Places whose units and order are fixed by the form in which they are written, as objects with fractions of the canvas."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from .coordinates import DECLARED, XYXY, Coordinates, to_edges, to_point
from .declared import NO_CANVAS


class Kind(NamedTuple):
    """name: whose tags. whole: the number that stands for the whole side. order: of the four numbers. units: the menu's name of the units.

    fixed: the tags can hold no other units; else the menus may say so. shift: a number is the cell that begins there, this much of it is added.
    """

    name: str
    whole: float
    order: str = XYXY
    units: str = THOUSANDTHS
    fixed: bool = False
    shift: float = 0.0


class Tagged(NamedTuple):
    """words: of one object, "" if the tag names none. numbers: four of a box, or two of a point. at: where in the text."""

    words: str
    numbers: tuple[float, ...]
    kind: Kind
    at: int


def tag_items(
    found: Sequence[Tagged], units: str, order: str, canvas: tuple[int, int] | None
) -> tuple[list[dict[str, Any]], list[str], str]:
    """(items with `prompt` and a `box` or a `point` in fractions, notes, whose word units and order are).

    The menus count where the tags can hold other units.

    ValueError if the numbers of a kind contradict its units: other units must have been meant, and only the user knows which.
    """
    items, notes = [], []
    words: dict[str, None] = {}  # a set that keeps its order
    for i, tagged in enumerate(found, 1):
        kind, where = tagged.kind, f"Instance {i}" + (f" ({tagged.words[:40]})" if tagged.words else "")
        chosen = (units, order) != (DECLARED, DECLARED)
        menus = Coordinates(
            kind.units if units == DECLARED else units, kind.order if order == DECLARED else order, canvas
        )
        if chosen and not kind.fixed and menus[:2] != (kind.units, kind.order):
            if menus.units == PIXELS and canvas is None:
                raise ValueError(NO_CANVAS)
            numbers, known = tagged.numbers, menus
            words[f"units {menus.units}, order {menus.order}, chosen"] = None
        elif not kind.fixed and kind.whole > 1 and 0 < max(tagged.numbers) < 1:
            raise ValueError(
                f"The answer holds fractions such as {max(tagged.numbers):g}, but the tags of {kind.name} run from 0 to {kind.whole:g}. "
                "Choose the units that the model used"
            )
        elif max(tagged.numbers) > kind.whole or min(tagged.numbers) < 0:
            if not kind.fixed:
                raise ValueError(
                    f"The answer holds the coordinate {max(tagged.numbers, key=abs):g}, but the tags of {kind.name} run from 0 to {kind.whole:g}. "
                    "Choose the units that the model used"
                )
            notes.append(f"{where} lies outside what the tags of {kind.name} can say and was left out.")
            continue
        else:
            if chosen and menus[:2] != (kind.units, kind.order):
                notes.append(f"The menus were not used for {where}: the tags of {kind.name} fix units and order.")
            words[f"units and order of {kind.name}"] = None
            numbers = tuple((v + kind.shift) / kind.whole for v in tagged.numbers)
            known = Coordinates(FRACTIONS, kind.order, canvas)
        item: dict[str, Any] = {"prompt": tagged.words}
        if len(numbers) == 2:
            item["point"] = list(to_point(numbers, known))
        else:
            try:
                item["box"] = list(to_edges(numbers, known, where))
            except ValueError:
                if chosen and not kind.fixed:
                    raise
                notes.append(f"The box of {where} has an edge on the wrong side and was left out.")
                continue
        items.append(item)
    return items, list(dict.fromkeys(notes)), "; ".join(words)
