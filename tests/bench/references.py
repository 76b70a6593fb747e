"""Reference pictures in the shape world: an instance is described as one thing, its reference shows another look.

    python tests/bench/references.py FOLDER --seeds 24      draws and measures every condition

Writes references.json beside this file, web/docs/references.jpg and the table in web/about/references.md, of all pictures in FOLDER.
Pictures that are there are kept; conditions without any keep what the table says of them. Seed n gives every condition the same noise.
"""

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench import write_pages
from bench.overlap_measures import interval
from bench.sheet import sheet
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.attributes import COLORS, color_map
from instdiff.instdiff_modules.metrics.detection import Detection, detect_shapes
from instdiff.nodes.references import InstDiffApplyReferences
from PIL import Image
from support.pack import ROOT
from support.shapeworld.captions import sentence
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing
from support.studio import Settings, Studio

HERE = Path(__file__).resolve().parent
BATCH, BACKGROUND = 8, "white"
PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
LEFT, RIGHT = (0.06, 0.28, 0.48, 0.70), (0.55, 0.30, 0.93, 0.68)
OTHER = Instance("other", "a green circle", box=RIGHT)
# What the instance is said to be, and what its reference shows.
CASES = {
    "red star, reference a striped pink star": ("a red star", Thing("star", "pink", "striped", (0.5, 0.5), 0.85)),
    "red star, reference a plain yellow heart": ("a red star", Thing("heart", "yellow", "plain", (0.5, 0.5), 0.75)),
    "star without a colour, reference a striped pink star": (
        "a star",
        Thing("star", "pink", "striped", (0.5, 0.5), 0.85),
    ),
}
# Inputs of Apply References; None: without it.
WAYS: dict[str, dict[str, Any] | None] = {
    "without": None,
    "strength 1": {"strength": 1.0},
    "strength 2": {"strength": 2.0},
    "strength 1, noise 0": {"strength": 1.0, "noise": 0.0},
    "strength 2, noise 0": {"strength": 2.0, "noise": 0.0},
    "strength 2, noise 0, multi-instance sampling": {"strength": 2.0, "noise": 0.0},
}
MEASURES = ("reference's colour", "pixels of its colour", "shape of the prompt", "other instance kept")


@dataclass(frozen=True)
class Condition:
    case: str
    way: str
    prompt: str
    thing: Thing
    inputs: dict[str, Any] | None = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        one = Instance("one", self.prompt, box=LEFT)
        return Layout((one, OTHER), 256, 256, sentence([one.prompt, OTHER.prompt], BACKGROUND))

    @property
    def folder(self) -> str:
        return re.sub(r"[^a-z0-9]+", "_", f"{self.case} {self.way}")


def conditions() -> list[Condition]:
    return [Condition(case, way, *given, inputs) for case, given in CASES.items() for way, inputs in WAYS.items()]


def picture_of(thing: Thing) -> np.ndarray:
    """The reference, (256, 256, 3) uint8."""
    return render(Scene(256, 256, BACKGROUND, (thing,))).picture


@torch.inference_mode()
def draw(studio: Studio, condition: Condition, seeds: list[int]) -> list[np.ndarray]:
    """Pictures (256, 256, 3) uint8."""
    layout = condition.layout
    settings = replace(PLAIN, share=0.36) if condition.way.endswith("multi-instance sampling") else PLAIN
    model = studio.grounded([layout] * len(seeds), settings)
    if condition.inputs is not None:
        images = torch.from_numpy(picture_of(condition.thing).astype(np.float32) / 255)[None]
        inputs = {"start": 0.0, "end": 1.0, **condition.inputs, "images": images, "of": "one"}
        model = InstDiffApplyReferences.execute(model, studio.clip, studio.vae, (layout,), **inputs).args[0]
    latents = studio.latents(model, studio.encode([layout.prompt] * len(seeds)), seeds, (256, 256), settings)
    return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in studio.vae.decode(latents)]


