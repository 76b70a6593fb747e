"""The request to a language model: what the picture shows, what a good layout is, and how the answer is written."""

import json
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.frames import describe
from ..layout.instance import Box, Frames
from ..layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from .coordinates import XYXY
from .rounds import box_in_words

MAX_COUNT = 30  # as many as the weights have slots
MAX_WISH = 20_000  # characters
REQUEST_UNITS = (FRACTIONS, THOUSANDTHS, PIXELS)
WHERE = "Layout Request"

_MEANING = {
    FRACTIONS: "fractions of the canvas from 0 to 1 with up to three decimals", THOUSANDTHS: "whole numbers from 0 to 1000, thousandths of the canvas",
    PIXELS: "whole numbers of pixels",
}  # fmt: skip
_WRITTEN = {FRACTIONS: "0..1", THOUSANDTHS: "0..1000", PIXELS: "pixels"}  # as the answer declares them
_ORDER = ("left", "top", "right", "bottom")
# Boxes whose sizes and bases agree with one horizon, so that the examples teach what we check.
_EXAMPLES: tuple[tuple[str, str, tuple[tuple[str, str, Box], ...]], ...] = (
    ("a rider and her dog on a country road, a barn far behind", "a country road at sunset with a woman on a brown horse, a white dog and a red barn", (
        ("barn", "a weathered red barn", (0.62, 0.26, 0.9, 0.52)), ("horse", "a brown horse with a saddle", (0.2, 0.36, 0.56, 0.86)),
        ("rider", "a woman in a green jacket riding", (0.3, 0.14, 0.46, 0.62)), ("dog", "a small white dog", (0.62, 0.72, 0.8, 0.92)))),
    ("breakfast for two, seen from the side", "a breakfast table by a bright kitchen window", (
        ("table", "a wooden table", (0.05, 0.55, 0.95, 0.97)), ("teapot", "a blue porcelain teapot", (0.4, 0.36, 0.58, 0.6)),
        ("cup-1", "a white cup with tea", (0.2, 0.5, 0.3, 0.61)), ("cup-2", "a white cup with coffee", (0.7, 0.5, 0.8, 0.61)))),
)  # fmt: skip
MAX_EXAMPLES = len(_EXAMPLES)


def build_request(
    wish: str,
    width: int,
    height: int,
    count: int = 0,
    style: str = "",
    units: str = FRACTIONS,
    examples: int = 1,
    current: Frames | None = None,
) -> str:
    """The instruction text.

    width, height: canvas in pixels. count: instances, 1..30, or 0 for the model's choice. units: what coordinates the model is told to
    write, one of REQUEST_UNITS. examples: 0..MAX_EXAMPLES. current: a layout to change instead of a new one. ValueError for an
    empty wish or values out of range.
    """
    wish, style = (
        fields.text("" if v is None else v, WHERE, name).strip() for v, name in ((wish, "wish"), (style, "style"))
    )
    if not wish:
        raise ValueError("The wish is empty. Write what the picture shows.")
    if len(wish) + len(style) > MAX_WISH:
        raise ValueError(
            f"The wish and the style have {len(wish) + len(style)} characters, at most {MAX_WISH} are sent."
        )
    size = _size(width, height)
    parts = [
        f"Plan the layout of a picture: which objects it shows and where each one is. The canvas is {size[0]} pixels wide and {size[1]} pixels high.",
        f"The picture: {wish}",
        f"Style: {style}" if style else "",
        _current(current, units, size),
        "Rules:\n" + "\n".join(f"- {rule}" for rule in _rules(count, units, bool(style))),
        "Answer with one JSON object and nothing else: no explanation, no comments, no text before or after it. It has this form:\n"
        + _form(units, size),
        *(_example(i, units, size) for i in range(examples)),
    ]
    return "\n\n".join(part for part in parts if part)


