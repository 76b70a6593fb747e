"""Does Apply Layout steer a flow transformer that knows no locations? A small Lumina 2, trained on captions alone, at 20, 8 and 4 steps.

    python tests/bench/flow_steering.py FILE FOLDER        a packed model (tests/training/pack_flow.py), a folder for pictures

Pictures that are in FOLDER are kept; `--job 0 --jobs 2` draws every second one, run without --job at the end. The cases are those of
steering.py. Writes flow_steering.json beside this file, and the table and the picture of web/about/models.md.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import torch
from bench import write_pages
from bench.shapeworld import COLUMNS, MARGIN, SIDE, STREAM, held_layouts, measure
from bench.sheet import sheet
from bench.steering import KEPT, fill, work
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.report import summarise
from instdiff.instdiff_modules.preview.draw import draw_layout
from PIL import Image
from support.flow_model import FlowStudio
from support.studio import Settings, only

HERE = Path(__file__).resolve().parent
COUNT = 24
STEPS = (20, 8, 4)
PLAIN = Settings(sampler="euler", scheduler="simple", cfg=3.0)
NAMES = ("base", "masked", "regions", "regions_alone", "regions_cut", "windows_alone", "windows")
SHOWN = {
    "layout": None,
    "base alone": ("base", 20),
    "masked\nconditioning": ("masked", 20),
    "regions": ("regions_alone", 20),
    "regions and\nwindows": ("windows", 20),
    "the same,\n8 steps": ("windows", 8),
    "the same,\n4 steps": ("windows", 4),
}


def at(steps: int) -> Settings:
    return replace(PLAIN, steps=steps)


def grid(layouts: list[Layout], folder: Path) -> Image.Image:
    """The first scenes, not chosen ones."""
    boxes = [draw_layout(only(layout, "box"), 256, 256) for layout in layouts[:COLUMNS]]
    rows = []
    for title, case in SHOWN.items():
        name, steps = case or ("", 0)
        rows.append(
            (title, [Image.open(folder / f"{steps}" / name / f"{n:03}.png") for n in range(COLUMNS)] if case else boxes)
        )
    return sheet(rows, SIDE, MARGIN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--job", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--count", type=int, default=COUNT, help="the first scenes of the stream that was never trained on"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    layouts, numbers = held_layouts(args.count), list(range(args.job, args.count, args.jobs))
    studio = FlowStudio(args.file)
    for steps in STEPS:
        for name in NAMES:
            fill(args.folder / f"{steps}", studio, layouts, name, numbers, at(steps))
            measure(layouts, args.folder / f"{steps}", name, numbers)
    if args.jobs > 1:
        return
    found = {}
    for steps in STEPS:
        folder = args.folder / f"{steps}"
        totals = {name: summarise(measure(layouts, folder, name, numbers)) for name in NAMES}
        calls = {name: work(folder, name, numbers) for name in NAMES}
        found[steps] = {
            name: {key: getattr(total, key) for key in KEPT} | {"cost": calls[name] / calls["base"]}
            for name, total in totals.items()
        }
    result = {"steps": found, "scenes": args.count, "stream": STREAM, "cfg": PLAIN.cfg}
    result |= {"command": "python tests/bench/flow_steering.py FILE FOLDER", "date": time.strftime("%Y-%m-%d")}
    (HERE / "flow_steering.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    grid(layouts, args.folder).convert("RGB").save(write_pages.ROOT / "web" / "docs" / "flow-steering.jpg", quality=85)
    write_pages.write()


if __name__ == "__main__":
    main()
