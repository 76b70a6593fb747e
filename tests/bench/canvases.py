"""Canvases of other shapes, and many instances: held-out scenes that the demo model draws, as `shapeworld.py` measures them.

    python tests/bench/canvases.py FOLDER                       draw and measure; pictures that are in FOLDER are kept
    python tests/bench/canvases.py FOLDER --job 0 --jobs 2      every second scene; run without --job at the end

Writes canvases.json beside this file, web/docs/canvases.jpg and the tables in web/about/results.md.
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

from bench import shapeworld, write_pages
from bench.shapeworld import PLAIN, SHARE, changed
from bench.sheet import sheet
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.record import Record
from instdiff.instdiff_modules.metrics.report import summarise
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.nodes.demo_model import DEMO_FILE
from PIL import Image, ImageOps
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import random_scene
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
STREAM, BATCH = 2030, 10  # scenes of this stream were never trained on
MEASURES = ("box_ap50", "mask_miou", "pim_point", "color_acc", "texture_acc", "leakage", "success")
LOCATIONS = ("box", "point")
BRANCHES = {"average": changed(share=SHARE)}
SHOWN, CELL = 6, 150  # of the sheet: pictures in a row, pixels of their squares


@dataclass(frozen=True)
class Scenes:
    """Scenes of one canvas, with the fewest and the most instances; in_branches: drawn with multi-instance sampling, too."""

    width: int
    height: int
    counts: tuple[int, int]
    pictures: int = 30
    in_branches: bool = False

    @property
    def name(self) -> str:
        fewest, most = self.counts
        return f"{self.width}x{self.height}, {fewest if fewest == most else f'{fewest} to {most}'}"

    @property
    def folder(self) -> str:
        return self.name.replace(", ", "_").replace(" ", "_")

    def layouts(self) -> list[Layout]:
        """Of the first scenes of the stream that have room for the fewest instances."""
        seeds = ((STREAM, self.width, self.height, *self.counts, n) for n in count())
        scenes = (random_scene(seed, self.width, self.height, self.counts) for seed in seeds)
        roomy = (scene for scene in scenes if len(scene.things) >= self.counts[0])
        return [scene_layout(scene, n) for n, scene in enumerate(islice(roomy, self.pictures))]

    def cases(self) -> dict[str, tuple[str, Settings]]:
        """name -> the location that is given, settings."""
        plain = {location: (location, PLAIN) for location in LOCATIONS}
        return {
            **plain,
            **({merge: ("box", settings) for merge, settings in BRANCHES.items()} if self.in_branches else {}),
        }


ALL = (
    *(Scenes(*size, (1, 6)) for size in ((256, 256), (384, 256), (256, 384), (512, 256), (256, 512))),
    *(Scenes(256, 256, (many, many), in_branches=True) for many in (2, 4, 6, 10)),
    *(Scenes(256, 256, (many, many), 24) for many in (20, 30)),
)
ON_SHEET = (ALL[3], ALL[4], ALL[8], ALL[10])


def drawn(
    studio: Studio, folder: Path, scenes: Scenes, layouts: list[Layout], numbers: list[int]
) -> dict[str, list[Record]]:
    """What the detector reads in the pictures of these numbers, for each case; those that are missing are drawn."""
    own, records = folder / scenes.folder, {}
    for case, (location, settings) in scenes.cases().items():
        (own / case).mkdir(parents=True, exist_ok=True)
        left = [n for n in numbers if not (own / case / f"{n:03}.png").exists()]
        for at in range(0, len(left), BATCH):
            some = left[at : at + BATCH]
            pictures = studio.draw([only(layouts[n], location) for n in some], some, settings)
            for n, picture in zip(some, pictures, strict=True):
                Image.fromarray(picture).save(own / case / f"{n:03}.png")
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {scenes.name} {case} {some[-1] + 1}\n")
        records[case] = shapeworld.measure(layouts, own, case, numbers)
    return records


def result(records: dict[str, list[Record]]) -> dict[str, object]:
    """Of one kind of scenes: every case's measures; of those in branches how much more colour leaks than without, and its standard error."""
    cases: dict[str, dict[str, object]] = {}
    for case, some in records.items():
        totals = summarise(some)
        cases[case] = {name: getattr(totals, name) for name in MEASURES} | {"instances": totals.instances}
        if case in BRANCHES:
            cases[case]["leaked more"] = [float(value) for value in shapeworld.leaked_more(records["box"], some)]
    return {"pictures": len(records["box"]), "cases": cases}


def rows(folder: Path, scenes: Scenes, layouts: list[Layout]) -> list[tuple[str, list[Image.Image]]]:
    """Of the sheet: the first scenes of a kind, not chosen ones, and their pictures by boxes."""
    pictures = [Image.open(folder / scenes.folder / "box" / f"{n:03}.png").convert("RGB") for n in range(SHOWN)]
    boxes = [draw_layout(only(layouts[n], "box"), *picture.size) for n, picture in enumerate(pictures)]
    fitted = [[ImageOps.pad(one, (512, 512), color="white") for one in some] for some in (boxes, pictures)]
    return [(scenes.name.replace(", ", "\n"), fitted[0]), ("", fitted[1])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--job", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    studio, results, pictures = Studio(), {}, []
    for scenes in ALL:
        layouts = scenes.layouts()
        records = drawn(studio, args.folder, scenes, layouts, list(range(args.job, scenes.pictures, args.jobs)))
        if args.jobs == 1:
            results[scenes.name] = result(records)
            if scenes in ON_SHEET:
                pictures += rows(args.folder, scenes, layouts)
    if args.jobs > 1:
        return
    about = {
        "command": "python tests/bench/canvases.py FOLDER",
        "stream": STREAM,
        "model": {"file": DEMO_FILE.name, "sha256": hashlib.sha256(DEMO_FILE.read_bytes()).hexdigest()},
        "date": time.strftime("%Y-%m-%d"),
    }
    (HERE / "canvases.json").write_text(json.dumps({"scenes": results, **about}, indent=1) + "\n", encoding="utf-8")
    sheet(pictures, CELL, 100).save(ROOT / "web" / "docs" / "canvases.jpg", quality=88)
    write_pages.write()


if __name__ == "__main__":
    main()
