"""A language model's answer -> a layout, and a list of what was changed on the way."""

import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeGuard

from ..importers.first import heard
from ..importers.given import Given
from ..importers.kinds import read_any
from ..layout import fields
from ..layout.document import MAX_INSTANCES, parse_layout
from ..layout.instance import Instance, Layout
from ..layout.parts import check_parents
from ..layout.units import FRACTIONS, PIXELS
from .boxes import is_placed, words_of
from .coordinates import DECLARED, XYXY, Coordinates, check_range, is_reversed
from .declared import NO_CANVAS, declared_coordinates
from .find import Draft, find_draft, without_reasoning
from .items import instance_of, item_box, named
from .omost_calls import read_omost_calls
from .rounds import keep_unmentioned, mentioned
from .tagged import tag_items
from .tags import plain_text

MAX_TEXT = 2**18
MAX_REASON = 225  # characters of a complaint, before the beginning of the answer
WHERE = "Layout from Text"
_BACKGROUNDS = ("background_prompt", "background", "background_description")
_CAPTIONS = ("prompt", "global_prompt", "caption", "global_caption", "scene_description", "description", "scene", "high_level_description", "image_prompt",
             *_BACKGROUNDS)  # fmt: skip
_CAPTION_LINE = re.compile(
    r"^[ \t*#>]{0,20}(?:(?:global|background|scene) )?(?:prompt|caption)\*{0,3}:\*{0,3}[ \t]{0,20}(\S[^\n]{0,2000})",
    re.I | re.M,
)
_PARENTS = ("parent", "parent_id", "part_of", "parent_object")
_SIDE_NAMES = (
    ("w", "h"),
    ("canvas_width", "canvas_height"),
    ("image_width", "image_height"),
    ("img_width", "img_height"),
)
_SIDES = re.compile(r"\s{0,9}(\d{2,5})\s{0,9}[xX×*]\s{0,9}(\d{2,5})\s{0,9}(?:px|pixels)?\s{0,9}")


class Answer(NamedTuple):
    """layout: what the model wants. notes: sentences, each one thing that was changed or left out. declared: units and order, and whose word it is."""

    layout: Layout
    notes: list[str]
    declared: str


