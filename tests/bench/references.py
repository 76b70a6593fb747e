"""Reference pictures in the shape world: an instance is described as one thing, its reference shows another look.

    python tests/bench/references.py FOLDER --seeds 24      draws and measures every condition

Writes references.json beside this file, web/docs/references.jpg and the table in web/about/references.md, of all pictures in FOLDER.
Pictures that are there are kept; conditions without any keep what the table says of them. Seed n gives every condition the same noise.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench.drawn import Drawn, Interval
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.attributes import COLORS, color_map
from instdiff.instdiff_modules.metrics.detection import Detection, detect_shapes
from instdiff.nodes.references import InstDiffApplyReferences
from PIL import Image
from support.shapeworld.captions import sentence
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing
from support.studio import Settings

BACKGROUND = "white"
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


def conditions() -> list[Condition]:
    return [Condition(case, way, *given, inputs) for case, given in CASES.items() for way, inputs in WAYS.items()]


def picture_of(thing: Thing) -> np.ndarray:
    """The reference, (256, 256, 3) uint8."""
    return render(Scene(256, 256, BACKGROUND, (thing,))).picture


class References(Drawn[Condition]):
    name = "references"

    def conditions(self) -> Sequence[Condition]:
        return conditions()

    def key(self, condition: Condition) -> dict[str, str]:
        return {"case": condition.case, "way": condition.way}

    def measures(self, condition: Condition) -> Sequence[str]:
        return MEASURES

    @torch.inference_mode()
    def draw(self, condition: Condition, seeds: list[int]) -> list[np.ndarray]:
        """Of 256 x 256 pixels."""
        layout, studio = condition.layout, self.studio
        settings = replace(PLAIN, share=0.36) if condition.way.endswith("multi-instance sampling") else PLAIN
        model = studio.grounded([layout] * len(seeds), settings)
        if condition.inputs is not None:
            images = torch.from_numpy(picture_of(condition.thing).astype(np.float32) / 255)[None]
            inputs = {"start": 0.0, "end": 1.0, **condition.inputs, "images": images, "of": "one"}
            model = InstDiffApplyReferences.execute(model, studio.clip, studio.vae, (layout,), **inputs).args[0]
        latents = studio.latents(model, studio.encode([layout.prompt] * len(seeds)), seeds, (256, 256), settings)
        return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in studio.vae.decode(latents)]

    def measured(self, condition: Condition, seed: int, picture: np.ndarray) -> dict[str, float]:
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

    def shown(self, condition: Condition, values: dict[str, Interval]) -> tuple[list[str], Image.Image]:
        lines = [condition.case, f"    {condition.way}"]
        lines += [f"    {name}: {values[name][0]:.2f}" for name in MEASURES[:2]]
        return lines, Image.fromarray(picture_of(condition.thing))


def _at(box: tuple[float, float, float, float], seen: list[Detection]) -> Detection | None:
    """The largest object whose middle lies in the box."""
    inside = [
        d for d in seen if box[0] < (d.box[0] + d.box[2]) / 2 < box[2] and box[1] < (d.box[1] + d.box[3]) / 2 < box[3]
    ]
    return max(inside, key=lambda d: (d.box[2] - d.box[0]) * (d.box[3] - d.box[1]), default=None)


if __name__ == "__main__":
    References().main(__doc__, seeds=24)
