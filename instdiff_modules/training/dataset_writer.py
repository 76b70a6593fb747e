"""Pictures and their layouts as a folder that can be trained on: cat.png beside cat.json. What is there already is left alone."""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..layout import fields
from ..layout.document import layout_to_json
from ..layout.frames import check_aspect
from ..layout.instance import Layout
from ..metrics.pictures import read_picture
from ..preview.batch import pictures_of
from .crops import check_pairs
from .dataset import PICTURES
from .dataset_filters import Filters, filtered
from .states import whole_file

_log = logging.getLogger(__name__)
WHERE = "Save Layout Dataset"
MAX_NAME = 120  # bytes, so that every file system takes it with its endings
SHOWN = 10  # pictures that a report names
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows keeps these for devices


class Saved(NamedTuple):
    """number: pictures of this call that are in the folder now. report: lines for a person."""

    number: int
    report: str


def dataset_folder(root: Path, given: str) -> Path:
    """A folder below `root`, made if it is not there. ValueError for a name that leads elsewhere."""
    text = fields.text(given, WHERE, "folder").strip()
    parts = [part.strip() for part in re.split(r"[\\/]", text)]
    if text[:1] in ("/", "\\", "~") or ".." in parts or ":" in text or "\0" in text or not any(map(clean_name, parts)):
        raise ValueError(
            f"{WHERE}: {fields.shorten(given)} is not a name for a folder in ComfyUI's output folder: write one such as my_dataset."
        )
    folder = root.joinpath(*filter(None, map(clean_name, parts)))
    if not folder.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{WHERE}: {folder.name} leads out of ComfyUI's output folder. Choose another name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file has this name" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
        raise ValueError(f"{WHERE}: {folder} cannot be made: {reason}. Choose another name.") from error
    return folder


def clean_name(text: str) -> str:
    """A name that every file system takes, without folders and without the ending of a picture; perhaps empty."""
    name = re.split(r"[\\/]", text)[-1].strip()
    stem, ending = os.path.splitext(name)
    name = re.sub(r"[^\w.()+,@ -]", "_", stem if ending.lower() in PICTURES else name)
    name = name.encode("utf-8", "ignore")[:MAX_NAME].decode("utf-8", "ignore").strip(" .")
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def save_dataset(
    folder: Path,
    pictures: Sequence[Tensor],
    layouts: Sequence[Layout],
    captions: Sequence[str] = (),
    names: Sequence[str] = (),
    filters: Filters | None = None,
    renew: bool = False,
    done: Callable[[int], object] | None = None,
) -> Saved:
    """Pictures (H, W, C) in 0..1, a layout each -> files in the folder.

    captions: of the whole pictures, one each, or a single one for all; without, or where one is empty, the layout's own. names: of the files, one each;
    else a name follows from the pixels. What the same pixels were saved under before is left as it is, or with `renew` gets the layout
    of now. A picture that cannot be used costs itself and a warning. done: called with the number of pictures seen. ValueError for
    numbers that do not fit together, and where the disk does not take a file.
    """
    check_pairs(len(pictures), len(layouts))
    captions = [" ".join(fields.text(one, WHERE, "captions").split()) for one in captions]
    names = [clean_name(fields.text(one, WHERE, "names")) for one in names]
    _check_number("captions", len(captions), len(pictures))
    _check_number("names", len(names), len(pictures))
    captions = captions * len(pictures) if len(captions) == 1 else captions or [""] * len(pictures)
    told: list[str] = []
    counts: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for i, (picture, layout, caption) in enumerate(zip(pictures, layouts, captions, strict=True)):
        name = names[i] if names else ""
        if done:
            done(i + 1)
        try:
            pixels = _pixels(picture)
            height, width = pixels.shape[:2]
            check_aspect(layout, width, height, "it")
            path, there = _place(folder, name, pixels)
            if there and not renew:
                counts["there"] += 1
                continue
            kept, left_out = filtered(layout, filters or Filters())
            gone += left_out
            if not kept.instances:
                raise ValueError(f"none of its {len(layout.instances)} instances is left.")
        except ValueError as error:
            told.append(f"Picture {i + 1}{f' ({name})' if name else ''} is left out: {error}")
            _log.warning("%s: %s", WHERE, told[-1])
            continue
        kept = replace(kept, width=width, height=height, prompt=caption or kept.prompt)
        counts["uncaptioned"] += not kept.prompt.strip()
        counts["instances"] += len(kept.instances)
        counts["renewed" if there else "written"] += 1
        _write(path, pixels, kept, there)
    return Saved(len(pictures) - len(told), "\n".join(_lines(folder, counts, gone, told)))


def _check_number(what: str, found: int, pictures: int) -> None:
    if found not in ((0, 1, pictures) if what == "captions" else (0, pictures)):
        raise ValueError(
            f"{WHERE}: there are {found} {what} for {pictures} pictures. Connect one for each picture, or none."
        )


def _pixels(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8. ValueError for what is not a number, and for what could not be read back."""
    height, width = picture.shape[:2]
    if height * width > fields.MAX_MASK_PIXELS:
        raise ValueError(
            f"it is {width}x{height} pixels, at most {fields.MAX_MASK_PIXELS // 2**20} million are possible."
        )
    if not torch.isfinite(picture).all():
        raise ValueError("it holds NaN or infinite numbers. Look for the node that makes them.")
    return np.asarray(pictures_of(picture[None], "image")[0])


def _place(folder: Path, name: str, pixels: np.ndarray) -> tuple[Path, bool]:
    """Where the picture goes, and whether it is there with its layout. A name that something else has gets an ending of its own."""
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    for free in (name or digest[:16], f"{name or 'picture'}-{digest[:16]}"):
        path, document = folder / f"{free}.png", folder / f"{free}.json"
        if not path.exists():
            if not document.exists():
                return path, False
        elif _holds(path, pixels):
            return path, document.is_file()
    raise ValueError(f"{path.name} is another picture. Choose another name or another folder.")


def _holds(path: Path, pixels: np.ndarray) -> bool:
    try:
        return np.array_equal(read_picture(path), pixels)
    except ValueError:  # someone else's file: it is not ours to replace
        return False


def _write(path: Path, pixels: np.ndarray, layout: Layout, there: bool) -> None:
    """The layout last: a picture without one was interrupted, and is completed the next time."""
    what = f"the picture {path.stem}"
    if not there and not path.exists():
        with whole_file(path, what) as unfinished:
            Image.fromarray(pixels).save(unfinished, "PNG")
    with whole_file(path.with_suffix(".json"), what) as unfinished:
        unfinished.write_text(layout_to_json(layout) + "\n", encoding="utf-8")


def _lines(folder: Path, counts: Counter[str], gone: Counter[str], told: Sequence[str]) -> list[str]:
    lines = [
        f"{folder}",
        f"Pictures: {counts['written']} written, {counts['renewed']} with a new layout, {counts['there']} already there, {len(told)} left out",
        f"Instances: {counts['instances']} written, {gone.total()} left out"
        + (f" ({', '.join(f'{number} {reason}' for reason, number in sorted(gone.items()))})" if gone else ""),
    ]
    if counts["uncaptioned"]:
        lines.append(f"Without a caption: {counts['uncaptioned']}")
    rest = [f"{len(told) - SHOWN} more pictures are left out."] if len(told) > SHOWN else []
    return [*lines, *told[:SHOWN], *rest]
