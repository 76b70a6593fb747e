"""Pictures with layouts, from the forms in which people have them."""

import base64
import binascii
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from ..importers import read_layout
from ..layout.instance import Layout
from .config import DatasetConfig, TrainConfig
from .items import DETECTED, NAME

_log = logging.getLogger(__name__)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_WARNINGS = 5  # of one kind and dataset; then only their number is said


@dataclass(frozen=True)
class Sample:
    """A picture of width x height pixels and what is where in it. picture: its file, or the authors' JSON that holds it."""

    name: str
    picture: Path
    layout: Layout
    width: int
    height: int
    repeats: int = 1
    held_out: bool = False


def read_datasets(config: TrainConfig) -> list[Sample]:
    """All samples of all datasets. What cannot be read costs itself and a warning; ValueError if a dataset has nothing."""
    samples = []
    for number, one in enumerate(config.datasets, 1):
        found = list(_KINDS[one.format](config, one))
        if not found:
            raise ValueError(
                f"Dataset {number} has no picture with a layout in {config.path(one.image_dir or one.annotations)}. "
                "Expected pictures with a JSON of the same name, or annotations that fit them."
            )
        samples += [replace(sample, repeats=one.num_repeats, held_out=one.held_out) for sample in found]
    return samples


def open_picture(sample: Sample) -> Image.Image:
    """ValueError if it cannot be opened any more, or not to its end."""
    return _opened(sample.picture)


def _folder(config: TrainConfig, one: DatasetConfig) -> Iterator[Sample]:
    """a.png beside a.json, our document or any other that is read as a layout; a.txt may hold the caption."""
    warn = _Warnings()
    for picture in _pictures(config.path(one.image_dir)):
        document = picture.with_suffix(".json")
        if not document.is_file():
            warn(f"{picture.name} has no {document.name} beside it and is left out.")
            continue
        try:
            layout = read_layout(document.read_text(encoding="utf-8"), picture.name)
            width, height = _size(picture)
        except (OSError, UnicodeDecodeError, ValueError) as error:
            warn(f"{picture.name} is left out: {_said(error, document)}")
            continue
        caption = picture.with_suffix(".txt")
        if not layout.prompt and caption.is_file():
            layout = replace(layout, prompt=caption.read_text(encoding="utf-8", errors="replace").strip())
        yield Sample(picture.stem, picture, layout, width, height)
    warn.rest()


def _coco(config: TrainConfig, one: DatasetConfig) -> Iterator[Sample]:
    """COCO's instances; a caption of an instance is its phrase, its category its name. captions: the first of each picture."""
    warn, folder = _Warnings(), config.path(one.image_dir)
    document = _json(config.path(one.annotations))
    if not isinstance(document, Mapping) or not isinstance(document.get("images"), list):
        raise ValueError(f'{one.annotations} is not a COCO file: expected an object with "images" and "annotations".')
    said: dict[Any, str] = {}
    for caption in _json(config.path(one.captions)).get("annotations", []) if one.captions else []:
        said.setdefault(caption.get("image_id"), str(caption.get("caption", "")).strip())
    of: dict[Any, list[Mapping[str, Any]]] = {}
    for annotation in document.get("annotations", []):
        of.setdefault(annotation.get("image_id"), []).append(annotation)
    names = {category.get("id"): category.get("name") for category in document.get("categories", [])}
    for image in document["images"]:
        own, picture = of.get(image.get("id"), []), folder / str(image.get("file_name"))
        try:
            width, height = _size(picture)
            single = {"images": [image], "annotations": own, "categories": document.get("categories", [])}
            layout = read_layout(single)
        except (OSError, ValueError) as error:
            warn(f"{picture.name} is left out: {_said(error, picture)}")
            continue
        named = {str(a.get("id")): names.get(a.get("category_id")) for a in own if a.get("caption")}
        instances = tuple(
            replace(i, extra={**i.extra, NAME: named[i.id]}) if named.get(i.id) else i
            for i in layout.instances
            if not i.extra.get("iscrowd")
        )
        prompt = layout.prompt or said.get(image.get("id"), "")
        yield Sample(picture.stem, picture, replace(layout, instances=instances, prompt=prompt), width, height)
    warn.rest()


def _authors(config: TrainConfig, one: DatasetConfig) -> Iterator[Sample]:
    """The authors' training data: JSON files with the picture inside, in a folder or named in a text file, from image_dir."""
    warn, listed = _Warnings(), config.path(one.annotations)
    if listed.is_dir():
        files: Sequence[Path] = sorted(listed.glob("*.json"))
    else:
        root = config.path(one.image_dir) if one.image_dir else listed.parent
        files = [root / line.strip() for line in _text(listed).splitlines() if line.strip()]
    yield from filter(None, (_read_or_warn(file, warn) for file in files))
    warn.rest()


def _read_or_warn(file: Path, warn: "_Warnings") -> Sample | None:
    try:
        return _authors_sample(file)
    except (OSError, ValueError) as error:
        warn(f"{file.name} is left out: {_said(error, file)}")
        return None


def _authors_sample(file: Path) -> Sample:
    document = _json(file)
    if not isinstance(document, Mapping) or not isinstance(document.get("annos"), list):
        raise ValueError('it has no "annos"')
    width, height = _size(file)
    annos = [{**anno, "scribble": anno.get("scribbles")} for anno in document["annos"]]
    layout = read_layout({"caption": document.get("caption"), "width": width, "height": height, "annos": annos})
    extra = {**layout.extra, DETECTED: True} if document.get("is_det") else layout.extra
    return Sample(file.stem, file, replace(layout, extra=extra), width, height)


_KINDS = {"folder": _folder, "coco": _coco, "authors": _authors}


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}. Give the folder with the pictures as image_dir.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def _opened(path: Path) -> Image.Image:
    try:
        if path.suffix.lower() != ".json":
            return Image.open(path)
        return Image.open(io.BytesIO(base64.b64decode(_json(path)["image"])))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path.name} has more pixels than can be opened: make it smaller") from error
    except (OSError, UnidentifiedImageError, KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"{path.name} does not open as a picture") from error


def _size(path: Path) -> tuple[int, int]:
    with _opened(path) as picture:
        return picture.size


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"{path} cannot be read: {reason}.") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} is not valid JSON: {error}.") from error


def _said(error: Exception, path: Path) -> str:
    text = f"{path.name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    return text if text.endswith(".") else f"{text}."


class _Warnings:
    """The first few one by one, the rest as their number."""

    def __init__(self) -> None:
        self.said = 0

    def __call__(self, text: str) -> None:
        self.said += 1
        if self.said <= _WARNINGS:
            _log.warning("%s", text)

    def rest(self) -> None:
        if self.said > _WARNINGS:
            _log.warning("%d more pictures are left out.", self.said - _WARNINGS)