def read_answer(
    text: str,
    units: str = DECLARED,
    order: str = DECLARED,
    width: int = 0,
    height: int = 0,
    earlier: Layout | None = None,
) -> Answer:
    """The layout in an answer.

    units: DECLARED or one of ANSWER_UNITS; order: DECLARED or one of ORDERS: a choice counts more than what the answer declares. width,
    height: canvas in pixels, 0 for the answer's own. earlier: the layout that the request asked to change; of the instances that the answer
    names by their ids it keeps what the answer does not mention. ValueError, with the beginning of the answer, if it holds no layout that can be
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
        return _read(text, units, order, size, earlier)
    except ValueError as problem:
        reason = " ".join(str(problem).split()).rstrip(". ")  # it may hold words of the answer
        reason = reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 3]}..."
        begins = fields.shorten(text.strip()[:300], min(250 - len(reason), 100))
        raise ValueError(f"{reason}. The answer begins {begins}.") from problem


def report(answer: Answer) -> str:
    """A text for the user: what was read, and a line for each change."""
    count = len(answer.layout.instances)
    head = f"Read {count} instance{'' if count == 1 else 's'}; {answer.declared}."
    return "\n".join([head, *(f"- {' '.join(note.split())}" for note in answer.notes or ["Nothing was changed."])])


def _read(text: str, units: str, order: str, size: tuple[int, int] | None, earlier: Layout | None) -> Answer:
    text, notes = without_reasoning(_unescaped(_unquoted(text)))
    draft = find_draft(text)
    if draft.program:
        layout, said = read_omost_calls(draft.program, size)
        notes += said
        return Answer(_continued(layout, earlier, notes), notes, "as Omost's program places them")
    notes += draft.notes
    if draft.foreign is not None and ((units, order) == (DECLARED, DECLARED) or not draft.items):
        if (units, order) != (DECLARED, DECLARED):
            notes.append("The menus were not used: the answer's format fixes units and order.")
        layout = _continued(_foreign(draft, size, notes), earlier, notes)
        return Answer(layout, notes, "in a format that says what its numbers are")
    if not (draft.items or draft.tagged):
        raise ValueError("The answer's list of instances is empty. Ask the model again")
    if max(len(draft.items), len(draft.tagged)) > MAX_INSTANCES:
        count = max(len(draft.items), len(draft.tagged))
        raise ValueError(f"The answer has {count} instances, at most {MAX_INSTANCES} are read.")
    canvas = _canvas(draft.document)
    made, declared = (_of_tags if draft.tagged else _of_items)(draft, units, order, size or canvas, notes)
    if not any(made):
        raise ValueError(f"None of the answer's instances can be used. {' '.join(notes[-2:])}")
    if canvas and size and canvas != size:
        notes.append(
            f"The answer names a canvas of {canvas[0]}x{canvas[1]}; its layout was put on {size[0]}x{size[1]}."
        )
    width, height = size or canvas or (None, None)
    document = {"version": 1, "width": width, "height": height, "prompt": _caption(draft, notes)}
    kept = [item for item in made if item]
    layout = _with_parts(parse_layout({**document, "instances": kept}), draft, made, notes)
    said = [{*item, *(["parent"] if one.parent else [])} for item, one in zip(kept, layout.instances, strict=True)]
    return Answer(_continued(layout, earlier, notes, said), notes, declared)


def _continued(
    layout: Layout, earlier: Layout | None, notes: list[str], said: Sequence[Collection[str]] | None = None
) -> Layout:
    """The layout as the next round of an earlier one. said: the fields that the answer gives; else those that are not as by default."""
    if earlier is None:
        return layout
    return keep_unmentioned(layout, said or [mentioned(one) for one in layout.instances], earlier, notes)


def _foreign(draft: Draft, size: tuple[int, int] | None, notes: list[str]) -> Layout:
    """The authors' demo files, COCO and Omost's canvas: their own readers know them."""
    with heard() as said:  # what its reader would write to the log alone
        (layout,) = read_any(draft.foreign or {}, Given(size, where=WHERE))
    notes += said
    if size and not layout.width:
        layout = replace(layout, width=size[0], height=size[1])
    kept = tuple(instance for instance in layout.instances if instance.prompt.strip())
    if len(kept) < len(layout.instances):
        notes.append(f"Instances without a prompt ({len(layout.instances) - len(kept)}) were left out.")
    odd = sum(note.endswith("It was left out.") for note in said)
    if (outside := len(draft.items) - len(layout.instances) - odd) > 0:
        notes.append(f"Objects outside its annotations ({outside}) were left out.")
    if not kept:
        raise ValueError("None of the answer's instances can be used: they have no prompts")
    return replace(layout, instances=kept)


def _of_items(
    draft: Draft, units: str, order: str, canvas: tuple[int, int] | None, notes: list[str]
) -> tuple[list[dict[str, Any] | None], str]:
    """(each item as an instance, None where it cannot be used; whose word units and order are)."""
    boxes = [item_box(item, order) for item in draft.items]
    if PIXELS in {own.get("units") for _, own in boxes} and not canvas:
        raise ValueError(NO_CANVAS)
    if not any(map(is_placed, draft.items)):
        words = next((found for item in draft.items if (found := words_of(item))), "")
        such = f", such as {words[:40]}," if words else ""
        raise ValueError(f"None of the answer's instances can be used: each{such} has no location")
    known, declared = declared_coordinates(draft, boxes, units, order, canvas)
    check_range([v for numbers, own in boxes if numbers and not own.get("units") for v in numbers], known)
    placed = [numbers for numbers, _ in boxes if numbers]
    wrong = [bool(numbers) and is_reversed(numbers, known._replace(**own)) for numbers, own in boxes]
    made: list[dict[str, Any] | None] = []
    for i, (item, (numbers, own)) in enumerate(zip(draft.items, boxes, strict=True), 1):
        odd = wrong[i - 1] and 2 * sum(wrong) < len(placed)  # one odd box does not make the order another
        if odd:
            notes.append(f"The box of {named(i, words_of(item))} has an edge on the wrong side and was left out.")
        made.append(instance_of(item, i, None if odd else numbers, known._replace(**own), notes))
    return made, declared


def _of_tags(
    draft: Draft, units: str, order: str, canvas: tuple[int, int] | None, notes: list[str]
) -> tuple[list[dict[str, Any] | None], str]:
    items, said, declared = tag_items(draft.tagged, units, order, canvas)
    notes += said
    known = Coordinates(FRACTIONS, XYXY, canvas)
    made = [instance_of(item, i, item.get("box"), known, notes) for i, item in enumerate(items, 1)]
    return made, declared


def _with_parts(layout: Layout, draft: Draft, made: Sequence[dict[str, Any] | None], notes: list[str]) -> Layout:
    """The layout with the parents of its parts: what stood inside another object, or names one by its id."""
    kept = [i for i, item in enumerate(made) if item]
    place = {i: n for n, i in enumerate(kept)}
    ids = {instance.id for instance in layout.instances}
    instances = list(layout.instances)
    for i, n in place.items():
        parent = draft.parents[i] if draft.parents else None
        while parent is not None and parent not in place:  # of what was left out itself
            parent = draft.parents[parent]
        named = _parent_named(draft.items[i], instances) if draft.parents else None
        if parent is not None:
            instances[n] = replace(instances[n], parent=instances[place[parent]].id)
        elif isinstance(named, str) and named in ids - {instances[n].id}:
            instances[n] = replace(instances[n], parent=named)
    try:
        check_parents(instances)
    except ValueError:
        notes.append("Some objects are parts of each other; the answer's parents were left out.")
        return layout
    return replace(layout, instances=tuple(instances))


def _parent_named(item: Mapping[str, Any], instances: Sequence[Instance]) -> str | None:
    """The id that an object names as its parent's; a prompt that one instance alone has does as well."""
    given = next((value for key in _PARENTS if (value := item.get(key)) not in (None, "")), None)
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if not isinstance(given, str) or any(instance.id == given for instance in instances):
        return given if isinstance(given, str) else None
    found = [instance.id for instance in instances if instance.prompt.lower() == given.strip().lower()]
    return found[0] if len(found) == 1 else given


