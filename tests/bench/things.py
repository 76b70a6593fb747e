"""Draw held-out scenes of the world of things with a demo model that knows it, and measure the pictures with that world's detector.

    python tests/bench/things.py FILE DETECTOR FOLDER     a packed model, detector_final.pt of its training, a folder for pictures

Prints a table; pictures that are in FOLDER are kept. The first line reads the true scenes: the most that can be had.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import thing_detector
import torch
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.detection import Detection
from instdiff.instdiff_modules.metrics.report import Totals, summarise
from instdiff.instdiff_modules.metrics.score import Settings as Measure
from instdiff.instdiff_modules.metrics.score import score_picture
from instdiff.nodes import demo_model
from PIL import Image
from support.shapeworld.layouts import scene_layout
from support.studio import Settings, Studio, only
from support.thingworld.render import render_things, without_unseen
from support.thingworld.scene import random_things
from support.thingworld.words import KIND

STREAM, COUNT = 2028, 200  # scenes of this stream are never trained on
PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
CASES = {"base alone": (), **{name: (name,) for name in ("box", "mask", "point", "scribble")}}
CANVASES = {"squares": ((256, 256), (1, 6)), "wide": ((512, 256), (1, 6)), "tall": ((256, 512), (1, 6)), "many": ((256, 256), (20, 30))}  # fmt: skip
SHOWN = ("box_ap50", "box_ap", "mask_miou", "pim_point", "pim_scribble", "color_acc", "success")


def directions(layout: Layout, found: list[Detection]) -> list[bool]:
    """Of every instance whose prompt tells a direction, and in whose place something of its kind is found: does it look there?"""
    out = []
    for instance in layout.instances:
        words = instance.prompt.split()
        near = [one for one in found if _overlap(one.box, instance.box) > 0.5 and one.attributes["shape"] in words]
        if "facing" in words and near:
            out.append(near[0].attributes.get("facing") == words[-1])
    return out


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    sides = (max(min(one[i + 2], other[i + 2]) - max(one[i], other[i]), 0) for i in (0, 1))
    common = float(np.prod(list(sides)))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common)


def line(name: str, totals: Totals, facing: list[bool]) -> str:
    shown = ["" if (value := getattr(totals, key)) is None else f"{value:.3f}" for key in SHOWN]
    return f"| {name} | " + " | ".join([*shown, f"{np.mean(facing):.3f}" if facing else ""]) + " |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("file", "detector", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--canvas", choices=CANVASES, default="squares")
    args = parser.parse_args()
    net = thing_detector.ThingNet()
    net.load_state_dict({key: value.float() for key, value in torch.load(args.detector, weights_only=True).items()})
    demo_model.DEMO_FILE = args.file
    studio, ((width, height), counts) = Studio(), CANVASES[args.canvas]
    scenes = [without_unseen(random_things((STREAM, n), width, height, counts)) for n in range(args.count)]
    drawn = [render_things(scene) for scene in scenes]
    layouts = [scene_layout(scene, i, one.visible) for i, (scene, one) in enumerate(zip(scenes, drawn, strict=True))]
    sys.stdout.write("| | " + " | ".join((*SHOWN, "facing")) + " |\n" + "|---" * (len(SHOWN) + 2) + "|\n")
    for case, formats in {"true scenes": None, **CASES}.items():
        folder, records, facing = args.folder / args.canvas / case.replace(" ", "_"), [], []
        folder.mkdir(parents=True, exist_ok=True)
        for number, layout in enumerate(layouts):
            path = folder / f"{number:03}.png"
            if not path.exists():
                given = only(layout, *formats) if formats else layout
                picture = (
                    drawn[number].picture
                    if formats is None
                    else studio.draw([given], [number], PLAIN, grounded=bool(formats))[0]
                )
                Image.fromarray(picture).save(path)
            picture = np.asarray(Image.open(path))
            found = thing_detector.find_things(net, picture)
            records.append(
                score_picture(str(number), layout, found, (width, height), Measure(categories=tuple(KIND)), picture)
            )
            facing += directions(layout, found)
        sys.stdout.write(line(case, summarise(records), facing))


if __name__ == "__main__":
    main()
