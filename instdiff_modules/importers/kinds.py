"""The kinds of data that are read: one table says how each is recognised, what its numbers are, and what is kept and lost.

The help page of Instances from JSON and tests/data/kinds follow it. The order counts: the first kind that fits is read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from ..layout.frames import canvas_of
from ..layout.instance import Frames, Layout
from . import not_layouts as other
from . import omost
from . import recognise as told
from .authors import is_authors, read_authors
from .coco import is_coco, read_coco
from .coco_results import are_results, read_results
from .detectors import is_placed
from .elements import are_elements, caption_of, is_caption, read_caption, read_elements
from .given import MAX_FRAMES, NOTHING_SAID, Given
from .gligen import is_conditioning, read_gligen
from .json_field import json_in, json_or_lines
from .label_studio import are_tasks, read_tasks
from .labelme import is_labelme, read_labelme
from .odd_items import Question, left_out
from .own import is_own, read_own
from .places import has_place
from .plain import plain_values, unknown
from .prompt_control import is_prompt_control, read_prompt_control
from .prompts import prompt_lines
from .tracking import is_tracking, read_tracking
from .wrapped import MAX_FIELDS, florence_task, parallel_boxes, read_fours, read_parallel
from .yolo import is_yolo, read_yolo

DOCUMENTS = (
    "InstDiff layout",
    "authors' demo",
    "COCO annotations",
    "LabelMe",
    "Label Studio",
    "Ideogram caption",
    "Omost canvas",
    "parallel lists",
)
ASKED, USUAL, NONE = "asked for, unless declared or chosen", "pixels, unless declared or chosen", "-"


class Kind(NamedTuple):
    """fits: of a text that is no JSON, or of what JSON holds. The texts, plain English, are the help page's columns."""

    name: str
    recognised: str
    units: str
    order: str
    words: str
    kept: str
    lost: str
    fits: Callable[[Any], bool]
    read: Callable[[Any, Given], Frames]


def _one(read: Callable[[Any, Given], Layout]) -> Callable[[Any, Given], Frames]:
    return lambda value, given: (read(value, given),)


def _named(name: str, recognised: str, advice: str, fits: Callable[[Any], bool]) -> Kind:
    """A kind that is not read, with a sentence that says what it is."""

    def refuse(_: Any, given: Given) -> Frames:
        raise ValueError(f"{given.where}: this is {name}, which is not read. {advice}")

    return Kind(name, recognised, NONE, NONE, NONE, "not read", advice, fits, refuse)


def read_any(value: Any, given: Given = NOTHING_SAID) -> Frames:
    """Text, JSON or what comes over a wire -> one layout, or one for each frame; a layout without instances where nothing was found.

    ValueError, one sentence, for what is of no kind, is only named, is broken, or leaves something open that the menus do not say.
    """
    value = told.unfenced(value.removeprefix("\ufeff")) if isinstance(value, str) else value
    kind = kind_of(value) if isinstance(value, str) else None
    if kind is None:
        if isinstance(value, str):
            value = json_in(json_or_lines(value))
        elif not is_conditioning(value):  # whose tensors stay as they are
            value = plain_values(value, given.where)
        kind = None if isinstance(value, str) else kind_of(value)
    if isinstance(value, Mapping) and (kind is None or kind.name == "a detector's list"):
        value = _document_in(value)
        kind = kind_of(value)
    if kind is None:
        raise unknown(value, given.where)
    try:
        frames = _on_canvas(kind.read(value, given), given)
    except Question as question:  # its class is for the readers alone
        raise ValueError(str(question)) from question
    # TRACKING has prompts of its own form
    return frames if kind.name == "TRACKING" else prompt_lines(frames, given.prompts, given.where, told.count_of(value))


def kind_of(value: Any) -> Kind | None:
    return next((kind for kind in KINDS if kind.fits(value)), None)


def _document_in(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one document of a known format that stands in a field of an object, or is a text there; else the object itself."""
    found = []
    for given in islice(value.values(), MAX_FIELDS):
        inner = json_in(given)
        inner = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
        if isinstance(inner, Mapping) and (kind := kind_of(inner)) and kind.name in DOCUMENTS:
            found.append(inner)
    return found[0] if len(found) == 1 else value


def _on_canvas(frames: Frames, given: Given) -> Frames:
    """The menus' canvas where the data know none."""
    if given.canvas is None:
        return frames
    width, height = given.canvas
    return tuple(
        layout if layout.width or layout.height or canvas_of(layout) else replace(layout, width=width, height=height)
        for layout in frames
    )


def _are_frames(value: Any) -> bool:
    """A list of lists of boxes, or of objects that are a layout each."""
    if told.are_lists(value):
        return True
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(v, Mapping) for v in value)
        and all(map(_is_document, value[:1]))
    )


