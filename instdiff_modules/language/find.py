"""Where in an answer the layout is: past reasoning, chatter and fences, inside wrappers. Then its list of instances."""

import itertools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .coordinates import box_numbers
from .lines import BOX_KEYS, PROMPT_KEYS, line_items, table_items
from .tolerant import NotJSON, read_value

MAX_ATTEMPTS = 200  # openings of brackets that are tried
MAX_WRAPPERS = 8  # levels around a layout; a text inside a value counts as two
ITEM_KEYS = ("instances", "objects", "annos", "elements", "boxes", "bboxes", "bounding_boxes", "items", "layout", "regions", "entities", "detections",
             "annotations", "foreground_objects", "shapes")  # fmt: skip
LABEL_LISTS = ("labels", "phrases", "prompts", "names", "captions", "classes", "objects")
WRAPPERS = ("arguments", "parameters", "input", "output", "response", "result", "layout", "content", "message", "choices", "data", "answer", "scene",
            "image", "canvas", "text", "candidates", "parts", "tool_calls", "function", "compositional_deconstruction")  # fmt: skip

_FENCE = re.compile(r"^[ \t]*```[^\n`]*$", re.M)  # on a line of its own; others may stand inside a text


class Draft(NamedTuple):
    """document: what surrounds the items, {} if nothing does. items: the fields of each. around: the words outside. notes: what was forgiven."""

    document: Mapping[str, Any]
    items: list[Mapping[str, Any]]
    around: str
    notes: list[str]


def without_reasoning(text: str) -> tuple[str, list[str]]:
    """The answer behind what a reasoning model thought aloud."""
    for mark in ("</think>", "</thinking>", "</reasoning>", "<|channel|>final<|message|>", "[/THINK]"):
        if mark in text:
            return text.rpartition(mark)[2], ["The model's reasoning was left out."]
    for mark in ("<think>", "<thinking>", "<reasoning>", "[THINK]"):
        if text.lstrip().startswith(mark):
            raise ValueError(
                f"The answer is reasoning that never ended ({mark} without an end). Let the model write more tokens."
            )
    return text, []


def find_draft(text: str) -> Draft:
    """The layout in a text. ValueError, that says what came nearest, if there is none."""
    found: list[tuple[Mapping[str, Any], list[Mapping[str, Any]], tuple[str, ...]]] = []
    loose: list[tuple[Mapping[str, Any], tuple[str, ...]]] = []
    around: list[str] = []
    trouble: NotJSON | None = None
    budget, attempts, any_json = 4 * len(text), 0, False
    for region in _FENCE.split(text):
        at = done = 0
        while (match := re.compile(r"[\[{]").search(region, at)) and attempts < MAX_ATTEMPTS and budget > 0:
            attempts += 1
            try:
                value, end, notes = read_value(region, match.start())
            except NotJSON as problem:
                budget -= max(problem.position - match.start(), 1)
                trouble = problem if trouble is None or problem.position - match.start() > 20 else trouble
                at = match.end()
                continue
            budget -= end - match.start()
            around.append(region[done : match.start()])
            at = done = end
            any_json = any_json or isinstance(value, Mapping)
            unwrapped = unwrap(value)
            if unwrapped:
                found.append((*unwrapped, notes))
            elif isinstance(value, Mapping) and _is_item(value):
                loose.append((value, notes))
            else:
                around.append(region[match.start() : end])
        around.append(region[done:])
    words = "".join(around)
    if found:
        found = [layout for layout in found if any(map(box_of, layout[1]))] or found  # a schema has no boxes
        document, items, notes = found[-1]
        many = [f"The answer holds {len(found)} layouts, the last one was taken."] if len(found) > 1 else []
        return Draft(document, items, words, [*many, *map(_sentence, notes)])
    if loose:
        notes = dict.fromkeys(note for _, given in loose for note in given)
        many = ["Several objects one after the other were read as one list."] if len(loose) > 1 else []
        return Draft({}, [item for item, _ in loose], words, [*many, *map(_sentence, notes)])
    if items := table_items(text):
        return Draft({}, items, text, ["The answer is not valid JSON; the rows of a table were read."])
    if items := line_items(text):
        return Draft({}, items, words, ["The answer is not valid JSON; lines of a name and four numbers were read."])
    nothing = "there is no layout in its JSON" if any_json else "there is no JSON in it"
    reason = f"what begins like JSON cannot be read: {trouble}" if trouble else nothing
    raise ValueError(f"The answer holds no layout: {reason}")


