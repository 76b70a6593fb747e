"""What an entry of a list, or a field of a document, is as an object: fields, a row, a name with its box, one name with several boxes."""

from collections.abc import Mapping, Sequence
from typing import Any

from .boxes import box_of, is_placed, words_of
from .coordinates import box_numbers
from .lines import BOX_KEYS

_BOX_LISTS = ("boxes", "bboxes", "bounding_boxes", "locations", "regions", "positions")
_CAPTIONS = ("caption", "prompt", "description", "title")  # which a whole picture may have, too
_NO_WORDS = ("instances", "objects", "annos", "elements", "items", "layout", "entities", "detections", "annotations", "shapes", "predictions", "segmentation",
             "matrix", "data", "results", "output", "areas", "rects")  # fmt: skip
NOT_THINGS = (
    "size",
    "canvas",
    "canvas_size",
    "image_size",
    "image",
    "picture",
    "resolution",
    "viewport",
    "frame",
    "crop",
    *BOX_KEYS,
)


def as_item(value: Any) -> Mapping[str, Any] | None:
    """One entry of a list as an object: fields, {"a red fox": box}, or a row of words and four numbers; None if it is neither."""
    if isinstance(value, Mapping):
        inner = named_items(value) if len(value) == 1 else None
        return inner[0] if inner else value
    if isinstance(value, list) and len(value) == 2:
        for word, box in (value, value[::-1]):
            if isinstance(word, str) and not isinstance(box, str) and box_numbers(box):
                return {"prompt": word, "box": box}
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and _is_span(value[1]):
        boxes = (
            value[2] if isinstance(value[2], list) else []
        )  # Kosmos-2's entities: words, where they stand in the caption, fractions
        if boxes and all(map(is_bare_box, boxes)):
            sides = ("left", "top", "right", "bottom")
            return {"prompt": value[0], "bbox_normalized": [dict(zip(sides, box, strict=True)) for box in boxes]}
    if isinstance(value, list) and len(value) == 5:
        for word, box in ((value[0], value[1:]), (value[4], value[:4])):
            if isinstance(word, str) and not isinstance(box[0], str) and box_numbers(box):
                return {"prompt": word, "box": box}
    return None


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value)


def one_each(item: Mapping[str, Any] | None) -> list[Mapping[str, Any] | None]:
    """An object for each box, where one object has a list of several."""
    if item and words_of(item) and not is_placed(item):
        for key, given in item.items():
            if (
                key.lower() in (*BOX_KEYS, *_BOX_LISTS)
                and isinstance(given, list)
                and given
                and all(map(is_bare_box, given))
            ):
                name = key if key.lower() in BOX_KEYS else "box"  # which may say what the numbers are
                return [{**{k: v for k, v in item.items() if k != key}, name: box} for box in given]
    return [item]


def holds_objects(values: Sequence[Any]) -> bool:
    return any(
        item is not None and is_placed(item) and words_of(item) for value in values for item in one_each(as_item(value))
    )


def named_items(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Items of {"a red fox": [four numbers], ...}; every other field must be plain text or a number."""
    items = []
    for key, given in value.items():
        if is_bare_box(given) and key.lower() not in NOT_THINGS:
            items.append({"prompt": key, "box": given})
        elif isinstance(given, Mapping) and box_of(given) and key.lower() not in NOT_THINGS:
            items.append(as_named(key, given))
        elif isinstance(given, (list, Mapping)) and key.lower() not in ("size", "canvas", "canvas_size", "image_size"):
            return []
    return items


def named_lists(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Items of {"fox": [[four numbers], ...], "owl": [four numbers]}; every other field must be plain text or a number."""
    items: list[Mapping[str, Any]] = []
    if words_of({key: given for key, given in value.items() if key.lower() not in _CAPTIONS}):
        return items  # an object: its lists are an outline or the like
    for key, given in value.items():
        if not isinstance(given, (list, Mapping)) or key.lower() in ("size", "canvas", "canvas_size", "image_size"):
            continue
        boxes = [given] if is_bare_box(given) else given
        if not isinstance(boxes, list) or not boxes or not all(map(is_bare_box, boxes)) or is_general(key.lower()):
            return []
        items += [{"prompt": key.replace("_", " "), "box": box} for box in boxes]
    return items


def is_general(key: str) -> bool:
    """Whether a name says that boxes come, and not of what."""
    return (
        not key
        or key in (*NOT_THINGS, *_BOX_LISTS, *_NO_WORDS)
        or any(part in key for part in ("box", "polygon", "point", "coord"))
    )


def is_bare_box(value: Any) -> bool:
    """Whether a value is one box and no list of one, which may be of objects as well."""
    return not isinstance(value, str) and not (isinstance(value, list) and len(value) == 1) and bool(box_numbers(value))


def as_named(key: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object with its key as its words where it has none of its own."""
    return given if words_of(given) else {"prompt": key.replace("_", " "), **given}


def may_hold_layout(text: str) -> bool:
    """Whether a string can be more than words: a bracket and four digits."""
    return any(c in text for c in "{[<(") and sum(map(str.isdigit, text)) >= 4
