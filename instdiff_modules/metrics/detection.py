"""What a detector says of a picture, and the interface behind which every detector stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..layout.instance import Box
from ..shapeworld import vocabulary as words
from ..shapeworld.detector import detect


@dataclass(frozen=True)
class Detection:
    """One object that was found.

    label: the detector's word or phrase for it, None if it has none. box: x0, y0, x1, y1 in 0..1 of the picture. mask:
    (H, W) bool of the picture's size, where the detector gives one. score: how sure it is, higher is surer. attributes:
    what else it knows ("shape", "color", "texture").
    """

    label: str | None
    box: Box
    mask: np.ndarray | None = None
    score: float = 1.0
    attributes: Mapping[str, str] = field(default_factory=dict)


class Detector(Protocol):
    """Finds objects in a picture (H, W, 3) uint8."""

    def __call__(self, picture: np.ndarray) -> Sequence[Detection]: ...


def detect_shapes(picture: np.ndarray) -> list[Detection]:
    """The shape world's detector: exact on clean scenes, with mask, shape, colour and texture. label: the object's phrase."""
    found = detect(picture)[1]
    return [
        Detection(f.phrase, f.box, f.mask, f.score, {"shape": f.shape, "color": f.color, "texture": f.texture})
        for f in found
    ]


SHAPES = words.SHAPES  # the categories that detect_shapes knows
