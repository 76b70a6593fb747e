"""Words for class numbers: COCO's names, where data give a number and nothing else. A warning says so: another model has other classes."""

import logging
from collections.abc import Mapping
from typing import Any

from .odd_items import MAX_SHOWN

logger = logging.getLogger(__name__)

# COCO's 80 names in their order: a YOLO's classes 0..79. Their ids in COCO's files run to 90, for eleven things that were never annotated.
NAMES = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, "
    "parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, "
    "handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, "
    "surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, "
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, "
    "laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, "
    "scissors, teddy bear, hair drier, toothbrush"
)
_UNUSED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)

CLASSES = tuple(NAMES.split(", "))  # 0..79
CATEGORIES: Mapping[int, str] = dict(
    zip((i for i in range(1, 91) if i not in _UNUSED), CLASSES, strict=True)
)  # COCO's ids, 1..90


class Numbered:
    """The names that numbers were given, for one warning about all of them."""

    def __init__(self) -> None:
        self.named: dict[int, str] = {}
        self.unnamed: dict[int, None] = {}

    def category(self, number: Any) -> str:
        """COCO's name of a category_id 1..90; empty, and in the warning, if it has none."""
        return self._name(number, CATEGORIES.get(number) if type(number) is int else None)

    def class_id(self, number: Any) -> str:
        """COCO's name of a class 0..79."""
        known = type(number) is int and 0 <= number < len(CLASSES)
        return self._name(number, CLASSES[number] if known else None)

    def unknown(self, number: Any) -> str:
        """A number of a table that nobody names."""
        return self._name(number, None)

    def warn(self, what: str) -> None:
        if self.named:
            shown = ", ".join(f"{number} is {name}" for number, name in list(self.named.items())[:MAX_SHOWN])
            logger.warning(
                "%s: the data give class numbers without names. They were named as in COCO: %s. Write prompts if your model has other classes.",
                what,
                shown,
            )
        if self.unnamed:
            shown = ", ".join(map(str, list(self.unnamed)[:MAX_SHOWN]))
            logger.warning(
                "%s: the data give no names for the class numbers %s. Write prompts for these instances.", what, shown
            )

    def _name(self, number: Any, name: str | None) -> str:
        if type(number) is int and abs(number) < 2**53:
            if name:
                self.named[number] = name
            else:
                self.unnamed[number] = None
        return name or ""
