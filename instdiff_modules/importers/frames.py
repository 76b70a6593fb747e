"""Frames as text: one document for one frame, a list of documents for several; and any text of another program."""

from ..layout import fields
from ..layout.document import layout_to_json
from ..layout.frames import as_frames
from ..layout.instance import Frames
from .given import MAX_FRAMES, NOT_DECLARED, Canvas, Given
from .kinds import read_any

__all__ = ["MAX_FRAMES", "frames_to_json", "read_frames"]

WHERE = "Instances from JSON"


def frames_to_json(frames: Frames) -> str:
    texts = [layout_to_json(layout) for layout in as_frames(frames)]
    return texts[0] if len(texts) == 1 else "[" + ",\n".join(texts) + "]"


def read_frames(
    text: str, image: str = "", canvas: Canvas | None = None, order: str = NOT_DECLARED, units: str = NOT_DECLARED
) -> Frames:
    """A text of any kind (see kinds.py) -> one layout, or one for each frame.

    image: of COCO files and others with several. canvas, order, units: of boxes that do not state theirs. ValueError asks for them.
    """
    text = "" if text is None else text if isinstance(text, str) else fields.text(text, WHERE, "text")
    return read_any(text, Given(canvas, units, order, image, where=WHERE))
