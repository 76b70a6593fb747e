"""Reference pictures from ComfyUI's input folder, by the names that Load Image gives them, and from nowhere else."""

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import folder_paths
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..instdiff_modules.layout.fields import shorten

Stamp = tuple[int, int]
# What Pillow's readers raise where a file is damaged: in its pixels, or in what cameras write beside them.
DAMAGED = (
    OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError, struct.error, Image.DecompressionBombError
)  # fmt: skip
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # others may start programs, as EPS does


def read_reference(name: str, where: str) -> Tensor:
    """(H, W, 3) or, of a cut-out picture, (H, W, 4) in 0..1. ValueError names the instance (`where`), the file and what to do."""
    path = input_file(name, where)
    try:
        FILES.noted(path)
        with Image.open(path, formats=FORMATS) as file:
            turned = _in_bytes(ImageOps.exif_transpose(file), file.format)
            cut_out = turned.has_transparency_data
            pixels = np.asarray(turned.convert("RGBA" if cut_out else "RGB"), np.float32) / 255
    except FileNotFoundError:
        raise ValueError(
            f"{where}: there is no {shorten(name)} in ComfyUI's input folder, which is to be its reference. Choose the picture again."
        ) from None
    except DAMAGED:
        raise ValueError(
            f"{where}: its reference {shorten(name)} cannot be read as a picture. Save it as PNG or JPEG and choose it again."
        ) from None
    return torch.from_numpy(pixels)


def _in_bytes(picture: Image.Image, kind: str | None) -> Image.Image:
    """Grey of 16 bits scaled to bytes: Pillow would cut it at 255, to white. ValueError for numbers of unknown range."""
    if picture.mode.startswith("I;16") or (picture.mode == "I" and kind == "PNG"):
        return Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(picture.mode)
    return picture


def input_file(name: str, where: str) -> Path:
    """The path of a file in ComfyUI's input folder. ValueError for a name that leads elsewhere."""
    folder = Path(os.path.realpath(folder_paths.get_input_directory()))
    plain = name.removesuffix(" [input]").replace("\\", "/")
    path = None if "\0" in plain else Path(os.path.realpath(folder / plain))
    if path is None or path == folder or not path.is_relative_to(folder):
        raise ValueError(
            f"{where}: its reference {shorten(name)} lies outside ComfyUI's input folder. Name a picture in that folder, like cat.png."
        )
    return path


@dataclass
class Files:
    """Files that were read, with the time and size that they had, and how often one was found changed since."""

    stamps: dict[Path, Stamp | None] = field(default_factory=dict)
    changes: int = 0

    def noted(self, path: Path) -> None:
        self.stamps[path] = _stamp(path)

    def fingerprint(self) -> str:
        """Another one whenever a file that was read has changed."""
        for path, known in self.stamps.items():
            now = _stamp(path)
            if now != known:
                self.stamps[path] = now
                self.changes += 1
        return str(self.changes)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


FILES = Files()
