"""Omost's canvas: a list of conditions, the first one of the whole picture, places on a grid of 90 x 90."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout

GRID = 90
KEPT = "omost"  # unknown field of an instance: what a canvas holds beyond our document
WHERE = "The Omost canvas"


def is_canvas(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) and "rect" in item for item in value)
    )


def read_omost(value: Sequence[Mapping[str, Any]], canvas: tuple[int, int] | None = None) -> Layout:
    """[{rect: [top, bottom, left, right] of 90, prefixes, suffixes, color: [r, g, b]}] -> Layout, back to front as the list.

    The prompt of an instance is what its prefixes add to those of the whole picture; the suffixes, details of many words that go
    beyond what a CLIP reads of an instance, are kept in the field "omost".
    """
    if len(value) > MAX_INSTANCES:
        raise ValueError(f"{WHERE} has {len(value)} conditions, at most {MAX_INSTANCES} are read.")
    whole = _texts(value[0], "prefixes", f"{WHERE}'s first condition")
    instances = []
    for i, item in enumerate(value[1:], 1):
        where = f"{WHERE}'s region {i}"
        top, bottom, left, right = (
            v / GRID for v in fields.numbers(item["rect"], 4, where, "rect", "[top, bottom, left, right] in 0..90")
        )
        prefixes, suffixes = _texts(item, "prefixes", where), _texts(item, "suffixes", where)
        own = prefixes[len(whole) :] if prefixes[: len(whole)] == whole else prefixes
        box = fields.box((left, top, right, bottom), where)
        instances.append(
            Instance(
                f"i{i}",
                _joined(own or prefixes),
                box=box,
                color=_color(item.get("color"), where),
                extra={KEPT: {"suffixes": suffixes}},
            )
        )
    details = _texts(value[0], "suffixes", f"{WHERE}'s first condition")
    kept: dict[str, Any] = {"prefixes": whole, "suffixes": details, "color": list(value[0].get("color") or [])}
    return Layout(
        tuple(instances),
        *(canvas or (None, None)),
        prompt=_joined(whole + details),
        extra={KEPT: fields.plain(kept, WHERE)},
    )


def write_omost(layout: Layout, boxes: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """The other way. boxes: of each visible instance its extent x0, y0, x1, y1 in 0..1; on the grid it has at least one cell."""
    kept = layout.extra.get(KEPT)
    kept = kept if isinstance(kept, Mapping) else {}
    unchanged = kept and layout.prompt == _joined([*kept.get("prefixes", []), *kept.get("suffixes", [])])
    prefixes = list(kept["prefixes"]) if unchanged else [_sentence(layout.prompt)] if layout.prompt.strip() else []
    suffixes = list(kept["suffixes"]) if unchanged else []
    out = [
        {
            "rect": [0, GRID, 0, GRID],
            "prefixes": prefixes,
            "suffixes": suffixes,
            "color": list(kept.get("color") or [128, 128, 128]),
        }
    ]
    for instance, (x0, y0, x1, y1) in zip((i for i in layout.instances if i.visible), boxes, strict=True):
        (left, right), (top, bottom) = _cells(x0, x1), _cells(y0, y1)
        own = instance.extra.get(KEPT)
        details = list(own.get("suffixes", [])) if isinstance(own, Mapping) else []
        color = (
            [int(instance.color[1 + 2 * i : 3 + 2 * i], 16) for i in range(3)]
            if len(instance.color) == 7
            else [128, 128, 128]
        )
        out.append(
            {
                "rect": [top, bottom, left, right],
                "prefixes": [*prefixes, _sentence(instance.prompt)],
                "suffixes": details,
                "color": color,
            }
        )
    return out


def _cells(low: float, high: float) -> tuple[int, int]:
    first = min(max(round(low * GRID), 0), GRID - 1)
    return first, min(max(round(high * GRID), first + 1), GRID)


def _texts(item: Mapping[str, Any], name: str, where: str) -> list[str]:
    given = item.get(name) or []
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"{where}: {name} must be a list of texts, got {fields.shorten(given)}.")
    return [fields.text(text, where, name) for text in given]


def _joined(parts: Sequence[str]) -> str:
    return " ".join(part.strip() for part in parts).strip().removesuffix(".")


def _sentence(text: str) -> str:
    return text.strip(",. ") + "."


def _color(value: Any, where: str) -> str:
    if not value:
        return ""
    rgb = fields.numbers(value, 3, where, "color", "[red, green, blue] in 0..255")
    return "#" + "".join(f"{int(fields.number_in(v, 0, 255, where, 'color')):02x}" for v in rgb)
