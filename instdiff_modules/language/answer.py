"""A language model's answer -> a layout, and a list of what was changed on the way."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from ..geometry.transform import UNCUT
from ..importers import read_layout
from ..layout import fields
from ..layout.document import MAX_INSTANCES, parse_layout
from ..layout.instance import Layout
from ..layout.units import FRACTIONS, PIXELS
from .coordinates import DECLARED, Coordinates, box_numbers, check_range, to_edges, to_point
from .declared import NO_CANVAS, declared_coordinates
from .find import Draft, box_of, find_draft, without_reasoning
from .lines import PROMPT_KEYS
from .tolerant import CutObject

MAX_TEXT = 2**18
WHERE = "Layout from Text"
_CAPTIONS = ("prompt", "global_prompt", "caption", "global_caption", "scene_description", "description", "scene", "high_level_description", "image_prompt",
             "background_prompt", "background")  # fmt: skip


class Answer(NamedTuple):
    """layout: what the model wants. notes: sentences, each one thing that was changed or left out. declared: units and order, and whose word it is."""

    layout: Layout
    notes: list[str]
    declared: str


def read_answer(text: str, units: str = DECLARED, order: str = DECLARED, width: int = 0, height: int = 0) -> Answer:
    """The layout in an answer.

    units: DECLARED or one of ANSWER_UNITS; order: DECLARED or one of ORDERS: a choice counts more than what the answer declares. width,
    height: canvas in pixels, 0 for the answer's own. ValueError, with the beginning of the answer, if it holds no layout that can be
    read safely, or if units or order are unknown or contradicted by the numbers.
    """
    text = fields.text("" if text is None else text, WHERE, "text")
    if not text.strip():
        raise ValueError("The answer is empty. Connect the text of a language model, or let it write more tokens.")
    if len(text) > MAX_TEXT:
        raise ValueError(
            f"The answer has {len(text)} characters, at most {MAX_TEXT} are read. No layout is that long: ask the model again."
        )
    size = _given_size(width, height)
    try:
        return _read(text, units, order, size)
    except ValueError as problem:
        reason = str(problem).rstrip(". ")
        begins = fields.shorten(text.strip()[:300], 150)
        raise ValueError(f"{reason[:380]}. The answer begins {begins}.") from problem


def report(answer: Answer) -> str:
    """A text for the user: what was read, and a line for each change."""
    count = len(answer.layout.instances)
    head = f"Read {count} instance{'' if count == 1 else 's'}; {answer.declared}."
    return "\n".join([head, *(f"- {note}" for note in answer.notes or ["Nothing was changed."])])


def _read(text: str, units: str, order: str, size: tuple[int, int] | None) -> Answer:
    text, notes = without_reasoning(_unquoted(text))
    draft = find_draft(text)
    notes += draft.notes
    if len(draft.items) > MAX_INSTANCES:
        raise ValueError(f"The answer has {len(draft.items)} instances, at most {MAX_INSTANCES} are read.")
    if not draft.items:
        raise ValueError("The answer's list of instances is empty. Ask the model again")
    foreign = _foreign(draft.document) if (units, order) == (DECLARED, DECLARED) else None
    if foreign:
        return Answer(foreign, notes, "in a format that says what its numbers are")
    canvas = _canvas(draft.document)
    boxes = [_box(item) for item in draft.items]
    if PIXELS in {own.get("units") for _, own in boxes} and not (canvas or size):
        raise ValueError(NO_CANVAS)
    known, declared = declared_coordinates(draft, boxes, units, order, canvas or size)
    check_range([v for numbers, own in boxes if numbers and not own for v in numbers], known)
    items = [
        _instance(item, i, numbers, known._replace(**own), notes)
        for i, (item, (numbers, own)) in enumerate(zip(draft.items, boxes, strict=True), 1)
    ]
    items = [item for item in items if item]
    if not items:
        raise ValueError(f"None of the answer's instances can be used. {' '.join(notes[-2:])}")
    if canvas and size and canvas != size:
        notes.append(
            f"The answer names a canvas of {canvas[0]}x{canvas[1]}; its layout was put on {size[0]}x{size[1]}."
        )
    width, height = size or canvas or (None, None)
    caption = _caption(draft)
    return Answer(
        parse_layout({"version": 1, "width": width, "height": height, "prompt": caption, "instances": items}),
        notes,
        declared,
    )


def _unquoted(text: str) -> str:
    """An answer that came as a JSON text inside quotes, once."""
    bare = text.strip().lstrip("\ufeff")
    if bare[:1] == '"' and bare[-1:] == '"' and '\\"' in bare:
        return bare[1:-1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    return bare


def _foreign(document: Mapping[str, Any]) -> Layout | None:
    """Formats that fix their units: the authors' demo files and COCO."""
    if ("annos" in document and "width" in document and "height" in document) or (
        "images" in document and "annotations" in document
    ):
        return read_layout(document)
    return None


def _box(item: Mapping[str, Any]) -> tuple[tuple[float, ...] | None, dict[str, str]]:
    """(the four numbers of an item, what they declare themselves of order and units)."""
    location = box_of(item)
    read = box_numbers(*location) if location else None
    if location is None or read is None:
        return None, {}
    numbers, order, units = read
    own = {"order": order, "units": units or (FRACTIONS if location[1] == "bbox_normalized" else None)}
    return numbers, {k: v for k, v in own.items() if v}


