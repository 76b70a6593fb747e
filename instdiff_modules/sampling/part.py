"""Which part of the picture a model call sees, where ComfyUI computes an area or a window of it by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout.instance import Box
from .context_window import CORE

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def part_of_area(area: Sequence[int], height: int, width: int) -> Box | None:
    """ComfyUI's resolved area (height, width, y, x) in cells of a height x width latent -> its part; None: all of it."""
    h, w, y, x = area
    part = (x / width, y / height, min(x + w, width) / width, min(y + h, height) / height)
    return None if part == WHOLE else part


def part_of_window(options: Mapping[str, Any], latent_dims: int = 4) -> Box | None:
    """The part that a context window across the height or width holds; None where there is no such window.

    ValueError for a window that begins at the end of the picture and goes on at its start: no layout can be cut so.
    """
    window = options.get(CORE)
    axis = getattr(window, "dim", 0)
    if window is None or axis not in (latent_dims - 2, latent_dims - 1):
        return None
    cells = [int(i) for i in window.index_list]
    anchor = getattr(window, "causal_anchor_index", None)
    if anchor is not None and anchor >= 0:
        cells = [int(anchor), *cells]
    if cells != sorted(cells):
        raise ValueError(
            "A context window wraps around the edge of the picture, which a layout cannot do. Switch closed_loop off."
        )
    total = int(window.total_frames)
    first, last = cells[0] / total, (cells[-1] + 1) / total
    part = (0.0, first, 1.0, last) if axis == latent_dims - 2 else (first, 0.0, last, 1.0)
    return None if part == WHOLE else part
