"""A detector's predictions.json as regions in the pictures: fast, because there are a hundred for each picture.

Run-lengths stay text: they are checked here, and only pycocotools' own code reads them later.
"""

from collections.abc import Mapping
from typing import Any

from ..importers.coco import read_segmentation
from ..layout import fields
from ..layout.instance import Mask
from ..layout.rle import check_runs, decode_runs
from ..metrics.record import Region
from ..metrics.sources import Entry, Predictions


def regions_of(predictions: Predictions, name: str, size: int) -> tuple[Region, ...]:
    """What was found in the picture `name` of size x size pixels; boxes that lie outside it are left out."""
    found = (_region(predictions, entry, size) for entry in predictions.entries(name))
    return tuple(region for region in found if region is not None)


def _region(predictions: Predictions, entry: Entry, size: int) -> Region | None:
    x, y, w, h = entry.box
    x0, y0, x1, y1 = (min(max(v, 0.0), float(size)) for v in (x, y, x + w, y + h))
    if x1 <= x0 or y1 <= y0:
        return None
    mask = predictions.mask(entry, size, size, lambda value, where: _mask(value, size, where))
    return Region(entry.label, (x0, y0, x1 - x0, y1 - y0), mask, entry.score)


def _mask(value: Any, size: int, where: str) -> Mask | None:
    """None if the entry has none. One without pixels is a mask too: detectors give such ones for the smallest boxes."""
    if not value:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("counts"), str) or value.get("size") != [size, size]:
        return read_segmentation(value, size, size, where)
    counts = value["counts"]
    try:
        check_runs(decode_runs(counts), size, size)
    except ValueError as error:
        raise ValueError(
            f"{where}: its mask {fields.shorten(counts)} is not in COCO's run-length encoding: {error}."
        ) from error
    return Mask(size, size, counts)
