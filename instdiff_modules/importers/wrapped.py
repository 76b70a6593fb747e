"""Objects that hold a detector's list, and what they say of it: Roboflow's answer, darknet's frames, parallel lists of boxes and labels."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ..layout.instance import Layout
from ..layout.units import PIXELS
from .declared import Declared, declared_beside, declared_by_name
from .detectors import WORDS, are_detections, are_items, check_count, read_items, words_in
from .elements import are_elements
from .given import XYXY, Canvas, Given, stated_canvas
from .odd_items import text_of
from .places import BOX_FIELDS
from .spelling import respelt

LISTS = (
    "predictions",
    "detections",
    "objects",
    "annotations",
    "instances",
    "results",
    "items",
    "boxes",
    "bboxes",
    "data",
    "output",
    "outputs",
)
MAX_FIELDS = 200  # of an object, in which a list is looked for
MAX_DEPTH = 3  # of objects in objects that are looked into
EMPTY = ("predictions", "detections")  # an empty list under these names is "nothing found"
BOXES = (
    "boxes",
    "bboxes",
    "boxes_xyxy",
    "bboxes_xyxy",
    "boxes_xywh",
    "bboxes_xywh",
    "boxes_cxcywh",
    "pred_boxes",
    "detection_boxes",
    "xyxy",
    "xywh",
    "xyxyn",
    "xywhn",
)
LABELS = ("labels", "text_labels", "bboxes_labels", "class_names", "names", "classes", "phrases", "captions", "prompts", "class_ids", "pred_classes",
          "category_ids", "class_id", "class", "cls", "label", "class_name", "detection_classes")  # fmt: skip
# Lists of numbers whose count is known; `labels` may count from 0 or from 1
NUMBERED = {"category_ids": "category_id"} | dict.fromkeys(
    ("class_ids", "class_id", "cls", "class", "pred_classes"), "class_id"
)
TABLES = ("names", "class_names", "classes", "categories", "id2label", "label_map", "labels")  # of class numbers
NUMBERS = ("class_id", "class", "cls", "classId", "category_id", "category", "label")
OF_ALL = ("label", "class_name", "class", "category", "object")  # words of an object for all the boxes that it holds
MAX_CLASSES = 10_000
SCORES = ("scores", "confidences", "confidence", "conf", "score", "logits", "probabilities", "detection_scores")


def held_list(value: Mapping[str, Any]) -> list[Any] | None:
    """The detector's list in an object, or None: under a usual name, or the only list of items with a place."""
    return _held(value)[1]


def _held(value: Mapping[str, Any], depth: int = 0) -> tuple[Mapping[str, Any], list[Any] | None]:
    """(the object that holds the list, which may stand some levels deeper, and the list)."""
    for key in LISTS:
        items = value.get(key)
        empty = items == [] and (key in EMPTY or (key == "objects" and "frame_id" in value))  # a frame of darknet's
        if are_detections(items) or empty:
            return value, items
        if isinstance(items, Mapping) and key in EMPTY and any(isinstance(items.get(k), list) for k in EMPTY):
            return items, _held(items)[1]  # Roboflow's workflows
    inner = list(islice(value.values(), MAX_FIELDS))
    # elements and the like have units of their own
    found = [items for items in inner if are_detections(items) and not (depth and are_elements(items))]
    if found or depth == MAX_DEPTH:
        return value, found[0] if len(found) == 1 else None
    objects = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in inner]  # outputs of one picture
    deeper = [_held(v, depth + 1) for v in objects if isinstance(v, Mapping)]
    holders = [held for held in deeper if held[1] is not None]
    return holders[0] if len(holders) == 1 else (value, None)


def read_held(value: Mapping[str, Any], given: Given) -> Layout:
    holder, items = _held(value)
    assert items is not None
    canvas = canvas_of(holder) or canvas_of(value)
    table = _table(holder) or _table(value)
    items = [_with_words(respelt(item), holder, table) for item in items]
    return read_items(items, given, canvas, declared_beside(holder).over(declared_beside(value)))


def _table(value: Mapping[str, Any]) -> Mapping[str, str]:
    """The names of class numbers that stand beside a list, by the number as text."""
    for key in TABLES:
        given = value.get(key)
        pairs: list[tuple[Any, Any]] = []
        if isinstance(given, Mapping):
            pairs = list(islice(given.items(), MAX_CLASSES))
        elif isinstance(given, list):
            rows = given[:MAX_CLASSES]
            pairs = [(v.get("id"), v.get("name")) if isinstance(v, Mapping) else (i, v) for i, v in enumerate(rows)]
        table = {text_of(number): name for number, name in pairs if isinstance(name, str) and text_of(number).isdigit()}
        if table and len(table) == len(pairs):
            return table
    return {}


def _with_words(item: Any, holder: Mapping[str, Any], table: Mapping[str, str]) -> Any:
    """An item without words with those of its number, or of what holds it."""
    if not isinstance(item, Mapping) or any(words_in(item.get(key)) for key in WORDS):
        return item
    number = next((text for key in NUMBERS if (text := text_of(item.get(key))) in table), None)
    words = (
        table[number]
        if number is not None
        else next((text for key in OF_ALL if (text := words_in(holder.get(key)))), "")
    )
    return {**item, "class_name": words} if words else item


