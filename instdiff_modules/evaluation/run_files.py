"""The folder of one evaluation: what it is of, the layouts, the pictures. What is there is kept, whoever made it.

run.json               the settings; every job and every later start must have the same
layouts/NAME.json      our layout document of each picture, hidden instances included
coco/                  what a detector reads, see detector_files.py; the pictures are coco/images/val2017/NAME.png
results.json, .md      what `score` found
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..commands.names import picture_name_problem
from ..layout.document import layout_to_json, parse_layout
from ..layout.instance import Layout
from ..layout.json_text import read_json
from ..metrics.folder import write_whole
from .benchmarks import BENCHMARKS
from .coco import BENCHMARK_FORMATS, LOCATIONS
from .png import png_size

VERSION = 1
SPLIT = "val2017"  # the name that detectors' programs know
MOST_PNG = 2**26  # bytes; no picture of an evaluation has more


@dataclass(frozen=True)
class RunFolder:
    """One evaluation's files under `path`."""

    path: Path

    @property
    def pictures(self) -> Path:
        return self.path / "coco" / "images" / SPLIT

    def picture(self, name: str) -> Path:
        return self.pictures / f"{name}.png"

    def layout_path(self, name: str) -> Path:
        return self.path / "layouts" / f"{name}.json"

    def layout(self, name: str) -> Layout:
        """A layout that this evaluation wrote. ValueError if it is missing, damaged or something else."""
        path = self.layout_path(name)
        advice = "Delete it and run the command that made the pictures again, which makes it anew."
        try:
            layout = parse_layout(read_json(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error} {advice}") from error
        whole = all(
            i.box and re.fullmatch(r"-?[0-9]+", i.id) and isinstance(i.extra.get("category_name"), str)
            for i in layout.instances
        )
        if not layout.width or not layout.height or not whole:
            raise ValueError(f"{path} is not a layout of this evaluation. {advice}")
        return layout

    def write_layout(self, name: str, layout: Layout) -> None:
        write_whole(self.layout_path(name), layout_to_json(layout))

    def keep(self, name: str, png: bytes) -> None:
        """The whole picture or none, even if the program ends in the middle of it."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        unfinished = self.path / f"{name}.png.unfinished"
        unfinished.write_bytes(png)
        unfinished.replace(self.picture(name))

    def missing(self, names: Sequence[str], size: int) -> list[str]:
        """Those without a whole picture of size x size pixels."""
        return [name for name in names if _size_of(self.picture(name)) != (size, size)]

    def about(self) -> dict[str, Any]:
        """The settings of the evaluation. ValueError if there is none here."""
        path = self.path / "run.json"
        if not path.is_file():
            raise ValueError(
                f"There is no evaluation in {self.path} (no run.json). Give the folder that the pictures were made into, their --out."
            )
        about = read_json(path)
        if not isinstance(about, Mapping) or not _are_settings(about):
            raise ValueError(
                f"{path} is not of this version of the evaluation. Choose another --out, or delete the folder."
            )
        return dict(about)

    def begin(self, about: Mapping[str, Any]) -> None:
        """Write the settings, or check that they are those of the earlier starts; only the number of pictures may change.

        ValueError says what differs: pictures of two settings in one folder would give numbers of nothing.
        """
        about = json.loads(json.dumps({"version": VERSION, **about}))
        if (self.path / "run.json").is_file():
            kept = self.about()
            if kept == about:
                return
            other = ", ".join(sorted(key for key in {*kept, *about} - {"pictures"} if kept.get(key) != about.get(key)))
            if other:
                raise ValueError(
                    f"{self.path} holds an evaluation with another {other}. Choose another --out, or start with the same settings."
                )
        write_whole(self.path / "run.json", json.dumps(about, indent=1))


def _size_of(path: Path) -> tuple[int, int] | None:
    """Of a whole PNG file; None if it is not there, cut off or damaged."""
    try:
        found = path.stat()
    except OSError:
        return None
    return _size_of_content(path, (found.st_size, found.st_mtime_ns))


@functools.lru_cache(2**16)
def _size_of_content(path: Path, stamp: tuple[int, int]) -> tuple[int, int] | None:
    """stamp: bytes and time of the last change; another stamp is another content."""
    size, _ = stamp
    try:
        return png_size(path.read_bytes()) if size <= MOST_PNG else None
    except (OSError, ValueError):
        return None


def _are_settings(about: Mapping[str, Any]) -> bool:
    """Whether every field is what `coco` and `benchmark` write, which the other commands rely on."""
    names, categories, workflow = (about.get(key) for key in ("pictures", "categories", "workflow"))
    return (
        about.get("version") == VERSION
        and isinstance(names, list)
        and bool(names)
        and all(isinstance(name, str) and not picture_name_problem(name) for name in names)
        and isinstance(categories, Mapping)
        and all(isinstance(name, str) for name in categories.values())
        and about.get("format") in (*BENCHMARK_FORMATS, *BENCHMARKS)
        and about.get("locations") in LOCATIONS
        and type(about.get("size")) is int
        and isinstance(workflow, Mapping)
        and isinstance(workflow.get("file", ""), str)
        and isinstance(about.get("captions", 0), (str, type(None)))
    )
