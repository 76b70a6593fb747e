"""Overlapping instances: Tests 0 to 5 of a public study of InstanceDiffusion (six experiments on overlaps), in the shape world; 6: ordinary scenes.

    python tests/bench/overlap.py FOLDER --seeds 24                 draws and measures every condition
    python tests/bench/overlap.py FOLDER --seeds 200 --only 2 "parts, regions"    these tests and conditions alone, with more seeds
    python tests/bench/overlap.py FOLDER --seeds 24 --job 0 --jobs 2    every second condition; run without --job at the end

Writes overlap.json beside this file, web/docs/overlap.jpg and the table in web/about/overlaps.md, of all pictures in FOLDER.
Pictures that are there are kept; conditions without any keep what the table says of them. Seed n gives every condition the same noise.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench.drawn import Drawn, Interval
from bench.overlap_conditions import PLAIN, REGIONS, WAYS, Condition, conditions, true_scene
from instdiff.instdiff_modules.metrics.detection import detect_shapes
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from PIL import Image
from support.shapeworld.render import render
from support.studio import Studio


class Overlaps(Drawn[Condition]):
    name = "overlap"

    def conditions(self) -> Sequence[Condition]:
        return conditions()

    def key(self, condition: Condition) -> dict[str, int | str]:
        return {"test": condition.test, "condition": condition.title}

    def measures(self, condition: Condition) -> Sequence[str]:
        return list(condition.measures)

    @torch.inference_mode()
    def draw(self, condition: Condition, seeds: list[int]) -> list[np.ndarray]:
        """Of 256 x 256 pixels."""
        settings, layouts = WAYS[condition.way], [condition.of(seed)[0] for seed in seeds]
        if settings is not None:
            return self.studio.draw(layouts, seeds, settings)
        by_regions = condition.way == REGIONS
        latents = (_by_regions if by_regions else _of_true_pictures)(self.studio, condition, seeds)
        return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in self.studio.vae.decode(latents)]

    def measured(self, condition: Condition, seed: int, picture: np.ndarray) -> dict[str, float]:
        seen = detect_shapes(picture)
        return {name: measure(picture, seen) for name, measure in condition.of(seed)[1].items()}

    def shown(self, condition: Condition, values: dict[str, Interval]) -> tuple[list[str], Image.Image]:
        lines = [f"Test {condition.test}: {condition.title}"]
        lines += [f"    {name}: {value:.2f}" for name, (value, _, _) in values.items()]
        return lines, draw_layout(condition.layout, 256, 256)


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


if __name__ == "__main__":
    Overlaps().main(__doc__, seeds=200)
