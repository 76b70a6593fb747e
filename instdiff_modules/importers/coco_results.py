"""COCO's result files: a list of what was found in many images, {image_id, category_id, bbox or segmentation, score}, in pixels."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout.instance import Layout
from ..layout.units import PIXELS
from .declared import Declared
from .detectors import are_items, read_items
from .given import XYWH, Given, choose_one, known_canvas
from .odd_items import SAMPLE, left_out, listing, named, text_of


def are_results(value: Any) -> bool:
    return are_items(value, lambda item: "image_id" in item and ("bbox" in item or "segmentation" in item))


def read_results(value: Sequence[Any], given: Given) -> Layout:
    """The objects of one image. A Question if there are several and none is chosen, or if the canvas is not known."""
    items = chosen_items(value, ("image_id",), given)
    return read_items(items, given, known_canvas(given.canvas, given), Declared(XYWH, PIXELS))


def chosen_items(value: Sequence[Any], fields: Sequence[str], given: Given) -> list[Any]:
    """The items of one image (or frame) by the first of the fields that any item has; all, if none has one."""
    field = next(
        (f for f in fields if any(isinstance(item, Mapping) and item.get(f) is not None for item in value[:SAMPLE])),
        None,
    )
    if field is None:
        return list(value)
    names = [text_of(item.get(field)) if isinstance(item, Mapping) else None for item in value]
    images = list(dict.fromkeys(name for name in names if name))
    if not images:
        return list(value)
    image = given.image.strip()
    if image and image not in images:
        raise choose_one(f"there is no {field} {image[:40]!r} in the data", listing(images), given)
    if not image and len(images) > 1:
        raise choose_one(f"the data hold {len(images)} images, by their {field}", listing(images), given)
    left_out([f"{named(i)} has no {field}." for i, name in enumerate(names, 1) if name == ""])
    return [item for item, name in zip(value, names, strict=True) if name in (image or images[0], None)]
