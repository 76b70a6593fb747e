"""An editor's own layout and one that comes in over a wire: which of the two counts.

The incoming one fills the editor once and leaves its fingerprint there, in the field "source". From then on the person's
edits win, until another layout comes in.
"""

import hashlib
from dataclasses import replace

from .document import layout_to_json
from .frames import as_frames, canvas_of
from .instance import Frames, Layout

SOURCE = "source"


def fingerprint(layout: Layout) -> str:
    """16 hex digits that differ where two layouts differ in anything that their documents hold."""
    return hashlib.sha256(layout_to_json(layout).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def take_incoming(own: Layout, incoming: Frames | None) -> tuple[Layout, bool]:
    """(the layout that counts, whether it is a new one that the editor has yet to show).

    What the incoming layout leaves open, canvas and caption, stays as it is in the editor. ValueError for several frames.
    """
    if incoming is None:
        return own, False
    frames = as_frames(incoming)
    if len(frames) != 1:
        raise ValueError(
            f"An editor shows a single layout, but {len(frames)} frames are connected. Connect one layout, "
            "and put Frames of Instances after the editor."
        )
    source = fingerprint(frames[0])
    if own.extra.get(SOURCE) == source:
        return own, False
    width, height = canvas_of(frames[0]) or (own.width, own.height)
    extra = {**frames[0].extra, SOURCE: source}
    return replace(frames[0], width=width, height=height, prompt=frames[0].prompt or own.prompt, extra=extra), True
