"""The layout as annotation files that know an image: COCO, and the demos of the authors. Visible instances alone, in pixels.

Both hold prompts, boxes and masks whole; negative prompts, strength, start, end, opacity, reference, colour and parent stay behind (see lost.py).
web/js/layout/exporters.js writes the same.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from ..geometry.masks import decode_mask, encode_mask, resize_nearest
from ..geometry.raster import output_size
from ..layout.document import visible_instances
from ..layout.instance import Box, Instance, Layout, Mask

_DUST = Decimal("0.000001")  # pixels: what 0.1 * 768 leaves behind; far finer than a document's five decimals


def write_authors(layout: Layout) -> dict[str, Any]:
    """{caption, width, height, annos: [{bbox, mask, category_name, caption, point, scribble}]}: every kind of location."""
    width, height = output_size(layout, 0, 0)
    return {
        "caption": layout.prompt,
        "width": width,
        "height": height,
        "annos": [_anno(instance, width, height) for instance in visible_instances(layout)],
    }


def write_coco(layout: Layout, boxes: Sequence[Box]) -> dict[str, Any]:
    """{images, categories, annotations} of one image. boxes: of each visible instance its extent x0, y0, x1, y1 in 0..1.

    COCO holds boxes and masks: a point or a scribble is written as the box around it, and a mask at the canvas's size.
    """
    width, height = output_size(layout, 0, 0)
    shown = visible_instances(layout)
    names = list(dict.fromkeys(map(_category, shown)))
    annotations = []
    for i, (instance, box) in enumerate(zip(shown, boxes, strict=True), 1):
        mask = None if instance.mask is None else _resized(instance.mask, height, width)
        bbox = _rectangle(box, width, height)
        annotations.append({
            "id": i,
            "image_id": 1,
            "category_id": names.index(_category(instance)) + 1,
            "caption": instance.prompt,
            "bbox": bbox,
            "area": _pixels(bbox[2] * bbox[3]) if mask is None else int(decode_mask(mask).sum()),
            "segmentation": [] if mask is None else _mask(mask),
            "iscrowd": 1 if instance.extra.get("iscrowd") else 0,
        })  # fmt: skip
    return {
        "images": [{"id": 1, "file_name": "layout.png", "width": width, "height": height, "caption": layout.prompt}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": annotations,
    }


def _anno(instance: Instance, width: int, height: int) -> dict[str, Any]:
    def scaled(xy: Sequence[float]) -> list[float]:
        return [_pixels(xy[0] * width), _pixels(xy[1] * height)]

    return {
        **({} if instance.box is None else {"bbox": _rectangle(instance.box, width, height)}),
        "mask": [] if instance.mask is None else _mask(instance.mask),
        "category_name": _name(instance),
        "caption": instance.prompt,
        **({} if instance.point is None else {"point": scaled(instance.point)}),
        **({} if instance.scribble is None else {"scribble": [scaled(xy) for xy in instance.scribble]}),
    }


def _name(instance: Instance) -> str:
    """The name of its category, where it came from a file that had one."""
    name = instance.extra.get("category_name")
    return name if isinstance(name, str) else ""


def _category(instance: Instance) -> str:
    return _name(instance) or instance.prompt


def _mask(mask: Mask) -> Mapping[str, Any]:
    return {"size": [mask.height, mask.width], "counts": mask.counts}


def _resized(mask: Mask, height: int, width: int) -> Mask | None:
    """At the canvas's size; None if it is too fine to be seen there."""
    if (mask.height, mask.width) == (height, width):
        return mask
    bitmap = resize_nearest(decode_mask(mask), height, width)
    return encode_mask(bitmap) if np.any(bitmap) else None


def _rectangle(box: Box, width: int, height: int) -> list[float]:
    """Box in 0..1 -> [x, y, width, height] in parts of pixels; something that has no size gets one pixel."""
    x0, y0, x1, y1 = box
    w, h = (x1 - x0) * width, (y1 - y0) * height
    if w > 0 and h > 0:
        return [_pixels(v) for v in (x0 * width, y0 * height, w, h)]
    return [_pixels(v) for v in (min(x0 * width, width - 1), min(y0 * height, height - 1), max(w, 1), max(h, 1))]


def _pixels(value: float) -> float:
    """Rounded to a millionth of a pixel; a whole number where it is one."""
    rounded = float(Decimal(value).quantize(_DUST, ROUND_HALF_UP))
    return int(rounded) if rounded.is_integer() else rounded
