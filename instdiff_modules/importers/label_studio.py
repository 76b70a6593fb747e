"""Label Studio's exports (JSON and JSON-MIN): tasks with regions in percent of the picture."""

import logging
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ..geometry.masks import encode_mask
from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout
from ..layout.units import PERCENT
from .brush import decode_brush
from .detectors import are_items, score_of
from .given import XYWH, Canvas, Given, box_of, choose_one, known_canvas, stated_canvas
from .odd_items import keep_good, listing, named, text_of
from .segmentation import mask_of_rings

logger = logging.getLogger(__name__)

MAX_FIELDS = 200  # of a task, in which its regions are looked for
KINDS = ("rectangle", "polygon", "brush", "keypoint", "ellipse")  # each also as <kind>labels
OTHER_REGIONS = ("videorectangle", "vector", "bitmask")  # which are not read
ELLIPSE = 64  # corners that an ellipse is drawn with


def are_tasks(value: Any) -> bool:
    """Whether it is a task of Label Studio, or a list of tasks."""
    return are_items(_tasks(value), lambda task: _annotations(task) is not None)


def _tasks(value: Any) -> Any:
    """The tasks in an export; a single one, or the regions of one alone, as a list."""
    if are_items(value, lambda region: bool(_kind(region))):
        return [{"annotations": [{"result": value}]}]
    return [value] if isinstance(value, Mapping) else value


def read_tasks(value: Any, given: Given) -> Layout:
    """-> the layout of one task. A Question if there are several and given.image does not name one by its id or picture."""
    task = _chosen([task for task in _tasks(value) if isinstance(task, Mapping)], given)
    annotated = [regions for regions in _annotations(task) or [] if regions]
    if len(annotated) > 1:
        logger.warning("%s: the task was annotated %d times. The first one was read.", given.where, len(annotated))
    results = annotated[0] if annotated else []
    words = _words_beside(results)
    regions = [region for region in results if _is_region(region)]
    if len(regions) > MAX_INSTANCES:
        raise ValueError(f"The task has {len(regions)} regions, at most {MAX_INSTANCES} are read.")
    given = given.among(len(regions))
    sizes = [
        size
        for r in regions
        if (size := stated_canvas({"width": r.get("original_width"), "height": r.get("original_height")}))
    ]
    canvas = sizes[0] if sizes else given.canvas
    return Layout(
        tuple(keep_good(regions, lambda r, i: _region(r, i, words, canvas, given))), *(canvas or (None, None))
    )


def _annotations(task: Mapping[str, Any]) -> list[list[Any]] | None:
    """The regions of each annotation, then of each prediction; None if it is no task."""
    if are_items(task.get("result"), lambda region: bool(_kind(region))):
        return [task["result"]]  # one annotation alone
    lists = [
        entry["result"]
        for key in ("annotations", "completions", "predictions")
        if isinstance(task.get(key), list)
        for entry in task[key]
        if isinstance(entry, Mapping) and not entry.get("was_cancelled") and isinstance(entry.get("result"), list)
    ]
    if lists or (isinstance(task.get("data"), Mapping) and isinstance(task.get("annotations"), list)):
        return lists
    for items in islice(task.values(), MAX_FIELDS):  # JSON-MIN
        if are_items(items, lambda item: any(f"{kind}labels" in item for kind in KINDS)):
            return [[{"value": item, **item} for item in items if isinstance(item, Mapping)]]
    return None


def _chosen(tasks: Sequence[Mapping[str, Any]], given: Given) -> Mapping[str, Any]:
    names = [(text_of(task.get("id")), _picture(task)) for task in tasks]
    image = given.image.strip()
    found = [
        task for task, own in zip(tasks, names, strict=True) if image and image in (*own, own[1].rpartition("/")[2])
    ]
    if len(found) == 1 or (len(tasks) == 1 and not image):
        return (found or tasks)[0]
    shown = listing([f"{number} ({picture.rpartition('/')[2] or 'no picture'})" for number, picture in names])
    count = (
        f"{len(found) or 'no'} tasks have the id or picture {image[:60]!r}"
        if image
        else f"the export has {len(tasks)} tasks"
    )
    raise choose_one(count, shown, given)


def _picture(task: Mapping[str, Any]) -> str:
    data = task["data"] if isinstance(task.get("data"), Mapping) else task
    return next((v for key in ("image", "img", "photo", "ocr") if isinstance(v := data.get(key), str)), "")


