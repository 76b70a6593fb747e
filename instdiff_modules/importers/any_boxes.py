"""Boxes of other nodes and programs, told apart by what they hold; units and order come with the kind or are declared, never guessed.

    BOUNDING_BOX   {x, y, width, height} in pixels: one, a list, or a list for each frame (RT-DETR, SAM3, box editors)
    elements       of box editors, alone or inside an Ideogram prompt: elements.py
    BBOX           four numbers each, their order and units declared (KJNodes and others)
    Omost canvas   [{rect: [top, bottom, left, right] of 90, prefixes, suffixes}]: omost.py
    TRACKING       {class: {id: [[x0, y0, x1, y1, width, height] or None, ...]}}: tracking.py
    CONDITIONING   with GLIGEN's boxes, in cells of 8 pixels, whose words are encoded already

Each as value or as JSON text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES, load_json
from ..layout.instance import Frames, Instance, Layout
from ..layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from . import omost, tracking
from .boxes import EXPECTED, LabelledBox, cut_box, read_bounding_boxes
from .elements import are_elements, read_elements, words_of
from .frames import MAX_FRAMES
from .prompts import prompt_lines

ORDERS = ("not declared", "x, y, width, height", "left, top, right, bottom")
BBOX_UNITS = (PIXELS, FRACTIONS, THOUSANDTHS)
CELL = 8  # pixels of a cell of the latent, GLIGEN's unit
WHERE = "Instances from Boxes"

Canvas = tuple[int, int]  # width, height in pixels


def read_boxes(
    value: Any,
    canvas: Canvas | None,
    prompts: str = "",
    order: str = ORDERS[0],
    units: str = PIXELS,
    elements: Any = None,
) -> Frames:
    """Any of the kinds above -> frames. No boxes give layouts without instances.

    canvas: of what is in pixels, where the value does not say it. prompts: see `prompt_lines`; for TRACKING its own form.
    order, units: of BBOX alone. elements: of the same editor as boxes without words; they lend them theirs. ValueError for a value of no
    kind, and where order or canvas are missing.
    """
    value = _plain(value)
    if elements is not None:
        value = _with_words(value, _plain(elements))
    if isinstance(value, Mapping):
        whole = value.get("compositional_deconstruction")
        if not isinstance(whole, Mapping):
            return tracking.read_tracking(value, prompts)
        caption = fields.text(value.get("high_level_description") or "", WHERE, "high_level_description")
        given = whole.get("elements")
        if given != [] and not are_elements(given):
            raise ValueError(
                f"{WHERE}: the prompt's elements must be a list of elements with a bbox, got {fields.shorten(given)}."
            )
        frames: Frames = (read_elements(given or [], canvas, caption),)
    elif omost.is_canvas(value):
        frames = (omost.read_omost(value, canvas),)
    elif are_elements(value):
        frames = (read_elements(value, canvas),)
    else:
        frames = _of_boxes(value, canvas, order, units)
    return prompt_lines(frames, prompts, WHERE)


def _of_boxes(value: Any, canvas: Canvas | None, order: str, units: str) -> Frames:
    if not isinstance(value, list):
        raise ValueError(
            f"{WHERE}: {fields.shorten(value)} is not a known kind of boxes. Connect for example {EXPECTED}."
        )
    if _is_conditioning(value):
        found = [_gligen(value, _known(canvas, "GLIGEN's boxes are"))]
    else:
        parts = (
            [list(part) for part in value]
            if value and all(isinstance(p, (list, tuple)) and not _is_four(p) for p in value)
            else [value]
        )
        items = [item for part in parts for item in part]
        if not items:
            found = [[] for _ in parts]
        elif all(map(_is_four, items)):
            found = [
                [_four(item, f"Box {i}", canvas, order, units) for i, item in enumerate(part, 1)] for part in parts
            ]
        else:  # BOUNDING_BOX, or a sentence that says what is expected
            found = read_bounding_boxes(
                parts, len(parts), *(_known(canvas, "The boxes are") if any(map(_is_bounding, items)) else (1, 1))
            )
    if len(found) > MAX_FRAMES or any(len(frame) > MAX_INSTANCES for frame in found):
        raise ValueError(f"{WHERE}: at most {MAX_FRAMES} frames of {MAX_INSTANCES} boxes are read.")
    return tuple(
        Layout(tuple(_instance(box, i) for i, box in enumerate(frame, 1)), *(canvas or (None, None))) for frame in found
    )


def _instance(given: LabelledBox, position: int) -> Instance:
    """How sure a detector is stays with the instance, as an unknown field."""
    return Instance(
        f"i{position}", given.label or "", box=given.box, extra={"score": given.score} if given.score != 1 else {}
    )


def _four(item: Sequence[float], where: str, canvas: Canvas | None, order: str, units: str) -> LabelledBox:
    if order not in ORDERS[1:]:
        raise ValueError(
            f"{WHERE}: the boxes are four numbers each, such as {fields.shorten(list(item))}, in an order that is "
            f"not stated. Choose {ORDERS[1]!r} or {ORDERS[2]!r} as the order, and choose the units."
        )
    a, b, c, d = fields.numbers(tuple(item), 4, where, "box", order)
    width, height = (
        _known(canvas, "The boxes are") if units == PIXELS else (1, 1) if units == FRACTIONS else (1000, 1000)
    )
    if units == PIXELS and max(map(abs, (a, b, c, d))) <= 1:
        raise ValueError(
            f"{WHERE}: {where} {fields.shorten(list(item))} is at most one pixel in size. If these are fractions, choose them as units."
        )
    box = cut_box(a, b, *((c, d) if order == ORDERS[1] else (c - a, d - b)), width, height)
    if box is None:
        raise ValueError(
            f"{WHERE}: {where} {fields.shorten(list(item))} is empty or lies outside the canvas, taken as {order} in {units}. "
            "Choose its order and units."
        )
    return LabelledBox(box, None, 1.0)


def _gligen(value: Sequence[Any], canvas: Canvas) -> list[LabelledBox]:
    """Boxes of GLIGEN Textbox Apply: (feature, height, width, y, x) in cells of 8 pixels."""
    params = next((options["gligen"] for _, options in value if options.get("gligen")), None)
    if params is None:
        raise ValueError(f"{WHERE}: this CONDITIONING holds no GLIGEN boxes. Connect it after GLIGEN Textbox Apply.")
    if params[0] != "position" or not isinstance(params[2], list):
        raise ValueError(
            f"{WHERE}: GLIGEN data of the kind {fields.shorten(params[0])} is not read, only boxes of GLIGEN Textbox Apply."
        )
    out = []
    for i, (_, h, w, y, x) in enumerate(params[2], 1):
        box = cut_box(x * CELL, y * CELL, w * CELL, h * CELL, *canvas)
        if box is None:
            raise ValueError(
                f"{WHERE}: GLIGEN's box {i} lies outside the canvas of {canvas[0]}x{canvas[1]} pixels. Give the canvas it was made for."
            )
        out.append(LabelledBox(box, None, 1.0))
    return out


def _with_words(boxes: Any, elements: Any) -> Any:
    """BOUNDING_BOX of one frame with the words of the elements that belong to it; the elements alone if there are no boxes."""
    if boxes is None:
        return elements
    boxes = boxes[0] if isinstance(boxes, list) and len(boxes) == 1 and isinstance(boxes[0], list) else boxes
    fits = isinstance(boxes, list) and isinstance(elements, list) and len(boxes) == len(elements)
    if not fits or not all(map(_is_bounding, boxes)) or not all(isinstance(element, Mapping) for element in elements):
        counts = [len(v) if isinstance(v, list) else 1 for v in (boxes, elements)]
        raise ValueError(
            f"{WHERE}: {counts[0]} boxes and {counts[1]} elements do not belong together. Connect both outputs of one box editor, or one of them."
        )
    words = [words_of(element, f"Element {i}") for i, element in enumerate(elements, 1)]
    return [{**box, "label": text} if text else box for box, text in zip(boxes, words, strict=True)]


def _plain(value: Any) -> Any:
    """JSON text read, arrays and tuples as lists, a single box as a list of one."""
    if isinstance(value, str):
        value = load_json(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if _is_four(value) or _is_bounding(value):
        return [value]
    return list(value) if isinstance(value, tuple) else value


def _is_bounding(value: Any) -> bool:
    return isinstance(value, Mapping) and all(side in value for side in ("x", "y", "width", "height"))


def _is_four(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 4
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    )


def _is_conditioning(value: Sequence[Any]) -> bool:
    return bool(value) and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and isinstance(pair[1], Mapping)
        and not isinstance(pair[0], Mapping)
        for pair in value
    )


def _known(canvas: Canvas | None, what: str) -> Canvas:
    if canvas is None:
        raise ValueError(
            f"{WHERE}: {what} in pixels, and the size of the canvas is unknown. Connect the image, or set width and height."
        )
    return canvas
