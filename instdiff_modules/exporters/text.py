"""Layouts as texts that other packs take."""

import json
import logging
from collections.abc import Callable
from typing import Any

from ..geometry.masks import extent
from ..geometry.raster import output_size
from ..importers.elements import write_elements
from ..importers.frames import frames_to_json
from ..importers.omost import write_omost
from ..importers.prompt_control import write_prompt_control
from ..layout.document import visible_instances
from ..layout.instance import Box, Frames, Instance, Layout
from .annotations import write_authors, write_coco
from .lost import lost_in

logger = logging.getLogger(__name__)


def frames_to_text(frames: Frames, format: str) -> str:
    """format: one of TEXT_FORMATS. All but our own hold a single layout and leave something out: a warning names what.

    ValueError for several frames in another format than ours.
    """
    if format == OURS:
        return frames_to_json(frames)
    if len(frames) != 1:
        raise ValueError(
            f"{format} holds a single layout, but there are {len(frames)} frames. Connect one of them, or write InstDiff."
        )
    lost = lost_in(frames, HELD[format]) if format in HELD else []
    if lost:
        logger.warning("Instances to JSON: %s cannot hold everything. Lost: %s.", format, ", ".join(lost))
    return TEXT_FORMATS[format](frames[0], [extent(instance) for instance in visible_instances(frames[0])])


def _points(layout: Layout, _: list[Box]) -> str:
    """[[{"x": .., "y": ..}, ...], ...] in pixels, a list for each instance; of a single instance its list alone, as editors write it."""
    width, height = output_size(layout, 0, 0)
    lists = [
        [{"x": round(x * width), "y": round(y * height)} for x, y in _stroke(instance)]
        for instance in visible_instances(layout)
    ]
    return json.dumps(lists[0] if len(lists) == 1 else lists)


def _stroke(instance: Instance) -> Any:
    """Its scribble, else its point, else the centre of its location."""
    if instance.scribble is not None:
        return instance.scribble
    x0, y0, x1, y1 = extent(instance)
    return [instance.point or ((x0 + x1) / 2, (y0 + y1) / 2)]


OURS = "InstDiff"
TEXT_FORMATS: dict[str, Callable[[Layout, list[Box]], str]] = {
    OURS: lambda layout, _: frames_to_json((layout,)),
    "Omost canvas": lambda layout, boxes: json.dumps(write_omost(layout, boxes), ensure_ascii=False),
    "prompt-control (COUPLE)": lambda layout, boxes: write_prompt_control(layout, boxes, couple=True),
    "prompt-control (AND)": lambda layout, boxes: write_prompt_control(layout, boxes, couple=False),
    "elements": lambda layout, boxes: json.dumps(write_elements(layout, boxes), ensure_ascii=False),
    "COCO": lambda layout, boxes: json.dumps(write_coco(layout, boxes), ensure_ascii=False),
    "InstanceDiffusion demo": lambda layout, _: json.dumps(write_authors(layout), ensure_ascii=False),
    "points": _points,
}
# Beside prompts and boxes (see lost.py). Editors of points want nothing but points: for them nothing counts as lost.
HELD = {
    "Omost canvas": (),
    "prompt-control (COUPLE)": ("strength",),
    "prompt-control (AND)": ("strength",),
    "elements": (),
    "COCO": ("mask",),
    "InstanceDiffusion demo": ("mask", "point", "scribble"),
}
