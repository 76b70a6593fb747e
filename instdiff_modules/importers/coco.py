"""COCO annotation files: images, annotations with bbox and segmentation in pixels, categories."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..geometry.polygons import mask_of_polygons
from ..layout import fields
from ..layout.document import MAX_INSTANCES, unique_ids
from ..layout.instance import Instance, Layout, Mask
from .authors import pixel_box


def read_coco(document: Mapping[str, Any], image: str = "") -> Layout:
    """{images, annotations, categories} -> the Layout of one image.

    image: its id or file name; may be empty if the file has exactly one. The phrase of an instance is its `caption` if
    it has one, else the name of its category. Crowd regions (iscrowd 1) are instances as any other, and say so in
    `extra`.
    """
    chosen = _choose(_list(document, "images"), image.strip())
    where = f"Image {fields.shorten(chosen.get('file_name', chosen.get('id')))}"
    width, height = (fields.whole(chosen.get(side), where, side) for side in ("width", "height"))
    names = {_key(c.get("id")): c.get("name") for c in _list(document, "categories", required=False)}
    annotations = [a for a in _list(document, "annotations") if a.get("image_id") == chosen.get("id")]
    if len(annotations) > MAX_INSTANCES:
        raise ValueError(f"{where} has {len(annotations)} annotations, at most {MAX_INSTANCES} are read.")
    instances = [_instance(a, i, names, width, height, len(annotations)) for i, a in enumerate(annotations, 1)]
    caption = chosen.get("caption")
    return Layout(
        unique_ids(instances), width, height, fields.text("" if caption is None else caption, where, "caption")
    )


def _key(value: Any) -> Any:
    """A category's id as a key; a list or an object, which no id should be, by its text."""
    return value if value is None or isinstance(value, (str, int, float)) else repr(value)


def _choose(images: Sequence[Mapping[str, Any]], image: str) -> Mapping[str, Any]:
    if not image and len(images) == 1:
        return images[0]
    found = [i for i in images if image and image in (str(i.get("id")), str(i.get("file_name")))]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{i.get('id')} ({i.get('file_name', 'no file name')})" for i in images[:8])
    listed += f" and {len(images) - 8} more" if len(images) > 8 else ""
    if not images:
        raise ValueError('The COCO file has no "images", so the size of the canvas is unknown.')
    if not image:
        raise ValueError(f"The COCO file has {len(images)} images. Choose one by its id or file name: {listed}.")
    count = "no image" if not found else f"{len(found)} images"
    raise ValueError(f"The COCO file has {count} with id or file name {image!r}. It has: {listed}.")


def _instance(
    a: Mapping[str, Any], position: int, names: Mapping[Any, Any], width: int, height: int, beside: int
) -> Instance:
    name = f"i{position}" if a.get("id") is None else str(a["id"])
    where = f"Instance {position} (annotation {name})"
    prompt = a.get("caption") or names.get(_key(a.get("category_id")))
    if prompt is None:
        raise ValueError(
            f"{where}: category {fields.shorten(a.get('category_id'))} is not among the file's categories."
        )
    given: dict[str, Any] = {}
    if a.get("bbox"):
        given["box"] = pixel_box(a["bbox"], width, height, where)
    if a.get("segmentation"):
        given["mask"] = read_segmentation(a["segmentation"], width, height, where, beside)
    if not given:
        raise ValueError(f"{where} has neither bbox nor segmentation. Give it a location.")
    return Instance(
        id=name, prompt=fields.text(prompt, where, "name"), **given, extra={"iscrowd": 1} if a.get("iscrowd") else {}
    )


def read_segmentation(segmentation: Any, width: int, height: int, where: str, beside: int = 1) -> Mask:
    """Run-lengths (text or numbers) or polygons [[x1, y1, ...], ...] in pixels, which may give a smaller mask than the picture
    (`mask_of_polygons`). beside: how many masks are read for one layout."""
    if isinstance(segmentation, Mapping):
        mask = fields.mask(segmentation, where)
        if (mask.height, mask.width) != (height, width):
            raise ValueError(
                f"{where}: the segmentation is {mask.width}x{mask.height} pixels, its image {width}x{height}."
            )
        return mask
    if isinstance(segmentation, str) or not isinstance(segmentation, Sequence):
        raise ValueError(f"{where}: segmentation must be polygons or run-lengths, got {fields.shorten(segmentation)}.")
    polygons = []
    for polygon in segmentation:
        if isinstance(polygon, str) or not isinstance(polygon, Sequence) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(
                f"{where}: a polygon must be [x1, y1, x2, y2, x3, y3, ...] in pixels, got {fields.shorten(polygon)}."
            )
        polygons.append([fields.number(v, where, "segmentation") for v in polygon])
    mask = mask_of_polygons(polygons, height, width, where, beside) if polygons else None
    if mask is None:
        raise ValueError(f"{where}: the segmentation covers no pixel of the {width}x{height} canvas.")
    return mask


def _list(document: Mapping[str, Any], field: str, required: bool = True) -> list[Mapping[str, Any]]:
    value = document.get(field, None if required else [])
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError(f'The COCO file\'s "{field}" must be a list of objects, got {fields.shorten(value)}.')
    return value
