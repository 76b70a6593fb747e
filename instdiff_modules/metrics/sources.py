"""Detections from what users have: ComfyUI's BOUNDING_BOX and MASK, and prediction files in COCO's format (YOLO's exports)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..geometry.masks import decode_at_size, mask_box, resize_nearest
from ..importers.boxes import cut_box, read_bounding_boxes
from ..importers.coco import read_segmentation
from ..layout import fields
from ..layout.frames import check_aspect
from ..layout.instance import Layout
from .detection import Detection

MASK_THRESHOLD = 0.5


def connected_detections(boxes: Any, masks: Any, count: int, width: int, height: int) -> list[list[Detection]]:
    """BOUNDING_BOX and MASK of a detector (either may be None, not both) -> the detections of each of `count` pictures.

    Boxes: `read_bounding_boxes`. Masks: (n, H, W) or (H, W) in 0..1, inside is above 0.5, in the pictures' shape and any size.
    With boxes there must be one mask for each, in their order (SAM3's individual masks). Alone, the masks of one picture are an
    object each, and as many masks as pictures are one object in each; black ones are none. ValueError for anything else.
    """
    drawn = None if masks is None else _masks(masks, width, height)
    if boxes is None:
        if drawn is None:
            raise ValueError(
                'No detections are connected. Connect boxes or masks of a detector, or choose the detector "shape world".'
            )
        if count > 1 and len(drawn) not in (0, count):
            raise ValueError(
                f"There are {len(drawn)} masks for {count} pictures: connect the boxes too, which assign them to pictures."
            )
        frames = (
            [list(drawn)] if count == 1 else [[mask] for mask in drawn] if len(drawn) else [[] for _ in range(count)]
        )
        return [[Detection(None, mask_box(mask), mask) for mask in frame if mask.any()] for frame in frames]
    read = read_bounding_boxes(boxes, count, width, height)
    if drawn is None:
        return [[Detection(b.label, b.box, None, b.score) for b in frame] for frame in read]
    total = sum(map(len, read))
    if len(drawn) != total and not (total == 0 and not drawn.any()):
        raise ValueError(
            f"There are {total} boxes and {len(drawn)} masks. Expected a mask for each box: let the detector give individual masks."
        )
    following = iter(drawn)
    return [[Detection(b.label, b.box, next(following), b.score) for b in frame] for frame in read]


def _masks(value: Any, width: int, height: int) -> np.ndarray:
    """MASK -> (n, height, width) bool."""
    if not isinstance(value, Tensor) or value.ndim not in (2, 3) or 0 in value.shape[-2:]:
        shape = tuple(value.shape) if isinstance(value, Tensor) else fields.shorten(value)
        raise ValueError(
            f"Expected a MASK of shape (number, height, width), got {shape}. Connect the masks of a detector."
        )
    value = value.detach().reshape(-1, *value.shape[-2:]).float().cpu()
    if not all(mask.isfinite().all() for mask in value):  # one by one: the question takes as much memory as the masks
        raise ValueError("The masks hold values that are not numbers (NaN or infinity). Check the node that made them.")
    check_aspect(Layout(width=width, height=height), value.shape[2], value.shape[1], "The mask")
    inside = (value > MASK_THRESHOLD).numpy()
    if inside.shape[1:] == (height, width):
        return inside
    out = np.zeros((len(inside), height, width), bool)
    for i, mask in enumerate(inside):
        out[i] = resize_nearest(mask, height, width)
    return out


class Predictions:
    """A file of predictions in COCO's format: [{image_id, category_id, bbox: [x, y, width, height], score, segmentation}], in pixels.

    categories: [{id, name}] or {id: name}. Pictures are found by their name without the ending, or, as YOLO writes it, by the
    number that the name is ("000000000139" is 139). ValueError names the entry that cannot be read.
    """

    def __init__(self, entries: Any, categories: Any = None) -> None:
        if not isinstance(entries, list) or not all(
            isinstance(e, Mapping) and "image_id" in e and "bbox" in e for e in entries
        ):
            raise ValueError(
                f"The predictions must be a list of objects with image_id, category_id, bbox, score, got {fields.shorten(entries)}."
            )
        self.names = _names(categories)
        self.by_image: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        for number, entry in enumerate(entries, 1):
            self.by_image.setdefault(_image_key(entry["image_id"]), []).append((number, entry))

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.names.values())))

    def entries(self, name: str) -> list[tuple[int, Mapping[str, Any]]]:
        """The entries of a picture, each with its number in the file, from 1; the name is without the ending."""
        return self.by_image.get(_image_key(name), [])

    def label(self, number: int, entry: Mapping[str, Any]) -> str | None:
        """The name of an entry's category; None without a table. ValueError if the table does not have it."""
        label = self.names.get(str(entry.get("category_id")))
        if self.names and label is None:
            raise ValueError(
                f"Prediction {number}: category {fields.shorten(entry.get('category_id'))} is not in the table of categories."
            )
        return label

    def of(self, name: str, width: int, height: int) -> list[Detection]:
        """The detections of a picture: its name without the ending, and its size in pixels."""
        read = [self._detection(number, entry, width, height) for number, entry in self.entries(name)]
        return [detection for detection in read if detection is not None]

    def _detection(self, number: int, entry: Mapping[str, Any], width: int, height: int) -> Detection | None:
        where = f"Prediction {number}"
        x, y, w, h = fields.numbers(entry["bbox"], 4, where, "bbox", "[x, y, width, height] in pixels")
        score = 1.0 if entry.get("score") is None else fields.number(entry["score"], where, "score")
        mask = None
        if entry.get("segmentation"):
            mask = decode_at_size(read_segmentation(entry["segmentation"], width, height, where), height, width)
        label = self.label(number, entry)
        box = cut_box(x, y, w, h, width, height)
        return None if box is None else Detection(label, box, mask, score)


def _names(categories: Any) -> dict[str, str]:
    """[{id, name}], {id: name}, or a COCO file that holds "categories" -> names by id."""
    if categories is None:
        return {}
    if isinstance(categories, Mapping) and "categories" in categories:
        categories = categories["categories"]
    pairs: Sequence[tuple[Any, Any]] = []
    if isinstance(categories, Mapping):
        pairs = list(categories.items())
    elif isinstance(categories, list) and all(isinstance(c, Mapping) and {"id", "name"} <= set(c) for c in categories):
        pairs = [(c["id"], c["name"]) for c in categories]
    if not pairs or not all(isinstance(name, str) for _, name in pairs):
        raise ValueError(
            f"The categories must be [{{id, name}}, ...] or {{id: name, ...}}, got {fields.shorten(categories)}."
        )
    return {str(key): name for key, name in pairs}


def _image_key(image: Any) -> str:
    """ "000000000139", 139 and "000000000139.jpg" are one picture."""
    text = str(image)
    stem = text.rpartition(".")[0] if text.lower().endswith((".jpg", ".jpeg", ".png", ".webp")) else text
    return stem.lstrip("0") or "0" if stem.isascii() and stem.isdigit() else stem
