"""The command `coco`: layouts and pictures of an evaluation, and, when all pictures are there, the files for the detector."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..launcher.graph import LONGEST_SIDE, Graph, read_graph
from ..launcher.steps import try_lock
from ..metrics.folder import fingerprint
from . import server
from .coco import CONFIGURATIONS, Annotations, CocoPicture, asked_for, layout_of, read_annotations
from .detector_files import write_detector_files
from .ray_servers import ray_painters
from .run_files import RunFolder
from .sharing import Outcome, Painter, Sharing
from .workflow import CHECKPOINT, WEIGHTS, authors_graph, filled

SETTINGS = ("checkpoint", "weights", "steps", "guidance", "mis", "alpha")  # options of the authors' graph
SEEDS = 2**64


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def coco(options: argparse.Namespace) -> int:
    """The exit code: 1 if pictures of this job are missing at the end. ValueError, OSError, RuntimeError, GraphRefused."""
    _check(options)
    urls = server.server_urls(options.server)
    annotations = read_annotations(options.annotations, options.captions)
    pictures = _first(annotations, options)
    graph, workflow = _workflow(options)
    folder = RunFolder(options.out)
    folder.begin(
        {
            "format": options.format,
            "locations": options.locations,
            "size": options.size,
            "seed": options.seed,
            "workflow": workflow,
            "annotations": fingerprint(options.annotations),
            "captions": options.captions and fingerprint(options.captions),
            "categories": {str(number): name for number, name in sorted(annotations.categories.items())},
            "pictures": [picture.name for picture in pictures],
        }
    )
    mine = pictures[options.job :: options.jobs]
    with _only_once(options.out / "jobs" / f"{options.job}-of-{options.jobs}.lock"):
        write_layouts(folder, mine, annotations, options)
        outcome = _paint(options, folder, graph, urls, mine)
    return _end(folder, annotations, pictures, mine, outcome)


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.job < options.jobs:
        raise ValueError(f"--job is {options.job}, expected 0..{options.jobs - 1}: jobs are counted from 0.")
    if options.size % 64 or not 64 <= options.size <= LONGEST_SIDE:
        raise ValueError(
            f"--size is {options.size}, expected a multiple of 64 in 64..{LONGEST_SIDE} (the paper's is 512)."
        )
    if not 0 <= options.seed < SEEDS:
        raise ValueError(f"--seed is {options.seed}, expected 0..{SEEDS - 1}.")
    if options.timeout <= 0 or options.patience < 0:
        raise ValueError("--timeout and --patience are seconds: expected a number above 0, and one of 0 or more.")


def _first(annotations: Annotations, options: argparse.Namespace) -> tuple[CocoPicture, ...]:
    there = len(annotations.pictures)
    if options.images is not None and not 1 <= options.images <= there:
        raise ValueError(f"--images is {options.images}, expected 1..{there}: so many has {options.annotations.name}.")
    return annotations.pictures[: options.images]


def _workflow(options: argparse.Namespace) -> tuple[Graph, dict[str, Any]]:
    """The graph, and what run.json says of it."""
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    if options.workflow is None:
        settings = {"checkpoint": CHECKPOINT, "weights": WEIGHTS, **given}
        return authors_graph(**settings), settings
    if given:
        raise ValueError(f"--workflow has its own {', '.join(given)}: set them there, or leave --workflow out.")
    graph = read_graph(options.workflow.read_text(encoding="utf-8"), str(options.workflow))
    return graph, {"file": fingerprint(options.workflow)}


@contextmanager
def _only_once(path: Path) -> Iterator[None]:
    """The same job twice at a time would paint everything twice. The system lets go of the lock if we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not try_lock(file):
            raise ValueError(
                f"This job is running already ({path} is held). To share the work, start others with --job and --jobs, or name several servers."
            )
        yield


def write_layouts(
    folder: RunFolder, pictures: Sequence[CocoPicture], annotations: Annotations, options: argparse.Namespace
) -> None:
    """Those that are not there yet; what annotations lose on the way is said, and kept in lost.txt."""
    lost: list[str] = []
    for picture in pictures:
        if not folder.layout_path(picture.name).is_file():
            layout, problems = layout_of(picture, annotations.categories, options.format, options.size)
            folder.write_layout(picture.name, layout)
            lost += problems
    if lost:
        with (folder.path / "lost.txt").open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lost)
        say(
            f"{len(lost)} annotations lost their mask or themselves, the first: {lost[0]} All are in {folder.path / 'lost.txt'}."
        )


def _paint(
    options: argparse.Namespace, folder: RunFolder, graph: Graph, urls: Sequence[str], mine: Sequence[CocoPicture]
) -> Outcome:
    ids = {picture.name: picture.id for picture in mine}
    names = folder.missing(list(ids))
    if len(names) < len(mine):
        say(f"{len(mine) - len(names)} of {len(mine)} pictures are there already.")
    if not names:
        return Outcome(0, {}, ())
    formats = f"authors' {CONFIGURATIONS[options.format]}" if options.locations == "authors" else "as given"

    def graph_of(name: str) -> Graph:
        layout = asked_for(folder.layout(name), options.format, options.locations)
        return filled(graph, layout, (options.seed + ids[name]) % SEEDS, formats)

    if options.ray is not None:
        painters = ray_painters(urls, options.ray, graph_of, options.size, options.timeout)
    else:
        painters = [_painter(url, graph_of, options) for url in urls]
    return Sharing(names, folder.keep, say, options.patience).run(present(painters))


def _painter(url: str, graph_of: Any, options: argparse.Namespace) -> Painter:
    return Painter(
        url,
        lambda name, stopped: server.paint(url, graph_of(name), options.size, options.timeout, stopped),
        partial(server.answers, url),
    )


def present(painters: Sequence[Painter]) -> list[Painter]:
    """Those whose server answers. ValueError if none does."""
    there = [painter for painter in painters if painter.answers()]
    for painter in painters:
        if painter not in there:
            say(f"{painter.name} does not answer and is left out.")
    if not there:
        raise ValueError(
            f"No ComfyUI server answers at {', '.join(painter.name for painter in painters)}. Start one, or give its address with --server."
        )
    return there


def _end(
    folder: RunFolder,
    annotations: Annotations,
    pictures: Sequence[CocoPicture],
    mine: Sequence[CocoPicture],
    outcome: Outcome,
) -> int:
    missing = folder.missing([picture.name for picture in pictures])
    own = folder.missing([picture.name for picture in mine])
    for name, reason in outcome.failed.items():
        say(f"Failed: {name} ({reason})")
    if not missing:
        write_detector_files(folder, pictures, annotations.categories)
        sys.stdout.write(
            f"All {len(pictures)} pictures are in {folder.pictures}. Next, a detector, for example:\n"
            f"  yolo val segment model=yolov8m-seg.pt data={folder.path / 'coco' / 'coco.yaml'} save_json=True\n"
            f"  python -m instdiff_modules.evaluation score {folder.path} --predictions PREDICTIONS.json\n"
        )
        return 0
    if own:
        say(
            f"{len(own)} of this job's {len(mine)} pictures are missing, the first is {own[0]}. The same command tries them again."
        )
        return 1
    sys.stdout.write(
        f"This job's {len(mine)} pictures are in {folder.pictures}; {len(missing)} of other jobs are missing yet.\n"
    )
    return 0