def measured(condition: Condition, picture: np.ndarray) -> dict[str, float]:
    """Every measure of one picture, in 0..1."""
    seen = detect_shapes(picture)
    one, other = _at(LEFT, seen), _at(RIGHT, seen)
    x0, y0, x1, y1 = (round(v * 256) for v in LEFT)
    named = color_map(picture)[y0:y1, x0:x1]
    drawn = named != COLORS.index(BACKGROUND)
    own = named == COLORS.index(condition.thing.color)
    shape = condition.prompt.split()[-1]
    values = (
        one is not None and one.attributes["color"] == condition.thing.color,
        float((own & drawn).sum() / max(drawn.sum(), 1)) if drawn.mean() > 0.02 else 0.0,
        one is not None and one.attributes["shape"] == shape,
        other is not None and other.label == OTHER.prompt,
    )
    return dict(zip(MEASURES, map(float, values), strict=True))


def _at(box: tuple[float, float, float, float], seen: list[Detection]) -> Detection | None:
    """The largest object whose middle lies in the box."""
    inside = [
        d for d in seen if box[0] < (d.box[0] + d.box[2]) / 2 < box[2] and box[1] < (d.box[1] + d.box[3]) / 2 < box[3]
    ]
    return max(inside, key=lambda d: (d.box[2] - d.box[0]) * (d.box[3] - d.box[1]), default=None)


def fill(folder: Path, studio: Studio, condition: Condition, seeds: int) -> None:
    """Draw and measure what is missing of the first seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    left = [n for n in range(seeds) if not (folder / f"{n:03}.json").exists()]
    for at in range(0, len(left), BATCH):
        some = left[at : at + BATCH]
        for n, picture in zip(some, draw(studio, condition, some), strict=True):
            Image.fromarray(picture).save(folder / f"{n:03}.png")
            (folder / f"{n:03}.json").write_text(json.dumps(measured(condition, picture)), encoding="utf-8")
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {condition.case}, {condition.way} {some[-1] + 1}\n")


SIDE, TITLE, SHOWN = 84, 400, 6


def shown(
    condition: Condition, folder: Path, values: dict[str, tuple[float, float, float]]
) -> tuple[str, list[Image.Image]]:
    """A row of the sheet: what it is and measured; its reference, its first pictures."""
    lines = [condition.case, f"    {condition.way}", *(f"    {name}: {values[name][0]:.2f}" for name in MEASURES[:2])]
    pictures = [Image.open(folder / f"{n:03}.png").convert("RGB") for n in range(SHOWN)]
    return "\n".join(lines), [Image.fromarray(picture_of(condition.thing)), *pictures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--only", nargs="*", default=[""], help="pieces of the names of conditions")
    args = parser.parse_args()
    studio = Studio()
    for condition in conditions():
        if any(only in f"{condition.case}, {condition.way}" for only in args.only):
            fill(args.folder / condition.folder, studio, condition, args.seeds)
    write(args.folder)


def write(folder: Path) -> None:
    """The table and the sheet, of all that is in the folder. Conditions without pictures there keep their row of the table."""
    path = HERE / "references.json"
    before = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else []
    known = {(one["case"], one["way"]): one for one in before}
    rows, results = [], []
    for condition in conditions():
        own = folder / condition.folder
        read = [json.loads(one.read_text(encoding="utf-8")) for one in sorted(own.glob("*.json"))]
        if len(read) >= SHOWN:
            values = {name: interval([one[name] for one in read]) for name in MEASURES}
            results.append({"case": condition.case, "way": condition.way, "pictures": len(read), **values})
            rows.append(shown(condition, own, values))
        elif (condition.case, condition.way) in known:
            results.append(known[condition.case, condition.way])
    path.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")
    sheet(rows, SIDE, TITLE, 12).save(ROOT / "web" / "docs" / "references.jpg", quality=85)
    write_pages.write()


if __name__ == "__main__":
    main()
