"""The paper's evaluation on COCO, and other benchmarks, in three steps, from the pack's folder, with the Python that runs ComfyUI:

    python -m instdiff_modules.evaluation coco --annotations instances_val2017.json --captions captions_val2017.json \\
        --images 500 --format box --server http://127.0.0.1:8188 --out EVAL/box
    yolo val segment model=yolov8m-seg.pt data=EVAL/box/coco/coco.yaml save_json=True
    python -m instdiff_modules.evaluation score EVAL/box --predictions runs/segment/val/predictions.json

    python -m instdiff_modules.evaluation benchmark mig_bench.json --server http://127.0.0.1:8188 --out EVAL/mig

`coco` and `benchmark` make the pictures on running ComfyUI servers; they can be stopped at any time, and the same command resumes.
`benchmark` takes the files of COCO-MIG, OverLayBench and LayoutSAM-Eval. `score` reads the detector's answer, with --clip the attributes
of the formats colors and textures, and with --answers those of a multimodal model; `tables` puts several runs together.
"""

import argparse
import sys
from collections.abc import Sequence

from ..commands.options import MAX_JOBS, MAX_SECONDS, SEEDS, Parser, any_letters, file_path, number, whole
from ..commands.problems import missing_package, system_sentence
from ..launcher.client import GraphError
from ..launcher.graph import LONGEST_SIDE

try:
    from . import generate, measure
    from .benchmarks import SPLITS
    from .coco import BENCHMARK_FORMATS, LOCATIONS
    from .workflow import ALPHA, CHECKPOINT, GUIDANCE, MIS, SIZE, STEPS, WEIGHTS
