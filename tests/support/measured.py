"""Detections on a wide picture, and a scene of the shape world, with the records of their scores."""

from dataclasses import replace

import numpy as np
from instdiff.instdiff_modules.geometry.masks import draw_box
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.detection import SHAPES, Detection, Detector, detect_shapes
from instdiff.instdiff_modules.metrics.record import Record
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing

SHAPE_WORLD = Settings(categories=SHAPES)
WIDTH, HEIGHT = 120, 80  # a wide picture: squares hide swapped axes
BOX = (0.25, 0.25, 0.75, 0.5)  # 60 x 20 pixels at 30, 20
FOX = Instance("fox", "a red fox", box=BOX)
THINGS = (
    Thing("star", "red", "plain", (0.2, 0.3), 0.35), Thing("circle", "blue", "striped", (0.75, 0.3), 0.3),
    Thing("square", "yellow", "plain", (0.3, 0.75), 0.25), Thing("heart", "green", "dotted", (0.75, 0.75), 0.35),
)  # fmt: skip
SCENE = Scene(256, 256, "white", THINGS)


def at(
    box: tuple[float, float, float, float], label: str | None = "fox", score: float = 0.9, **more: object
) -> Detection:
    """A detection whose mask fills its box."""
    return Detection(label, box, draw_box(box, HEIGHT, WIDTH), score, **more)


def scored(instances: list[Instance], found: list[Detection], **settings: object) -> Record:
    labels = tuple(sorted({d.label for d in found if d.label} | {"fox", "owl"}))
    return score_picture(
        "one", Layout(tuple(instances)), found, (WIDTH, HEIGHT), Settings(categories=labels, **settings)
    )


def shape_record(
    scene: Scene,
    picture: np.ndarray | None = None,
    found: list[Detection] | None = None,
    detector: Detector = detect_shapes,
) -> Record:
    drawn = render(scene)
    picture = drawn.picture if picture is None else picture
    found = detector(picture) if found is None else found
    return score_picture(
        "scene",
        scene_layout(scene, masks=drawn.visible),
        found,
        (scene.width, scene.height),
        SHAPE_WORLD,
        picture,
        colors=True,
    )


def other(index: int, **changes: object) -> np.ndarray:
    """The picture of SCENE with one thing changed."""
    return render(
        replace(SCENE, things=tuple(replace(t, **changes) if i == index else t for i, t in enumerate(THINGS)))
    ).picture
