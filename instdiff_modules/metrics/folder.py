"""A folder of pictures and layouts, scored in parts by any number of jobs; whoever finishes last writes the report."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..importers import read_layout
from ..layout.json_text import read_json
from .clip import LocalClip
from .coco_files import predictions_file, truth_file
from .detection import Detection
from .pictures import read_picture
from .record import Record, record_from_dict, record_to_dict
from .report import Totals, meanings, rows_table, rows_to_dicts, summarise, totals_table
from .score import Settings, score_picture

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MAX_PART_BYTES = 256 * 2**20  # a part is what an earlier run wrote
Find = Callable[[str, np.ndarray], Sequence[Detection]]  # name and picture -> detections


@dataclass(frozen=True)
class Pair:
    """A picture and the layout that it was made from; `name` is what both files are called."""

    name: str
    picture: Path
    layout: Path


def find_pairs(pictures: Path, layouts: Path) -> list[Pair]:
    """Every picture with the .json of its name, sorted by name. ValueError if a layout is missing or a name is there twice."""
    if not pictures.is_dir():
        raise ValueError(f"There is no folder {pictures}. Give the folder of the pictures.")
    found = [
        Pair(p.stem, p, layouts / f"{p.stem}.json") for p in sorted(pictures.iterdir()) if p.suffix.lower() in ENDINGS
    ]
    if not found:
        raise ValueError(f"The folder {pictures} has no pictures ({', '.join(ENDINGS)}).")
    twice, number = Counter(pair.name for pair in found).most_common(1)[0]
    if number > 1:
        raise ValueError(f"There are two pictures of the name {twice} in {pictures}. Remove one of them.")
    missing = [pair for pair in found if not pair.layout.is_file()]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(found)} pictures lack a layout, the first is {missing[0].picture.name}: expected {missing[0].layout}."
        )
    return found


def score_pair(pair: Pair, find: Find, settings: Settings, colors: bool, clip: LocalClip | None) -> Record:
    """ValueError names the file that cannot be read."""
    picture = read_picture(pair.picture)
    try:
        layout = read_layout(read_json(pair.layout, "The layout"))
        size = picture.shape[1], picture.shape[0]
        return score_picture(pair.name, layout, find(pair.name, picture), size, settings, picture, colors, clip)
    except ValueError as error:
        raise ValueError(f"{pair.name}: {error}") from error


def part_path(out: Path, job: int, jobs: int) -> Path:
    return out / "parts" / f"{job}-of-{jobs}.json"


def contents(pairs: Sequence[Pair]) -> dict[str, str]:
    """By name, 16 digits that differ if the content of the picture or of its layout does; what is no file has none."""
    return {pair.name: _digest(pair.picture, pair.layout) for pair in pairs}


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        if not path.is_file():  # a folder cannot be read, and a pipe may never end
            return ""
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def read_part(path: Path, about: Mapping[str, Any], files: Mapping[str, str] | None = None) -> list[Record] | None:
    """The records of a part that was made with the same settings and pictures, None if there is none yet.

    files: `contents` of its pictures; None, too, for a part of other contents, which is to be made again.

    ValueError for a part of other settings: mixing them would give a report of nothing.
    """
    if not path.is_file():
        return None
    try:
        part = read_json(path, limit=MAX_PART_BYTES)
        kept, made_of, records = part["about"], part["files"], [record_from_dict(record) for record in part["records"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not part of a report: delete it; the command makes it again.") from error
    if kept != about:
        other = ", ".join(sorted(key for key in {*kept, *about} if kept.get(key) != about.get(key)))
        raise ValueError(
            f"{path} was made with other settings ({other}): delete the folder {path.parent}, or choose another --out."
        )
    return records if files is None or made_of == files else None


def write_part(path: Path, about: Mapping[str, Any], files: Mapping[str, str], records: Sequence[Record]) -> None:
    write_whole(
        path, json.dumps({"about": about, "files": files, "records": [record_to_dict(record) for record in records]})
    )


def write_whole(path: Path, text: str) -> None:
    """The whole file or none: other jobs look for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def merge_parts(out: Path, jobs: int, about: Mapping[str, Any]) -> Totals | None:
    """Writes report.json and report.md from all parts, and what was scored as COCO files; None if some are not there yet."""
    parts = [read_part(part_path(out, job, jobs), about) for job in range(jobs)]
    known = [part for part in parts if part is not None]
    if len(known) < jobs:
        return None
    records = sorted((record for part in known for record in part), key=lambda record: record.name)
    totals = summarise(records)
    write_whole(
        out / "report.json",
        json.dumps({"settings": about, "totals": asdict(totals), "pictures": rows_to_dicts(records)}, indent=1),
    )
    write_whole(out / "coco" / "layouts.json", json.dumps(truth_file(records)))
    write_whole(out / "coco" / "detections.json", json.dumps(predictions_file(records)))
    head = f"# Layout report\n\nPictures: {totals.pictures}. Instances: {totals.instances}.\n\n"
    write_whole(
        out / "report.md",
        f"{head}{totals_table(totals)}\n\n{meanings(totals)}\n\n## What failed\n\n{rows_table(records, failed_only=True)}\n",
    )
    return totals


def about_run(pairs: Sequence[Pair], settings: Settings, detections: str, clip: Path | None) -> dict[str, Any]:
    """What every part of a report has to share, as JSON. The pictures by name, since machines keep them in different folders."""
    return json.loads(
        json.dumps(
            {
                **asdict(settings),
                "detections": detections,
                "clip": None if clip is None else clip.name,
                "pictures": [pair.name for pair in pairs],
            }
        )
    )


def fingerprint(path: Path) -> str:
    """A file's name, and 16 digits that differ if its content does."""
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