except ModuleNotFoundError as missing:
    sys.exit(missing_package(missing, "instdiff_modules.evaluation"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 if pictures are still missing at the end, 2 after one sentence about what cannot be used, 130 after Ctrl+C."""
    any_letters(sys.stdout)
    try:
        options = _parser().parse_args(arguments)
        return options.run(options)
    except GraphError as error:
        sys.stderr.write(
            f"ComfyUI does not take the workflow: {error.message}\n"
            "What to do: name files that the server has (--checkpoint, --weights), or another --workflow.\n"
        )
    except OSError as error:
        sys.stderr.write(f"{system_sentence(error)}\n")
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Finished pictures are kept; the same command resumes.\n")
        return 130
    return 2


def _parser() -> Parser:
    parser = Parser(
        prog="python -m instdiff_modules.evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="coco | benchmark | score | tables")
    _add_coco(commands.add_parser("coco", help="make the pictures of COCO's layouts, and the files for the detector"))
    _add_benchmark(
        commands.add_parser(
            "benchmark", help="the same for COCO-MIG, OverLayBench and LayoutSAM-Eval, known by their content"
        )
    )
    _add_score(commands.add_parser("score", help="measure them and print them beside published numbers"))
    tables = commands.add_parser("tables", help="the tables of several runs that were scored")
    tables.add_argument("runs", type=file_path, nargs="+", help="folders of the runs")
    tables.add_argument("--out", type=file_path, help="also write OUT.md and OUT.json")
    tables.set_defaults(run=measure.tables)
    return parser


def _add_coco(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--annotations",
        type=file_path,
        required=True,
        help="instances_val2017.json (COCO's own, or the authors' for 512x512)",
    )
    parser.add_argument(
        "--captions",
        type=file_path,
        help="captions_val2017.json: the first caption of each picture begins its prompt, as in the paper",
    )
    parser.add_argument(
        "--format",
        choices=BENCHMARK_FORMATS,
        required=True,
        help="what the layouts hold; colors and textures are masks with an attribute",
    )
    parser.add_argument(
        "--locations",
        choices=LOCATIONS,
        default="authors",
        help="authors: their test configuration of the format, which may keep other locations too; given: that location alone",
    )
    _add_making(parser)
    parser.set_defaults(run=generate.coco)


def _add_benchmark(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        type=file_path,
        nargs="+",
        metavar="FILE",
        help="COCO-MIG's JSON or YAML, or the rows of OverLayBench or LayoutSAM-Eval: Parquet, JSON or JSON lines",
    )
    parser.add_argument(
        "--split", choices=SPLITS, help="part of OverLayBench (default: what the names of its files begin with)"
    )
    _add_making(parser)
    parser.set_defaults(run=generate.benchmark)


def _add_making(parser: argparse.ArgumentParser) -> None:
    """Options of every command that makes pictures."""
    parser.add_argument("--images", type=whole(1, 10**9), help="the first N pictures by their ids (default: all)")
    parser.add_argument("--out", type=file_path, required=True, help="folder of this evaluation; one for each format")
    parser.add_argument(
        "--server",
        default="http://127.0.0.1:8188",
        help="ComfyUI servers with this pack, separated by commas (default: %(default)s)",
    )
    parser.add_argument("--job", type=whole(0, MAX_JOBS - 1), default=0, help="number of this job, from 0")
    parser.add_argument(
        "--jobs", type=whole(1, MAX_JOBS), default=1, help="number of jobs; each makes every JOBS-th picture"
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="share by Ray: a server at 127.0.0.1 then stands for one on every machine of the cluster",
    )
    parser.add_argument(
        "--workflow", type=file_path, help="a workflow of your own in API format, instead of the authors' settings"
    )
    parser.add_argument(
        "--output",
        metavar="NODE",
        help="number of the --workflow's node whose picture counts (default: its only Save Image or Preview Image)",
    )
    parser.add_argument("--checkpoint", help=f"SD1.5 checkpoint, as ComfyUI lists it (default: {CHECKPOINT})")
    parser.add_argument("--weights", help=f"InstanceDiffusion's weights, as ComfyUI lists them (default: {WEIGHTS})")
    parser.add_argument("--steps", type=whole(1, 10_000), help=f"steps (default: {STEPS})")
    parser.add_argument("--guidance", type=number(0, 100), help=f"guidance (default: {GUIDANCE})")
    parser.add_argument("--mis", type=number(0, 1), help=f"share of multi-instance steps, 0..1 (default: {MIS})")
    parser.add_argument(
        "--alpha", type=number(0, 1), help=f"share of the steps with instances, 0..1 (default: {ALPHA})"
    )
    parser.add_argument(
        "--seed", type=whole(0, SEEDS), default=0, help="seed of picture ID is this plus ID (default: 0)"
    )
    parser.add_argument(
        "--size",
        type=whole(64, LONGEST_SIDE),
        default=SIZE,
        help="side of the square pictures in pixels, a multiple of 64 (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=number(0, MAX_SECONDS, above=True),
        default=1800,
        help="seconds after which a server that paints one picture counts as lost (default: 1800)",
    )
    parser.add_argument(
        "--patience",
        type=number(0, MAX_SECONDS),
        default=60,
        help="seconds to wait for a lost server before it is given up (default: 60)",
    )


def _add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_folder", type=file_path, metavar="RUN", help="folder of the evaluation, the --out of its pictures"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--predictions", type=file_path, help="the detector's predictions.json, in COCO's format")
    source.add_argument(
        "--detector",
        choices=["shapeworld"],
        help="the exact detector of the synthetic shapes, for pictures of the demo model",
    )
    parser.add_argument(
        "--answers",
        type=file_path,
        nargs="+",
        metavar="FILE",
        help="answers of a multimodal model, as the scripts of OverLayBench (up to three files) and LayoutSAM-Eval write them",
    )
    parser.add_argument(
        "--categories",
        type=file_path,
        help="names of the predictions' categories, if they are not COCO's numbers: a COCO file, [{id, name}] or {id: name}",
    )
    parser.add_argument(
        "--clip",
        type=file_path,
        help="folder of a CLIP model (transformers' files), for colors and textures; the authors use ViT-L/14 of LAION-2B",
    )
    parser.add_argument("--device", default="cpu", help="torch device for CLIP (default: cpu)")
    parser.add_argument("--partial", action="store_true", help="score what is there, even if pictures are missing")
    parser.set_defaults(run=measure.score)


if __name__ == "__main__":
    sys.exit(main())
