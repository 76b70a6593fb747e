"""Units and axis order of an answer's boxes: as it declares them or as the user chose, never guessed from the numbers.

The numbers are only held against what was declared: pixels that are all below 1, fractions of 300, or a right edge left of the left
one contradict it, and then the user is asked.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..layout.units import FRACTIONS, PERCENT, PIXELS, THOUSANDTHS

DECLARED = "as declared"
ANSWER_UNITS = (FRACTIONS, PIXELS, THOUSANDTHS, PERCENT)
XYXY, XYWH, YXYX, CXCYWH = (
    "left top right bottom",
    "left top width height",
    "top left bottom right",
    "center x y, width height",
)
ORDERS = (XYXY, XYWH, YXYX, CXCYWH)
MAX_FIELDS = 200  # of an object that may be a box
SLACK = 1.5  # how far, in canvases, a box may stick out before its units are doubted

# Field names of a box that is an object; they name the axes themselves.
EDGES = (
    (XYXY, (("left", "top", "right", "bottom"), ("x0", "y0", "x1", "y1"), ("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"),
            ("xstart", "ystart", "xend", "yend"), ("minx", "miny", "maxx", "maxy"))),
    (CXCYWH, (("cx", "cy", "width", "height"), ("cx", "cy", "w", "h"), ("centerx", "centery", "width", "height"), ("xcenter", "ycenter", "width", "height"))),
    (XYWH, (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"), ("xmin", "ymin", "width", "height"))),
)  # fmt: skip

_ORDER_WORDS = (
    (CXCYWH, r"cx ?,? ?cy ?,? ?w|x ?center ?,? ?y ?center|center ?x ?,? ?center ?y|\byolo\b"),
    (YXYX, r"y ?min ?,? ?x ?min|y[01] ?,? ?x[01] ?,? ?y[12] ?,? ?x[12]|\byxyx\b|top ?,? ?left ?,? ?bottom ?,? ?right"),
    (
        XYXY,
        r"x ?min ?,? ?y ?min ?,? ?x ?max|x[01] ?,? ?y[01] ?,? ?x[12] ?,? ?y[12]|\bxyxy\b|\bltrb\b|left ?,? ?top ?,? ?right ?,? ?bottom|pascal voc",
    ),
    (
        XYWH,
        r"\bx ?,? ?y ?,? ?w(?:idth)?\b|\bxywh\b|\bltwh\b|left ?,? ?top ?,? ?w(?:idth)?\b|x ?min ?,? ?y ?min ?,? ?w(?:idth)?\b|\bcoco\b",
    ),
)
_UNIT_WORDS = (
    (THOUSANDTHS, r"\b0 ?(?:\.\.+|-|–|to|,) ?(?:1000|999)\b|per ?mille|thousandths"),
    (PERCENT, r"\bpercent|\b0 ?(?:\.\.+|-|–|to|,) ?100\b|^ ?% ?$"),
    (FRACTIONS, r"\b0(?:\.0)? ?(?:\.\.+|-|–|to|,) ?1(?:\.0)?\b|\bfractions?\b|\bnormali[sz]ed\b|\brelative\b"),
    (PIXELS, r"\bpixels?\b|\bpx\b|\babsolute\b"),
)


# bbox_x, pos_x, x_pos: names of sides with what they are sides of
_AFFIX = re.compile(
    r"^(?:bbox|box|position|pos|size|coord)(?=(?:[xywh]|[xy](?:min|max|[0-2])|width|height|left|top|right|bottom)$)|(?<=^[xy])(?:pos|position|coord|coordinate)$"
)
_NAMED = re.compile(
    r"\b(?:([a-z][a-z_]{0,19})\s{0,5}[:=]\s{0,5}|(left|top|right|bottom|width|height)\s{1,3})([+-]?\d[\d.]{0,20}(?:px|%)?)",
    re.I,
)
_SEED = re.compile(r"<bbox>([^<>]{0,99})</bbox>")
_LENGTH = re.compile(r"\s{0,9}([+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))\s{0,9}(px|%)?\s{0,9}")


class Coordinates(NamedTuple):
    """units: one of ANSWER_UNITS, or None if unknown. order: one of ORDERS, or None. canvas: (width, height) in pixels, or None."""

    units: str | None
    order: str | None
    canvas: tuple[int, int] | None


def order_in(text: str) -> str | None:
    """The axis order that a declaration such as "[x, y, width, height]" or "xyxy" names; None if none or several."""
    plain = re.sub(r"[\s_\[\](){}\"'`]+", " ", text.lower()).replace(" ,", ",")
    return _only(name for name, words in _ORDER_WORDS if re.search(words, plain))


def units_in(text: str) -> str | None:
    """The units that a declaration such as "normalized 0-1000" or "px" names; None if none or several."""
    plain = re.sub(r"[\s_\[\](){}\"'`]+", " ", text.lower()).strip()
    named = [name for name, words in _UNIT_WORDS if re.search(words, plain)]
    if (
        FRACTIONS in named
        and (THOUSANDTHS in named or PERCENT in named)
        and not re.search(r"\b0 ?(?:\.\.+|-|–|to|,) ?1(?:\.0)?\b", plain)
    ):
        named.remove(FRACTIONS)  # "normalized to 0-1000" speaks of thousandths
    return _only(named)


def prose_declaration(text: str) -> tuple[str | None, str | None]:
    """(units, order) that the words around the JSON declare plainly; "pixel art" is not a declaration."""
    units = _only(name for name, words in (
        (PIXELS, r"\bin pixels\b|\bpixel (?:coordinates|values|units)\b"), (THOUSANDTHS, r"\b0 ?(?:\.\.+|-|–|to) ?1000\b"),
        (FRACTIONS, r"\bfractions of the\b|\b(?:between|from) 0 (?:and|to) 1\b|\b0 ?(?:\.\.+|-|–) ?1\b(?!\d)"),
    ) if re.search(words, text, re.I))  # fmt: skip
    sequences = re.findall(r"[\[(<][^\[\]()<>\n]{5,60}[\])>]|\bxyxy\b|\bxywh\b|\byxyx\b", text, re.I)
    return units, _only(order for order in map(order_in, sequences) if order)


def box_numbers(value: Any, key: str = "") -> tuple[tuple[float, ...], str | None, str | None] | None:
    """Any form of a box -> (its four numbers, the order its names declare, the units its texts declare); None if it is not a box."""
    if isinstance(value, str):
        return _text_numbers(value, key) if len(value) < 200 else None
    if isinstance(value, Mapping):
        if len(value) > MAX_FIELDS:
            return None
        plain = {re.sub(r"[^a-z0-9]", "", str(k).lower()): v for k, v in value.items()}
        plain = {_AFFIX.sub("", k): v for k, v in plain.items()} | plain
        for order, name_sets in EDGES:
            for names in name_sets:
                if all(name in plain for name in names):
                    read = box_numbers([plain[name] for name in names])
                    named = CXCYWH if order == XYWH and names[0] == "x" and is_detection(value) else order
                    return None if read is None else (read[0], named, read[2])
        return None
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return None
    if len(value) == 1 and isinstance(value[0], (list, Mapping)):
        return box_numbers(value[0], key)
    if len(value) == 2 and all(isinstance(corner, list) and len(corner) == 2 for corner in value):
        value = [*value[0], *value[1]]
    read = [number for v in value if (number := _number(v)) is not None]
    if len(value) != 4 or len(read) != 4:
        return None
    units = {unit for _, unit in read}
    return tuple(v for v, _ in read), order_in(key), units.pop() if len(units) == 1 else None


def _text_numbers(text: str, key: str) -> tuple[tuple[float, ...], str | None, str | None] | None:
    """A box in a text: "10, 20, 30, 40", "(10, 20) to (30, 40)", "x=10, y=20, w=30, h=40"; Seed writes <bbox>10 20 30 40</bbox>."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if named := _NAMED.findall(plain):
        rest = _NAMED.sub("", plain).strip(" ,;[](){}<>")
        return (
            box_numbers({first or second: value for first, second, value in named})
            if len(named) == 4 and not rest
            else None
        )
    tag = _SEED.fullmatch(plain)
    found = box_numbers(
        [part for part in re.split(r"(?:[,;\s()\[\]<>]|\bto\b|->|→)+", tag[1] if tag else plain) if part], key
    )
    return (found[0], XYXY, THOUSANDTHS) if found and tag else found


