"""What tells the kinds of detectors' lists apart: names of fields, in at least half of the items."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..layout.instance import Layout
from .coco_results import chosen_items
from .detectors import are_detections, are_items, read_items
from .given import Given
from .odd_items import SAMPLE
from .places import CENTRE_MARKS, CORNER, SIDES, has_place, is_createml
from .spelling import respelt
from .wrapped import are_groups, held_list, is_four, parallel_boxes, read_held, ungrouped

FRAME_FIELDS = ("frame_number", "frame_index", "frame_idx", "file_name", "filename")
Test = Callable[[Any], bool]


_FENCE = re.compile(r"\s{0,99}```[^\n`]{0,40}\n(.*?)\n?[ \t]{0,40}```\s{0,99}", re.DOTALL)


def unfenced(text: str) -> str:
    """What stands in the fences of Markdown, where a text is nothing else."""
    match = _FENCE.fullmatch(text) if text[:200].lstrip().startswith("```") else None
    return match[1] if match else text


def text(test: Callable[[str], bool]) -> Test:
    """For texts that are no JSON."""
    return lambda value: isinstance(value, str) and test(value)


def an_object(test: Callable[[Mapping[str, Any]], bool]) -> Test:
    return lambda value: isinstance(value, Mapping) and test(value)


def detected(test: Callable[[Mapping[str, Any]], bool]) -> Test:
    """For a list of detections, an object that holds one, and a single detection."""
    return lambda value: are_items(items_of(value), lambda item: test(respelt(item)))


def items_of(value: Any) -> Sequence[Any]:
    """The detections in a value: the list itself, the list that an object holds, or a single one as a list."""
    if isinstance(value, Mapping):
        single = has_place(value) and not parallel_boxes(value)
        return [value] if single else held_list(value) or []
    if are_detections(value):
        return value
    return ungrouped(value) if isinstance(value, list) and are_groups(value) else []


def read_detections(value: Any, given: Given) -> Layout:
    if isinstance(value, Mapping) and not has_place(value):
        return read_held(value, given)
    return read_items(chosen_items(items_of(value), FRAME_FIELDS, given), given)


def is_ultralytics(item: Mapping[str, Any]) -> bool:
    return _in_box(item, ("x1", "y1", "x2", "y2")) and "confidence" in item and ("name" in item or "class" in item)


def is_pipeline(item: Mapping[str, Any]) -> bool:
    return _in_box(item, ("xmin", "ymin", "xmax", "ymax")) and "score" in item and "label" in item


def is_supervision(item: Mapping[str, Any]) -> bool:
    return all(name in item for name in ("x_min", "y_min", "x_max", "y_max"))


def is_centre(item: Mapping[str, Any]) -> bool:
    cornered = any(all(name in item for name in names) for names in CORNER)
    holder = item["box"] if isinstance(item.get("box"), Mapping) else item
    centred = any(all(name in holder for name in names) for names in SIDES[1][1])
    return (
        centred
        or "relative_coordinates" in item
        or is_createml(item)
        or (cornered and any(mark in item for mark in CENTRE_MARKS))
    )


def is_corner(item: Mapping[str, Any]) -> bool:
    return all(name in item for name in CORNER[0])


def is_coco_without_images(value: Mapping[str, Any]) -> bool:
    if "images" in value or "annotations" not in value:
        return False
    return value["annotations"] == [] or are_items(
        value.get("annotations"), lambda a: "image_id" in a or "category_id" in a
    )


def holds_nothing(value: Any) -> bool:
    """An object whose list of detections is empty."""
    return isinstance(value, Mapping) and held_list(value) == []


def are_fours(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    items = value[:SAMPLE]
    return is_four(value) or (0 < len(items) <= 2 * sum(map(is_four, items)))


def are_lists(value: Any) -> bool:
    """Whether it is a list of lists that may be frames: not of bare boxes, and not of rows of numbers."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, list) and not _is_row(v) for v in value)


def count_of(value: Any) -> int:
    """How many items were given, those of the fullest frame, where the value is a list; 0 where it is not known."""
    if are_lists(value) and not are_fours(value):
        return max(len(frame) for frame in value)
    return len(value) if isinstance(value, list) and not is_four(value) else 0


def _is_row(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(v, (int, float)) for v in value)


def _in_box(item: Mapping[str, Any], names: Sequence[str]) -> bool:
    return isinstance(item.get("box"), Mapping) and all(name in item["box"] for name in names)