def are_groups(value: Any) -> bool:
    """Whether it is a list of objects that have words and several boxes each: {"label": "head", "bboxes": [[...], [...]]}."""
    return are_items(
        value,
        lambda item: (
            parallel_boxes(item) is not None
            and any(words_in(item.get(key)) for key in OF_ALL if isinstance(item.get(key), str))
        ),
    )


def ungrouped(value: Sequence[Any]) -> list[Any]:
    """An item for each box of the groups."""
    out: list[Any] = []
    for item in value:
        key = parallel_boxes(item)
        if key is None:
            out.append(item)
            continue
        rest, name = {k: v for k, v in item.items() if k != key}, _singular(key)
        out += [{**rest, name if name in BOX_FIELDS else "bbox": box} for box in item[key]]
    return out


def _clean(label: Any) -> Any:
    """A label of Florence-2's without the mark of the text's end, which it leaves in the first one."""
    return label.replace("</s>", "").replace("<s>", "") if isinstance(label, str) else label


def _singular(key: str) -> str:
    return key.replace("bboxes", "bbox").replace("boxes", "box")


def canvas_of(value: Mapping[str, Any]) -> Canvas | None:
    shape = value.get("shape")  # ultralytics: height, width
    sides = dict(zip(("height", "width"), shape, strict=False)) if isinstance(shape, list) else None
    return stated_canvas(
        value,
        *(value.get(key) for key in ("image", "canvas", "image_size", "size", "resolution", "metadata", "info")),
        sides,
    )


def parallel_boxes(value: Any) -> str | None:
    """The field with the boxes, in an object of parallel lists: lists of four numbers each, or an empty one beside labels or scores."""
    if not isinstance(value, Mapping):
        return None
    for key in BOXES:
        boxes = value.get(key)
        if isinstance(boxes, list) and (
            any(map(is_four, boxes)) or (not boxes and any(k in value for k in (*LABELS, *SCORES)))
        ):
            return key
    return None


def florence_task(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What stands under the only field of an object if it is a task of Florence-2, such as <OD>: boxes in pixels, left, top, right, bottom."""
    if len(value) == 1:
        ((task, inner),) = value.items()
        if (
            isinstance(task, str)
            and task[:1] == "<"
            and task[-1:] == ">"
            and (parallel_boxes(inner) or _outlines(inner))
        ):
            return inner
    return None


def _outlines(value: Any) -> list[Any] | None:
    """Rings of pixels for each of Florence-2's labels: of its polygons, or of boxes with four corners."""
    if not isinstance(value, Mapping) or not isinstance(value.get("labels"), list):
        return None
    quads, polygons = value.get("quad_boxes"), value.get("polygons")
    if isinstance(quads, list) and quads:
        return [[quad] for quad in quads]
    return polygons if isinstance(polygons, list) and polygons else None


def read_parallel(value: Mapping[str, Any], given: Given) -> Layout:
    """{boxes, labels, scores} -> a layout. ValueError if the lists are not of one length."""
    task = florence_task(value)
    declared = Declared(XYXY, PIXELS) if task else declared_beside(value)
    value = (
        {k: list(map(_clean, v)) if k in LABELS and isinstance(v, list) else v for k, v in task.items()}
        if task
        else value
    )
    if isinstance(value.get("data"), Mapping):  # supervision's detections
        value = {**value["data"], **value}
    key = parallel_boxes(value)
    boxes = value[key] if key else _outlines(value) or []
    key = key or "outlines"
    name = _singular(key)
    columns: dict[str, Sequence[Any]] = {}
    for field, names in (("label", LABELS), ("score", SCORES)):
        lists = [n for n in names if isinstance(value.get(n), list)]
        found = next((n for n in lists if any(isinstance(v, str) for v in value[n])), lists[0] if lists else None)
        if found is None:
            continue
        if len(value[found]) != len(boxes):
            raise ValueError(
                f"{given.where}: there are {len(boxes)} boxes and {len(value[found])} {found}. Give one of each for every object."
            )
        named = field == "score" or any(isinstance(v, str) for v in value[found])
        columns[field if named else NUMBERED.get(found, field)] = value[found]
    if "label" not in columns and not any(field in columns for field in NUMBERED.values()):
        words = next((text for n in OF_ALL if isinstance(value.get(n), str) and (text := words_in(value[n]))), "")
        columns |= {"label": [words] * len(boxes)} if words else {}
    place = "segmentation" if key == "outlines" else "bbox"
    items = [{place: box, **{f: column[i] for f, column in columns.items()}} for i, box in enumerate(boxes)]
    return read_items(items, given, canvas_of(value), declared.over(declared_by_name(name)))


def is_four(value: Any) -> bool:
    """Whether it is a bare box: four numbers."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 4
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    )


def read_fours(value: Sequence[Any], given: Given) -> Layout:
    """BBOX: a box, or a list of boxes, of four numbers each."""
    boxes = [value] if is_four(value) else value
    check_count(boxes, given)
    return read_items([{"bbox": box} if isinstance(box, (list, tuple)) else box for box in boxes], given)
