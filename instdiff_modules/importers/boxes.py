"""ComfyUI's BOUNDING_BOX: {x, y, width, height} in pixels from the top-left corner, alone, in a list, or in lists per picture."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..layout import fields
from ..layout.instance import Box
from .plain import plain_values

logger = logging.getLogger(__name__)

EXPECTED = "{x, y, width, height} in pixels, a list of such boxes, or a list of such lists, one for each picture"


class LabelledBox(NamedTuple):
    """box: x0, y0, x1, y1 in 0..1. label: None if the box has none. score: 1 if the box has none."""

    box: Box
    label: str | None
    score: float


def read_bounding_boxes(value: Any, count: int, width: int, height: int) -> list[list[LabelledBox]]:
    """One box, a list for all pictures, or a list of lists, one for each of `count` pictures of width x height pixels.

    A list of one list serves all pictures, as in ComfyUI's own nodes. The label is the box's "label", else the description
    in its metadata, as box editors write it. Boxes are cut to the picture; what lies outside it is left out with a warning.
    ValueError says what cannot be read.
    """
    value = plain_values(value, "BOUNDING_BOX")
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise ValueError(f"Expected BOUNDING_BOX, {EXPECTED}, got {fields.shorten(value)}.")
    frames = value if value and all(isinstance(frame, list) for frame in value) else [value]
    if len(frames) not in (1, count):
        raise ValueError(
            f"There are boxes for {len(frames)} pictures, but {count} pictures. Detect the objects in the same batch."
        )
    read = [[_box(item, f"Box {i}", width, height) for i, item in enumerate(frame, 1)] for frame in frames]
    kept = [[box for box in frame if box is not None] for frame in read]
    return kept if len(kept) == count else kept * count


def cut_box(x: float, y: float, w: float, h: float, width: int, height: int) -> Box | None:
    """Pixels -> 0..1 inside the picture; None if nothing of the box lies in it."""
    x0, x1 = (min(max(v / width, 0.0), 1.0) for v in (x, x + w))
    y0, y1 = (min(max(v / height, 0.0), 1.0) for v in (y, y + h))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _box(item: Any, where: str, width: int, height: int) -> LabelledBox | None:
    if not isinstance(item, Mapping) or not all(side in item for side in ("x", "y", "width", "height")):
        raise ValueError(f"{where} is not a BOUNDING_BOX: expected {EXPECTED}, got {fields.shorten(item)}.")
    x, y, w, h = (fields.number(item[side], where, side) for side in ("x", "y", "width", "height"))
    score = 1.0 if item.get("score") is None else fields.number(item["score"], where, "score")
    about = item["metadata"] if isinstance(item.get("metadata"), Mapping) else {}
    label = next((v for v in (item.get("label"), about.get("desc"), about.get("text")) if v not in (None, "")), None)
    box = cut_box(x, y, w, h, width, height)
    if box is None:
        logger.warning(
            "%s lies outside the picture of %dx%d pixels or is empty, and was left out.", where, width, height
        )
        return None
    return LabelledBox(box, None if label is None else fields.text(label, where, "label"), score)