def _unquoted(text: str) -> str:
    """An answer that came as a JSON text inside quotes, once."""
    bare = text.strip().lstrip("\ufeff")
    if bare[:1] == '"' and bare[-1:] == '"' and '\\"' in bare:
        return bare[1:-1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    return bare


def _unescaped(text: str) -> str:
    """A text that was copied out of a page's source or another text's, where quotes and angle brackets are written otherwise."""
    if '\\"' in text and text.count('"') == text.count('\\"'):  # a JSON text without the quotes around it
        text = text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    marks = ("&lt;", "<") if "&lt;" in text else ("&quot;", '"')
    return html.unescape(text) if marks[0] in text and marks[1] not in text else text


def _caption(draft: Draft, notes: list[str]) -> str:
    """The caption of the whole picture: of several the first; a background that stands beside it is told of."""
    caption = ""
    objects = set(map(words_of, draft.items))
    for key in _CAPTIONS:
        value = draft.document.get(key)
        if isinstance(value, Mapping) and key in _BACKGROUNDS:
            value = words_of(value)
        if isinstance(value, str) and (words := value.strip()):
            if key in _BACKGROUNDS and words in objects:
                continue  # it has a box, and is an instance
            if not caption:
                caption = words
            elif key in _BACKGROUNDS and words != caption:
                notes.append(f"The background ({fields.shorten(words, 100)[1:-1]}) is not in the caption.")
    if not caption and any(tagged.kind.name == "Kosmos-2" for tagged in draft.tagged):
        caption = plain_text(draft.around)
    match = None if caption else _CAPTION_LINE.search(draft.around)
    return match[1].strip(" *\"'`") if match else caption


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
            for names in (("width", "height"), *_SIDE_NAMES):
                sides = [int(v) for v in (_number(candidate.get(side)) for side in names) if _is_side(v)]
                if len(sides) == 2:
                    return sides[0], sides[1]
        if isinstance(candidate, list) and len(candidate) == 2 and all(_is_side(_number(v)) for v in candidate):
            return int(_number(candidate[0])), int(_number(candidate[1]))
        if isinstance(candidate, str) and (match := _SIDES.fullmatch(candidate)):
            sides = [int(match[1]), int(match[2])]
            if 1 < min(sides) and max(sides) <= fields.MAX_SIDE:
                return sides[0], sides[1]
    return None


def _number(value: Any) -> Any:
    """A side that was written as text as a number."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,5}", value.strip()) else value


def _is_side(value: Any) -> TypeGuard[float]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and value == int(value) and 1 < value <= fields.MAX_SIDE


def _given_size(width: int, height: int) -> tuple[int, int] | None:
    width, height = (fields.side(v, WHERE, name) for v, name in ((width, "width"), (height, "height")))
    if bool(width) != bool(height):
        raise ValueError(f"{WHERE}: set both width and height, or neither.")
    return (width, height) if width else None
