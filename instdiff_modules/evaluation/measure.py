"""The commands `score` and `tables`: numbers of the runs, in files and on the screen."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..layout.json_text import read_json
from ..metrics.clip import LocalClip
from ..metrics.folder import fingerprint, write_whole
from ..metrics.sources import Predictions
from . import benchmark_scoring, scoring
from .annotations import MOST_READ
from .benchmarks import BENCHMARKS
from .run_files import RunFolder
from .said import say
from .tables import document, results_of, table_dict

OFTEN = 100  # pictures between two lines about CLIP


def score(options: argparse.Namespace) -> int:
    """Writes results.json and results.md, prints the table. ValueError, OSError."""
    folder = RunFolder(options.run_folder)
    about = folder.about()
    names, categories = about.pop("pictures"), about.pop("categories")
    missing = set(folder.missing(names, about["size"]))
    there = [name for name in names if name not in missing]
    if not there or (missing and not options.partial):
        raise ValueError(
            f"{len(missing)} of {len(names)} pictures are missing in {folder.pictures}, the first is {next(name for name in names if name in missing)}. "
            "Run the command that makes them again, or score what is there with --partial."
        )
    how = benchmark_scoring.measure if about["format"] in BENCHMARKS else _measure
    values, detections = how(options, folder, there, about["format"], categories)
    result = {
        "format": about["format"],
        "pictures": len(there),
        "wanted": len(names),
        "detections": detections,
        "values": values,
        "about": about,
    }
    _write(folder.path / "results", [result])
    return 0


def tables(options: argparse.Namespace) -> int:
    """Prints the tables of runs that were scored. ValueError names one that was not."""
    _write(options.out, [result for run in options.runs for result in results_of(run)])
    return 0


def _measure(
    options: argparse.Namespace, folder: RunFolder, names: list[str], format: str, categories: dict[str, str]
) -> tuple[scoring.Values, str]:
    """The numbers, and whose detections they are of."""
    if options.answers:
        raise ValueError("--answers is for OverLayBench and LayoutSAM-Eval, not for COCO: give --predictions FILE.")
    values: scoring.Values = {}
    sources = []
    if options.predictions is not None:
        table = read_json(options.categories) if options.categories else categories
        predictions = Predictions(read_json(options.predictions, limit=MOST_READ), table)
        values |= scoring.by_predictions(folder, names, format, predictions)
        sources.append(fingerprint(options.predictions))
    elif options.detector is not None:
        values |= scoring.by_shape_world(folder, names)
        sources.append("the shape world's detector")
    if options.clip is not None and format in scoring.CLIP_MEASURES:
        clip = LocalClip(options.clip, options.device)
        values |= scoring.by_clip(
            folder,
            names,
            format,
            clip,
            lambda n: say(f"CLIP has read {n} of {len(names)} pictures.") if n % OFTEN == 0 else None,
        )
        sources.append(f"CLIP of {options.clip.name}")
    if not sources:
        wants = "--clip FOLDER" if format in scoring.CLIP_MEASURES else "--predictions FILE"
        raise ValueError(
            f"No detections are given: give {wants}, or --detector shapeworld for pictures of the demo model."
        )
    return values, ", ".join(sources)


def _write(path: Path | None, results: list[dict[str, Any]]) -> None:
    text = document(results)
    if path is not None:
        write_whole(
            path.with_name(path.name + ".json"),
            json.dumps({"tables": [{**table_dict(result), "result": result} for result in results]}, indent=1),
        )
        write_whole(path.with_name(path.name + ".md"), text)
    sys.stdout.write(text)
