"""Layouts written by others: recognised by what they hold, never by guessing units or the order of axes.

kinds.py                         the table of all kinds, and `read_any`, which finds the kind and reads it
odd_items.py                     one rule for odd items: left out with a warning that names them, the rest is kept
given.py, declared.py            what menus and data say of units, order and canvas; asked for where nobody says it
detectors.py, places.py          lists of objects with a place in any form; wrapped.py, coco_results.py, yolo.py beside them
own.py, authors.py, coco.py, labelme.py, label_studio.py, elements.py, omost.py, prompt_control.py, tracking.py, gligen.py: a format each
regions.py                       masks that come over a wire; for Instances from Masks
prompts.py                       words, one a line, for layouts without them
frames.py, any_boxes.py          the entries of Instances from JSON and Instances from Boxes
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout.instance import Layout
from .given import Given
from .kinds import read_any

__all__ = ["read_layout"]


def read_layout(value: str | Mapping[str, Any] | Sequence[Any], image: str = "") -> Layout:
    """Text or parsed JSON of any kind that is one layout -> Layout. image: id or file name, for COCO files with several."""
    frames = read_any(value, Given(image=image, where="The layout"))
    if len(frames) != 1:
        raise ValueError(f"Expected one layout, got {len(frames)} frames. Keep the one that you need.")
    return frames[0]
