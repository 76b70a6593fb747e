"""Elements of box editors: [{type, bbox: [ymin, xmin, ymax, xmax] in 0..1000, desc, text?, color_palette?}], y before x."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Box, Instance, Layout

GRID = 1000
KEPT = "element"  # unknown field of an instance: what an element holds beyond our document


def are_elements(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and "bbox" in item and "x" not in item for item in value)
    )


def read_elements(
    value: Sequence[Mapping[str, Any]], canvas: tuple[int, int] | None = None, prompt: str = ""
) -> Layout:
    """The prompt of an instance is its description, else its text; a palette's first colour is the instance's."""
    if len(value) > MAX_INSTANCES:
        raise ValueError(f"There are {len(value)} elements, at most {MAX_INSTANCES} are read.")
    instances = tuple(_instance(item, i) for i, item in enumerate(value, 1))
    return Layout(instances, *(canvas or (None, None)), prompt=prompt)


def write_elements(layout: Layout, boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """The other way. boxes: of each visible instance its extent x0, y0, x1, y1 in 0..1; in thousandths it has at least one."""
    shown = [instance for instance in layout.instances if instance.visible]
    return [_element(instance, box) for instance, box in zip(shown, boxes, strict=True)]


def words_of(item: Mapping[str, Any], where: str) -> str:
    """What an element says: its description, else its text, else nothing."""
    return fields.text(
        next((v for v in (item.get("desc"), item.get("text")) if v not in (None, "")), ""), where, "desc"
    )


def _instance(item: Mapping[str, Any], position: int) -> Instance:
    where = f"Element {position}"
    sides = fields.numbers(item["bbox"], 4, where, "bbox", "[ymin, xmin, ymax, xmax] in 0..1000")
    y0, x0, y1, x1 = (fields.number_in(v, 0, GRID, where, "bbox") / GRID for v in sides)
    palette = item.get("color_palette")
    colors = [c for c in palette if isinstance(c, str)] if isinstance(palette, list) else []
    kept: dict[str, Any] = (
        {"type": "text", "text": fields.text(item.get("text") or "", where, "text")}
        if item.get("type") == "text"
        else {}
    )
    kept |= {"color_palette": colors} if colors else {}
    color = fields.color(colors[0], where) if colors else ""
    extra = {KEPT: kept} if kept else {}
    return Instance(
        f"i{position}", words_of(item, where), box=fields.box((x0, y0, x1, y1), where), color=color, extra=extra
    )


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
