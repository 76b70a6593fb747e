"""Overlapping instances: Tests 0 to 5 of a public study of InstanceDiffusion (six experiments on overlaps), in the shape world.

    python tests/bench/overlap.py FOLDER        draws, measures, writes overlap.json beside this file, web/docs/overlap.jpg and the
                                                table in web/about/overlaps.md

Each condition is drawn with the same seeds. Pictures that are in FOLDER are kept.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
from bench import write_pages
from bench.sheet import sheet
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.instance import Box, Instance, Layout
from instdiff.instdiff_modules.metrics.attributes import COLORS, color_map
from instdiff.instdiff_modules.metrics.detection import Detection, detect_shapes
from instdiff.instdiff_modules.preview.draw import draw_layout
from PIL import Image
from support.pack import ROOT
from support.shapeworld.captions import sentence
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import Scene, Thing
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
SEEDS = list(range(24))
PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
BRANCHED = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0, share=0.36)
PASTED = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0, share=0.36, merge="crop and paste")
Measure = Callable[[np.ndarray, list[Detection]], float]


@dataclass(frozen=True)
class Condition:
    """test: number of the study's test; measures: name -> of one picture and its detections; the table shows the means."""

    test: int
    name: str
    layout: Layout
    settings: Settings = PLAIN
    measures: dict[str, Measure] = field(default_factory=dict)


def layout(background: str, *instances: Instance) -> Layout:
    return Layout(instances, 256, 256, sentence([i.prompt for i in instances], background))


def found(phrase: str) -> Measure:
    """1 if an object of this phrase is in the picture."""
    return lambda picture, seen: float(any(d.label == phrase for d in seen))


def overlap(phrase: str, mask: np.ndarray) -> Measure:
    """Best intersection over union of an object of this phrase with the mask."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        return max(
            (float((d.mask & mask).sum() / (d.mask | mask).sum()) for d in seen if d.label == phrase), default=0.0
        )

    return measure


def count(phrases: list[str]) -> Measure:
    """Share of the phrases that are found, each once."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        labels = [d.label for d in seen]
        return sum(min(labels.count(p), phrases.count(p)) for p in set(phrases)) / len(phrases)

    return measure


def in_front(color: str, other: str, area: Box) -> Measure:
    """Share of the pixels of `area` that have the one colour, of those that have either."""

    def measure(picture: np.ndarray, seen: list[Detection]) -> float:
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = (round(v * s) for v, s in zip(area, (width, height) * 2, strict=True))
        named = color_map(picture)[y0:y1, x0:x1]
        own, rival = ((named == COLORS.index(c)).sum() for c in (color, other))
        return float(own / max(own + rival, 1))

    return measure


def conditions() -> list[Condition]:
    return [*formats(), *points_closer(), *order(), *one_inside(), *box_and_scribble(), *parts()]


def formats() -> list[Condition]:
    scene = Scene(256, 256, "yellow", (Thing("heart", "blue", "plain", (0.5, 0.5), 0.36),))
    whole = scene_layout(scene)
    mask = decode_mask(whole.instances[0].mask)
    measures = {"found": found("a blue heart"), "overlap with the location": overlap("a blue heart", mask)}
    return [Condition(0, name, only(whole, name), measures=measures) for name in ("point", "scribble", "box", "mask")]


def points_closer() -> list[Condition]:
    out = []
    for distance in (0.32, 0.24, 0.18, 0.12):
        places = [(0.5 - distance, 0.3), (0.5, 0.3), (0.5 + distance, 0.3)]
        balloons = [
            Instance(f"b{i}", f"a {color} circle", point=p)
            for i, (color, p) in enumerate(zip(("red", "blue", "yellow"), places, strict=True))
        ]
        given = layout("white", *balloons, Instance("body", "a black square", point=(0.5, 0.75)))
        measures = {"found": count([i.prompt for i in given.instances])}
        for name, settings in (("", PLAIN), (", multi-instance sampling", BRANCHED)):
            out.append(Condition(1, f"{distance:g} apart{name}", given, settings, measures))
    return out


LEFT, RIGHT, SHARED = (0.16, 0.32, 0.56, 0.72), (0.42, 0.32, 0.82, 0.72), (0.44, 0.4, 0.54, 0.64)


def order() -> list[Condition]:
    apple, pear = Instance("apple", "a red circle", box=LEFT), Instance("pear", "a green heart", box=RIGHT)
    phrases = [apple.prompt, pear.prompt]
    measures = {
        "circle in front": in_front("red", "green", SHARED),
        "both found": lambda p, d: float(count(phrases)(p, d) == 1),
    }
    out = []
    for name, given in (
        ("heart later in the layout", layout("white", apple, pear)),
        ("circle later in the layout", layout("white", pear, apple)),
    ):
        out += [
            Condition(2, name, given, PLAIN, measures),
            Condition(2, f"{name}, crop and paste", given, PASTED, measures),
        ]
    return out


