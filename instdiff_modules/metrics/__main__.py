"""Score a folder of pictures against their layouts, from the pack's folder, with the Python that runs ComfyUI (that of
quickstart.py: python3 quickstart.py python -- -m instdiff_modules.metrics ...):

    python -m instdiff_modules.metrics PICTURES --out REPORT --detector shapeworld
    python -m instdiff_modules.metrics PICTURES --out REPORT --predictions yolo.json --categories annotations.json

Every picture needs a layout of the same name (fox.png, fox.json). Written are REPORT/report.json and REPORT/report.md. With
--job I --jobs N the pictures I, I + N, I + 2N, ... are scored, on any number of machines; parts that are there are kept unless
their pictures or layouts have changed, and when all N are in REPORT/parts, the job that finds them writes the report.
REPORT/coco holds the layouts and the detections as COCO files, for other programs.
"""

import argparse
import sys
from collections.abc import Sequence

from ..commands.left_out import usable
from ..commands.options import MAX_JOBS, Parser, any_letters, file_path, number, whole
from ..commands.problems import missing_package, system_sentence
from ..layout.json_text import read_json

try:
    from .classes import CLASSES
    from .clip import LocalClip
    from .detection import SHAPES, detect_shapes
    from .folder import (
        Find,
        about_run,
        contents,
        find_pairs,
        fingerprint,
        merge_parts,
        part_path,
        read_part,
        score_pair,
        write_part,
    )
    from .report import totals_table
    from .score import Settings
    from .sources import Predictions
except ModuleNotFoundError as missing:
    sys.exit(missing_package(missing, "instdiff_modules.metrics"))

MAX_FILE_BYTES = 128 * 2**20  # of predictions or categories: half a million boxes


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 after one sentence about what cannot be used."""
    any_letters(sys.stdout)
    try:
        sys.stdout.write(_run(_parser().parse_args(arguments)) + "\n")
    except OSError as error:
        sys.stderr.write(f"{system_sentence(error)}\n")
        return 2
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m instdiff_modules.metrics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=file_path, help="folder of the pictures (png, jpg, webp)")
    parser.add_argument("--layouts", type=file_path, help="folder of the layouts, if it is another one")
    parser.add_argument("--out", type=file_path, required=True, help="folder of the report")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--detector",
        choices=["shapeworld"],
        help="the exact detector of the synthetic shapes; also measures leaked colours",
    )
    source.add_argument(
        "--predictions", type=file_path, help="detections in COCO's format, as YOLO and others write them"
    )
    parser.add_argument(
        "--categories",
        type=file_path,
        help="names of the predictions' categories: a COCO file, [{id, name}] or {id: name}",
    )
    parser.add_argument(
        "--classes",
        choices=CLASSES,
        default="category",
        help="which detections may stand for an instance (default: category)",
    )
    parser.add_argument(
        "--threshold", type=number(0, 1, above=True), default=0.5, help="minimum IoU to pass, 0..1 (default: 0.5)"
    )
    parser.add_argument(
        "--clip", type=file_path, help="folder of a CLIP model (transformers' files), for the local CLIP score"
    )
    parser.add_argument("--device", default="cpu", help="torch device for CLIP (default: cpu)")
    parser.add_argument("--job", type=whole(0, MAX_JOBS - 1), default=0, help="number of this job, from 0")
    parser.add_argument("--jobs", type=whole(1, MAX_JOBS), default=1, help="number of jobs")
    return parser


def _run(options: argparse.Namespace) -> str:
    """Score this job's pictures, and write the report if all others are done. What is to be said at the end."""
    if not options.job < options.jobs:
        raise ValueError(f"--job is {options.job}, expected 0..{options.jobs - 1}: jobs are counted from 0.")
    pairs = find_pairs(options.pictures, options.layouts or options.pictures)
    find, predictions = _source(options)
    categories = SHAPES if predictions is None else predictions.categories
    settings = Settings(options.classes, options.threshold, categories)
    about = about_run(pairs, settings, options.detector or fingerprint(options.predictions), options.clip)
    part = part_path(options.out, options.job, options.jobs)
    mine = pairs[options.job :: options.jobs]
    files = contents(mine)
    if predictions is not None:
        predictions.check_pictures([pair.name for pair in pairs])
    if read_part(part, about, files) is None:
        clip = None if options.clip is None else LocalClip(options.clip, options.device)
        colors = bool(options.detector)
        records = usable(mine, lambda pair, _: score_pair(pair, find, settings, colors, clip), "pictures")
        write_part(part, about, files, records)
        if predictions is not None:
            predictions.warn_of_masks()
    totals = merge_parts(options.out, options.jobs, about)
    if totals is None:
        return f"Part {options.job} of {options.jobs} is in {part}; the report follows with the last one."
    return f"{totals_table(totals)}\n\n{options.out / 'report.md'}"


def _source(options: argparse.Namespace) -> tuple[Find, Predictions | None]:
    """Where detections come from; None for the detector of the shapes."""
    if options.detector:
        return (lambda _, picture: detect_shapes(picture)), None
    if options.classes != "any" and options.categories is None:
        raise ValueError(
            "Predictions hold numbers of categories: give their names with --categories, or --classes any."
        )
    table = None if options.categories is None else read_json(options.categories, limit=MAX_FILE_BYTES)
    predictions = Predictions(read_json(options.predictions, limit=MAX_FILE_BYTES), table)
    return (lambda name, picture: predictions.of(name, picture.shape[1], picture.shape[0])), predictions


if __name__ == "__main__":
    sys.exit(main())
