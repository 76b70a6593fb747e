"""Average precision and recall over many pictures, by COCO's own evaluation, in memory."""

import contextlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .record import Record, Region

if TYPE_CHECKING:
    from pycocotools.coco import COCO

MAX_DETECTIONS = 100  # per picture and class, the surest first: COCO's limit


class Precision(NamedTuple):
    """COCO's AP (mean over IoU 0.50:0.95), AP50 and AR (of at most 100 detections), 0..1; None if no instance was requested."""

    ap: float | None
    ap50: float | None
    ar: float | None


def average_precision(records: Sequence[Record], kind: str) -> Precision:
    """kind: "box" or "mask". The layouts are the ground truth, sizes of objects are not told apart.

    An instance without such a region is left out together with its detection, so that it counts neither way. Without masks
    in the detections their precision is None. ValueError for detections without a class.
    """
    if kind == "mask" and any(region.mask is None for record in records for region in record.found):
        return Precision(None, None, None)
    classes = sorted({region.name for record in records for region in record.wanted}, key=lambda name: name or "")
    ids = {name: i for i, name in enumerate(classes, 1)}
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image, record in enumerate(records, 1):
        out = {
            j
            for region, j in zip(record.wanted, record.matches, strict=True)
            if j is not None and getattr(region, kind) is None
        }
        for region in record.wanted:
            if getattr(region, kind) is not None:
                truths.append(
                    _annotation(region, image, ids[region.name], len(truths) + 1) | {"iscrowd": int(region.crowd)}
                )
        for j, region in enumerate(record.found):
            if region.name is None:
                raise ValueError(
                    f"Picture {record.name} has detections without a label, so classes cannot be told apart. "
                    'Choose the classes "any", or give the table of categories.'
                )
            if j not in out and region.name in ids:
                found.append(_annotation(region, image, ids[region.name], len(found) + 1) | {"score": region.score})
    if not any(not truth["iscrowd"] for truth in truths):
        return Precision(None, None, None)
    return _evaluate(records, list(ids.values()), truths, found, "bbox" if kind == "box" else "segm")


def _annotation(region: Region, image: int, category: int, number: int) -> dict[str, Any]:
    """COCO's entry. The area only has to lie in the one range of sizes, 0 to endless."""
    entry: dict[str, Any] = {"id": number, "image_id": image, "category_id": category, "iscrowd": 0, "area": 1.0}
    if region.box is not None:
        entry["bbox"] = list(region.box)
    if region.mask is not None:
        entry["segmentation"] = {"size": [region.mask.height, region.mask.width], "counts": region.mask.counts}
    return entry


def _evaluate(
    records: Sequence[Record],
    categories: list[int],
    truths: list[dict],
    found: list[dict],
    kind: Literal["bbox", "segm"],
) -> Precision:
    from pycocotools.cocoeval import COCOeval  # only scores need it

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports every step on the screen
        given, answered = (_coco(records, categories, entries) for entries in (truths, found))
        evaluation = COCOeval(given, answered, kind)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = (
        evaluation.eval["precision"],
        evaluation.eval["recall"],
    )  # (IoU, recall, class, 1, 1), (IoU, class, 1, 1)
    return Precision(_mean(precision), _mean(precision[0]), _mean(recall))


def _coco(records: Sequence[Record], categories: list[int], entries: list[dict]) -> "COCO":
    from pycocotools.coco import COCO

    index: Any = COCO()  # its stubs want fields that nothing here reads
    index.dataset = {
        "images": [{"id": i, "width": r.width, "height": r.height} for i, r in enumerate(records, 1)],
        "categories": [{"id": i} for i in categories],
        "annotations": entries,
    }
    index.createIndex()
    return index


def _mean(values: np.ndarray) -> float:
    """COCO's mean: classes without a requested instance hold -1 and do not count."""
    return float(values[values > -1].mean())
