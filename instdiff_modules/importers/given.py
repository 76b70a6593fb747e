"""What menus and wires say about data, and boxes of four numbers by it. Units and order are stated or asked for, never guessed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..layout import fields
from ..layout.instance import Box
from ..layout.units import FRACTIONS, PERCENT, PIXELS, THOUSANDTHS, current_units
from .odd_items import Question

NOT_DECLARED = "not declared"
XYWH, XYXY, YXYX, CXCYWH = (
    "x, y, width, height",
    "left, top, right, bottom",
    "top, left, bottom, right",
    "center x, center y, width, height",
)
ORDERS = (NOT_DECLARED, XYWH, XYXY, YXYX, CXCYWH)
ALL_UNITS = (NOT_DECLARED, PIXELS, FRACTIONS, THOUSANDTHS, PERCENT)
# As Layout from Text spells them.
_OTHER_SPELLINGS = {
    "as declared": NOT_DECLARED,
    "left top right bottom": XYXY,
    "left top width height": XYWH,
    "top left bottom right": YXYX,
    "center x y, width height": CXCYWH,
}
MAX_FRAMES = 4096
SLACK = 1.5  # how far, in canvases, a box may stick out before its units are doubted

Canvas = tuple[int, int]  # width, height in pixels


class Given(NamedTuple):
    """What the user says. canvas: (width, height) in pixels. image: id or file name, for data of several. wire: the value came over a
    wire of ComfyUI, not as JSON text. where: the node, for sentences. beside: how many masks the data may have, so that each is
    drawn in its share of the time."""

    canvas: Canvas | None = None
    units: str = NOT_DECLARED
    order: str = NOT_DECLARED
    image: str = ""
    prompts: str = ""
    wire: bool = False
    where: str = "Instances from JSON"
    beside: int = 1

    def among(self, masks: int) -> "Given":
        return self._replace(beside=max(self.beside, masks))


NOTHING_SAID = Given()


def current_order(value: Any) -> Any:
    """The value of a menu of orders as it is spelt here; every other value as it came."""
    return _OTHER_SPELLINGS.get(value, value) if isinstance(value, str) else value


def given_units(value: Any) -> Any:
    return NOT_DECLARED if current_order(value) == NOT_DECLARED else current_units(value)


def sides_given(width: Any, height: Any, where: str) -> Canvas | None:
    """(width, height) of the menus, 0 where it is not known; None if neither is set. ValueError if only one is."""
    sides = fields.side(width, where, "width"), fields.side(height, where, "height")
    if any(sides) and not all(sides):
        raise ValueError(f"{where}: set both width and height, or neither.")
    return sides if all(sides) else None


def known_canvas(canvas: Canvas | None, given: Given, what: str = "The boxes are") -> Canvas:
    if canvas is None:
        connect = "Connect the image, or set width and height" if "Boxes" in given.where else "Set width and height"
        raise Question(f"{given.where}: {what} in pixels, and the size of the canvas is unknown. {connect}.")
    return canvas


def choose_one(problem: str, choices: str, given: Given) -> Question:
    """For data of several images. Instances from Boxes has no menu for it: its image is a picture."""
    how = "Read it with Instances from JSON, whose image names one" if "Boxes" in given.where else "Choose one as image"
    return Question(f"{given.where}: {problem}. {how}: {choices}.")


def stated_canvas(*places: Any) -> Canvas | None:
    """(width, height) of the first of the objects that states both, as numbers or as texts."""
    for place in places:
        for width, height in (("width", "height"), ("image_width", "image_height"), ("imageWidth", "imageHeight"), ("img_width", "img_height"),
                              ("imgWidth", "imgHeight")):  # fmt: skip
            sides = [_side(place.get(side)) for side in (width, height)] if isinstance(place, Mapping) else []
            if all(sides) and sides:
                return sides[0], sides[1]
    return None


def _side(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
        value = int(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return 0
    return int(value) if 1 <= value <= fields.MAX_SIDE and value == int(value) else 0


def ask_for(missing: Sequence[str], example: Any, given: Given) -> Question:
    """missing: "order" and "units", or one of them."""
    names = " and ".join(missing)
    stated = (
        "an order and units that are"
        if len(missing) > 1
        else "an order that is"
        if missing == ["order"]
        else "units that are"
    )
    return Question(
        f"{given.where}: the boxes, such as {fields.shorten(example)}, are in {stated} not stated. Choose {names} in the menus."
    )


def check_units(numbers: Iterable[float], units: str, given: Given) -> None:
    """A Question if all the numbers of all boxes lie in 0..1, but should be larger."""
    top = max(map(abs, numbers), default=0.0)
    if units != FRACTIONS and 0 < top <= 1:
        raise Question(
            f"{given.where}: all boxes are at most one pixel in size, taken as {units}. If their numbers are fractions, choose "
            f"{FRACTIONS!r} as units."
            if units == PIXELS
            else f"{given.where}: all numbers lie in 0..1, too small for {units}. Choose the units of the boxes."
        )


def sides_of(units: str, canvas: Canvas | None, given: Given) -> tuple[float, float]:
    """What is as wide and as high as the canvas, in the units."""
    if units == PIXELS:
        return known_canvas(canvas, given)
    whole = {FRACTIONS: 1.0, THOUSANDTHS: 1000.0, PERCENT: 100.0}[units]
    return whole, whole


def edges_of(numbers: Sequence[float], order: str) -> tuple[float, float, float, float]:
    """Four numbers in their order -> left, top, right, bottom, which may be reversed."""
    a, b, c, d = numbers
    if order == YXYX:
        return b, a, d, c
    if order == XYWH:
        return a, b, a + c, b + d
    if order == CXCYWH:
        return a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return a, b, c, d


def box_of(numbers: Sequence[float], order: str, units: str, sides: tuple[float, float], where: str) -> Box:
    """-> box in 0..1, cut to the canvas with a warning. ValueError if it is empty, reversed, outside, or too far out for its units."""
    x0, y0, x1, y1 = edges_of(numbers, order)
    shown = "[" + ", ".join(f"{v:g}" for v in numbers) + "]"
    if x1 == x0 or y1 == y0:
        raise ValueError(f"{where}: the box {shown} is empty, taken as {order}.")
    width, height = sides
    far = max(abs(x0) / width, abs(x1) / width, abs(y0) / height, abs(y1) / height) > SLACK
    if far or x1 < x0 or y1 < y0 or x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        canvas = f"{units} of {width:g}x{height:g}" if units == PIXELS else units
        raise ValueError(
            f"{where}: the box {shown} is empty or lies outside the canvas, taken as {order} in {canvas}. Check order and units."
        )
    return fields.box((x0 / width, y0 / height, x1 / width, y1 / height), where)


def is_reversed(numbers: Sequence[float], order: str) -> bool:
    """Whether an edge lies on the wrong side: another order than the data's."""
    x0, y0, x1, y1 = edges_of(numbers, order)
    return x1 < x0 or y1 < y0
