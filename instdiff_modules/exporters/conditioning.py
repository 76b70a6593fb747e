"""Instances as ComfyUI's regional CONDITIONING: pairs of an encoded prompt and its options, as core's own nodes write them."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..layout.instance import Box, Instance

METHODS = ("masks", "mask bounds", "areas", "GLIGEN", "prompts alone")
MASKS, BOUNDS, AREAS, GLIGEN, ALONE = METHODS
CELL = 8  # pixels of a cell of the latent
MAX_GLIGEN = 30  # boxes that GLIGEN's model takes

Conditioning = list[list[Any]]


def in_region(
    encoded: Conditioning, instance: Instance, mask: Tensor, box: Box, method: str, strength: float
) -> Conditioning:
    """A prompt that acts in the instance's region and interval only. mask (H, W), box x0, y0, x1, y1 in 0..1."""
    options: dict[str, Any] = {}
    if method in (MASKS, BOUNDS):
        options = {
            "mask": mask[None],
            "mask_strength": strength * instance.strength,
            "set_area_to_bounds": method == BOUNDS,
        }
    elif method == AREAS:
        x0, y0, x1, y1 = box
        options = {
            "area": ("percentage", y1 - y0, x1 - x0, y0, x0),
            "strength": strength * instance.strength,
            "set_area_to_bounds": False,
        }
    if (instance.start, instance.end) != (0.0, 1.0) and method != ALONE:
        options |= {"start_percent": instance.start, "end_percent": instance.end}
    return [[prompt, {**given, **options}] for prompt, given in encoded]


def with_gligen(
    positive: Conditioning, model: Any, features: Sequence[Tensor], boxes: Sequence[Box], width: int, height: int
) -> Conditioning:
    """The conditioning with GLIGEN boxes, those that it has already before them. features: each prompt's pooled output before projection."""
    new = [(feature, *_cells(box, width, height)) for feature, box in zip(features, boxes, strict=True)]
    out = []
    for prompt, options in positive:
        earlier = list(options["gligen"][2]) if options.get("gligen") else []
        if len(earlier) + len(new) > MAX_GLIGEN:
            raise ValueError(
                f"GLIGEN takes at most {MAX_GLIGEN} boxes, but there would be {len(earlier) + len(new)}. Select fewer instances."
            )
        out.append([prompt, {**options, "gligen": ("position", model, earlier + new)}])
    return out


def _cells(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """(height, width, y, x) in cells of the latent; at least one cell."""
    x0, y0, x1, y1 = (round(v * side / CELL) for v, side in zip(box, (width, height) * 2, strict=True))
    return max(y1 - y0, 1), max(x1 - x0, 1), y0, x0
