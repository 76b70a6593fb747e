"""Boxes as other nodes take them, from the BOUNDING_BOX of each frame."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..geometry.masks import extent
from ..importers.elements import write_elements
from ..importers.tracking import tracking_of
from ..layout.document import visible_instances
from ..layout.instance import Frames
from .lost import lost_in

logger = logging.getLogger(__name__)

# See lost.py: whoever asks for boxes expects no other places, nor what is hidden.
HELD = ("mask", "point", "scribble", "hidden")
ORDERS = ("x, y, width, height", "left, top, right, bottom")
Boxes = Sequence[Mapping[str, Any]]


class OtherBoxes(NamedTuple):
    """elements: of the first frame. bbox: tuples of four whole pixels, a list per frame if there are several. tracking: {class: {number:
    [[x0, y0, x1, y1, width, height] or None, ...]}} with its prompts."""

    elements: list[dict[str, Any]]
    bbox: list[Any]
    tracking: dict[str, dict[int, list]]
    tracking_prompts: str


def other_boxes(frames: Frames, boxes: Sequence[Boxes], width: int, height: int, order: str) -> OtherBoxes:
    """boxes: of each frame one {x, y, width, height} in pixels for each visible instance. A warning names what boxes drop."""
    lost = lost_in(frames, HELD)
    if lost:
        logger.warning("Instances to Boxes: boxes cannot hold everything. Lost: %s.", ", ".join(lost))
    elements = write_elements(frames[0], [extent(instance) for instance in visible_instances(frames[0])])
    four = [[_four(box, order) for box in frame] for frame in boxes]
    return OtherBoxes(elements, four[0] if len(four) == 1 else four, *tracking_of(frames, width, height, boxes))


def _four(box: Mapping[str, Any], order: str) -> tuple[int, int, int, int]:
    x, y, w, h = (box[side] for side in ("x", "y", "width", "height"))
    return (x, y, w, h) if order == ORDERS[0] else (x, y, x + w, y + h)
