"""Boxes of other nodes and programs, over a wire or as JSON text: any kind of kinds.py."""

from collections.abc import Mapping
from typing import Any

from ..layout import fields
from ..layout.instance import Frames
from ..layout.units import FRACTIONS, PERCENT, PIXELS, THOUSANDTHS
from .elements import words_of
from .given import NOT_DECLARED, Canvas, Given
from .kinds import read_any
from .plain import plain_values

WHERE = "Instances from Boxes"
BOX_UNITS = (PIXELS, FRACTIONS, THOUSANDTHS, PERCENT)
SIDES = ("x", "y", "width", "height")


def read_boxes(
    value: Any,
    canvas: Canvas | None,
    prompts: str = "",
    order: str = NOT_DECLARED,
    units: str = PIXELS,
    elements: Any = None,
) -> Frames:
    """Boxes of any kind -> frames. No boxes give layouts without instances.

    canvas: of what is in pixels, where the value does not say it. prompts: see `prompt_lines`; for TRACKING its own form.
    order, units: of boxes that do not state theirs. elements: of the same editor as boxes without words; they lend them theirs.
    ValueError for a value of no kind, and where order or canvas are missing.
    """
    if elements is not None:
        value = _with_words(value, plain_values(elements, WHERE))
    return read_any(value, Given(canvas, units, order, "", prompts, not isinstance(value, str), WHERE))


def _with_words(boxes: Any, elements: Any) -> Any:
    """BOUNDING_BOX of one frame with the words of the elements that belong to it; the elements alone if there are no boxes."""
    if boxes is None:
        return elements
    boxes = plain_values(boxes, WHERE)
    boxes = boxes[0] if isinstance(boxes, list) and len(boxes) == 1 and isinstance(boxes[0], list) else boxes
    boxes = [boxes] if isinstance(boxes, Mapping) else boxes
    fits = isinstance(boxes, list) and isinstance(elements, list) and len(boxes) == len(elements)
    if not fits or not all(map(_is_bounding, boxes)) or not all(isinstance(element, Mapping) for element in elements):
        counts = [len(v) if isinstance(v, list) else 1 for v in (boxes, elements)]
        raise ValueError(
            f"{WHERE}: {counts[0]} boxes and {counts[1]} elements do not belong together. Connect both outputs of one box editor, or one of them."
        )
    words = [words_of(element, f"Element {i}") for i, element in enumerate(elements, 1)]
    return [
        {**box, "label": fields.text(text, WHERE, "desc")} if text else box
        for box, text in zip(boxes, words, strict=True)
    ]


def _is_bounding(value: Any) -> bool:
    return isinstance(value, Mapping) and all(side in value for side in SIDES)
