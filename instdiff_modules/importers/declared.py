"""What data declare of their boxes: by a field's name (bbox_xyxy), or by fields beside them (bbox_mode, format, units)."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..layout.units import FRACTIONS, PERCENT, PIXELS, THOUSANDTHS
from .given import CXCYWH, XYWH, XYXY, YXYX


class Declared(NamedTuple):
    """None where the data do not say it."""

    order: str | None = None
    units: str | None = None

    def over(self, other: "Declared") -> "Declared":
        """What this one says, else the other."""
        return Declared(self.order or other.order, self.units or other.units)


NOTHING_DECLARED = Declared()
_FIELDS = ("format", "bboxformat", "boxformat", "bboxmode", "boxmode", "mode", "bboxtype", "boxtype", "coordinates", "coordinateformat", "coordinatesystem",
           "coordinatespace", "coordformat", "order", "boxorder", "bboxorder", "axisorder", "units", "unit", "boxunits", "bboxunits", "normalized",
           "normalised")  # fmt: skip
# Detectron2's BoxMode, whose numbers are in files.
_MODES = {
    0: Declared(XYXY, PIXELS),
    1: Declared(XYWH, PIXELS),
    2: Declared(XYXY, FRACTIONS),
    3: Declared(XYWH, FRACTIONS),
}
_ORDERS = (
    (CXCYWH, r"cxcywh|xcenterycenter|centerxcentery|xcycwh|^yolo$"),
    (YXYX, r"yxyx|yminxmin|topleftbottomright|tlbr|y[01]x[01]y[12]x[12]"),
    (XYXY, r"xyxy|xminyminxmax|lefttopright|ltrb|x[01]y[01]x[12]y[12]|pascalvoc|^voc$|albumentations"),
    (XYWH, r"(?<!xyx)xywh|xywidth|ltwh|lefttopwidth|xminyminw|^coco$"),
)
_UNITS = (
    (THOUSANDTHS, r"1000|thousandth|permille"),
    (PERCENT, r"percent"),
    (FRACTIONS, r"normali[sz]ed|fraction|relative|_rel$|^01$|(?:xyxy|xywh|cxcywh)n$|^yolo$|albumentations"),
    (PIXELS, r"pixel|(?:^|_)px$|absolute|_abs$|^abs$|pascal_?voc|^voc$|^coco$"),
)


def declared_by_name(key: str) -> Declared:
    """By the name of a box's field. A bare "xywh" says nothing, since some programs mean corners by it and others centres."""
    if re.fullmatch(r"xywhn?", key.lower()):
        return Declared(None, FRACTIONS if key.lower().endswith("n") else None)
    return Declared(_order(key), _units(re.sub(r"(?i)^(bbox|box|bounding_?box)_?", "", key)))


def declared_beside(item: Mapping[str, Any]) -> Declared:
    """By fields of an item, or of the object that holds the list."""
    found = Declared()
    for key, value in item.items():
        name = re.sub(r"[^a-z]", "", key.lower()) if isinstance(key, str) and len(key) < 40 else ""
        if name not in _FIELDS:
            continue
        if name.startswith("normali"):
            found = found.over(Declared(None, FRACTIONS)) if value is True else found
        elif type(value) is int and name in ("bboxmode", "boxmode"):
            found = found.over(_MODES.get(value, Declared()))
        elif isinstance(value, str) and len(value) < 80:
            found = found.over(Declared(_order(value), _units(value)))
        elif isinstance(value, list) and all(isinstance(v, str) for v in value) and len(value) == 4:
            found = found.over(Declared(_order("".join(value)), None))
    return found


def _order(text: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    found = {order for order, words in _ORDERS if re.search(words, plain)}
    return found.pop() if len(found) == 1 else None


def _units(text: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if re.fullmatch(r"0(?:_0)?_1(?:_0)?", plain):
        return FRACTIONS
    if plain == "0_100":
        return PERCENT
    return next((units for units, words in _UNITS if re.search(words, plain)), None)
