"""Detections from what users have: ComfyUI's BOUNDING_BOX and MASK, and prediction files in COCO's format (YOLO's exports)."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..commands.left_out import usable, warn
from ..geometry.masks import decode_at_size, encode_mask, mask_box, resize_nearest
from ..importers.boxes import cut_box, read_bounding_boxes
from ..importers.coco import read_segmentation
from ..layout import fields
from ..layout.frames import check_aspect
from ..layout.instance import Layout, Mask
from .detection import Detection

logger = logging.getLogger(__name__)
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
        boxes_and_masks = (
            f"{total} box{'' if total == 1 else 'es'} and {len(drawn)} mask{'' if len(drawn) == 1 else 's'}"
        )
        raise ValueError(
            f"The detector gave {boxes_and_masks}. Expected a mask for each box: let the detector give individual masks."
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


class Entry(NamedTuple):
    """A prediction: its number in the file, from 1; box (x, y, width, height) in pixels; label: None without a table of categories;
    segmentation: as the file has it, None if it has none."""

    number: int
    box: tuple[float, ...]
    label: str | None
    score: float
    segmentation: Any


class Predictions:
    """A file of predictions in COCO's format: [{image_id, category_id, bbox: [x, y, width, height], score, segmentation}], in pixels.

    categories: [{id, name}] or {id: name}. Pictures are found by their name without the ending, or, as YOLO writes it, by the
    number that the name is ("000000000139" is 139). Odd entries are left out with a warning; a ValueError says why none can be used.
    A mask that cannot be read counts as one without pixels, and its box stays: `warn_of_masks` says so in the end.
    """

    def __init__(self, entries: Any, categories: Any = None) -> None:
        if not isinstance(entries, list):
            raise ValueError(
                f"The predictions must be a list of objects with image_id, category_id, bbox, score, got {fields.shorten(entries)}."
            )
        self.names = _names(categories)
        self.by_image: dict[str, list[Entry]] = {}
        self.odd_masks: list[str] = []
        read = usable(entries, self._entry, "predictions")
        self.total = len(read)
        for image, entry in read:
            self.by_image.setdefault(image, []).append(entry)

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.names.values())))

    def entries(self, name: str) -> list[Entry]:
        """The entries of a picture; the name is without the ending."""
        return self.by_image.get(_image_key(name), [])

    def check_pictures(self, names: Iterable[str]) -> None:
        """A warning for predictions of other pictures; ValueError if all are. names: without their endings."""
        known = {_image_key(name) for name in names}
        strangers = [image for image in self.by_image if image not in known]
        if not strangers:
            return
        count = sum(len(self.by_image[image]) for image in strangers)
        what = "an image_id is a picture's name without its ending, or the number that the name is"
        if len(strangers) == len(self.by_image):
            raise ValueError(
                f"None of the {count} predictions is for one of these pictures, the first has image_id {fields.shorten(strangers[0])}: {what}."
            )
        logger.warning(
            "%d of %d predictions are for other pictures, such as image_id %s: %s.",
            count,
            self.total,
            fields.shorten(strangers[0]),
            what,
        )

    def of(self, name: str, width: int, height: int) -> list[Detection]:
        """The detections of a picture: its name without the ending, and its size in pixels."""
        read = [self._detection(entry, width, height) for entry in self.entries(name)]
        return [detection for detection in read if detection is not None]

    def mask(self, entry: Entry, width: int, height: int, read: Callable[[Any, str], Mask | None]) -> Mask | None:
        """read(segmentation, words that name the entry) -> its mask; None if the entry has none."""
        if not entry.segmentation:
            return None
        try:
            return read(entry.segmentation, f"Prediction {entry.number}")
        except ValueError as error:
            self.odd_masks.append(str(error))
            return encode_mask(np.zeros((height, width), bool))

    def warn_of_masks(self) -> None:
        warn(self.odd_masks, self.total, "predictions have a mask that cannot be read; their boxes count")
        self.odd_masks = []

    def _entry(self, entry: Any, number: int) -> tuple[str, Entry]:
        where = f"Prediction {number}"
        if not isinstance(entry, Mapping):
            raise ValueError(f"{where} must be an object with image_id and bbox, got {fields.shorten(entry)}.")
        image = entry.get("image_id")
        if isinstance(image, bool) or not isinstance(image, (int, str)):
            raise ValueError(
                f"{where}: image_id must be a picture's name or number, got {fields.shorten(image)} in {fields.shorten(entry)}."
            )
        box = fields.numbers(entry.get("bbox"), 4, where, "bbox", "[x, y, width, height] in pixels")
        score = 1.0 if entry.get("score") is None else fields.number(entry["score"], where, "score")
        label = self.names.get(str(entry.get("category_id")))
        if self.names and label is None:
            raise ValueError(
                f"{where}: category {fields.shorten(entry.get('category_id'))} is not in the table of categories."
            )
        return _image_key(image), Entry(number, box, label, score, entry.get("segmentation"))

    def _detection(self, entry: Entry, width: int, height: int) -> Detection | None:
        mask = self.mask(entry, width, height, lambda value, where: read_segmentation(value, width, height, where))
        x, y, w, h = entry.box
        box = cut_box(x, y, w, h, width, height)
        if box is None:
            return None
        return Detection(entry.label, box, None if mask is None else decode_at_size(mask, height, width), entry.score)


def _names(categories: Any) -> dict[str, str]:
    """[{id, name}], {id: name}, or a COCO file that holds "categories" -> names by id."""
    if categories is None:
        return {}
    if isinstance(categories, Mapping) and "categories" in categories:
        categories = categories["categories"]
    pairs: list[Any] = []
    if isinstance(categories, Mapping):
        pairs = list(categories.items())
    elif isinstance(categories, list):
        pairs = [(c.get("id"), c.get("name")) if isinstance(c, Mapping) else (None, c) for c in categories]
    if not pairs:
        raise ValueError(
            f"The categories must be [{{id, name}}, ...] or {{id: name, ...}}, got {fields.shorten(categories)}."
        )
    return dict(usable(pairs, _name, "categories"))


def _name(pair: tuple[Any, Any], position: int) -> tuple[str, str]:
    key, name = pair
    if isinstance(key, bool) or not isinstance(key, (int, str)):
        raise ValueError(f"Category {position}: expected an id and a name, got {fields.shorten(name)}.")
    return str(key), fields.text(name, f"Category {fields.shorten(key)}", "name")


def _image_key(image: Any) -> str:
    """ "000000000139", 139 and "000000000139.jpg" are one picture."""
    text = str(image)
    stem = text.rpartition(".")[0] if text.lower().endswith((".jpg", ".jpeg", ".png", ".webp")) else text
    return stem.lstrip("0") or "0" if stem.isascii() and stem.isdigit() else stem
