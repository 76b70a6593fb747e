"""Lists of what a detector found: objects with a place in any form, words or a class number, and how sure it is."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout
from ..layout.units import PIXELS
from .amounts import amount
from .class_names import Numbered
from .declared import NOTHING_DECLARED, Declared
from .elements import kept_of
from .given import (
    NOT_DECLARED,
    Canvas,
    Given,
    ask_for,
    box_of,
    check_units,
    is_reversed,
    known_canvas,
    sides_of,
    stated_canvas,
)
from .odd_items import SAMPLE, Question, an_object, good_locations, keep_good, named
from .places import OUTLINES, Place, has_outline, has_place, outline_of, place_of
from .plain import finite
from .spelling import respelt

WORDS = ("label", "class_name", "className", "category_name", "class", "category", "name", "text_label", "caption", "prompt", "phrase", "desc", "description",
         "text", "object", "title", "labels", "tags", "cls", "categories")  # fmt: skip
SCORES = ("score", "confidence", "conf", "probability")
_CLASS_NUMBERS = ("class_id", "class", "cls", "classId")


def are_items(value: Any, matches: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Whether at least half of a list's items are objects of a kind: one odd item does not make it another."""
    if not isinstance(value, list) or not value:
        return False
    items = value[:SAMPLE]
    fitting = sum(isinstance(item, Mapping) and bool(matches(item)) for item in items)
    return fitting > 0 and fitting * 2 >= len(items)


def are_detections(value: Any) -> bool:
    """Some of the items have a place, all but odd ones are objects."""
    return isinstance(value, list) and any(map(is_placed, value[:SAMPLE])) and are_items(value, bool)


def is_placed(item: Any) -> bool:
    """Whether an item has a place, or words and an outline."""
    if has_place(item):
        return True
    item = respelt(item)
    outlined = isinstance(item, Mapping) and any(
        isinstance(item.get(key), (list, Mapping)) and item[key] for key in OUTLINES
    )
    return outlined and any(words_in(item.get(key)) for key in WORDS)


def read_items(
    items: Sequence[Any], given: Given, canvas: Canvas | None = None, declared: Declared = NOTHING_DECLARED
) -> Layout:
    """-> a layout. canvas: what the data say of it; else the menus'. declared: of all items.

    A Question where units, order or canvas are neither declared nor chosen, or the numbers contradict them. Odd items are left out.
    """
    canvas, given = canvas or given.canvas or _size_of_masks(items), given.among(len(items))
    check_count(items, given)
    items = list(map(respelt, items))
    numbers = Numbered()
    wheres = [named(i, *_names(item)) for i, item in enumerate(items, 1)]
    places = [_sound_place(item, where, given) for item, where in zip(items, wheres, strict=True)]
    known = [_known(place, given, declared) if place else None for place in places]
    _check(places, known, given)

    def read(item: Any, position: int) -> Instance:
        where, place = wheres[position - 1], places[position - 1]
        an_object(item, where)
        order, units = known[position - 1] or (NOT_DECLARED, _units(declared, given, PIXELS))
        readers: dict[str, Callable[[], Any]] = {}
        if place:
            readers["box"] = lambda: box_of(place.numbers, order, units, sides_of(units, canvas, given), where)
        elif has_place(item):
            readers["box"] = lambda: place_of(item, where, given.wire)  # says what is wrong with it
        if has_outline(item):
            readers["mask"] = lambda: _outline(item, units, canvas, given, where, alone=not place)
        found = good_locations(readers, f"{where} has no place, such as a bbox.")
        words, extra = _words(item, numbers, where)
        color, kept = _metadata(item, where)
        return Instance(f"i{position}", words, **found, color=color, extra=extra | kept | score_of(item))

    layout = Layout(tuple(keep_good(items, read)), *(canvas or (None, None)))
    numbers.warn(given.where)
    return layout


def _size_of_masks(items: Sequence[Any]) -> Canvas | None:
    """The canvas that run-lengths of the items state."""
    for item in items[:SAMPLE]:
        for key in ("segmentation", "mask") if isinstance(item, Mapping) else ():
            mask = item.get(key)
            size = mask.get("size") if isinstance(mask, Mapping) and "counts" in mask else None
            if isinstance(size, list) and len(size) == 2:
                return stated_canvas({"width": size[1], "height": size[0]})
    return None