def unwrap(value: Any, depth: int = 0) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]] | None:
    """(document, items) of a value that is a layout or holds one."""
    if depth > MAX_WRAPPERS:
        return None
    if isinstance(value, str):
        return _inside_text(value, depth + 2)
    if isinstance(value, list):
        items = _list_items(value)
        return ({}, items) if items else next((inner for item in value[:8] if (inner := unwrap(item, depth + 1))), None)
    if not isinstance(value, Mapping):
        return None
    for key in ITEM_KEYS:
        given = _get(value, key)
        if isinstance(given, list) and (items := _list_items(given, value)) is not None:
            return value, items
        if isinstance(given, Mapping) and (items := _named(given)):
            return value, items
    if _is_item(value):
        return None
    if items := _named(value):
        return value, items
    for key in WRAPPERS:
        inner = unwrap(_get(value, key), depth + 1) if _get(value, key) is not None else None
        if inner:
            outer = {k: v for k, v in value.items() if not isinstance(v, (list, Mapping))} if key != "content" else {}
            return {**outer, **inner[0]}, inner[1]
    return None


def _inside_text(text: str, depth: int) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]] | None:
    """A layout in a text that is itself a value: the arguments of a tool call, the content of a message."""
    for match in itertools.islice(re.finditer(r"[\[{]", text), 8):
        try:
            found = unwrap(read_value(text, match.start()).value, depth)
        except NotJSON:
            continue
        if found:
            return found
    return None


def box_of(item: Mapping[str, Any]) -> tuple[Any, str] | None:
    """(the value that says where, the key it stands under); the item itself if it names its edges."""
    for key in BOX_KEYS:
        given = _get(item, key)
        if given is not None and box_numbers(given):
            return given, key
    return (item, "") if box_numbers(item) else None


def _is_item(value: Mapping[str, Any]) -> bool:
    return box_of(value) is not None and any(isinstance(_get(value, key), str) for key in PROMPT_KEYS)


def _list_items(values: list[Any], document: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]] | None:
    """Items of a list in any form; None if it is not a list of items."""
    labels = next(
        (given for key in LABEL_LISTS if isinstance(given := _get(document or {}, key), list) and given is not values),
        None,
    )
    if (
        labels is not None
        and len(labels) == len(values)
        and all(isinstance(word, str) for word in labels)
        and all(map(box_numbers, values))
    ):
        return [{"prompt": word, "box": box} for word, box in zip(labels, values, strict=True)]
    items = [_item(value) for value in values]
    if values and not any(
        item is not None and (box_of(item) or "point" in item or "scribble" in item) for item in items
    ):
        return None if document is None or not any(map(bool, items)) else [item for item in items if item is not None]
    return [item if item is not None else {} for item in items]


def _item(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        inner = _named(value) if len(value) == 1 else None
        return inner[0] if inner else value
    if isinstance(value, list) and len(value) == 2:
        for word, box in (value, value[::-1]):
            if isinstance(word, str) and not isinstance(box, str) and box_numbers(box):
                return {"prompt": word, "box": box}
    if isinstance(value, list) and len(value) == 5:
        for word, box in ((value[0], value[1:]), (value[4], value[:4])):
            if isinstance(word, str) and not isinstance(box[0], str) and box_numbers(box):
                return {"prompt": word, "box": box}
    return None


def _named(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Items of {"a red fox": [four numbers], ...}; every other field must be plain text or a number."""
    items = []
    for key, given in value.items():
        if box_numbers(given) and not isinstance(given, str) and key.lower() not in (*BOX_KEYS, "size", "canvas"):
            items.append({"prompt": key, "box": given})
        elif isinstance(given, Mapping) and box_of(given):
            items.append({"prompt": key, **given})
        elif isinstance(given, (list, Mapping)) and key.lower() not in ("size", "canvas", "canvas_size", "image_size"):
            return []
    return items


def _get(item: Mapping[str, Any], key: str) -> Any:
    """A field, whatever its capitals."""
    if key in item:
        return item[key]
    return (
        next((v for k, v in item.items() if isinstance(k, str) and k.lower() == key), None)
        if any(k != k.lower() for k in item)
        else None
    )


def _sentence(note: str) -> str:
    return note[0].upper() + note[1:] + "."
