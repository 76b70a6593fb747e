"""What the numbers of an answer mean, by the user's menus, its own fields, its boxes, its format, or the words around it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..layout import fields
from ..layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from .boxes import POINT_KEYS, box_of, get
from .coordinates import (
    ANSWER_UNITS,
    ORDERS,
    XYXY,
    YXYX,
    Coordinates,
    is_detection,
    order_in,
    prose_declaration,
    units_in,
)

_DECLARATIONS = ("units", "unit", "coordinates", "coordinate_system", "coordinate_space", "coordinate_format", "format", "box_format", "bbox_format",
                 "box_order", "order", "axis_order", "bbox_units", "coords")  # fmt: skip
NO_CANVAS = (
    "The coordinates are pixels, but the size of the canvas is unknown. Set width and height to what the model was told"
)
_HINTS = {
    "box_2d": "Gemini writes box_2d as top left bottom right in 0..1000, other models otherwise",
    "bbox_2d": "Qwen writes bbox_2d as left top right bottom, in pixels or in 0..1000 depending on its version",
    "point_2d": "Qwen writes point_2d in pixels or in 0..1000 depending on its version",
}


class Around(Protocol):
    """What the declaration of a layout stands in: find.Draft."""

    @property
    def document(self) -> Mapping[str, Any]: ...
    @property
    def items(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def around(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def order(self) -> str | None: ...


def declared_coordinates(
    draft: Around,
    boxes: Sequence[tuple[Any, Mapping[str, str]]],
    units: str,
    order: str,
    canvas: tuple[int, int] | None,
) -> tuple[Coordinates, str]:
    """Units and order from the menus, else from the answer's fields, else from the words around it; and a phrase that says whose word they are."""
    said = [value for key, value in _walk(draft.document) if key in _DECLARATIONS and isinstance(value, str)]
    prose = prose_declaration(draft.around)
    found: dict[str, tuple[str | None, str]] = {}
    for name, chosen, options, read, fallback in (
        ("units", units, ANSWER_UNITS, units_in, prose[0]),
        ("order", order, ORDERS, order_in, prose[1]),
    ):
        if chosen in options:
            found[name] = chosen, "chosen"
        elif declared := {value for value in map(read, said) if value}:
            if len(declared) > 1:
                raise ValueError(
                    f"The answer declares the {name} of its boxes in two ways: {' and '.join(sorted(declared))}. Choose {name} in the menus"
                )
            found[name] = declared.pop(), "declared"
        elif all(name in own for numbers, own in boxes if numbers) and any(numbers for numbers, _ in boxes):
            found[name] = next(own[name] for numbers, own in boxes if numbers), "declared by its boxes"
        elif name == "units" and _is_roboflow(draft):
            found[name] = PIXELS, "of Roboflow's predictions"
        elif _is_ours(draft.document):
            found[name] = FRACTIONS if name == "units" else XYXY, "of our layout document"
        elif _is_elements(draft):
            found[name] = THOUSANDTHS if name == "units" else YXYX, "of box-editor elements"
        elif name == "order" and fallback is None and draft.order:
            found[name] = draft.order, "of boxes in running text"
        else:
            found[name] = fallback, "said in the text around it"
    missing = [name for name, (value, _) in found.items() if value is None]
    if missing:
        raise ValueError(_ask(missing, draft, boxes))
    if found["units"][0] == PIXELS and canvas is None:
        raise ValueError(NO_CANVAS)
    words = "; ".join(f"{name} {value}, {source}" for name, (value, source) in found.items())
    return Coordinates(found["units"][0], found["order"][0], canvas), words


def _ask(missing: Sequence[str], draft: Around, boxes: Sequence[tuple[Any, Any]]) -> str:
    points = ([get(item, key)] for item in draft.items for key in POINT_KEYS if get(item, key) is not None)
    example = next(("[" + ", ".join(f"{v:g}" for v in numbers) + "]" for numbers, _ in boxes if numbers), "")
    example = example or next((fields.shorten(point[0], 40) for point in points), "them")
    keys = [location[1] for item in draft.items if (location := box_of(item))]
    keys += [key for item in draft.items for key in item if key in _HINTS]
    hint = next(
        (f" ({words})" for key, words in _HINTS.items() if key in keys), f" ({draft.hint})" if draft.hint else ""
    )
    named = " and the ".join({"units": "units", "order": "order of the axes"}[name] for name in missing)
    return f"The answer does not say the {named} of its boxes, such as {example}. Choose {' and '.join(missing)} in the menus of this node{hint}"


def _is_ours(document: Mapping[str, Any]) -> bool:
    return document.get("version") == 1 and "instances" in document


def _is_elements(draft: Around) -> bool:
    if isinstance(draft.document.get("compositional_deconstruction"), Mapping):  # Ideogram's
        return True
    elements = sum(item.get("type") in ("obj", "text") and "desc" in item for item in draft.items)
    return 2 * elements >= len(draft.items) and any("bbox" in item for item in draft.items)


def _is_roboflow(draft: Around) -> bool:
    """Predictions with the size of their picture beside them; names and order say that they are centres."""
    image = draft.document.get("image")
    return (
        isinstance(image, Mapping)
        and {"width", "height"} <= image.keys()
        and all(is_detection(item) for item in draft.items)
    )


def _walk(document: Mapping[str, Any], depth: int = 0) -> list[tuple[str, Any]]:
    """Fields of a document and of the objects in it, without its lists."""
    pairs = [(str(k).lower(), v) for k, v in document.items()]
    return pairs + [pair for _, v in pairs if isinstance(v, Mapping) and depth < 3 for pair in _walk(v, depth + 1)]
