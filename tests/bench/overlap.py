"""Overlapping instances: Tests 0 to 5 of a public study of InstanceDiffusion (six experiments on overlaps), in the shape world; 6: ordinary scenes.

    python tests/bench/overlap.py FOLDER --seeds 24                 draws and measures every condition
    python tests/bench/overlap.py FOLDER --seeds 200 --only 2 "parts, regions"    these tests and conditions alone, with more seeds
    python tests/bench/overlap.py FOLDER --seeds 24 --job 0 --jobs 2    every second condition; run without --job at the end

Writes overlap.json beside this file, web/docs/overlap.jpg and the table in web/about/overlaps.md, of all pictures in FOLDER.
Pictures that are there are kept; conditions without any keep what the table says of them. Seed n gives every condition the same noise.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench import write_pages
from bench.overlap_conditions import PLAIN, REGIONS, WAYS, Condition, conditions, true_scene
from bench.overlap_measures import interval
from bench.sheet import sheet
from instdiff.instdiff_modules.metrics.detection import detect_shapes
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from PIL import Image
from support.pack import ROOT
from support.shapeworld.render import render
from support.studio import Studio

HERE = Path(__file__).resolve().parent
BATCH = 8


@torch.inference_mode()
def draw(studio: Studio, condition: Condition, seeds: list[int]) -> list[np.ndarray]:
    """Pictures (H, W, 3) uint8 of 256 x 256 pixels."""
    settings, layouts = WAYS[condition.way], [condition.of(seed)[0] for seed in seeds]
    if settings is not None:
        return studio.draw(layouts, seeds, settings)
    latents = (
        _by_regions(studio, condition, seeds)
        if condition.way == REGIONS
        else _of_true_pictures(studio, condition, seeds)
    )
    return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in studio.vae.decode(latents)]


def _by_regions(studio: Studio, condition: Condition, seeds: list[int]) -> torch.Tensor:
    background = condition.layout.prompt.rpartition(" on ")[2]  # as in steering.py: each prompt in its own region alone
    widgets = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 0.0}
    positive = studio.encode([background] * len(seeds))
    layouts = tuple([condition.layout] * len(seeds))
    applied = InstDiffApplyLayout.execute(studio.model, studio.clip, positive, layouts, **widgets)
    return studio.latents(*applied.args[:2], seeds, (256, 256), PLAIN)


def _of_true_pictures(studio: Studio, condition: Condition, seeds: list[int]) -> torch.Tensor:
    pictures = np.stack([render(true_scene(condition.layout, seed)).picture for seed in seeds])
    return studio.vae.encode(torch.from_numpy(pictures).float() / 255)


def fill(folder: Path, studio: Studio, condition: Condition, seeds: int) -> None:
    """Draw and measure what is missing of the first seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    left = [n for n in range(seeds) if not (folder / f"{n:03}.json").exists()]
    for at in range(0, len(left), BATCH):
        some = left[at : at + BATCH]
        for n, picture in zip(some, draw(studio, condition, some), strict=True):
            Image.fromarray(picture).save(folder / f"{n:03}.png")
            seen = detect_shapes(picture)
            values = {name: measure(picture, seen) for name, measure in condition.of(n)[1].items()}
            (folder / f"{n:03}.json").write_text(json.dumps(values), encoding="utf-8")
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {condition.test} {condition.title} {some[-1] + 1}\n")


SIDE, TITLE, SHOWN = 84, 400, 6


def shown(
    condition: Condition, folder: Path, values: dict[str, tuple[float, float, float]]
) -> tuple[str, list[Image.Image]]:
    """A row of the sheet: what it is and measured; its layout, its first pictures."""
    lines = [f"Test {condition.test}: {condition.title}"]
    lines += [f"    {name}: {value:.2f}" for name, (value, _, _) in values.items()]
    pictures = [Image.open(folder / f"{n:03}.png").convert("RGB") for n in range(SHOWN)]
    return "\n".join(lines), [draw_layout(condition.layout, 256, 256), *pictures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=[""], help="numbers of tests, pieces of the names of conditions")
    parser.add_argument("--job", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    chosen = [c for c in conditions() if any(o == str(c.test) if o.isdigit() else o in c.title for o in args.only)]
    studio = Studio()
    for condition in chosen[args.job :: args.jobs]:
        fill(args.folder / condition.folder, studio, condition, args.seeds)
    if args.jobs == 1:
        write(args.folder)


def write(folder: Path) -> None:
    """The table and the sheet, of all that is in the folder. Conditions without pictures there keep their row of the table."""
    path = HERE / "overlap.json"
    before = {(one["test"], one["condition"]): one for one in json.loads(path.read_text(encoding="utf-8"))["results"]}
    rows, results = [], []
    for condition in conditions():
        own = folder / condition.folder
        read = [json.loads(one.read_text(encoding="utf-8")) for one in sorted(own.glob("*.json"))]
        if len(read) >= SHOWN:
            values = {name: interval([one[name] for one in read]) for name in condition.measures}
            results.append({"test": condition.test, "condition": condition.title, "pictures": len(read), **values})
            rows.append(shown(condition, own, values))
        elif (condition.test, condition.title) in before:
            results.append(before[condition.test, condition.title])
    path.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")
    sheet(rows, SIDE, TITLE, 12).save(ROOT / "web" / "docs" / "overlap.jpg", quality=85)
    write_pages.write()


if __name__ == "__main__":
    main()