def check_count(items: Sequence[Any], given: Given) -> None:
    if len(items) > MAX_INSTANCES:
        raise ValueError(f"{given.where}: there are {len(items)} boxes, at most {MAX_INSTANCES} are read.")


def score_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """How sure the detector is, as an unknown field of the instance; nothing where no number says it."""
    value = amount(next((item[key] for key in SCORES if item.get(key) is not None), None))
    return {"score": value} if finite(value) else {}


def _metadata(item: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """(color, unknown fields) by what a box editor's BOUNDING_BOX says beside its words: its palette, and text that is to be written."""
    about = item.get("metadata")
    return kept_of(about, about.get("palette"), where) if isinstance(about, Mapping) else ("", {})


def _outline(item: Any, units: str, canvas: Canvas | None, given: Given, where: str, alone: bool) -> Any:
    if canvas is None and not alone:
        raise ValueError(f"{where}: its outline needs the size of the canvas. Set width and height.")
    size = known_canvas(canvas, given, "Outlines are")
    width, height = sides_of(units, canvas, given)
    return outline_of(item, size, (size[0] / width, size[1] / height), where, given.beside)


def _sound_place(item: Any, where: str, given: Given) -> Place | None:
    try:
        return place_of(item, where, given.wire) if isinstance(item, Mapping) else None
    except ValueError:
        return None  # said when the item is read


def _known(place: Place, given: Given, declared: Declared) -> tuple[str, str]:
    """(order, units) of a box; NOT_DECLARED where nobody says it."""
    own = place.declared.over(declared)
    return own.order or given.order, _units(own, given, place.usual)


def _units(declared: Declared, given: Given, usual: str | None) -> str:
    return declared.units or (given.units if given.units != NOT_DECLARED else usual or NOT_DECLARED)


def _check(places: Sequence[Place | None], known: Sequence[tuple[str, str] | None], given: Given) -> None:
    """A Question where something is missing, or contradicted by the numbers of most boxes."""
    by_units: dict[str, list[float]] = defaultdict(list)
    wrong = 0
    pairs = [(place, k) for place, k in zip(places, known, strict=True) if place and k]
    for place, (order, units) in pairs:
        missing = [name for name, value in (("order", order), ("units", units)) if value == NOT_DECLARED]
        if missing:
            raise ask_for(missing, list(place.numbers), given)
        by_units[units] += place.numbers
        wrong += is_reversed(place.numbers, order)
    for units, numbers in by_units.items():
        check_units(numbers, units, given)
    if wrong * 2 > len(pairs) > 1:
        order = pairs[0][1][0]
        raise Question(
            f"{given.where}: {wrong} of {len(pairs)} boxes cannot be {order}: an edge would lie on the wrong side. Choose another order."
        )


def _names(item: Any) -> list[Any]:
    """What may name an item in a sentence."""
    if not isinstance(item, Mapping):
        return []
    return [text for key in WORDS if (text := words_in(item.get(key)))] + [item.get("id")]


def words_in(value: Any) -> str:
    """What a field says in words: a text that is no number, the name of an object, texts side by side."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        value = value[0]
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("name", "category_name", "categoryName") if key in value), None)
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        value = ", ".join(value)
    return value.strip() if isinstance(value, str) and not value.strip().isdigit() else ""


def _words(item: Mapping[str, Any], numbers: Numbered, where: str) -> tuple[str, dict[str, Any]]:
    """(the prompt, the class number if nobody names it)."""
    about = item["metadata"] if isinstance(item.get("metadata"), Mapping) else {}
    given = (*(item.get(key) for key in WORDS), about.get("desc"), about.get("text"))
    text = next((text for value in given if (text := words_in(value))), "")
    if text:
        return fields.text(text, where, "its words"), {}
    category = _number(item.get("category_id", item.get("category")))
    number = next((n for key in _CLASS_NUMBERS if (n := _number(item.get(key))) is not None), None)
    if category is not None:
        name, number = numbers.category(category), category
    elif number is not None:
        name = numbers.class_id(number)
    else:
        number = _number(item.get("label"))
        name = numbers.unknown(number)
    return name, {"class_id": number} if not name and number is not None else {}


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
        return int(value)
    whole = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**53 and value == int(value)
    )
    return int(value) if whole else None
