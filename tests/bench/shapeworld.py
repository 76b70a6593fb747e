"""Draw held-out scenes with the demo model in every way that is compared, and measure the pictures.

    python tests/bench/shapeworld.py FOLDER                 draw and measure; pictures that are in FOLDER are kept
    python tests/bench/shapeworld.py FOLDER --job 0 --jobs 2    draw and measure every second one; run without --job at the end

Writes shapeworld.json beside this file, two sheets of pictures into web/docs and the tables in web/about/results.md; prints its own.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
from bench import write_pages
from bench.sheet import sheet
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.detection import SHAPES, detect_shapes
from instdiff.instdiff_modules.metrics.record import Record, record_from_dict, record_to_dict
from instdiff.instdiff_modules.metrics.report import Totals, summarise
from instdiff.instdiff_modules.metrics.score import Settings as Measure
from instdiff.instdiff_modules.metrics.score import score_picture
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.nodes import apply_settings
from instdiff.nodes.demo_model import DEMO_FILE
from PIL import Image
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import random_scene
from support.studio import LOCATIONS, Settings, Studio, only

HERE = Path(__file__).resolve().parent
STREAM, COUNT, BATCH, SHARE = 2026, 200, 10, 0.36  # scenes of this stream were never trained on
PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)


def changed(**values: object) -> Settings:
    return Settings(**{**PLAIN.__dict__, **values})


# name -> formats given (none: the base alone), settings
CASES: dict[str, tuple[tuple[str, ...], Settings]] = {
    "base": ((), PLAIN),
    "box": (("box",), PLAIN),
    "mask": (("mask",), PLAIN),
    "point": (("point",), PLAIN),
    "scribble": (("scribble",), PLAIN),
    "mis_average": (("box",), changed(share=SHARE)),
    "mis_groups": (("box",), changed(share=SHARE, speed="two groups")),
    "no_scaleu": (("box",), changed(apply={"scaleu": "off"})),
    "mis_crop": (("box",), changed(share=SHARE, merge="crop and paste")),
    "mis_masked": (("box",), changed(share=SHARE, merge="masked average")),
    # instances that steer weakly leave the model something to leak
    "weak": (("box",), changed(apply={"strength": 0.5})),
    "weak_mis_average": (("box",), changed(share=SHARE, apply={"strength": 0.5})),
    "weak_mis_crop": (("box",), changed(share=SHARE, merge="crop and paste", apply={"strength": 0.5})),
    "weak_mis_masked": (("box",), changed(share=SHARE, merge="masked average", apply={"strength": 0.5})),
}
# Drawn only when named: does multi-instance sampling lower leaking where no boxes are given, or with a smaller share? Do pooled keys cost
# anything, at the 32 x 32 cells of these pictures, where they would not begin by themselves?
MORE: dict[str, tuple[tuple[str, ...], Settings]] = {
    **{f"mis_{name}": ((name,), changed(share=SHARE)) for name in ("mask", "point", "scribble")},
    **{
        f"mis_{name}_{share:g}": ((name,), changed(share=share))
        for name in ("box", "point", "scribble")
        for share in (0.1, 0.2)
    },
    "mis_point_crop": (("point",), changed(share=SHARE, merge="crop and paste")),
    **{f"pooled_{name}": ((name,), changed(apply={"speed": "pooled keys"})) for name in LOCATIONS},
}


ROWS = {
    "layout": "",
    "base alone": "base",
    "with boxes": "box",
    "with masks": "mask",
    "with points": "point",
    "with scribbles": "scribble",
}
LEAKING = {
    "layout": "",
    "boxes": "box",
    "at half\nstrength": "weak",
    "with crop\nand paste": "weak_mis_crop",
    "with masked\naverage": "weak_mis_masked",
}
COLUMNS, SIDE, MARGIN = 7, 118, 100  # of the first sheet the first scenes, not chosen ones


def held_layouts(count: int = COUNT, stream: int = STREAM) -> list[Layout]:
    return [scene_layout(random_scene((stream, number)), number) for number in range(count)]


def draw(studio: Studio, layouts: list[Layout], folder: Path, case: str, numbers: list[int]) -> None:
    formats, settings = {**CASES, **MORE}[case]
    (folder / case).mkdir(parents=True, exist_ok=True)
    left = [n for n in numbers if not (folder / case / f"{n:03}.png").exists()]
    for at in range(0, len(left), BATCH):
        some = left[at : at + BATCH]
        given = [only(layouts[n], *formats) if formats else layouts[n] for n in some]
        for n, picture in zip(some, studio.draw(given, some, settings, grounded=bool(formats)), strict=True):
            Image.fromarray(picture).save(folder / case / f"{n:03}.png")
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {case} {some[-1] + 1}\n")


def measure(layouts: list[Layout], folder: Path, case: str, numbers: list[int]) -> list[Record]:
    """What the detector reads in each picture, kept beside it."""
    records = []
    for n in numbers:
        path = folder / case / f"{n:03}.json"
        if not path.exists():
            picture = np.asarray(Image.open(path.with_suffix(".png")))
            size = (picture.shape[1], picture.shape[0])
            record = score_picture(
                f"{n:03}", layouts[n], detect_shapes(picture), size, Measure(categories=SHAPES), picture, colors=True
            )
            path.write_text(json.dumps(record_to_dict(record)), encoding="utf-8")
        records.append(record_from_dict(json.loads(path.read_text(encoding="utf-8"))))
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--job", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--count", type=int, default=COUNT, help="scenes; results are written for all 200 of the first stream only"
    )
    parser.add_argument("--cases", nargs="+", choices=[*CASES, *MORE], default=list(CASES))
    parser.add_argument("--stream", type=int, default=STREAM, help="2027 holds other scenes that were never trained on")
    args = parser.parse_args()
    layouts = held_layouts(args.count, args.stream)
    apply_settings.LARGE = 1
    studio = Studio()
    numbers = list(range(args.job, args.count, args.jobs))
    for case in args.cases:
        draw(studio, layouts, args.folder, case, numbers)
        measure(layouts, args.folder, case, numbers)
    if args.jobs > 1:
        return
    records = {case: measure(layouts, args.folder, case, numbers) for case in args.cases}
    totals = {case: summarise(records[case]) for case in args.cases}
    sys.stdout.write(table(totals))
    first, *others = args.cases
    for case in others:
        more, error = leaked_more(records[first], records[case])
        sys.stdout.write(f"{case}: leaked colour {more:+.2%} against {first}, standard error {error:.2%}\n")
    if (args.count, args.stream) == (COUNT, STREAM) and set(args.cases) == set(CASES):
        counts = [len(layout.instances) for layout in layouts]
        write(totals, {case: by_count(records[case], counts) for case in records})
        for name, rows, scenes in (
            ("shapeworld", ROWS, range(COLUMNS)),
            ("leaking", LEAKING, most_leaking(records["weak"])),
        ):
            grid(layouts, args.folder, rows, scenes).save(ROOT / "web" / "docs" / f"{name}.jpg", quality=88)


def table(totals: dict[str, Totals]) -> str:
    """Markdown: a line for each case."""
    lines = ["| | " + " | ".join(SHOWN) + " |", "|" + "---|" * (len(SHOWN) + 1)]
    lines += [
        f"| {case} | " + " | ".join(_shown(getattr(total, name)) for name in SHOWN) + " |"
        for case, total in totals.items()
    ]
    return "\n".join(lines) + "\n"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def grid(layouts: list[Layout], folder: Path, rows: dict[str, str], scenes: Sequence[int]) -> Image.Image:
    """A row of pictures for each case, a column for each scene."""
    drawn = {case: [Image.open(folder / case / f"{n:03}.png") for n in scenes] for case in rows.values() if case}
    boxes = [draw_layout(only(layouts[n], "box"), 256, 256) for n in scenes]
    return sheet([(title, drawn.get(case, boxes)) for title, case in rows.items()], SIDE, MARGIN)


def most_leaking(records: list[Record]) -> list[int]:
    """The scenes in which the most regions' worth of colour leaked."""
    leaked = [sum(row.leakage or 0.0 for row in record.rows) for record in records]
    return sorted(range(len(records)), key=lambda n: -leaked[n])[:COLUMNS]


