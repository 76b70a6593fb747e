"""Elements of box editors: [{type, bbox: [ymin, xmin, ymax, xmax] in 0..1000, desc, text?, color_palette?}], y before x."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Box, Instance, Layout
from .amounts import amounts
from .odd_items import SAMPLE, an_object, keep_good, named

GRID = 1000
COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
KEPT = "element"  # unknown field of an instance: what an element holds beyond our document


def are_elements(value: Any) -> bool:
    """Whether it is a list of objects that have a `type` and a `desc` (of box editors), some of them with a `bbox`.

    A list of objects with a bbox alone is a detector's.
    """
    items = value[:SAMPLE] if isinstance(value, list) else []
    placed = any(isinstance(item, Mapping) and "bbox" in item for item in items)
    return placed and 0 < len(items) <= 2 * sum(map(_is_element, items))


def is_caption(value: Any) -> bool:
    """Whether it is a prompt of Ideogram."""
    return isinstance(value, Mapping) and isinstance(value.get("compositional_deconstruction"), Mapping)


def read_elements(
    value: Sequence[Mapping[str, Any]], canvas: tuple[int, int] | None = None, prompt: str = ""
) -> Layout:
    """The prompt of an instance is its description, else its text; a palette's first colour is the instance's.

    Elements without a place, or with an odd one, are left out with a warning.
    """
    if len(value) > MAX_INSTANCES:
        raise ValueError(f"There are {len(value)} elements, at most {MAX_INSTANCES} are read.")
    return Layout(tuple(keep_good(value, _instance)), *(canvas or (None, None)), prompt=prompt)


def read_caption(value: Mapping[str, Any], canvas: tuple[int, int] | None = None) -> Layout:
    """A prompt of Ideogram: its elements, and as caption the description of the whole and of the background."""
    given = value["compositional_deconstruction"].get("elements")
    if given is not None and not isinstance(given, list):
        raise ValueError(f"The caption's elements must be a list of elements with a bbox, got {fields.shorten(given)}.")
    return read_elements(given or [], canvas, caption_of(value))


def caption_of(value: Any) -> str:
    """What stands beside elements: the description of the whole and of the background."""
    if not isinstance(value, Mapping):
        return ""
    whole = value.get("compositional_deconstruction")
    parts = (value.get("high_level_description"), (whole if isinstance(whole, Mapping) else value).get("background"))
    texts = [
        fields.text(text, "The caption", "description").strip().rstrip(". ") for part in parts for text in _texts(part)
    ]
    return ", ".join(filter(None, texts))


def _texts(part: Any) -> list[str]:
    """A description that is a text, a list of texts, or an object that has one."""
    if isinstance(part, Mapping):
        part = next(
            (part[key] for key in ("desc", "description", "prompt", "text") if isinstance(part.get(key), str)), None
        )
    return [text for text in (part if isinstance(part, list) else [part]) if isinstance(text, str)]


def write_elements(layout: Layout, boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """The other way. boxes: of each visible instance its extent x0, y0, x1, y1 in 0..1; in thousandths it has at least one."""
    shown = [instance for instance in layout.instances if instance.visible]
    return [_element(instance, box) for instance, box in zip(shown, boxes, strict=True)]


def words_of(item: Mapping[str, Any], where: str) -> str:
    """What an element says: its description, else its text, else nothing."""
    return fields.text(
        next((v for v in (item.get("desc"), item.get("text")) if v not in (None, "")), ""), where, "desc"
    )


def kept_of(item: Mapping[str, Any], palette: Any, where: str) -> tuple[str, dict[str, Any]]:
    """(color, unknown fields) of an instance: the palette's first colour, and what our document has no field for, to write it again."""
    colors = [c for c in palette if isinstance(c, str)] if isinstance(palette, list) else []
    kept: dict[str, Any] = {}
    if item.get("type") == "text":
        kept = {"type": "text", "text": fields.text(item.get("text") or "", where, "text")}
    kept |= {"color_palette": colors} if colors else {}
    color = colors[0] if colors and COLOR.fullmatch(colors[0]) else ""
    return color, {KEPT: kept} if kept else {}


def _is_element(item: Any) -> bool:
    return isinstance(item, Mapping) and "type" in item and "desc" in item and "x" not in item


def _instance(item: Any, position: int) -> Instance:
    item = an_object(item, f"Element {position}")
    where = named(position, item.get("desc"), item.get("text"), what="Element")
    if item.get("bbox") is None:
        raise ValueError(f"{where} has no bbox [ymin, xmin, ymax, xmax].")
    sides = fields.numbers(_sides(item["bbox"]), 4, where, "bbox", "[ymin, xmin, ymax, xmax] in 0..1000")
    y0, x0, y1, x1 = (fields.number_in(v, 0, GRID, where, "bbox") / GRID for v in sides)
    color, extra = kept_of(item, item.get("color_palette"), where)
    return Instance(
        f"i{position}", words_of(item, where), box=fields.box((x0, y0, x1, y1), where), color=color, extra=extra
    )


def _sides(value: Any) -> Any:
    names = ("ymin", "xmin", "ymax", "xmax")
    if isinstance(value, Mapping) and all(name in value for name in names):
        value = [value[name] for name in names]
    return amounts(value)


def _element(instance: Instance, box: Box) -> dict[str, Any]:
    kept = instance.extra.get(KEPT)
    kept = kept if isinstance(kept, Mapping) else {}
    (x0, x1), (y0, y1) = ((_thousandths(box[axis], box[axis + 2])) for axis in (0, 1))
    kind = (
        {"type": "text", "bbox": [y0, x0, y1, x1], "text": kept.get("text", "")}
        if kept.get("type") == "text"
        else {"type": "obj", "bbox": [y0, x0, y1, x1]}
    )
    palette = kept.get("color_palette") or ([instance.color] if instance.color else [])
    return {**kind, "desc": instance.prompt, **({"color_palette": list(palette)} if palette else {})}


def _thousandths(low: float, high: float) -> tuple[int, int]:
    first = min(max(round(low * GRID), 0), GRID - 1)
    return first, min(max(round(high * GRID), first + 1), GRID)
