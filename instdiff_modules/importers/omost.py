"""Omost's canvas: a list of conditions, the first one of the whole picture, places on a grid of 90 x 90."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout
from .odd_items import an_object, keep_good

GRID = 90
KEPT = "omost"  # unknown field of an instance: what a canvas holds beyond our document
WHERE = "The Omost canvas"


def conditions(value: Any) -> Any:
    """The list of conditions, also where Omost's output holds it as `bag_of_conditions`."""
    return value["bag_of_conditions"] if isinstance(value, Mapping) and "bag_of_conditions" in value else value


def is_canvas(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], Mapping)
        and "rect" in value[0]
        and ("prefixes" in value[0] or "suffixes" in value[0])
    )


def read_omost(value: Sequence[Mapping[str, Any]], canvas: tuple[int, int] | None = None) -> Layout:
    """[{rect: [top, bottom, left, right] of 90, prefixes, suffixes, color: [r, g, b]}] -> Layout, back to front as the list.

    The prompt of an instance is what its prefixes add to those of the whole picture; the suffixes, details of many words that go
    beyond what a CLIP reads of an instance, are kept in the field "omost".
    """
    if len(value) > MAX_INSTANCES:
        raise ValueError(f"{WHERE} has {len(value)} conditions, at most {MAX_INSTANCES} are read.")
    whole = _texts(value[0], "prefixes", f"{WHERE}'s first condition")
    instances = keep_good(value[1:], lambda item, i: _region(item, i, whole))
    details = _texts(value[0], "suffixes", f"{WHERE}'s first condition")
    kept: dict[str, Any] = {"prefixes": whole, "suffixes": details, "color": _plain_list(value[0].get("color"))}
    return Layout(
        tuple(instances),
        *(canvas or (None, None)),
        prompt=_joined(whole + details),
        extra={KEPT: fields.plain(kept, WHERE)},
    )


def _region(item: Any, position: int, whole: Sequence[str]) -> Instance:
    where = f"{WHERE}'s region {position}"
    rect = an_object(item, where).get("rect")
    top, bottom, left, right = (
        v / GRID for v in fields.numbers(rect, 4, where, "rect", "[top, bottom, left, right] in 0..90")
    )
    prefixes, suffixes = _texts(item, "prefixes", where), _texts(item, "suffixes", where)
    own = prefixes[len(whole) :] if prefixes[: len(whole)] == list(whole) else prefixes
    return Instance(
        f"i{position}",
        _joined(own or prefixes),
        box=fields.box((left, top, right, bottom), where),
        color=_color(item.get("color")),
        extra={KEPT: {"suffixes": suffixes}},
    )


def write_omost(layout: Layout, boxes: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """The other way. boxes: of each visible instance its extent x0, y0, x1, y1 in 0..1; on the grid it has at least one cell."""
    kept = layout.extra.get(KEPT)
    kept = kept if isinstance(kept, Mapping) else {}
    own_prefixes, own_suffixes = (_plain_texts(kept.get(name)) for name in ("prefixes", "suffixes"))
    unchanged = kept and layout.prompt == _joined([*own_prefixes, *own_suffixes])
    prefixes = own_prefixes if unchanged else [_sentence(layout.prompt)] if layout.prompt.strip() else []
    suffixes = own_suffixes if unchanged else []
    out = [
        {
            "rect": [0, GRID, 0, GRID],
            "prefixes": prefixes,
            "suffixes": suffixes,
            "color": _plain_list(kept.get("color")) or [128, 128, 128],
        }
    ]
    for instance, (x0, y0, x1, y1) in zip((i for i in layout.instances if i.visible), boxes, strict=True):
        (left, right), (top, bottom) = _cells(x0, x1), _cells(y0, y1)
        own = instance.extra.get(KEPT)
        details = _plain_texts(own.get("suffixes")) if isinstance(own, Mapping) else []
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


def _plain_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _plain_texts(value: Any) -> list[str]:
    """The texts of a field that may be anything, since our document keeps unknown fields as they came."""
    return [text for text in _plain_list(value) if isinstance(text, str)]


def _color(value: Any) -> str:
    """Empty for what is no colour: it costs the region nothing."""
    rgb = [v for v in _plain_list(value) if isinstance(v, (int, float)) and 0 <= v <= 255]
    return "#" + "".join(f"{int(v):02x}" for v in rgb) if len(rgb) == 3 else ""