def _is_document(value: Mapping[str, Any]) -> bool:
    kind = None if has_place(value) else kind_of(value)
    return kind is not None and kind.name != "TRACKING"


def _read_frames(value: Sequence[Any], given: Given) -> Frames:
    """Documents must all be sound; of lists of boxes one that holds odd ones alone is an empty frame."""
    if len(value) > MAX_FRAMES:
        raise ValueError(f"{given.where}: the data hold {len(value)} frames, at most {MAX_FRAMES} are read.")
    given = given.among(sum(len(item) for item in value if isinstance(item, list)))
    frames: list[Layout] = []
    problems: list[str] = []
    for i, item in enumerate(value, 1):
        layout, problem = _frame(item, i, given)
        frames.append(layout)
        problems += [problem] if problem else []
    if problems and not any(layout.instances for layout in frames):
        raise ValueError(problems[0])
    left_out(problems)
    return tuple(frames)


def _frame(item: Any, position: int, given: Given) -> tuple[Layout, str]:
    """(its layout, what is wrong with its list of boxes if none of them can be read)."""
    try:
        kind = kind_of(item)
        if kind is None or kind.name == "frames":
            raise Question(str(unknown(item, given.where)))
        return kind.read(item, given)[0], ""
    except ValueError as error:
        if isinstance(error, Question) or not isinstance(item, list):
            raise type(error)(f"Frame {position}: {error}") from error
        return Layout(), f"Frame {position}: {error}"


def _elements(value: Any) -> Any:
    """The list of elements, or what holds it."""
    return value.get("elements") if isinstance(value, Mapping) else value


