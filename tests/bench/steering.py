"""Does Apply Layout steer a model that knows no locations? The demo model's base under regions, beside the base alone and UniFusion.

    python tests/bench/steering.py FOLDER                 draw and measure; pictures that are in FOLDER are kept
    python tests/bench/steering.py FOLDER --job 0 --jobs 2    every second one; run without --job at the end

Writes steering.json beside this file and the table in web/about/models.md.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench import write_pages
from bench.shapeworld import PLAIN, STREAM, held_layouts, measure
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.report import summarise
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from PIL import Image
from support.studio import Studio, only

HERE = Path(__file__).resolve().parent
COUNT, BATCH = 40, 10
# name -> settings of Apply Layout, and whether the prompt of the picture names the background alone; None: other ways
REGIONS: dict[str, tuple[dict[str, Any], bool] | None] = {
    "base": None,
    "regions": ({}, False),
    "regions_alone": ({"global_share": 0.0}, True),
    "regions_alone_cut": ({"global_share": 0.0, "picture_attention": "cut"}, True),
    "unifusion": None,
}
KEPT = ("box_ap50", "box_ap", "color_acc", "leakage", "success")


@torch.inference_mode()
def draw(studio: Studio, case: str, layouts: list[Layout], seeds: list[int]) -> list[np.ndarray]:
    """Pictures (H, W, 3) uint8 of 256 x 256 pixels."""
    boxes, settings = [only(layout, "box") for layout in layouts], REGIONS[case]
    if settings is None:
        return studio.draw(boxes, seeds, PLAIN, grounded=case == "unifusion")
    given, background = settings
    captions = [layout.prompt.rpartition(" on ")[2] if background else layout.prompt for layout in layouts]
    widgets = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0, **given}
    applied = InstDiffApplyLayout.execute(studio.model, studio.clip, studio.encode(captions), tuple(boxes), **widgets)
    latents = studio.latents(*applied.args[:2], seeds, (256, 256), PLAIN)
    return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in studio.vae.decode(latents)]


def fill(folder: Path, studio: Studio, layouts: list[Layout], case: str, numbers: list[int]) -> None:
    (folder / case).mkdir(parents=True, exist_ok=True)
    left = [n for n in numbers if not (folder / case / f"{n:03}.png").exists()]
    for at in range(0, len(left), BATCH):
        some = left[at : at + BATCH]
        for n, picture in zip(some, draw(studio, case, [layouts[n] for n in some], some), strict=True):
            Image.fromarray(picture).save(folder / case / f"{n:03}.png")
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {case} {some[-1] + 1}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--job", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--count", type=int, default=COUNT, help="the first scenes of the stream that was never trained on"
    )
    args = parser.parse_args()
    layouts, numbers = held_layouts(args.count), list(range(args.job, args.count, args.jobs))
    studio = Studio()
    for case in REGIONS:
        fill(args.folder, studio, layouts, case, numbers)
        measure(layouts, args.folder, case, numbers)
    if args.jobs > 1:
        return
    totals = {case: summarise(measure(layouts, args.folder, case, numbers)) for case in REGIONS}
    rows = {case: {name: getattr(total, name) for name in KEPT} for case, total in totals.items()}
    result = {"cases": rows, "scenes": args.count, "instances": totals["base"].instances, "stream": STREAM}
    result |= {"command": "python tests/bench/steering.py FOLDER", "date": time.strftime("%Y-%m-%d")}
    (HERE / "steering.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_pages.write()


if __name__ == "__main__":
    main()
