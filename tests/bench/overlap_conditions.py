"""The conditions of the overlap bench: layouts, how they are drawn, and what is measured of the pictures."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from bench.overlap_measures import Measure, count, found, front, in_front, in_place, leaking, overlap
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from support.shapeworld.captions import sentence
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import Scene, Thing, random_scene
from support.studio import Settings, only

PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
BRANCHED = replace(PLAIN, share=0.36)
PASTED = replace(BRANCHED, merge="crop and paste")
ORDERED = replace(PLAIN, apply={"overlap": "by depth"})
LAYERED = replace(ORDERED, share=0.6, merge="by depth")
MASKED = replace(PLAIN, apply={"overlap": "by depth", "masked_attention": "finest level"})
REGIONS, TRUE = "regions", "true pictures through the VAE"
# what the table calls them; regions: Apply Layout on the base, which knows no locations; true: what any sampler can reach
WAYS = {
    "": PLAIN,
    "multi-instance sampling": BRANCHED,
    "crop and paste": PASTED,
    "overlap by depth": ORDERED,
    "overlap and merge by depth": LAYERED,
    "overlap by depth, masked attention": MASKED,
    REGIONS: None,
    TRUE: None,
}
SHIFT, DISC = (
    0.01,
    0.11,
)  # of true pictures, as shares of the side: how far they move from seed to seed; what a point stands for


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


def true_scene(given: Layout, seed: int) -> Scene:
    """What a layout of boxes and points means, on white, a little moved."""
    shift, things = np.random.default_rng(seed).uniform(-SHIFT, SHIFT, 2), []
    for instance in given.instances:
        *_, color, shape = instance.prompt.split()
        x0, y0, x1, y1 = instance.box or (*np.subtract(instance.point, DISC / 2), *np.add(instance.point, DISC / 2))
        center = float((x0 + x1) / 2 + shift[0]), float((y0 + y1) / 2 + shift[1])
        things.append(Thing(shape, color, "plain", center, float(max(x1 - x0, y1 - y0))))
    return Scene(256, 256, "white", tuple(things))


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
        (0.12, ["", "multi-instance sampling", "overlap by depth", "overlap by depth, masked attention", depth, TRUE]),
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
ALL_WAYS = ["", "crop and paste", "overlap by depth", "overlap and merge by depth", REGIONS]


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
        for way in (*ALL_WAYS, *([TRUE] if measures is later else []))
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
    return [Condition(5, "face and three parts", whole, way, measures) for way in (*ALL_WAYS, TRUE)]


STREAM, COUNTS = 2028, (3, 6)  # scenes that were neither trained on nor used to choose anything


def scene(seed: int) -> tuple[Layout, dict[str, Measure]]:
    """An ordinary scene by its boxes: what order does where little overlaps."""
    given = only(scene_layout(random_scene((STREAM, seed), counts=COUNTS)), "box")
    return given, {"in their places": in_place(given), "leakage": leaking(given)}


def ordinary() -> list[Condition]:
    first, measures = scene(0)
    return [Condition(6, "scenes of 3 to 6 objects", first, way, measures, scene) for way in ("", "overlap by depth")]
