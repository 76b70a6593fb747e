"""COCO's files as an evaluation needs them. An odd entry costs itself and a warning, a file that is something else a sentence."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..commands.left_out import usable
from ..commands.names import picture_name_problem
from ..layout import fields
from ..layout.json_text import read_json

MOST_ID = 2**53
MOST_READ = 2**31  # bytes: COCO's own training set has half a gigabyte


@dataclass(frozen=True)
class CocoPicture:
    """One picture of the annotations. name: its file's name without the ending. size: width, height in pixels."""

    id: int
    name: str
    size: tuple[int, int]
    annotations: tuple[Mapping[str, Any], ...]
    caption: str


@dataclass(frozen=True)
class Annotations:
    """What an evaluation needs of a COCO file: its pictures by id, and the names of its categories by id."""

    pictures: tuple[CocoPicture, ...]
    categories: Mapping[int, str]


def read_annotations(path: Path, captions: Path | None = None) -> Annotations:
    """instances_*.json, and captions_*.json for the prompts. ValueError names what cannot be used."""
    document = read_json(path, limit=MOST_READ)
    categories = dict(usable(_list(document, "categories", path), _category, f"categories in {path.name}"))
    said = _captions(captions)
    by_picture: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    seen: set[int] = set()

    def annotation(item: Any, position: int) -> None:
        number = _whole(_object(item, position), "id", f"Annotation {position}")
        where = f"annotation {number}"
        if number in seen:
            raise ValueError(f"{where} is there twice; the first one counts.")
        category = _whole(item, "category_id", where)
        if category not in categories:
            raise ValueError(f"{where}: category {category} is not among the file's categories.")
        fields.numbers(item.get("bbox"), 4, where, "bbox", "[x, y, width, height] in pixels")
        by_picture[_whole(item, "image_id", where)].append(item)
        seen.add(number)

    usable(_list(document, "annotations", path), annotation, f"annotations in {path.name}")

    def picture(item: Any, position: int) -> CocoPicture:
        number = _whole(_object(item, position), "id", f"Image {position}")
        where = f"image {number}"
        width, height = (fields.whole(item.get(side), where, side) for side in ("width", "height"))
        file = fields.text(item.get("file_name"), where, "file_name").replace("\\", "/").rpartition("/")[2]
        name = file.rpartition(".")[0] or file
        problem = picture_name_problem(name)
        if problem:
            raise ValueError(f"{where}: its file_name {fields.shorten(file)} {problem}.")
        return CocoPicture(number, name, (width, height), tuple(by_picture[number]), said.get(number, ""))

    pictures = sorted(usable(_list(document, "images", path), picture, f"images in {path.name}"), key=lambda p: p.id)
    if not pictures:
        raise ValueError(f"{path.name} has no images.")
    _all_different(pictures, path)
    if captions and not any(picture.id in said for picture in pictures):
        raise ValueError(
            f"{captions.name} has no caption for any image of {path.name}. Give the captions of the same pictures (captions_val2017.json)."
        )
    return Annotations(tuple(pictures), categories)


def _captions(path: Path | None) -> dict[int, str]:
    """The first caption of each picture, by its id."""
    if path is None:
        return {}

    def caption(item: Any, position: int) -> tuple[int, str]:
        where = f"Caption {position}"
        number = _whole(_object(item, position), "image_id", where)
        return number, fields.text(item.get("caption"), where, "caption")

    said: dict[int, str] = {}
    entries = _list(read_json(path, limit=MOST_READ), "annotations", path)
    for number, words in usable(entries, caption, f"captions in {path.name}"):
        said.setdefault(number, words)
    return said


def _category(item: Any, position: int) -> tuple[int, str]:
    where = f"Category {position}"
    return _whole(_object(item, position), "id", where), fields.text(item.get("name"), where, "name")


def _all_different(pictures: list[CocoPicture], path: Path) -> None:
    """Pictures are known by the names of their files, on some systems whatever their case."""
    name, count = Counter(picture.name.casefold() for picture in pictures).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{path.name} has {count} images of the file name {name!r}: pictures need different names.")
    number, count = Counter(picture.id for picture in pictures).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{path.name} has {count} images of the id {number}: pictures need different ids.")


def _list(document: Any, field: str, path: Path) -> list[Any]:
    value = document.get(field) if isinstance(document, Mapping) else None
    if not isinstance(value, list):
        raise ValueError(
            f'{path.name} is not a COCO file: expected a list of objects "{field}", got {fields.shorten(value)}.'
        )
    return value


def _object(item: Any, position: int) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise ValueError(f"Entry {position} must be an object, got {fields.shorten(item)}.")
    return item


def _whole(item: Mapping[str, Any], field: str, where: str) -> int:
    value = item.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_ID:
        raise ValueError(
            f"{where}: {field} must be a whole number, got {fields.shorten(value)} in {fields.shorten(item)}."
        )
    return value