def one_inside() -> list[Condition]:
    vase, flower = (
        Instance("vase", "a blue square", box=(0.25, 0.3, 0.75, 0.8)),
        Instance("flower", "a yellow star", box=(0.4, 0.45, 0.6, 0.65)),
    )
    measures = {
        "star found": found(flower.prompt),
        "square found": found(vase.prompt),
        "star in front": in_front("yellow", "blue", (0.46, 0.5, 0.54, 0.6)),
    }
    out = []
    for name, given in (
        ("star later in the layout", layout("white", vase, flower)),
        ("star first in the layout", layout("white", flower, vase)),
    ):
        out += [
            Condition(3, name, given, PLAIN, measures),
            Condition(3, f"{name}, crop and paste", given, PASTED, measures),
        ]
    return out


def box_and_scribble() -> list[Condition]:
    over = tuple((0.44 + 0.1 * (i % 2), 0.4 + 0.24 * i / 19) for i in range(20))
    away = tuple((0.2 + 0.1 * (i % 2), 0.4 + 0.24 * i / 19) for i in range(20))
    away_right = tuple((1 - x, y) for x, y in away)
    measures = {"circle in front": in_front("red", "green", SHARED)}
    out = [
        Condition(
            4,
            "boxes alone",
            layout("white", Instance("a", "a red circle", box=LEFT), Instance("b", "a green heart", box=RIGHT)),
            PLAIN,
            measures,
        )
    ]
    for name, one, two in (
        ("scribble of the circle in the overlap, of the heart away", over, away_right),
        ("scribble of the heart in the overlap, of the circle away", away, over),
    ):
        given = layout(
            "white",
            Instance("a", "a red circle", box=LEFT, scribble=one),
            Instance("b", "a green heart", box=RIGHT, scribble=two),
        )
        out.append(Condition(4, name, given, PLAIN, measures))
    return out


def parts() -> list[Condition]:
    face = Instance("face", "a yellow circle", box=(0.2, 0.2, 0.8, 0.8))
    details = [
        Instance("left eye", "a blue circle", box=(0.32, 0.34, 0.47, 0.49)),
        Instance("right eye", "a blue circle", box=(0.53, 0.34, 0.68, 0.49)),
        Instance("mouth", "a red heart", box=(0.42, 0.56, 0.58, 0.71)),
    ]
    measures = {"face found": found(face.prompt), "parts found": count([i.prompt for i in details])}
    whole = layout("white", face, *details)
    return [
        Condition(5, "face and three parts", whole, PLAIN, measures),
        Condition(5, "the same, crop and paste", whole, PASTED, measures),
    ]


SIDE, TITLE, SHOWN = 84, 400, 6


def shown(condition: Condition, pictures: list[np.ndarray], values: dict[str, float]) -> tuple[str, list[Image.Image]]:
    """A row of the sheet: what it is and measured; its layout, its first pictures."""
    lines = [
        f"Test {condition.test}: {condition.name}",
        *(f"    {name}: {value:.2f}" for name, value in values.items()),
    ]
    return "\n".join(lines), [draw_layout(condition.layout, 256, 256), *map(Image.fromarray, pictures[:SHOWN])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    studio, rows = Studio(), []
    for number, condition in enumerate(conditions()):
        path = folder / f"{number:02}.png"
        if not path.exists():
            drawn = studio.draw([condition.layout] * len(SEEDS), SEEDS, condition.settings)
            Image.fromarray(np.concatenate(drawn, 1)).save(path)
        pictures = np.split(np.asarray(Image.open(path)), len(SEEDS), 1)
        seen = [detect_shapes(picture) for picture in pictures]
        values = {
            name: round(float(np.mean([m(p, d) for p, d in zip(pictures, seen, strict=True)])), 3)
            for name, m in condition.measures.items()
        }
        rows.append((condition, pictures, values))
        sys.stdout.write(
            f"| {condition.test} | {condition.name} | {', '.join(f'{name} {value:.2f}' for name, value in values.items())} |\n"
        )
    results = [{"test": c.test, "condition": c.name, **values} for c, _, values in rows]
    (HERE / "overlap.json").write_text(
        json.dumps({"seeds": SEEDS, "results": results}, indent=1) + "\n", encoding="utf-8"
    )
    sheet([shown(*row) for row in rows], SIDE, TITLE, 12).save(ROOT / "web" / "docs" / "overlap.jpg", quality=85)
    write_pages.write()


if __name__ == "__main__":
    main()
