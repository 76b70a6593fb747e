"""COCO annotation files: images, annotations with bbox and segmentation in pixels, categories."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES, unique_ids
from ..layout.instance import Instance, Layout
from .amounts import amount, amounts
from .authors import pixel_box
from .class_names import Numbered
from .given import NOTHING_SAID, Given, known_canvas, stated_canvas
from .odd_items import Question, an_object, good_locations, id_of, keep_good, listing, text_of
from .plain import finite
from .segmentation import read_segmentation


def is_coco(value: Mapping[str, Any]) -> bool:
    return "images" in value and "annotations" in value


def read_coco(document: Mapping[str, Any], given: Given = NOTHING_SAID) -> Layout:
    """{images, annotations, categories} -> the Layout of one image.

    given.image: its id or file name; may be empty if the file has exactly one. The prompt of an instance is its `caption` if
    it has one, else the name of its category, else (in a file without categories) COCO's own name of the number. Crowd regions
    (iscrowd 1) are instances as any other, and say so in `extra`.
    """
    images = _list(document, "images")
    chosen = _choose(images, given.image.strip())
    where = f"Image {fields.shorten(chosen.get('file_name', chosen.get('id')))}"
    known = stated_canvas(chosen)
    if not known and not chosen.get("width") and not chosen.get("height"):  # VIA writes 0 where it does not know
        known = known_canvas(given.canvas, given, "COCO's boxes are")
    width, height = known or (fields.whole(chosen.get(side), where, side) for side in ("width", "height"))
    # Numbers as text are the same: VIA writes the image_id so.
    names = {text_of(c.get("id")): c.get("name") for c in _list(document, "categories", required=False)}
    everything = [piece for a in _list(document, "annotations") for piece in _pieces(a)]
    annotations = [a for a in everything if text_of(a.get("image_id")) == text_of(chosen.get("id"))]
    if everything and not annotations and not {text_of(a.get("image_id")) for a in everything} & set(map(_id, images)):
        raise ValueError(f"{where} has no annotations: no image_id of the file is the id of one of its images.")
    if len(annotations) > MAX_INSTANCES:
        raise ValueError(f"{where} has {len(annotations)} annotations, at most {MAX_INSTANCES} are read.")
    numbers = Numbered()
    beside = given.among(len(annotations)).beside
    instances = keep_good(annotations, lambda a, i: _instance(a, i, names, numbers, (width, height), beside))
    numbers.warn(where)
    caption = chosen.get("caption")
    return Layout(
        unique_ids(instances), width, height, fields.text("" if caption is None else caption, where, "caption")
    )


def _choose(images: Sequence[Mapping[str, Any]], image: str) -> Mapping[str, Any]:
    if not image and len(images) == 1:
        return images[0]
    found = [i for i in images if image and image in _names(i)]
    if len(found) == 1:
        return found[0]
    listed = listing([f"{text_of(i.get('id'))} ({text_of(i.get('file_name')) or 'no file name'})" for i in images])
    if not images:
        raise ValueError('The COCO file has no "images", so the size of the canvas is unknown.')
    if not image:
        raise Question(f"The COCO file has {len(images)} images. Choose one by its id or file name: {listed}.")
    count = "no image" if not found else f"{len(found)} images"
    raise Question(f"The COCO file has {count} with id or file name {image[:60]!r}. It has: {listed}.")


def _names(image: Mapping[str, Any]) -> tuple[str, str, str]:
    """What chooses an image: its id, its file name, and that without its folders."""
    file = text_of(image.get("file_name"))
    return text_of(image.get("id")), file, file.rpartition("/")[2]


def _instance(
    a: Mapping[str, Any],
    position: int,
    names: Mapping[Any, Any],
    numbers: Numbered,
    size: tuple[int, int],
    beside: int,
) -> Instance:
    name = text_of(a.get("id"))[:60] or f"i{position}"
    where = f"Instance {position} (annotation {' '.join(name.split())[:40]})"
    number = a.get("category_id")
    prompt = a.get("caption") or names.get(text_of(number))
    if prompt is None:
        own = a.get("category_name") or (number if number in names.values() else None)
        prompt = own if isinstance(own, str) else None
    if prompt is None and names and number is None:
        raise ValueError(f"{where} has no category_id.")
    if prompt is None and names:
        raise ValueError(f"{where}: category {fields.shorten(number)} is not among the file's categories.")
    readers = {}
    if a.get("bbox"):
        readers["box"] = lambda: pixel_box(_bbox(a), *size, where)
    if a.get("segmentation"):
        readers["mask"] = lambda: read_segmentation(a["segmentation"], *size, where, beside)
    found = good_locations(readers, f"{where} has neither bbox nor segmentation. Give it a location.")
    prompt = numbers.category(id_of(number)) if prompt is None else fields.text(prompt, where, "name")
    return Instance(id=name, prompt=prompt, **found, extra={"iscrowd": 1} if a.get("iscrowd") else {})


def _bbox(a: Mapping[str, Any]) -> Any:
    """[x, y, width, height], also where it is an object, or corners by Detectron2's bbox_mode 0."""
    value = amounts(a["bbox"])
    if isinstance(value, Mapping):
        names = ("x", "y", "width", "height") if "width" in value else ("x", "y", "w", "h")
        value = [amount(value.get(name)) for name in names]
    if a.get("bbox_mode") == 0 and isinstance(value, list) and len(value) == 4 and all(map(finite, value)):
        value = [value[0], value[1], value[2] - value[0], value[3] - value[1]]
    return value


def _id(image: Mapping[str, Any]) -> str:
    return text_of(image.get("id"))


def _pieces(annotation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The annotation itself, or the segments that a panoptic one holds."""
    segments = annotation.get("segments_info")
    if not isinstance(segments, list):
        return [annotation]
    return [{"image_id": annotation.get("image_id"), **s} for s in segments if isinstance(s, Mapping)]


def _list(document: Mapping[str, Any], field: str, required: bool = True) -> list[Mapping[str, Any]]:
    """The objects of a list; what is no object is left out with a warning."""
    value = document.get(field, None if required else [])
    if not isinstance(value, list):
        raise ValueError(f'The COCO file\'s "{field}" must be a list of objects, got {fields.shorten(value)}.')
    return keep_good(value, lambda item, i: an_object(item, f'Item {i} of the COCO file\'s "{field}"'))
