"""A batch of pictures against layouts, as the node Layout Score needs it."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..geometry.raster import MAX_PIXELS, check_memory
from ..layout.instance import Frames
from ..preview.batch import pictures_of
from .detection import SHAPES, Detection, detect_shapes
from .marks import draw_marks
from .overlaps import orders, undecided
from .record import Record
from .report import rows_text, rows_to_dicts
from .score import Settings, score_picture
from .sources import connected_detections

SHAPE_WORLD, CONNECTED = "shape world", "connected detections"
DETECTORS = (CONNECTED, SHAPE_WORLD)
LEGIBLE = 512  # pixels of the shorter side of a picture with labels
MOST_TIMES = 4  # a picture is enlarged for them


class Scored(NamedTuple):
    """score: mean over pictures of the share of instances that passed. table: a line for each instance. pictures: (n, H, W, 3) in 0..1, with
    the marks; small ones enlarged. results: JSON text of the numbers of each instance."""

    score: float
    table: str
    pictures: Tensor
    results: str


def score_batch(
    image: Tensor,
    frames: Frames,
    detector: str,
    boxes: Any = None,
    masks: Any = None,
    threshold: float = 0.5,
    compare_labels: bool = True,
) -> Scored:
    """IMAGE (B, H, W, C) in 0..1 against one layout, or one for each picture; a single picture serves several layouts.

    detector: one of DETECTORS; `connected_detections` says which boxes and masks are read. compare_labels: whether a detection
    must be what the prompt names. ValueError for what does not fit together.
    """
    pictures = [np.asarray(picture) for picture in pictures_of(image, "image")]
    count = max(len(pictures), len(frames))
    if len(pictures) > 1 and len(frames) > 1 and len(pictures) != len(frames):
        raise ValueError(f"There are {len(frames)} frames and {len(pictures)} images. Expected equal numbers, or one.")
    height, width = pictures[0].shape[:2]
    check_memory(count, width, height, 3, "pictures")
    found = _detections(pictures, detector, boxes, masks)
    categories = SHAPES if detector == SHAPE_WORLD else {d.label for one in found for d in one if d.label is not None}
    settings = Settings("category" if compare_labels else "any", threshold, tuple(sorted(categories)))
    times = _times(count, width, height)
    records, drawn = [], []
    for i in range(count):
        picture, layout = pictures[i % len(pictures)], frames[i % len(frames)]
        name = str(i + 1) if count > 1 else ""
        records.append(
            score_picture(
                name, layout, found[i % len(found)], (width, height), settings, picture, detector == SHAPE_WORLD
            )
        )
        drawn.append(
            torch.from_numpy(draw_marks(_enlarged(picture, times), layout, records[-1]).astype(np.float32) / 255)
        )
    score = sum(record.score for record in records) / count
    head = {"score": score, "detector": detector, "threshold": threshold}
    return Scored(
        score, _table(records, score), torch.stack(drawn), json.dumps({**head, "pictures": rows_to_dicts(records)})
    )


def _times(count: int, width: int, height: int) -> int:
    """How many times larger to draw pictures, so that labels can be read: 1 if they are large, or there are too many of them."""
    times = min(MOST_TIMES, max(1, round(LEGIBLE / min(width, height))))
    while times > 1 and count * 3 * width * height * times**2 > MAX_PIXELS:
        times -= 1
    return times


def _enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if times == 1:
        return picture
    larger = Image.fromarray(picture).resize((width * times, height * times), Image.Resampling.LANCZOS)
    return np.asarray(larger)


def _detections(pictures: Sequence[np.ndarray], detector: str, boxes: Any, masks: Any) -> Sequence[Sequence[Detection]]:
    if detector == SHAPE_WORLD:
        return [detect_shapes(picture) for picture in pictures]
    height, width = pictures[0].shape[:2]
    return connected_detections(boxes, masks, len(pictures), width, height)


def _table(records: Sequence[Record], score: float) -> str:
    rows = [row for record in records for row in record.rows]
    if not rows:
        return "The layout has no visible instances, so there is nothing to check. The score is 1."
    counted = f"{sum(row.passed for row in rows)} of {len(rows)} passed"
    mean = f" (mean of {len(records)} pictures)" if len(records) > 1 else ""
    return f"Score {score:.2f}{mean}: {counted}.{_fronts(records)}\n\n{rows_text(records)}"


def _fronts(records: Sequence[Record]) -> str:
    """A sentence about who is in front, if there are overlaps whose objects were found."""
    told = [right for record in records for _, _, right in orders(record)]
    left = sum(undecided(record) for record in records)
    said = f" In {sum(told)} of {len(told)} overlaps the later instance is in front." if told else ""
    if left and not told:
        return " No overlap is decided: the objects hardly touch."
    more = f" {left} more {'is' if left == 1 else 'are'} undecided: the objects hardly touch."
    return said + (more if left else "")
