"""Overlapping instances: Tests 0 to 5 of a public study of InstanceDiffusion (six experiments on overlaps), in the shape world; 6: ordinary scenes.

    python tests/bench/overlap.py FOLDER --seeds 24                 draws and measures every condition
    python tests/bench/overlap.py FOLDER --seeds 200 --only 2 "parts, regions"    these tests and conditions alone, with more seeds
    python tests/bench/overlap.py FOLDER --seeds 24 --job 0 --jobs 2    every second condition; run without --job at the end

Writes overlap.json beside this file, web/docs/overlap.jpg and the table in web/about/overlaps.md, of all pictures in FOLDER.
Pictures that are there are kept; conditions without any keep what the table says of them. Seed n gives every condition the same noise.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench import write_pages
from bench.overlap_measures import Measure, count, found, front, in_front, in_place, interval, leaking, overlap
from bench.sheet import sheet
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.detection import detect_shapes
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from PIL import Image
from support.pack import ROOT
from support.shapeworld.captions import sentence
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import Scene, Thing, random_scene
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
BATCH = 8
PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
BRANCHED = replace(PLAIN, share=0.36)
PASTED = replace(BRANCHED, merge="crop and paste")
ORDERED = replace(PLAIN, apply={"overlap": "by depth"})
LAYERED = replace(ORDERED, share=0.6, merge="by depth")
# what the table calls them; regions: Apply Layout on the base, which knows no locations
WAYS = {
    "": PLAIN,
    "multi-instance sampling": BRANCHED,
    "crop and paste": PASTED,
    "overlap by depth": ORDERED,
    "overlap and merge by depth": LAYERED,
    "regions": None,
}


@dataclass(frozen=True)
class Condition:
    """test: number of the study's test; way: see WAYS; measures: name -> of one picture and its detections.

    scene: seed -> the layout and the measures of this picture, where each has its own.
    """

    test: int
    name: str
    layout: Layout
    way: str = ""
    measures: dict[str, Measure] = field(default_factory=dict)
    scene: Callable[[int], tuple[Layout, dict[str, Measure]]] | None = None

    def of(self, seed: int) -> tuple[Layout, dict[str, Measure]]:
        return (self.layout, self.measures) if self.scene is None else self.scene(seed)

    @property
    def title(self) -> str:
        return f"{self.name}, {self.way}" if self.way else self.name

    @property
    def folder(self) -> str:
        return re.sub(r"[^a-z0-9]+", "_", f"{self.test} {self.title}")


def layout(background: str, *instances: Instance) -> Layout:
    return Layout(instances, 256, 256, sentence([i.prompt for i in instances], background))


def conditions() -> list[Condition]:
    return [*formats(), *points_closer(), *order(), *one_inside(), *box_and_scribble(), *parts(), *ordinary()]


def formats() -> list[Condition]:
    scene = Scene(256, 256, "yellow", (Thing("heart", "blue", "plain", (0.5, 0.5), 0.36),))
    whole = scene_layout(scene)
    mask = decode_mask(whole.instances[0].mask)
    measures = {"found": found("a blue heart"), "overlap with the location": overlap("a blue heart", mask)}
    return [Condition(0, name, only(whole, name), measures=measures) for name in ("point", "scribble", "box", "mask")]


def points_closer() -> list[Condition]:
    out = []
    depth = "overlap and merge by depth"
    for distance, ways in (
        (0.32, [""]),
        (0.24, [""]),
        (0.18, ["", depth]),
        (0.12, ["", "multi-instance sampling", "overlap by depth", depth]),
    ):
        places = [(0.5 - distance, 0.3), (0.5, 0.3), (0.5 + distance, 0.3)]
        balloons = [
            Instance(f"b{i}", f"a {color} circle", point=p)
            for i, (color, p) in enumerate(zip(("red", "blue", "yellow"), places, strict=True))
        ]
        given = layout("white", *balloons, Instance("body", "a black square", point=(0.5, 0.75)))
        measures = {"found": count([i.prompt for i in given.instances])}
        out += [Condition(1, f"{distance:g} apart", given, way, measures) for way in ways]
    return out


LEFT, RIGHT, SHARED = (0.16, 0.32, 0.56, 0.72), (0.42, 0.32, 0.82, 0.72), (0.44, 0.4, 0.54, 0.64)
ALL_WAYS = [way for way in WAYS if way != "multi-instance sampling"]


def order() -> list[Condition]:
    apple, pear = Instance("apple", "a red circle", box=LEFT), Instance("pear", "a green heart", box=RIGHT)
    phrases = [apple.prompt, pear.prompt]
    circle, heart = in_front("red", "green", SHARED), in_front("green", "red", SHARED)
    both: dict[str, Measure] = {
        "circle in front": circle,
        "both found": lambda picture, seen: float(count(phrases)(picture, seen) == 1),
    }
    return [
        Condition(2, name, given, way, {"order right": front(wanted), **both})
        for name, given, wanted in (
            ("heart later in the layout", layout("white", apple, pear), heart),
            ("circle later in the layout", layout("white", pear, apple), circle),
        )
        for way in ALL_WAYS
    ]


def one_inside() -> list[Condition]:
    vase, flower = (
        Instance("vase", "a blue square", box=(0.25, 0.3, 0.75, 0.8)),
        Instance("flower", "a yellow star", box=(0.4, 0.45, 0.6, 0.65)),
    )
    middle = (0.46, 0.5, 0.54, 0.6)
    star, square = in_front("yellow", "blue", middle), in_front("blue", "yellow", middle)
    later = {"order right": front(star), "star found": found(flower.prompt), "square found": found(vase.prompt)}
    first = {"order right": front(square), "square found": found(vase.prompt)}
    return [
        Condition(3, name, given, way, measures)
        for name, given, measures in (
            ("star later in the layout", layout("white", vase, flower), later),
            ("star first in the layout", layout("white", flower, vase), first),
        )
        for way in ALL_WAYS
    ]


def box_and_scribble() -> list[Condition]:
    over = tuple((0.44 + 0.1 * (i % 2), 0.4 + 0.24 * i / 19) for i in range(20))
    away = tuple((0.2 + 0.1 * (i % 2), 0.4 + 0.24 * i / 19) for i in range(20))
    away_right = tuple((1 - x, y) for x, y in away)
    circle, heart = Instance("a", "a red circle", box=LEFT), Instance("b", "a green heart", box=RIGHT)
    return [
        Condition(
            4,
            name,
            layout("white", replace(circle, scribble=one), replace(heart, scribble=two)),
            measures={"circle in front": in_front("red", "green", SHARED)},
        )
        for name, one, two in (
            ("boxes alone", None, None),
            ("scribble of the circle in the overlap, of the heart away", over, away_right),
            ("scribble of the heart in the overlap, of the circle away", away, over),
        )
    ]


def parts() -> list[Condition]:
    face = Instance("face", "a yellow circle", box=(0.2, 0.2, 0.8, 0.8))
    details = [
        Instance("left eye", "a blue circle", box=(0.32, 0.34, 0.47, 0.49)),
        Instance("right eye", "a blue circle", box=(0.53, 0.34, 0.68, 0.49)),
        Instance("mouth", "a red heart", box=(0.42, 0.56, 0.58, 0.71)),
    ]
    measures = {"face found": found(face.prompt), "parts found": count([i.prompt for i in details])}
    whole = layout("white", face, *details)
    return [Condition(5, "face and three parts", whole, way, measures) for way in ALL_WAYS]


STREAM, COUNTS = 2028, (3, 6)  # scenes that were neither trained on nor used to choose anything


def scene(seed: int) -> tuple[Layout, dict[str, Measure]]:
    """An ordinary scene by its boxes: what order does where little overlaps."""
    given = only(scene_layout(random_scene((STREAM, seed), counts=COUNTS)), "box")
    return given, {"in their places": in_place(given), "leakage": leaking(given)}


def ordinary() -> list[Condition]:
    first, measures = scene(0)
    return [Condition(6, "scenes of 3 to 6 objects", first, way, measures, scene) for way in ("", "overlap by depth")]


@torch.inference_mode()
def draw(studio: Studio, condition: Condition, seeds: list[int]) -> list[np.ndarray]:
    """Pictures (H, W, 3) uint8 of 256 x 256 pixels."""
    settings, layouts = WAYS[condition.way], [condition.of(seed)[0] for seed in seeds]
    if settings is not None:
        return studio.draw(layouts, seeds, settings)
    background = condition.layout.prompt.rpartition(" on ")[2]  # as in steering.py: each prompt in its own region alone
    widgets = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 0.0}
    positive = studio.encode([background] * len(seeds))
    applied = InstDiffApplyLayout.execute(studio.model, studio.clip, positive, tuple(layouts), **widgets)
    latents = studio.latents(*applied.args[:2], seeds, (256, 256), PLAIN)
    return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in studio.vae.decode(latents)]


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
