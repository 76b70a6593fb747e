"""The commands `coco` and `benchmark`: layouts and pictures of an evaluation, and, when all pictures are there, the files for the detector."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..commands.names import shown
from ..commands.options import SEEDS
from ..launcher.graph import LONGEST_SIDE, Graph, read_graph
from ..launcher.steps import lock_file, try_lock
from ..layout.plain_files import file_size, shown_name
from ..metrics.folder import fingerprint
from . import server
from .annotations import read_annotations
from .benchmarks import read_benchmark
from .coco import CocoSource
from .detector_files import write_detector_files
from .layouts import Layouts
from .ray_servers import ray_painters
from .run_files import RunFolder
from .said import say
from .sharing import Outcome, Painter, Sharing
from .source import Source
from .workflow import CHECKPOINT, WEIGHTS, authors_graph, filled, output_node

SETTINGS = ("checkpoint", "weights", "steps", "guidance", "mis", "alpha")  # options of the authors' graph


def coco(options: argparse.Namespace) -> int:
    """The exit code: 1 if pictures of this job are missing at the end. ValueError, OSError, RuntimeError, GraphRefused."""

    def source() -> Source:
        annotations = read_annotations(options.annotations, options.captions)
        prints = {
            "annotations": fingerprint(options.annotations),
            "captions": options.captions and fingerprint(options.captions),
        }
        return CocoSource(annotations, options.format, options.locations, prints)

    return _run(options, source)


def benchmark(options: argparse.Namespace) -> int:
    """As `coco`, of the file of a benchmark, which is known by its content."""
    return _run(options, lambda: read_benchmark(options.files, options.split))


def _run(options: argparse.Namespace, read: Callable[[], Source]) -> int:
    _check(options)
    urls = server.server_urls(options.server)
    graph, workflow = _workflow(options)
    output = output_node(graph, options.output)
    source = read()
    pictures = _first(source, options.images)
    folder = RunFolder(options.out)
    folder.begin(
        {
            "format": source.format,
            "size": options.size,
            "seed": options.seed,
            "workflow": workflow,
            **source.about(),
            "categories": {str(number): name for number, name in sorted(source.categories.items())},
            "pictures": pictures,
        }
    )
    layouts = Layouts(folder, source, options.size)
    mine = pictures[options.job :: options.jobs]
    with _only_once(options.out / "jobs" / f"{options.job}-of-{options.jobs}.lock"):
        layouts.write(mine)
        outcome = _paint(options, layouts, graph, output, urls, mine)
    return _end(layouts, pictures, mine, outcome)


def _check(options: argparse.Namespace) -> None:
    """What no option can know by itself."""
    if not options.job < options.jobs:
        raise ValueError(f"--job is {options.job}, expected 0..{options.jobs - 1}: jobs are counted from 0.")
    if options.size % 64:
        raise ValueError(
            f"--size is {options.size}, expected a multiple of 64 in 64..{LONGEST_SIDE} (the paper's is 512)."
        )


def _first(source: Source, images: int | None) -> list[str]:
    """Names of the first pictures; None: of all."""
    if images is not None and images > len(source.ids):
        raise ValueError(f"--images is {images}, expected 1..{len(source.ids)}: the file has no more pictures.")
    return list(source.ids)[:images]


def _workflow(options: argparse.Namespace) -> tuple[Graph, dict[str, Any]]:
    """The graph, and what run.json says of it."""
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    if options.workflow is None:
        if options.output is not None:
            raise ValueError("--output names a node of your own --workflow; give both, or neither.")
        settings = {"checkpoint": CHECKPOINT, "weights": WEIGHTS, **given}
        return authors_graph(**settings), settings
    if given:
        raise ValueError(f"--workflow has its own {', '.join(given)}: set them there, or leave --workflow out.")
    about = {"file": fingerprint(options.workflow)} | ({"output": options.output} if options.output else {})
    file_size(options.workflow, "a workflow in API format")
    try:
        text = options.workflow.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{shown_name(options.workflow)} is not text in UTF-8. Give a workflow in API format."
        ) from error
    return read_graph(text, str(options.workflow)), about


@contextmanager
def _only_once(path: Path) -> Iterator[None]:
    """The same job twice at a time would paint everything twice. The system lets go of the lock if we die."""
    with lock_file(path) as file:
        if not try_lock(file):
            raise ValueError(
                f"This job is running already ({path} is held). To share the work, start others with --job and --jobs, or name several servers."
            )
        yield


def _paint(
    options: argparse.Namespace,
    layouts: Layouts,
    graph: Graph,
    output: str,
    urls: Sequence[str],
    mine: Sequence[str],
) -> Outcome:
    source, folder, ids = layouts.source, layouts.folder, layouts.source.ids
    names = folder.missing(mine, options.size)
    if len(names) < len(mine):
        say(f"{len(mine) - len(names)} of {len(mine)} pictures are there already.")
    if not names:
        return Outcome(0, {}, ())

    def graph_of(name: str) -> Graph:
        seed = (options.seed + ids[name]) % (SEEDS + 1)
        return filled(graph, source.asked_for(layouts.of(name)), seed, source.location_formats)

    if options.ray is not None:
        painters = ray_painters(urls, options.ray, graph_of, output, options.size, options.timeout)
    else:
        painters = [_painter(url, graph_of, output, options) for url in urls]
    return Sharing(names, folder.keep, say, options.patience).run(present(painters))


def _painter(url: str, graph_of: Callable[[str], Graph], output: str, options: argparse.Namespace) -> Painter:
    return Painter(
        url,
        lambda name, stopped: server.paint(url, graph_of(name), output, options.size, options.timeout, stopped),
        partial(server.answers, url),
    )


def present(painters: Sequence[Painter]) -> list[Painter]:
    """Those whose server answers. ValueError if none does."""
    there = [painter for painter in painters if painter.answers()]
    if not there:
        raise ValueError(
            f"No ComfyUI server answers at {shown(', '.join(painter.name for painter in painters), 150)}. Start one, or give its address with --server."
        )
    for painter in painters:
        if painter not in there:
            say(f"{painter.name} does not answer and is left out.")
    return there


def _end(layouts: Layouts, pictures: Sequence[str], mine: Sequence[str], outcome: Outcome) -> int:
    folder, source = layouts.folder, layouts.source
    missing = set(folder.missing(pictures, layouts.size))
    own = [name for name in mine if name in missing]
    for name, reason in outcome.failed.items():
        say(f"Failed: {name} ({reason})")
    if not missing:
        if source.is_detected:
            ids = source.ids
            write_detector_files(folder, {name: ids[name] for name in pictures}, source.categories, layouts.of)
        sys.stdout.write(f"All {len(pictures)} pictures are in {folder.pictures}. {source.next_steps(folder.path)}")
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