def names_sides(text: str) -> bool:
    """Whether it is a box whose sides are named: "x=10, y=20, width=30, height=40"."""
    return len(text) < 200 and bool(_NAMED.search(text)) and box_numbers(text.strip(" .;*`")) is not None


def is_detection(item: Mapping[str, Any]) -> bool:
    """Whether x, y, width and height come from a detector (Roboflow, darknet): then x and y are the centre."""
    return any(re.sub(r"[^a-z]", "", str(key).lower()) in ("classid", "detectionid", "confidence") for key in item)


def is_reversed(numbers: Sequence[float], known: Coordinates) -> bool:
    """Whether an edge lies on the wrong side."""
    a, b, c, d = _edges(numbers, known.order)
    return c < a or d < b


def _edges(numbers: Sequence[float], order: str | None) -> tuple[float, float, float, float]:
    a, b, c, d = numbers
    if order == YXYX:
        return b, a, d, c
    if order == XYWH:
        return a, b, a + c, b + d
    if order == CXCYWH:
        return a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return a, b, c, d


def to_edges(numbers: Sequence[float], known: Coordinates, where: str) -> tuple[float, float, float, float]:
    """Four numbers -> left, top, right, bottom as fractions of the canvas, which may stick out of it. ValueError contradicts the order."""
    a, b, c, d = _edges(numbers, known.order)
    x, y = _sides(known)
    if is_reversed(numbers, known):
        shown = ", ".join(f"{v:g}" for v in numbers)
        raise ValueError(
            f"{where}: [{shown}] cannot be {known.order}, for an edge would lie on the wrong side. Choose the order that the model used."
        )
    return a / x, b / y, c / x, d / y


