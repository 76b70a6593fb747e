"""What the readers of the benchmarks make: a picture with its instances, whose boxes are fractions of a square canvas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..commands.names import picture_name_problem
from ..geometry.points import box_center
from ..importers.boxes import cut_box
from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Box, Instance
from .annotations import MOST_ID
from .source import ASKED_FOR

IDS = 1000  # an instance's number is that of its picture times this, and its place


@dataclass(frozen=True)
class BenchmarkPicture:
    """id: the benchmark's number. name: of the picture's file, without the ending. extra: what the measures need beside the instances,
    kept in the layout. lost: a sentence for each item that was left out."""

    id: int
    name: str
    caption: str
    instances: tuple[Instance, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """An instance as a reader gives it. category: what a detector calls it."""

    prompt: str
    box: Box
    category: str
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_items(
    given: Sequence[Any], read: Callable[[Any, str], Item], number: int, where: str
) -> tuple[tuple[Instance, ...], list[int | None], list[str]]:
    """read(item, words that name it) of all items -> instances; of each item which instance it became, None if it was left out; and why.

    ValueError with the first reason if none is left. The 31st and later ones are hidden: not asked for, but measured.
    """
    instances: list[Instance] = []
    places: list[int | None] = []
    lost: list[str] = []
    for position, value in enumerate(given, 1):
        try:
            if len(instances) == MAX_INSTANCES:
                raise ValueError(f"{where}, instance {position}: it is one of more than {MAX_INSTANCES}.")
            item = read(value, f"{where}, instance {position}")
        except ValueError as error:
            lost.append(f"{error} Left out.")
            places.append(None)
            continue
        places.append(len(instances))
        instances.append(
            Instance(
                str(number * IDS + len(instances) + 1),
                item.prompt,
                item.box,
                box_center(item.box),
                visible=len(instances) < ASKED_FOR,
                extra={"category_name": item.category, **item.extra},
            )
        )
    if not instances:
        raise ValueError(lost[0].removesuffix(" Left out.") if lost else f"{where} has no instances.")
    return tuple(instances), places, lost


def pixel_corners(value: Any, width: float, height: float, where: str) -> Box:
    """[x0, y0, x1, y1] in pixels of a picture of width x height -> 0..1, cut to it. ValueError if nothing is left."""
    x0, y0, x1, y1 = given = fields.numbers(value, 4, where, "its box", "[left, top, right, bottom] in pixels")
    if max(map(abs, given)) <= 1:
        raise ValueError(f"{where}: its box {list(given)} must be in pixels of {width:g}x{height:g}, not in fractions.")
    return _cut(x0 / width, y0 / height, x1 / width, y1 / height, list(given), where)


def fraction_corners(value: Any, where: str) -> Box:
    """[x0, y0, x1, y1] in 0..1, cut to the picture. ValueError if nothing is left."""
    given = fields.numbers(value, 4, where, "its box", "[left, top, right, bottom] in 0..1")
    if max(map(abs, given)) > 2:
        raise ValueError(f"{where}: its box {list(given)} must be in fractions 0..1 of the picture, not in pixels.")
    x0, y0, x1, y1 = given
    return _cut(x0, y0, x1, y1, list(given), where)


def _cut(x0: float, y0: float, x1: float, y1: float, given: list[float], where: str) -> Box:
    box = cut_box(x0, y0, x1 - x0, y1 - y0, 1, 1)
    if box is None:
        raise ValueError(f"{where}: its box {given} holds nothing of the picture.")
    return box


def picture_number(value: Any, where: str) -> int:
    """A whole number, or text that is one ("17", "00000017")."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_ID:
        raise ValueError(f"{where} must be a whole number, got {fields.shorten(value)}.")
    return value


def checked_name(name: str, where: str) -> str:
    problem = picture_name_problem(name)
    if problem:
        raise ValueError(f"{where}: its name {fields.shorten(name)} {problem}.")
    return name


def an_object(value: Any, where: str, *names: str) -> Mapping[str, Any]:
    """value, if it is an object with these fields."""
    missing = [name for name in names if not isinstance(value, Mapping) or value.get(name) is None]
    if not isinstance(value, Mapping) or missing:
        raise ValueError(f"{where} must be an object with {', '.join(names)}, got {fields.shorten(value)}.")
    return value


def a_list(value: Any, where: str, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: {name} must be a list, got {fields.shorten(value)}.")
    return value
