"""What a layout is made of: instances with a prompt and one or more locations. Plain values, no torch, no checks.

Coordinates are fractions 0..1 of the canvas, origin top-left, x before y. Checks live in `fields.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Mask:
    """A binary mask over the whole canvas, as COCO's compressed run-length encoding (runs go down the columns)."""

    height: int
    width: int
    counts: str


@dataclass(frozen=True)
class Instance:
    """One thing to draw: what (`prompt`) and where (any of `box`, `point`, `scribble`, `mask`, at least one)."""

    id: str
    prompt: str
    box: Box | None = None  # x0, y0, x1, y1
    point: Point | None = None
    scribble: tuple[Point, ...] | None = None  # a stroke, or a set of points
    mask: Mask | None = None
    strength: float = 1.0  # 0..2; at 0 the instance is as good as absent
    start: float = 0.0  # share of the denoising, 0 = first step
    end: float = 1.0
    opacity: float = 1.0  # 0..1, how much of what is behind it it hides; 0 = it can be seen through entirely
    reference: str = ""  # a picture whose look it takes: the name of a file in ComfyUI's input folder, or empty
    reference_strength: float = 1.0  # 0..2; 0 = its own words alone
    color: str = ""  # "#rrggbb", or empty for the palette's
    visible: bool = True  # invisible instances do not generate
    locked: bool = False  # for the editor
    negative: str = ""  # what its own branch avoids, beside the negative prompt of the whole picture
    parent: str = ""  # id of the instance that this one is a part of, or empty
    extra: Mapping[str, Any] = field(default_factory=dict)  # unknown fields, kept for the next program


@dataclass(frozen=True)
class Layout:
    """Instances in depth order (last in front) on a canvas of `width` x `height` pixels, which may be unknown."""

    instances: tuple[Instance, ...] = ()
    width: int | None = None
    height: int | None = None
    prompt: str = ""  # caption of the whole picture
    extra: Mapping[str, Any] = field(default_factory=dict)


# One layout per latent of a batch; a single one serves them all.
Frames = tuple[Layout, ...]