def answer_schema(width: int, height: int, count: int = 0, units: str = FRACTIONS) -> str:
    """The JSON schema of the answer, for services that hold a model to one. Arguments as in build_request."""
    size = _size(width, height)
    box = {
        "type": "array", "items": {"type": "number" if units == FRACTIONS else "integer"}, "minItems": 4, "maxItems": 4,
        "description": f"[{', '.join(_ORDER)}] as {_MEANING[units]}",
    }  # fmt: skip
    properties = {
        "id": {"type": "string"},
        "prompt": {"type": "string", "description": "what this object looks like"},
        "box": box,
    }
    instances = {
        "type": "array", "minItems": count or 1, "maxItems": count or MAX_COUNT,
        "items": {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False},
    }  # fmt: skip
    fixed = {
        key: {"type": "string" if isinstance(value, str) else "integer", "enum": [value]}
        for key, value in _head(units, size).items()
    }
    fields_of = {
        **fixed,
        "prompt": {"type": "string", "description": "caption of the whole picture"},
        "instances": instances,
    }
    return json.dumps(
        {"type": "object", "properties": fields_of, "required": list(fields_of), "additionalProperties": False},
        indent=1,
    )


def _rules(count: int, units: str, styled: bool) -> list[str]:
    number = (
        f"exactly {count} instance{'' if count == 1 else 's'}"
        if count
        else f"as many instances as the picture needs, 1 to {MAX_COUNT}"
    )
    return [
        f"Give {number}. Each instance is one object; two cats are two instances.",
        f"box is [{', '.join(_ORDER)}] in {_MEANING[units]}. The origin is the top left corner, y grows downwards.",
        "A box encloses its whole object tightly and lies inside the canvas.",
        "Boxes are as large as their objects: think of their real sizes, and of how far away each one is.",
        "Keep to one perspective: what stands farther away has its lower edge higher in the picture and is drawn smaller.",
        "The main objects fill a good part of the canvas; no side is shorter than a sixteenth of it.",
        "Draw two objects in the same place only if one is in front of the other. Order the list from back to front.",
        "prompt of an instance describes that one object in a few words: kind, colour, material, pose. It says nothing about its location.",
        "prompt of the whole picture is one sentence that names all objects and the surroundings"
        + (", in the style above." if styled else "."),
    ]


def _head(units: str, size: tuple[int, int]) -> dict[str, Any]:
    return {"units": _WRITTEN[units], "order": XYXY, "width": size[0], "height": size[1]}


def _form(units: str, size: tuple[int, int]) -> str:
    head = json.dumps(_head(units, size))[1:-1]
    return f'{{{head}, "prompt": "caption of the whole picture", "instances": [{{"id": "short name", "prompt": "the object", "box": [{", ".join(_ORDER)}]}}]}}'


def _example(index: int, units: str, size: tuple[int, int]) -> str:
    wish, caption, items = _EXAMPLES[index]
    instances = [{"id": name, "prompt": prompt, "box": _coordinates(box, units, size)} for name, prompt, box in items]
    return f"Example, for the picture {wish!r}:\n" + json.dumps(
        {**_head(units, size), "prompt": caption, "instances": instances}
    )


def _current(frames: Frames | None, units: str, size: tuple[int, int]) -> str:
    """The layout to change, as the answer would write it."""
    if not frames or not frames[0].instances:
        return ""
    layout = frames[0]
    boxed = [(i, box) for i in layout.instances if (box := box_in_words(i)) is not None]
    if not boxed or len(layout.instances) > MAX_INSTANCES:
        raise ValueError(
            f"No instance of the layout has a box or a mask, so it cannot be put into words. {describe(frames)}"
        )
    items = [{"id": i.id, "prompt": i.prompt, "box": _coordinates(box, units, size)} for i, box in boxed]
    document = json.dumps({"prompt": layout.prompt, "instances": items}, ensure_ascii=False)
    return f"There is a layout already. Change it as the picture asks, keep the ids, and leave all else as it is:\n{document}"


def _coordinates(box: Box, units: str, size: tuple[int, int]) -> list[float]:
    if units == FRACTIONS:
        return [round(v, 3) for v in box]
    whole = (size[0], size[1], size[0], size[1]) if units == PIXELS else (1000,) * 4
    return [round(v * side) for v, side in zip(box, whole, strict=True)]


def _size(width: int, height: int) -> tuple[int, int]:
    return fields.whole(width, WHERE, "width"), fields.whole(height, WHERE, "height")
