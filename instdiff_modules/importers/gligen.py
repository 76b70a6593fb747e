"""GLIGEN's boxes in a CONDITIONING, in cells of 8 pixels; their words are encoded already."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout
from .boxes import cut_box
from .given import Given, known_canvas
from .odd_items import keep_good

CELL = 8  # pixels of a cell of the latent, GLIGEN's unit


def is_conditioning(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(
            isinstance(pair, (list, tuple))
            and len(pair) == 2
            and isinstance(pair[1], Mapping)
            and not isinstance(pair[0], (Mapping, list, tuple))
            for pair in value
        )
    )


def read_gligen(value: Sequence[Any], given: Given) -> Layout:
    """Boxes of GLIGEN Textbox Apply: (feature, height, width, y, x)."""
    width, height = known_canvas(given.canvas, given, "GLIGEN's boxes are")
    params = next((options["gligen"] for _, options in value if options.get("gligen")), None)
    if params is None:
        raise ValueError(
            f"{given.where}: this CONDITIONING holds no GLIGEN boxes. Connect it after GLIGEN Textbox Apply."
        )
    kind, *rest = params if isinstance(params, (list, tuple)) and params else (params,)
    boxes = rest[1] if len(rest) > 1 else None
    if kind != "position" or not isinstance(boxes, (list, tuple)):
        raise ValueError(
            f"{given.where}: GLIGEN data of the kind {fields.shorten(kind)} is not read, only boxes of GLIGEN Textbox Apply."
        )
    if len(boxes) > MAX_INSTANCES:
        raise ValueError(f"{given.where}: there are {len(boxes)} boxes, at most {MAX_INSTANCES} are read.")
    return Layout(tuple(keep_good(boxes, lambda p, i: _box(p, i, width, height), given.where)), width, height)


def _box(param: Any, position: int, width: int, height: int) -> Instance:
    if not isinstance(param, (list, tuple)) or len(param) != 5:
        raise ValueError(f"GLIGEN's box {position} must be (feature, height, width, y, x), got {type(param).__name__}.")
    h, w, y, x = (fields.number(v, f"GLIGEN's box {position}", "a side") * CELL for v in param[1:])
    box = cut_box(x, y, w, h, width, height)
    if box is None:
        raise ValueError(
            f"GLIGEN's box {position} lies outside the canvas of {width}x{height} pixels. Give the canvas it was made for."
        )
    return Instance(f"i{position}", "", box=box)
