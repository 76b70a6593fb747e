"""A detector's predictions.json as places in the pictures: fast, because there are a hundred for each picture.

Run-lengths stay text: they are checked here, and only pycocotools' own code reads them later.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..importers.coco import read_segmentation
from ..layout import fields
from ..layout.instance import Mask
from ..metrics.record import Place
from ..metrics.sources import Predictions


def places_of(predictions: Predictions, name: str, size: int) -> tuple[Place, ...]:
    """What was found in the picture `name` of size x size pixels; boxes that lie outside it are left out. ValueError names the entry."""
    found = (
        _place(f"Prediction {number}", entry, predictions.label(number, entry), size)
        for number, entry in predictions.entries(name)
    )
    return tuple(place for place in found if place is not None)


def _place(where: str, entry: Mapping[str, Any], label: str | None, size: int) -> Place | None:
    x, y, w, h = fields.numbers(entry["bbox"], 4, where, "bbox", "[x, y, width, height] in pixels")
    x0, y0, x1, y1 = (min(max(v, 0.0), float(size)) for v in (x, y, x + w, y + h))
    if x1 <= x0 or y1 <= y0:
        return None
    score = 1.0 if entry.get("score") is None else fields.number(entry["score"], where, "score")
    return Place(label, (x0, y0, x1 - x0, y1 - y0), _mask(entry.get("segmentation"), size, where), score)


def _mask(value: Any, size: int, where: str) -> Mask | None:
    """None if the entry has none. One without pixels is a mask too: detectors give such ones for the smallest boxes."""
    if not value:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("counts"), str) or value.get("size") != [size, size]:
        return read_segmentation(value, size, size, where)
    runs = run_lengths(value["counts"], where)
    if runs.sum() != size * size or (runs < 0).any():
        raise ValueError(
            f"{where}: the runs of its mask cover {runs.sum()} pixels, its size [{size}, {size}] has {size * size}."
        )
    return Mask(size, size, value["counts"])


def run_lengths(counts: str, where: str) -> np.ndarray:
    """COCO's compressed counts -> (n,) int64, as `layout.rle.decode_runs`, fifty times as fast. ValueError for other text."""
    bits = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero((bits & 32) == 0)  # of each number's characters
    if not len(bits) or (bits < 0).any() or (bits > 63).any() or not len(last) or last[-1] != len(bits) - 1:
        raise ValueError(f"{where}: the mask is not in COCO's run-length encoding: {fields.shorten(counts)}.")
    first = np.concatenate(([0], last[:-1] + 1))
    length = last - first + 1
    if length.max() > 6:
        raise ValueError(f"{where}: a run of the mask is longer than any picture.")
    shift = 5 * (np.arange(len(bits)) - np.repeat(first, length))
    values = np.add.reduceat((bits & 31) << shift, first)
    values -= ((bits[last] >> 4) & 1) << (5 * length)
    for start in (1, 2):  # from the fourth number on, the difference to the one before last is stored
        values[start::2] = np.cumsum(values[start::2])
    return values