MERGES = ("average", "crop", "masked")
SHOWN = (
    "box_ap50",
    "box_ap",
    "mask_miou",
    "pim_point",
    "pim_scribble",
    "color_acc",
    "texture_acc",
    "leakage",
    "success",
)


def by_count(records: list[Record], counts: list[int]) -> dict[str, float | None]:
    """Number of instances -> leakage of the pictures with so many."""
    return {
        str(n): summarise([record for record, count in zip(records, counts, strict=True) if count == n]).leakage
        for n in sorted(set(counts))
    }


def leaked_more(one: list[Record], other: list[Record]) -> tuple[float, float]:
    """Leakage of the other minus that of the one, on the same scenes; and its standard error, by a bootstrap over the scenes."""
    pairs = [
        [(b.leakage - a.leakage) for a, b in zip(x.rows, y.rows, strict=True) if a.leakage is not None]
        for x, y in zip(one, other, strict=True)
    ]
    sums, counts = np.array([sum(pair) for pair in pairs]), np.array([len(pair) for pair in pairs])
    drawn = np.random.default_rng(0).integers(len(pairs), size=(4000, len(pairs)))
    return sums.sum() / counts.sum(), (sums[drawn].sum(1) / counts[drawn].sum(1)).std()


def write(totals: dict[str, Totals], leakage: dict[str, dict[str, float | None]]) -> None:
    def row(case: dict[str, str]) -> dict[str, float | None]:
        return {name: getattr(totals[source], name) for name, source in case.items()}

    ours = {
        "box_ap50": "box",
        "mask_miou": "mask",
        "pim_point": "point",
        "pim_scribble": "scribble",
        "color_acc": "box",
        "texture_acc": "box",
    }
    result = {
        "base": row(dict.fromkeys(ours, "base")),
        "instdiff": row(ours),
        "leakage": {"without_mis": totals["box"].leakage, "with_mis": totals["mis_average"].leakage},
        "leakage_by_instances": {"without_mis": leakage["box"], "with_mis": leakage["mis_average"]},
        "leakage_at_half_strength": {
            "without_mis": totals["weak"].leakage,
            "with_mis": {merge: totals[f"weak_mis_{merge}"].leakage for merge in MERGES},
        },
        "leakage_at_half_strength_by_instances": {
            "without_mis": leakage["weak"],
            "with_mis": {merge: leakage[f"weak_mis_{merge}"] for merge in MERGES},
        },
        "cases": {
            case: {
                **{k: v for k, v in total.__dict__.items() if v is not None},
                "settings": {"formats": CASES[case][0], **CASES[case][1].__dict__},
            }
            for case, total in totals.items()
        },
        "command": "python tests/bench/shapeworld.py FOLDER",
        "seeds": {"stream": STREAM, "numbers": list(range(COUNT))},
        "model": {"file": DEMO_FILE.name, "sha256": hashlib.sha256(DEMO_FILE.read_bytes()).hexdigest()},
        "date": time.strftime("%Y-%m-%d"),
    }
    (HERE / "shapeworld.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_pages.write()


if __name__ == "__main__":
    main()
