"""Write the pictures of a run into the user's folder, where nothing is overwritten."""

from __future__ import annotations

import re
from pathlib import Path


def write_picture(data: bytes, folder: Path, name: Path) -> Path:
    """Write a picture as NAME_00001.png, or with the next number that is free: nothing is overwritten. ComfyUI's own number goes."""
    stem, number = re.sub(r"_\d{5}_?$", "", name.stem).rstrip("_"), 1
    while (path := folder / f"{stem}_{number:05}{name.suffix}").exists():
        number += 1
    path.write_bytes(data)
    return path


def write_alone(data: bytes, layout: str, beside: Path) -> Path:
    """Write the demo's picture without the layout into the folder `alone`, and its layout beside it: as instdiff_modules.metrics takes them."""
    folder = beside.parent / "alone"
    folder.mkdir(exist_ok=True)
    path = write_picture(data, folder, Path(beside.name))
    path.with_suffix(".json").write_text(layout, encoding="utf-8")
    return path