_NO_WORDS = "write prompts"
KINDS = (
    Kind("prompt-control", "text with MASK, AREA or COUPLE", "fractions up to 1, else pixels of MASK_SIZE", "x from, x to, y from, y to", "the part's text",
         "weights as strength", "feathering", told.text(is_prompt_control), _one(lambda value, _: read_prompt_control(value))),
    Kind("YOLO text", "lines of a class and 4 or more numbers", "fractions", "center x, center y, width, height; outlines x, y",
         "COCO's name of the class", "outlines, score", "track numbers", told.text(is_yolo), _one(read_yolo)),
    _named("a CVAT file", "XML with `annotations`, or `shapes` with flat `points`", "Export it from CVAT as COCO 1.0.",
           lambda value: told.text(other.is_cvat)(value) or other.is_cvat_json(value)),
    _named("a Pascal VOC file", "XML with `annotation`", "Convert it to COCO or YOLO.", told.text(other.is_voc)),
    _named("a ComfyUI workflow", "`nodes` and `links`, or `class_type` everywhere", "Load it in ComfyUI instead: it holds nodes, not instances.",
           told.an_object(other.is_workflow)),
    Kind("InstDiff layout", "`instances`, and `version` if it is a whole number", "fractions", "left, top, right, bottom", "`prompt`", "everything", NONE,
         told.an_object(is_own), _one(lambda value, _: read_own(value))),
    Kind("authors' demo", "`annos`", "pixels", "x, y, width, height", "`caption`", "boxes, points, scribbles, masks, `category_name`", NONE,
         told.an_object(is_authors), _one(read_authors)),
    Kind("COCO annotations", "`images` and `annotations`", "pixels", "x, y, width, height", "`caption`, else the category's name",
         "boxes, masks, `iscrowd`", "key points", told.an_object(is_coco), _one(read_coco)),
    Kind("LabelMe", "`shapes` with `points` (X-AnyLabeling too)", "pixels", "corners in any order", "`label`",
         "rectangles, polygons, circles, points, lines, `group_id`, score", "masks that are pictures", told.an_object(is_labelme), _one(read_labelme)),
    Kind("Label Studio", "tasks with `result`, or JSON-MIN", "percent", "x, y, width, height", "the labels",
         "rectangles, polygons, brushes, ellipses, key points, score", "choices, texts, relations", are_tasks, _one(read_tasks)),
    _named("a VIA project", "`_via_...`, or `regions` beside `filename`", "Export it from VIA as COCO.", told.an_object(other.is_via)),
    Kind("Ideogram caption", "`compositional_deconstruction`", "thousandths", "top, left, bottom, right", "`desc`",
         "description and background as caption, palette", "style", told.an_object(is_caption), _one(lambda value, given: read_caption(value, given.canvas))),
    Kind("elements of a box editor", "items with `type` and `desc`", "thousandths", "top, left, bottom, right", "`desc`, else `text`", "`text`, palette", NONE,
         lambda value: are_elements(_elements(value)), _one(lambda value, given: read_elements(_elements(value), given.canvas, caption_of(value)))),
    Kind("Omost canvas", "items with `rect` and `prefixes`", "90ths", "top, bottom, left, right", "what the region's prefixes add",
         "suffixes, colour", "distance",
         lambda value: omost.is_canvas(omost.conditions(value)),
         _one(lambda value, given: omost.read_omost(omost.conditions(value), given.canvas))),
    Kind("COCO results", "items with `image_id` and `bbox` or `segmentation`", "pixels", "x, y, width, height", "COCO's name of `category_id`",
         "masks, score", "key points", are_results, _one(read_results)),
    _named("COCO without images", "`annotations` alone", "The size of the picture is missing: add its images.", told.an_object(told.is_coco_without_images)),
    Kind("ultralytics", "`box` {x1, y1, x2, y2} beside `name`, `class`, `confidence`", USUAL, "left, top, right, bottom", "`name`",
         "segments, rotated boxes, score", "key points, track numbers", told.detected(told.is_ultralytics), _one(told.read_detections)),
    Kind("transformers pipelines", "`box` {xmin, ymin, xmax, ymax} beside `score` and `label`", USUAL, "left, top, right, bottom", "`label`", "score", NONE,
         told.detected(told.is_pipeline), _one(told.read_detections)),
    Kind("supervision", "`x_min`, `y_min`, `x_max`, `y_max`", USUAL, "left, top, right, bottom", "`class_name`, else COCO's name of `class_id`", "score",
         "track numbers", told.detected(told.is_supervision), _one(told.read_detections)),
    Kind("centres", "`cx`, `cy`; or `x`, `y`, `width`, `height` beside `class_id`, `detection_id` or `confidence` (Roboflow, darknet); "
         "or `label` beside `coordinates` (CreateML)", USUAL,
         "center x, center y, width, height", "`class`, `name`, else COCO's name of `class_id`", "outlines, score", "key points",
         lambda value: told.detected(told.is_centre)(value) or told.holds_nothing(value), _one(told.read_detections)),
    Kind("BOUNDING_BOX", "`x`, `y`, `width`, `height`", USUAL, "x, y, width, height; a bare one as JSON is asked about",
         "`label`, else the description", "score, palette", NONE, told.detected(told.is_corner), _one(told.read_detections)),
    Kind("a detector's list", "items with a `bbox`, `box`, four named sides, two corners, or words and an outline", ASKED, ASKED,
         "`label`, `class`, `category`, `name`; else the number's name beside the list, else COCO's", "masks, score", "all else",
         told.detected(is_placed), _one(told.read_detections)),
    Kind("parallel lists", "`boxes` or `bboxes` beside `labels` and `scores`, Florence-2's outlines too", ASKED, ASKED, "`labels`", "score", "masks",
         told.an_object(lambda value: bool(parallel_boxes(value) or florence_task(value))), _one(read_parallel)),
    Kind("TRACKING", "{class: {id: [box or null, ...]}}", "pixels", "left, top, right, bottom, width, height", "the class, or its own prompts",
         "one layout for each frame", NONE, is_tracking, lambda value, given: read_tracking(value, given.prompts)),
    Kind("GLIGEN", "CONDITIONING of GLIGEN Textbox Apply", "cells of 8 pixels", "height, width, y, x", _NO_WORDS, "boxes", "encoded words",
         is_conditioning, _one(read_gligen)),
    Kind("BBOX", "four numbers, or a list of them", ASKED, ASKED, _NO_WORDS, "boxes", NONE, told.are_fours, _one(read_fours)),
    Kind("nothing found", "an empty list", NONE, NONE, NONE, "a layout without instances", NONE, lambda value: value == [], _one(lambda *_: Layout())),
    Kind("frames", "a list of layouts, or of lists of boxes", "as each", "as each", "as each", "one layout for each", NONE, _are_frames, _read_frames),
)  # fmt: skip
