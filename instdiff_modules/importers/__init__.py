"""Layouts written by others: recognised by what they hold, never by guessing units or the order of axes.

here             our document, the authors' demos (authors.py), COCO (coco.py): what may also stand in a list, one per frame
frames.py        these, and what is one layout by itself: omost.py, elements.py, prompt_control.py; for Instances from JSON
any_boxes.py     boxes that come over a wire or as JSON: boxes.py, tracking.py, and the above; for Instances from Boxes
regions.py       masks that come over a wire; for Instances from Masks
prompts.py       words, one a line, for layouts without them
"""

from collections.abc import Mapping
from typing import Any

from ..layout.document import load_json, parse_layout
from ..layout.fields import shorten
from ..layout.instance import Layout
from . import authors, coco

__all__ = ["read_layout"]

KNOWN_FORMATS = (
    'our layout document ("version", "instances"), the authors\' demo JSON ("annos") and COCO ("images", "annotations"); '
    "Instances from JSON also reads an Omost canvas, elements of a box editor and prompt-control's regions"
)


def read_layout(value: str | Mapping[str, Any], image: str = "") -> Layout:
    """JSON, as text or parsed, of any known format -> Layout. image: id or file name, for COCO files with several."""
    document = load_json(value) if isinstance(value, str) else value
    if not isinstance(document, Mapping):
        raise ValueError(f"A layout must be a JSON object, got {shorten(document)}. Known formats: {KNOWN_FORMATS}.")
    if "version" in document or "instances" in document:
        return parse_layout(document)
    if "annos" in document:
        return authors.read_authors(document)
    if "annotations" in document:
        return coco.read_coco(document, image)
    keys = ", ".join(sorted(map(str, document))[:8])
    raise ValueError(
        f"This JSON is not a layout that InstDiff knows (its fields: {keys or 'none'}). Known formats: {KNOWN_FORMATS}."
    )
