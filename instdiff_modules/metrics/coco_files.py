"""What was scored, as COCO files: the layouts as annotations, the detections as predictions that refer to them.

Pictures are known by their names, so that the predictions can be read again with --predictions.
"""

from collections.abc import Sequence
from typing import Any

from ..geometry.masks import mask_area
from .classes import ANYTHING
from .record import Record, Region


def truth_file(records: Sequence[Record]) -> dict[str, Any]:
    """{images, categories, annotations}; boxes in pixels. Instances that have points alone are left out: COCO has no word for them."""
    ids = _categories(records)
    annotations = [
        _entry(region, record.name, ids) | {"iscrowd": int(region.crowd), "area": _area(region)}
        for record in records
        for region in record.wanted
        if region.box is not None
    ]
    return {
        "images": [{"id": r.name, "file_name": r.name, "width": r.width, "height": r.height} for r in records],
        "categories": [{"id": i, "name": name} for name, i in ids.items()],
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations, 1)],
    }


def predictions_file(records: Sequence[Record]) -> list[dict[str, Any]]:
    """[{image_id, category_id, bbox, score, segmentation}] with the categories of `truth_file`."""
    ids = _categories(records)
    return [_entry(region, record.name, ids) | {"score": region.score} for record in records for region in record.found]


def _categories(records: Sequence[Record]) -> dict[str, int]:
    names = sorted({region.name or ANYTHING for record in records for region in (*record.wanted, *record.found)})
    return {name: i for i, name in enumerate(names, 1)}


def _entry(region: Region, image: str, ids: dict[str, int]) -> dict[str, Any]:
    mask = (
        {}
        if region.mask is None
        else {"segmentation": {"size": [region.mask.height, region.mask.width], "counts": region.mask.counts}}
    )
    return {"image_id": image, "category_id": ids[region.name or ANYTHING], "bbox": list(_box(region)), **mask}


def _area(region: Region) -> float:
    _, _, width, height = _box(region)
    return float(width * height) if region.mask is None else float(mask_area(region.mask))


def _box(region: Region) -> tuple[float, float, float, float]:
    assert region.box is not None  # a detection has one, and of the instances those without are left out
    return region.box
