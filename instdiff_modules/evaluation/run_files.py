"""The folder of one evaluation: what it is of, the layouts, the pictures. What is there is kept, whoever made it.

run.json               the settings; every job and every later start must have the same
layouts/NAME.json      our layout document of each picture, hidden instances included
coco/                  what a detector reads, see detector_files.py; the pictures are coco/images/val2017/NAME.png
results.json, .md      what `score` found
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..layout.document import layout_to_json, parse_layout
from ..layout.instance import Layout
from ..metrics.folder import write_whole
from .coco import read_json

VERSION = 1
SPLIT = "val2017"  # the name that detectors' programs know


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
        return parse_layout(self.layout_path(name).read_text(encoding="utf-8"))

    def write_layout(self, name: str, layout: Layout) -> None:
        write_whole(self.layout_path(name), layout_to_json(layout))

    def keep(self, name: str, png: bytes) -> None:
        """The whole picture or none, even if the program ends in the middle of it."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        unfinished = self.path / f"{name}.png.unfinished"
        unfinished.write_bytes(png)
        unfinished.replace(self.picture(name))

    def missing(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not self.picture(name).is_file()]

    def about(self) -> dict[str, Any]:
        """The settings of the evaluation. ValueError if there is none here."""
        path = self.path / "run.json"
        if not path.is_file():
            raise ValueError(
                f"There is no evaluation in {self.path} (no run.json). Give the folder that `coco` was run with as --out."
            )
        about = read_json(path)
        if (
            not isinstance(about, Mapping)
            or about.get("version") != VERSION
            or not isinstance(about.get("pictures"), list)
        ):
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
