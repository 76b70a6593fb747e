"""YOLO's label files: a line for each object, all numbers fractions of the picture.

class cx cy width height [confidence] [track]   a box by its centre
class x1 y1 x2 y2 x3 y3 ... [confidence]        an outline, or the corners of a turned box
"""

import re

from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout
from ..layout.units import FRACTIONS
from .class_names import Numbered
from .given import CXCYWH, Given, box_of, known_canvas
from .odd_items import keep_good, named
from .segmentation import mask_of_rings

MAX_TEXT = 2**22
LINE = re.compile(r"\s*-?\d{1,6}(?:\.0*)?(?:[ \t]+(?:-?[.\d][\d.eE+-]{0,30}|-?nan|-?inf)){4,4000}\s*", re.IGNORECASE)


def is_yolo(text: str) -> bool:
    """Whether at least half of the lines are a class and four or more numbers."""
    if not text[:200].strip().removeprefix("-")[:1].isdigit() or len(text) > MAX_TEXT:
        return False
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and sum(bool(LINE.fullmatch(line)) for line in lines) * 2 >= len(lines)


def read_yolo(text: str, given: Given) -> Layout:
    """-> a layout on the menus' canvas, which outlines need. Odd lines are left out with a warning."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_INSTANCES:
        raise ValueError(f"{given.where}: there are {len(lines)} lines, at most {MAX_INSTANCES} are read.")
    given, numbers = given.among(len(lines)), Numbered()
    instances = keep_good(lines, lambda line, i: _line(line, i, numbers, given))
    numbers.warn(given.where)
    return Layout(tuple(instances), *(given.canvas or (None, None)))


def _line(line: str, position: int, numbers: Numbered, given: Given) -> Instance:
    if not LINE.fullmatch(line):
        raise ValueError(f"{named(position)}: the line {line[:60]!r} is not a class and four or more numbers.")
    first, *words = line.split()
    number = int(float(first))
    if number < 0:
        raise ValueError(
            f"{named(position)}: the line {line[:60]!r} has the class {number}. Classes are counted from 0."
        )
    prompt = numbers.class_id(number)
    where = named(position, prompt, f"class {number}")
    extra = {} if prompt else {"class_id": number}
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{where}: the line {line[:60]!r} holds something that is not a number.") from error
    tracked = len(words) in (5, 6) and words[-1].isdigit()
    if tracked and len(words) == 6 and values[-1] <= 1:
        raise ValueError(
            f"{where}: the line {line[:60]!r} may be a box with its track number, or an outline of three points."
        )
    if tracked and values[-1] > 1:
        values.pop()
    if not all(-0.5 <= v <= 1.5 for v in values):
        raise ValueError(
            f"{where}: the line {line[:60]!r} does not hold fractions. YOLO's numbers are shares 0..1 of the picture."
        )
    if len(values) in (4, 5):
        box = box_of(values[:4], CXCYWH, FRACTIONS, (1, 1), where)
        return Instance(
            f"i{position}", prompt, box=box, extra=extra | ({"score": values[4]} if len(values) == 5 else {})
        )
    scored = len(values) % 6 in (3, 5)  # of the other odd lengths key points could be, three numbers each behind a box
    about = extra | ({"score": values.pop()} if scored else {})
    if len(values) % 2:
        raise ValueError(
            f"{where}: the line {line[:60]!r} is neither a box of 4 numbers nor an outline of x and y in turn."
        )
    width, height = known_canvas(given.canvas, given, "The outlines are drawn")
    ring = [v * (height if i % 2 else width) for i, v in enumerate(values)]
    return Instance(f"i{position}", prompt, mask=mask_of_rings([ring], width, height, where, given.beside), extra=about)