def _kind(region: Any) -> str:
    """Of a region of the picture; empty for a choice, a text, a relation."""
    if not isinstance(region, Mapping) or not isinstance(region.get("value"), Mapping):
        return ""
    given = text_of(region.get("type")).removesuffix("labels")
    return given if given in KINDS else next((kind for kind in KINDS if f"{kind}labels" in region["value"]), "")


def _is_region(result: Any) -> bool:
    """Whether it places something, read or not."""
    kind = text_of(result.get("type")) if isinstance(result, Mapping) else ""
    return bool(_kind(result)) or kind in OTHER_REGIONS or (kind.endswith("labels") and kind != "labels")


def _words_beside(results: Sequence[Any]) -> dict[str, str]:
    """By a region's id what other results of the same id say of it: its labels, else what was typed for it."""
    found: dict[str, str] = {}
    for key in ("labels", "text"):
        for result in results:
            value = result.get("value") if isinstance(result, Mapping) else None
            given = value.get(key) if isinstance(value, Mapping) else None
            texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
            words = ", ".join(text for text in texts if isinstance(text, str))
            if words and text_of(result.get("id")):
                found.setdefault(text_of(result["id"]), words)
    return found


def _region(
    region: Mapping[str, Any], position: int, beside: Mapping[str, str], canvas: Canvas | None, given: Given
) -> Instance:
    kind, value = _kind(region), region.get("value")
    if not kind or not isinstance(value, Mapping):
        where = named(position, region.get("id"))
        raise ValueError(
            f"{where}: a region of the type {fields.shorten(region.get('type'))} is not read, only {', '.join(KINDS)}."
        )
    labels = next((v for key in (f"{kind}labels", "labels") if isinstance(v := value.get(key), list)), [])
    words = ", ".join(label for label in labels if isinstance(label, str))
    words = words or beside.get(text_of(region.get("id")), "")
    where = named(position, words, region.get("id"))
    if region.get("image_rotation") not in (None, 0):
        raise ValueError(f"{where}: its picture was turned in Label Studio, which is not read.")
    location = _location(kind, value, canvas, given, where)
    return Instance(f"i{position}", fields.text(words, where, "label"), **location, extra=score_of(region))


def _location(kind: str, value: Mapping[str, Any], canvas: Canvas | None, given: Given, where: str) -> dict[str, Any]:
    def number(name: str) -> float:
        return fields.number(value.get(name), where, name)

    if kind == "keypoint":
        return {"point": fields.point((number("x") / 100, number("y") / 100), where)}
    turn = (
        0.0
        if value.get("rotation") is None
        else math.radians(fields.number_in(value["rotation"], -360, 360, where, "rotation"))
    )
    if kind == "rectangle" and not turn:
        sides = [number(name) for name in ("x", "y", "width", "height")]
        return {"box": box_of(sides, XYWH, PERCENT, (100, 100), where)}
    width, height = known_canvas(canvas, given, "Its outlines are drawn")
    if kind == "brush":
        if value.get("format", "rle") != "rle":
            raise ValueError(f"{where}: a brush of the format {fields.shorten(value['format'])} is not read, only rle.")
        return {"mask": encode_mask(decode_brush(value.get("rle"), width, height, where))}
    if kind == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or len(points) < 3:
            raise ValueError(f"{where}: a polygon needs at least three points, got {fields.shorten(points)}.")
        corners = [fields.numbers(xy, 2, where, "a point", "[x, y] in percent") for xy in points]
        return {"mask": mask_of_rings([_pixels(corners, width, height)], width, height, where, given.beside)}
    x, y = number("x") * width / 100, number("y") * height / 100
    if kind == "ellipse":
        rx, ry = number("radiusX") * width / 100, number("radiusY") * height / 100
        turns = [2 * math.pi * i / ELLIPSE for i in range(ELLIPSE)]
        offsets = [(rx * math.cos(t), ry * math.sin(t)) for t in turns]
    else:
        w, h = number("width") * width / 100, number("height") * height / 100
        offsets = [(0, 0), (w, 0), (w, h), (0, h)]
    cos, sin = math.cos(turn), math.sin(turn)
    ring = [v for dx, dy in offsets for v in (x + dx * cos - dy * sin, y + dx * sin + dy * cos)]
    return {"mask": mask_of_rings([ring], width, height, where, given.beside)}


def _pixels(corners: Sequence[Sequence[float]], width: int, height: int) -> list[float]:
    return [v for x, y in corners for v in (x * width / 100, y * height / 100)]
