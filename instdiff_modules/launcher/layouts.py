"""A layout file for a run: read as the node will read it, and within what the demo's model takes, before anything starts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..commands.names import whole_path
from ..layout.json_text import load_json
from ..layout.plain_files import shown_name
from ..layout.units import FRACTIONS, PERCENT, PIXELS, THOUSANDTHS
from ..shapeworld.canvases import drawn_at
from ..shapeworld.demo_header import demo_slots
from .demo_layout import for_the_demo
from .errors import Stopped
from .graph import has_shape
from .install import PACK, Runtime
from .steps import Steps

# The options' words -> the menus'.
ORDERS = {
    "xyxy": "left, top, right, bottom",
    "xywh": "x, y, width, height",
    "yxyx": "top, left, bottom, right",
    "cxcywh": "center x, center y, width, height",
}
UNITS = {"pixels": PIXELS, "fractions": FRACTIONS, "thousandths": THOUSANDTHS, "percent": PERCENT}
ANSWERS = (
    (r"\border\b", f"--order {'|'.join(ORDERS)}"),
    (r"\bunits\b", f"--units {'|'.join(UNITS)}"),
    (r"width and height|size of the canvas", "--width W --height H"),
    (r"(?i)choose one\b|id or file name|as image\b", "--image NAME"),
)
# The start of YOLO's lines and of XML, and prompt-control's words.
MAY_BE_NO_JSON = re.compile(r"^\s*[\d<]|\b(?:MASK|AREA|COUPLE)\b")


class Asked(NamedTuple):
    """What the user says of a layout file, as on the node Instances from JSON; None or 0: nothing. first: only so many instances."""

    first: int | None = None
    image: str | None = None
    width: int = 0
    height: int = 0
    order: str | None = None
    units: str | None = None

    def for_child(self, demo: bool) -> str:
        """As JSON, for importers/first.py."""
        words = {"order": ORDERS.get(self.order or ""), "units": UNITS.get(self.units or "")}
        given = {name: value for name, value in {**self._asdict(), **words}.items() if value}
        return json.dumps({**given, "prompts": demo})


def check_text(text: str, name: str) -> None:
    """Stops, before anything is installed, for a text that is no JSON and of no kind that is read without being JSON."""
    if not MAY_BE_NO_JSON.search(text):
        try:
            load_json(text, shown_name(name))
        except ValueError as problem:
            raise Stopped(f"{problem} Give a layout document.") from problem


def checked_layout(path: Path, asked: Asked, demo: bool, runtime: Runtime, steps: Steps) -> str:
    """The layout to run, as a document of ours. What is left out or will go wrong is said, a line each.

    demo: whether the demo's model draws it. Stops for a file that is no layout, and for one that this model cannot draw.
    """
    code = f"import sys; sys.path.insert(0, {str(PACK)!r}); from instdiff_modules.importers.first import main; main(sys.argv[1:])"
    command = [runtime.python, "-I", "-c", code, whole_path(path).resolve(), asked.for_child(demo)]
    said = steps.ask([str(part) for part in command], f"start again; if it fails again, {path} may be at fault.")
    try:
        answer = load_json(said.splitlines()[-1] if said else "", "The answer about the layout", 2**28)
    except ValueError as problem:
        raise Stopped(f"{path} could not be looked at. What to do: start again.") from problem
    for note in answer["notes"]:
        steps.say(f"Note: {note}")
    if "problem" in answer:
        raise Stopped(f"{path}: {in_options(answer['problem']) if answer['open'] else answer['problem']}")
    if not demo:
        return answer["text"]
    check_demo(path, answer["most"], answer["canvas"], demo_slots())
    text, notes = for_the_demo(answer["text"])
    for note in notes:
        steps.say(f"Note: {note}")
    return text


def check_demo(path: Path, most: int, canvas: Sequence[int] | None, slots: int | None) -> None:
    """Stops for more instances than the demo's model has slots (None: not known), and for a canvas that no picture can have."""
    if slots is not None and most > slots:
        raise Stopped(
            f"{path} has {most} instances, but the demo's model takes at most {slots}. What to do: draw the first "
            f"ones with --first {slots}, or put real weights in place (see README.md) and give --workflow."
        )
    if canvas and not has_shape(drawn_at(canvas[0], canvas[1]), canvas):
        raise Stopped(
            f"{path}: no picture that the demo's model draws has the shape of its canvas, {canvas[0]}x{canvas[1]}. "
            "What to do: make its sides more equal."
        )


def in_options(question: str) -> str:
    """A node's question about what the data leave open -> the same with the options that answer it here."""
    options = [option for word, option in ANSWERS if re.search(word, question)]
    asks = question.removeprefix("The layout: ").replace(" in the menus", "").rstrip(".")
    return f"{asks}. Options: {', '.join(options)}." if options else question