def _instance(
    item: Mapping[str, Any], position: int, numbers: Sequence[float] | None, known: Coordinates, notes: list[str]
) -> dict[str, Any] | None:
    """One item as an instance of our document; None, with a note, if it cannot be used."""
    prompt = next(
        (
            " ".join(value.split())
            for key in PROMPT_KEYS
            if isinstance(value := item.get(key, item.get(key.title())), str) and value.strip()
        ),
        "",
    )
    where = f"Instance {position}" + (f" ({prompt[:40]})" if prompt else "")
    unfinished = isinstance(item, CutObject)
    if not prompt:
        notes.append(
            f"{where} has no prompt and was left out."
            if not unfinished
            else f"{where} was not finished and was left out."
        )
        return None
    made: dict[str, Any] = {"prompt": prompt}
    if isinstance(item.get("id"), (str, int)) and not isinstance(item["id"], bool) and str(item["id"]).strip():
        made["id"] = str(item["id"]).strip()[:60]
    if numbers:
        edges = to_edges(numbers, known, where)
        cut = tuple(round(min(max(v, 0.0), 1.0), 6) for v in edges)
        if cut[0] < cut[2] and cut[1] < cut[3]:
            made["box"] = list(cut)
        else:
            notes.append(f"The box of {where} is empty or outside the canvas and was left out.")
        if "box" in made and any(abs(a - b) > 1e-6 for a, b in zip(edges, cut, strict=True)):
            made[UNCUT] = [round(v, 6) for v in edges]
            notes.append(f"The box of {where} stuck out of the canvas and was cut.")
    for name, single in (("point", True), ("scribble", False)):
        points = _points(item.get(name), single, known)
        if points:
            made[name] = points[0] if single else points
    if isinstance(item.get("mask"), Mapping):
        try:
            fields.mask(item["mask"], where)
            made["mask"] = dict(item["mask"])
        except ValueError:
            notes.append(f"The mask of {where} cannot be read and was left out.")
    if not {"box", "point", "scribble", "mask"} & made.keys():
        notes.append(
            f"{where} has no location and was left out."
            if not unfinished
            else f"{where} was not finished and was left out."
        )
        return None
    _settings(item, made, where, notes)
    return made


def _points(value: Any, single: bool, known: Coordinates) -> list[list[float]]:
    """Points that lie on the canvas; none if the value is not a list of points."""
    pairs = [value] if single else value
    if not isinstance(pairs, list):
        return []
    ok = [
        xy
        for xy in pairs
        if isinstance(xy, list) and len(xy) == 2 and all(type(v) in (int, float) and abs(v) < 1e9 for v in xy)
    ]
    points = [list(to_point(xy, known)) for xy in ok]
    return [xy for xy in points if all(0 <= v <= 1 for v in xy)] if len(ok) == len(pairs) else []


def _settings(item: Mapping[str, Any], made: dict[str, Any], where: str, notes: list[str]) -> None:
    """Strength, start and end, where they are sound."""
    for name, high in (("strength", 2), ("start", 1), ("end", 1)):
        value = item.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= high:
            made[name] = value
        elif value is not None:
            notes.append(f"The {name} of {where}, {fields.shorten(value, 20)}, was left out: it must lie in 0..{high}.")
    if made.get("start", 0) > made.get("end", 1):
        del made["start"]
        notes.append(f"The start of {where} lies after its end and was left out.")


def _caption(draft: Draft) -> str:
    for key in _CAPTIONS:
        value = draft.document.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    match = re.search(
        r"^[\s*#]*(?:global |background |scene )?(?:prompt|caption)\**:\**[ \t]*(\S[^\n]{0,2000})",
        draft.around,
        re.I | re.M,
    )
    return match[1].strip(" *\"'`") if match else ""


def _canvas(document: Mapping[str, Any]) -> tuple[int, int] | None:
    """The canvas in pixels that an answer names."""
    candidates = [
        document,
        *(
            document[key]
            for key in ("canvas", "image_size", "size", "canvas_size", "image", "resolution")
            if key in document
        ),
    ]
    for candidate in candidates:
        if isinstance(candidate, Mapping):
            sides = [int(v) for v in (candidate.get("width"), candidate.get("height")) if _is_side(v)]
            if len(sides) == 2:
                return sides[0], sides[1]
        if isinstance(candidate, str) and (
            match := re.fullmatch(r"\s*(\d{2,5})\s*[xX×*]\s*(\d{2,5})\s*(?:px|pixels)?\s*", candidate)
        ):
            sides = [int(match[1]), int(match[2])]
            if 1 < min(sides) and max(sides) <= fields.MAX_SIDE:
                return sides[0], sides[1]
    return None


def _is_side(value: Any) -> TypeGuard[float]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and value == int(value) and 1 < value <= fields.MAX_SIDE


def _given_size(width: int, height: int) -> tuple[int, int] | None:
    width, height = (fields.side(v, WHERE, name) for v, name in ((width, "width"), (height, "height")))
    if bool(width) != bool(height):
        raise ValueError(f"{WHERE}: set both width and height, or neither.")
    return (width, height) if width else None
