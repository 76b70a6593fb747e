"""One object of an answer -> one instance of our document, with a note for all that cannot be kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..geometry.transform import UNCUT
from ..layout import fields
from ..layout.units import FRACTIONS
from .boxes import POINT_KEYS, box_of, get, is_pair, words_of
from .coordinates import CXCYWH, XYWH, Coordinates, box_numbers, to_edges, to_point
from .json_pieces import CutObject

OUTLINES = ("mask", "polygon", "segmentation")  # in any other form than our own
NEGATIVES = ("negative", "negative_prompt")
Numbers = tuple[float, ...]


def item_box(item: Mapping[str, Any], order: str) -> tuple[Numbers | None, dict[str, str]]:
    """(the four numbers of an item, what they declare themselves of order and units). order: as chosen in the menus.

    Fields named x and y are the corner of a box (a detector's its centre), unless a menu says otherwise.
    """
    location = box_of(item)
    read = box_numbers(*location) if location else None
    if location is None or read is None:
        return None, {}
    numbers, own_order, units = read
    loose = isinstance(location[0], Mapping) and get(location[0], "x") is not None
    if loose and {order, own_order} == {CXCYWH, XYWH}:
        own_order = None
    own = {"order": own_order, "units": units or (FRACTIONS if location[1] == "bbox_normalized" else None)}
    return numbers, {k: v for k, v in own.items() if v}


def named(position: int, words: str) -> str:
    return f"Instance {position}" + (f" ({words[:40]})" if words else "")


def instance_of(
    item: Mapping[str, Any], position: int, numbers: Sequence[float] | None, known: Coordinates, notes: list[str]
) -> dict[str, Any] | None:
    """One item as an instance of our document; None, with a note, if it cannot be used."""
    prompt = words_of(item)
    where = named(position, prompt)
    unfinished = isinstance(item, CutObject)
    if not prompt:
        reason = "was not finished" if unfinished else "has no prompt"
        notes.append(f"{where} {reason} and was left out.")
        return None
    made: dict[str, Any] = {"prompt": prompt}
    if isinstance(item.get("id"), (str, int)) and not isinstance(item["id"], bool) and str(item["id"]).strip():
        made["id"] = str(item["id"]).strip()[:60]
    if numbers:
        _add_box(made, numbers, known, where, notes)
    for names, single in ((POINT_KEYS, True), (("scribble",), False)):
        given = next((value for name in names if (value := get(item, name)) is not None), None)
        if points := _points(given, single, known):
            made["point" if single else "scribble"] = points[0] if single else points
        elif given is not None:
            notes.append(f"The {'point' if single else 'scribble'} of {where} cannot be read and was left out.")
    if isinstance(item.get("mask"), Mapping):
        try:
            fields.mask(item["mask"], where)
            made["mask"] = dict(item["mask"])
        except ValueError:
            notes.append(f"The mask of {where} cannot be read and was left out.")
    elif outline := next((name for name in OUTLINES if item.get(name)), ""):
        notes.append(f"The {outline} of {where} cannot be read here and was left out.")
    if not {"box", "point", "scribble", "mask"} & made.keys():
        reason = "was not finished" if unfinished else "has no location"
        notes.append(f"{where} {reason} and was left out.")
        return None
    _settings(item, made, where, notes)
    return made


def _add_box(made: dict[str, Any], numbers: Sequence[float], known: Coordinates, where: str, notes: list[str]) -> None:
    edges = to_edges(numbers, known, where)
    cut = tuple(round(min(max(v, 0.0), 1.0), 6) for v in edges)
    if cut[0] < cut[2] and cut[1] < cut[3]:
        made["box"] = list(cut)
    else:
        notes.append(f"The box of {where} is empty or outside the canvas and was left out.")
    if "box" in made and any(abs(a - b) > 1e-6 for a, b in zip(edges, cut, strict=True)):
        made[UNCUT] = [round(v, 6) for v in edges]
        notes.append(f"The box of {where} stuck out of the canvas and was cut.")


def _points(value: Any, single: bool, known: Coordinates) -> list[list[float]]:
    """Points that lie on the canvas; none if the value is not a list of points."""
    pairs = [value] if single else value
    if not isinstance(pairs, list):
        return []
    named: list[Any] = [[xy.get("x"), xy.get("y")] if isinstance(xy, Mapping) else xy for xy in pairs]
    ok = [[float(v) for v in xy] for xy in named if isinstance(xy, list) and len(xy) == 2 and all(map(_is_number, xy))]
    points = [list(to_point(xy, known)) for xy in ok]
    return [xy for xy in points if all(0 <= v <= 1 for v in xy)] if len(ok) == len(pairs) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def _settings(item: Mapping[str, Any], made: dict[str, Any], where: str, notes: list[str]) -> None:
    """Negative prompt, strength, start, end and opacity, where they are sound."""
    negative = next((value for name in NEGATIVES if (value := get(item, name)) is not None), None)
    if isinstance(negative, str):
        made["negative"] = negative.strip()
    elif negative is not None:
        notes.append(f"The negative of {where}, {fields.shorten(negative, 20)}, was left out: it must be text.")
    for name, high in (("strength", 2), ("start", 1), ("end", 1), ("opacity", 1)):
        value = item.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= high:
            made[name] = value
        elif value is not None and not is_pair(value):  # "start" and "end" may be the corners of its box
            notes.append(
                f"The {name} of {where}, {fields.shorten(value, 20)}, was left out: it must be a number in 0..{high}."
            )
    if made.get("start", 0) > made.get("end", 1):
        del made["start"]
        notes.append(f"The start of {where} lies after its end and was left out.")
