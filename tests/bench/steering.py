"""Does Apply Layout steer a model that knows no locations? The demo model's base, beside masked conditioning and UniFusion.

    python tests/bench/steering.py FOLDER                 draw and measure; pictures that are in FOLDER are kept
    python tests/bench/steering.py FOLDER --job 0 --jobs 2    every second one; run without --job at the end

Writes steering.json beside this file and the table in web/about/models.md.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
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
from comfy.patcher_extension import WrappersMP
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.report import summarise
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from instdiff.nodes.conditioning import InstDiffToConditioning
from instdiff.nodes.region_run import KEY as REGIONS
from instdiff.nodes.sampler import with_multi_instance
from PIL import Image
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
COUNT, BATCH = 40, 10
KEPT = ("box_ap50", "box_ap", "color_acc", "leakage", "success")


@dataclass(frozen=True)
class Case:
    """background: the prompt of the picture is its background alone; share: of multi-instance sampling.

    layout: settings of Apply Layout; None: without. regions: whether its masks act beside the windows.
    """

    background: bool = True
    layout: dict[str, Any] | None = field(default_factory=lambda: {"global_share": 0.0})
    share: float = 0.0
    regions: bool = True


CASES = {
    "base": Case(background=False, layout=None),
    "masked": Case(layout=None),
    "regions": Case(background=False, layout={}),
    "regions_alone": Case(),
    "regions_cut": Case(layout={"global_share": 0.0, "picture_attention": "cut"}),
    "windows_alone": Case(share=1.0, regions=False),
    "windows": Case(share=0.34),
    "unifusion": Case(background=False, layout=None),
}


class Work:
    """APPLY_MODEL wrapper: pictures given to the model; a window counts by its area."""

    def __init__(self, cells: int) -> None:
        self.cells, self.pictures = cells, 0.0

    def __call__(self, executor: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        self.pictures += len(x) * x.shape[-2] * x.shape[-1] / self.cells
        return executor(x, *args, **kwargs)


def prepared(studio: Studio, name: str, layouts: list[Layout]) -> tuple[Any, Any]:
    """MODEL and positive CONDITIONING of a case."""
    case = CASES[name]
    words = [f"on {layout.prompt.rpartition(' on ')[2]}" if case.background else layout.prompt for layout in layouts]
    positive = studio.encode(words)
    if name == "masked":
        return studio.model, InstDiffToConditioning.execute(positive, studio.clip, tuple(layouts), "masks", 1.0).args[0]
    if case.layout is None:
        return studio.grounded(layouts, PLAIN) if name == "unifusion" else studio.model, positive
    widgets = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0, **case.layout}
    model, positive = InstDiffApplyLayout.execute(studio.model, studio.clip, positive, tuple(layouts), **widgets).args[
        :2
    ]
    if not case.regions:
        model.remove_wrappers_with_key(WrappersMP.CALC_COND_BATCH, REGIONS)
    return with_multi_instance(model, case.share, "crop and paste", 0), positive


@torch.inference_mode()
def draw(
    studio: Studio, name: str, layouts: list[Layout], seeds: list[int], settings: Settings = PLAIN
) -> tuple[list[np.ndarray], float]:
    """Pictures (H, W, 3) uint8 of 256 x 256 pixels; how many the model was given for each of them."""
    model, positive = prepared(studio, name, [only(layout, "box") for layout in layouts])
    work = Work(32 * 32)
    model = model.clone()
    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "instdiff_work", work)
    latents = studio.latents(model, positive, seeds, (256, 256), settings)
    pictures = studio.vae.decode(latents).clamp(0, 1)
    return [(picture * 255).round().byte().numpy() for picture in pictures], work.pictures / len(layouts)


def fill(
    folder: Path, studio: Studio, layouts: list[Layout], name: str, numbers: list[int], settings: Settings = PLAIN
) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    left = [n for n in numbers if not (folder / name / f"{n:03}.work").exists()]
    size = 1 if name == "masked" else BATCH  # masked conditioning takes a single layout
    for at in range(0, len(left), size):
        some = left[at : at + size]
        pictures, work = draw(studio, name, [layouts[n] for n in some], some, settings)
        for n, picture in zip(some, pictures, strict=True):
            Image.fromarray(picture).save(folder / name / f"{n:03}.png")
            (folder / name / f"{n:03}.work").write_text(f"{work}")
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name} {some[-1] + 1}\n")


def work(folder: Path, name: str, numbers: list[int]) -> float:
    return float(np.mean([float((folder / name / f"{n:03}.work").read_text()) for n in numbers]))


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
    for name in CASES:
        fill(args.folder, studio, layouts, name, numbers)
        measure(layouts, args.folder, name, numbers)
    if args.jobs > 1:
        return
    totals = {name: summarise(measure(layouts, args.folder, name, numbers)) for name in CASES}
    plain = work(args.folder, "base", numbers)
    rows = {
        name: {key: getattr(total, key) for key in KEPT} | {"cost": work(args.folder, name, numbers) / plain}
        for name, total in totals.items()
    }
    result = {"cases": rows, "scenes": args.count, "instances": totals["base"].instances, "stream": STREAM}
    result |= {"command": "python tests/bench/steering.py FOLDER", "date": time.strftime("%Y-%m-%d")}
    (HERE / "steering.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_pages.write()


if __name__ == "__main__":
    main()
