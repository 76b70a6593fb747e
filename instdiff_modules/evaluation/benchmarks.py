"""The files of COCO-MIG, OverLayBench and LayoutSAM-Eval, known by their content, as the source of an evaluation."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..layout.instance import Layout
from ..layout.plain_files import shown_name
from . import layoutsam_file, overlay_file
from .benchmark_pictures import BenchmarkPicture
from .layoutsam_file import is_layoutsam, read_layoutsam
from .mig_file import is_mig, read_mig
from .overlay_file import is_overlay, read_overlay
from .rows import read_document

MIG, LAYOUTSAM = "coco-mig", "layoutsam-eval"
SPLITS = ("simple", "medium", "hard")  # of OverLayBench; its files are called SPLIT-00000-of-00001.parquet
OVERLAY = {split: f"overlaybench-{split}" for split in SPLITS}
BENCHMARKS = (MIG, *OVERLAY.values(), LAYOUTSAM)
COLUMNS = (*overlay_file.COLUMNS, *layoutsam_file.COLUMNS)
EXPECTED = "the JSON or YAML of COCO-MIG, or the rows of OverLayBench or LayoutSAM-Eval as Parquet, JSON or JSON lines (web/about/evaluation.md describes them)"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkSource:
    """A benchmark's pictures as a `Source`. fingerprint: what run.json says of the files."""

    format: str
    pictures: tuple[BenchmarkPicture, ...]
    fingerprint: str
    location_formats = "authors' test_box"

    @property
    def is_detected(self) -> bool:
        return self.format != LAYOUTSAM

    @property
    def ids(self) -> Mapping[str, int]:
        return {picture.name: picture.id for picture in self.pictures}

    @property
    def categories(self) -> Mapping[int, str]:
        """Numbered from 1 by the alphabet."""
        names = {instance.extra["category_name"] for picture in self.pictures for instance in picture.instances}
        return dict(enumerate(sorted(names), 1))

    @cached_property
    def _by_name(self) -> Mapping[str, BenchmarkPicture]:
        return {picture.name: picture for picture in self.pictures}

    def layout(self, name: str, size: int) -> tuple[Layout, list[str]]:
        picture = self._by_name[name]
        return Layout(picture.instances, size, size, picture.caption, picture.extra), list(picture.lost)

    def asked_for(self, layout: Layout) -> Layout:
        shown = tuple(instance for instance in layout.instances if instance.visible)
        return Layout(shown, layout.width, layout.height, layout.prompt)

    def about(self) -> dict[str, Any]:
        return {"locations": "authors", "annotations": self.fingerprint, "captions": None}

    def next_steps(self, folder: Path) -> str:
        score = f"  python -m instdiff_modules.evaluation score {folder} "
        if self.format == LAYOUTSAM:
            return f"Next, let a multimodal model answer about every box:\n{score}--answers minicpm-vqa.json\n"
        truth = folder / "coco" / "annotations"
        detected = f"Next, run a detector on them; its categories are those of {truth}:\n{score}--predictions PREDICTIONS.json\n"
        if self.format == MIG:
            return detected
        return f"{detected}{score}--answers entity_VQA.json relation_VQA.json baseline_bbox_predictions.json\n"


def read_benchmark(files: Sequence[Path], split: str | None = None) -> BenchmarkSource:
    """The pictures of one or several files of the same benchmark, in the order of their numbers. ValueError for anything else.

    split: of OverLayBench, one of SPLITS; without it the names of its files must begin with one.
    """
    formats: list[str] = []
    pictures: list[BenchmarkPicture] = []
    for file in files:
        format, read = _read(file, split)
        formats.append(format)
        pictures += read
    if len(set(formats)) > 1:
        raise ValueError(
            f"The files are of different benchmarks ({', '.join(sorted(set(formats)))}). Give those of one."
        )
    if split is not None and formats[0] not in OVERLAY.values():
        raise ValueError(f"--split is for OverLayBench, but {shown_name(files[0])} is of {formats[0]}: leave it out.")
    kept = _once(pictures)
    return BenchmarkSource(formats[0], kept, f"{min(file.name for file in files)} {_digest(kept)}")


def _read(file: Path, split: str | None) -> tuple[str, list[BenchmarkPicture]]:
    """Which benchmark a file is of, and its pictures."""
    document, name = read_document(file, COLUMNS), shown_name(file)
    first = next((row for row in document if isinstance(row, Mapping)), None) if isinstance(document, list) else None
    if is_overlay(first):
        return OVERLAY[_split(file, split)], read_overlay(document, name)
    if is_layoutsam(first):
        return LAYOUTSAM, read_layoutsam(document, name)
    if isinstance(document, Mapping) and is_mig(document):
        return MIG, read_mig(document, name)
    if isinstance(document, Mapping) and {"images", "annotations"} <= set(document):
        raise ValueError(f"{name} is a COCO file: give it to the command `coco` as --annotations.")
    values = list(document.values())[:20] if isinstance(document, Mapping) else []
    if any(isinstance(value, Mapping) and "instance" in value for value in values):
        raise ValueError(
            f"{name} holds all of COCO-MIG's candidates: sample the benchmark from it first (mig_bench_sample.py)."
        )
    raise ValueError(f"{name} is not the file of a benchmark that is known here: expected {EXPECTED}.")


def _split(file: Path, given: str | None) -> str:
    split = given or next((split for split in SPLITS if file.name.lower().startswith(split)), None)
    if split is None:
        raise ValueError(
            f"{shown_name(file)} does not say which part of OverLayBench it is: give --split simple, medium or hard."
        )
    return split


def _once(pictures: Sequence[BenchmarkPicture]) -> tuple[BenchmarkPicture, ...]:
    """In the order of their numbers; of pictures of the same name the first one counts."""
    kept: dict[str, BenchmarkPicture] = {}
    for picture in pictures:
        kept.setdefault(picture.name.casefold(), picture)
    if len(kept) < len(pictures):
        logger.warning(
            "%d of %d pictures are there twice; the first ones count.", len(pictures) - len(kept), len(pictures)
        )
    return tuple(sorted(kept.values(), key=lambda picture: (picture.id, picture.name)))


def _digest(pictures: Sequence[BenchmarkPicture]) -> str:
    """16 digits of the content, whatever kind of file it came in."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(json.dumps(asdict(picture), sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]