def to_point(xy: Sequence[float], known: Coordinates) -> tuple[float, float]:
    """Two numbers -> x, y as fractions."""
    x, y = _sides(known)
    first, second = (xy[1], xy[0]) if known.order == YXYX else (xy[0], xy[1])
    return first / x, second / y


def check_range(numbers: Iterable[float], known: Coordinates) -> None:
    """ValueError if the numbers of all boxes cannot be what was declared."""
    sizes = [abs(v) for v in numbers]
    top = max(sizes, default=0.0)
    limit = SLACK * max(_sides(known))
    if top > limit:
        raise ValueError(
            f"The answer holds the coordinate {top:g}, too large for {_named(known)}. Choose the units that the model used."
        )
    if known.units != FRACTIONS and 0 < top <= 1:
        raise ValueError(
            f"All coordinates of the answer lie in 0..1, too small for {_named(known)}. Choose the units that the model used."
        )


def _sides(known: Coordinates) -> tuple[float, float]:
    if known.units == PIXELS and known.canvas:
        return known.canvas
    wholes: dict[str | None, int] = {FRACTIONS: 1, THOUSANDTHS: 1000, PERCENT: 100}
    return wholes[known.units], wholes[known.units]


def _named(known: Coordinates) -> str:
    return (
        f"pixels of a canvas of {known.canvas[0]}x{known.canvas[1]}"
        if known.units == PIXELS and known.canvas
        else str(known.units)
    )


def _number(value: Any) -> tuple[float, str | None] | None:
    """(number, its unit if it carries one)."""
    if isinstance(value, str) and (match := _LENGTH.fullmatch(value)):
        return float(match[1]), {"px": PIXELS, "%": PERCENT}.get(match[2])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e9:
        return None
    return float(value), None


def _only(names: Iterable[str]) -> str | None:
    found = set(names)
    return found.pop() if len(found) == 1 else None
