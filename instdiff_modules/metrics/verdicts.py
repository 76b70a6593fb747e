"""LayoutSAM-Eval's measures: is the described thing in its box, and are its colour, texture and shape as described?

Zhang et al., CreatiLayout, ICCV 2025 (arXiv 2412.03859), score_layoutsam_benchmark.py: a multimodal model is asked four questions about the
crop of each box. A thing that is not there has no right colour, texture or shape; what the description does not name is right. Each
measure is the share of all boxes. The pack has no such model: `Judge` is the place for yours, and the shape world has an exact one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

import numpy as np

from ..layout.instance import Box, Instance
from .attributes import wanted
from .detection import Detection, Detector, detect_shapes

INSIDE = 0.5  # of a detection's box, that it counts as the crop's


class Verdict(NamedTuple):
    """What a judge says of one box: whether the thing is there, and whether it has what its description says."""

    spatial: bool
    color: bool
    texture: bool
    shape: bool


class Judge(Protocol):
    """picture: (H, W, 3) uint8. instance: its box (0..1) is the crop to look at, its prompt the detailed description, and
    extra["region_caption"], where it is text, the short one. `clip.crop` cuts the crop."""

    def __call__(self, picture: np.ndarray, instance: Instance) -> Verdict: ...


@dataclass(frozen=True)
class Counts:
    """How many boxes there are, and of how many each is right."""

    boxes: int = 0
    spatial: float = 0
    color: float = 0
    texture: float = 0
    shape: float = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))


def judge_picture(picture: np.ndarray, instances: Iterable[Instance], judge: Judge) -> Counts:
    """picture: (H, W, 3) uint8. Instances without a box are left out."""
    said = [judge(picture, instance) for instance in instances if instance.box is not None]
    there = [verdict for verdict in said if verdict.spatial]
    return Counts(len(said), len(there), *(sum(getattr(v, name) for v in there) for name in Verdict._fields[1:]))


def verdict_totals(counts: Sequence[Counts]) -> dict[str, float | None]:
    """ "spatial", "color", "texture", "shape": share of all boxes, 0..1; None without boxes."""
    total = sum(counts, Counts())
    return {name: getattr(total, name) / total.boxes if total.boxes else None for name in Verdict._fields}


class ShapeJudge:
    """Judge of the shape world's pictures: the prompt's shape must be seen at least half inside the box; then its colour and texture
    are compared with those that the prompt names. detector: gives each detection a "shape", "color" and "texture"."""

    def __init__(self, detector: Detector = detect_shapes) -> None:
        self.detector = detector
        self.seen: tuple[np.ndarray | None, Sequence[Detection]] = (None, ())

    def __call__(self, picture: np.ndarray, instance: Instance) -> Verdict:
        if self.seen[0] is not picture:  # one picture after the other, several instances each
            self.seen = picture, self.detector(picture)
        asked, box = wanted(instance.prompt), instance.box
        inside = [(_share(d.box, box), d) for d in self.seen[1] if box and d.attributes.get("shape") == asked.shape]
        share, found = max(inside, key=lambda pair: pair[0], default=(0.0, None))
        if found is None or share < INSIDE:
            return Verdict(False, False, False, False)
        has = found.attributes
        color, texture = (
            not want or has.get(key) == want for key, want in (("color", asked.color), ("texture", asked.texture))
        )
        return Verdict(True, color, texture, True)


def _share(box: Box, area: Box) -> float:
    """The part of a box that lies in an area, 0..1."""
    width, height = (max(min(box[i + 2], area[i + 2]) - max(box[i], area[i]), 0) for i in (0, 1))
    return width * height / max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)
