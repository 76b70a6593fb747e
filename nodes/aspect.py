"""The warning that a layout was drawn for another aspect than that of the picture."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

APPLIED = "instdiff"  # attachment of a MODEL: what each Apply InstDiff node put on it
ASPECT_TOLERANCE = 0.1  # a latent's sides are multiples of 8 pixels, a canvas's need not be
Canvas = tuple[int | None, int | None]  # width and height in pixels, as far as they are known
_log = logging.getLogger(__name__)


def canvases_of(given: Iterable[Any]) -> set[tuple[int, int]]:
    """Those of the layouts that nodes put on a model or into a conditioning, where they are known; given: with `canvases`."""
    return {(w, h) for one in given for w, h in one.canvases if w is not None and h is not None}


def warn_if_stretched(canvases: Iterable[tuple[int, int]], latent: Sequence[int], cell: int = 8) -> None:
    """Log once for each canvas whose aspect is not that of the latent (..., height, width); cell: pixels of a side of its cells."""
    height, width = latent[-2:]
    for canvas_width, canvas_height in sorted(canvases):
        if abs(canvas_width * height / (canvas_height * width) - 1) > ASPECT_TOLERANCE:
            _log.warning(
                "The layout was drawn on %dx%d, the latent is %dx%d pixels: the layout is stretched to fit. Give both the same aspect.",
                canvas_width,
                canvas_height,
                width * cell,
                height * cell,
            )
