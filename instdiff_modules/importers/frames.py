"""Frames as text: one document for one frame, a list of documents for several; and the texts of other programs that are one layout."""

from typing import Any

from ..layout.document import layout_to_json, load_json
from ..layout.frames import as_frames
from ..layout.instance import Frames, Layout
from . import omost, read_layout
from .elements import are_elements, read_elements
from .prompt_control import is_prompt_control, read_prompt_control

MAX_FRAMES = 4096


def frames_to_json(frames: Frames) -> str:
    texts = [layout_to_json(layout) for layout in as_frames(frames)]
    return texts[0] if len(texts) == 1 else "[" + ",\n".join(texts) + "]"


def read_frames(text: str, image: str = "") -> Frames:
    """A layout in any format that `read_layout` knows, or a list of them, one per frame.

    Also one layout: an Omost canvas, the elements of a box editor, regions in prompt-control's syntax.
    """
    if isinstance(text, str) and is_prompt_control(text):
        return (read_prompt_control(text),)
    document: Any = load_json(text)
    if omost.is_canvas(document):
        return (omost.read_omost(document),)
    if are_elements(document):
        return (read_elements(document),)
    if not isinstance(document, list):
        return (read_layout(document, image),)
    if not 1 <= len(document) <= MAX_FRAMES:
        raise ValueError(
            f"The JSON is a list of {len(document)} items. Expected a layout, or 1 to {MAX_FRAMES}, one per frame."
        )
    return tuple(_frame(item, i, image) for i, item in enumerate(document, 1))


def _frame(item: Any, position: int, image: str) -> Layout:
    try:
        return read_layout(item, image)
    except ValueError as error:
        raise ValueError(f"Frame {position}: {error}") from error
