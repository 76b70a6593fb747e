"""COCO-MIG's layouts: MIG_Bench's JSON (mig_bench_sample.py, eval_mig.py) and MIGC's YAML (bench_file/mig_bench_anno.yaml).

JSON: {"17": {"caption": "a photo of a red dog and a blue cat ", "segment": [{"bbox": [x0, y0, x1, y1], "label": "a red dog"}], "image_id": ...}},
labels with or without their article. YAML: {"a photo of a red dog and ...": {"a red dog": [[x0, y0, x1, y1], ...], "coco_id": "17"}}.
Boxes are fractions 0..1. The number (the JSON's key, the YAML's coco_id) is what eval_mig.py finds at the end of a picture's name, so our
pictures are called by it.
"""

from collections.abc import Mapping
from typing import Any

from ..commands.left_out import usable
from ..layout import fields
from ..metrics.mig import RANGES, color_and_object
from .benchmark_pictures import (
    BenchmarkPicture,
    Item,
    a_list,
    an_object,
    fraction_corners,
    picture_number,
    read_items,
)


def is_mig(document: Mapping[str, Any]) -> bool:
    """Whether an entry looks like one of the two files'."""
    entries = list(document.values())[:20]
    return any(isinstance(entry, Mapping) and ("segment" in entry or "coco_id" in entry) for entry in entries)


def read_mig(document: Mapping[str, Any], file: str) -> list[BenchmarkPicture]:
    """The pictures in the order of their numbers. Odd ones are left out with a warning; ValueError if all are."""
    return usable(document.items(), lambda entry, _: _picture(*entry), f"layouts in {file}")


def _picture(key: str, entry: Any) -> BenchmarkPicture:
    if isinstance(entry, Mapping) and "coco_id" in entry:
        number = picture_number(entry["coco_id"], f"coco_id of {fields.shorten(key)}")
        caption = key
        given = [
            {"bbox": box, "label": label}
            for label, boxes in entry.items()
            if label != "coco_id"
            for box in a_list(boxes, f"Layout {number}", fields.shorten(label))
        ]
    else:
        number = picture_number(key, "The name of a layout")
        entry = an_object(entry, f"Layout {number}", "caption", "segment")
        caption = fields.text(entry["caption"], f"Layout {number}", "caption")
        given = a_list(entry["segment"], f"Layout {number}", "segment")
    instances, _, lost = read_items(given, _item, number, f"Layout {number}")
    return BenchmarkPicture(number, str(number), " ".join(caption.split()), instances, {}, tuple(lost))


def _item(value: Any, where: str) -> Item:
    entry = an_object(value, where, "bbox", "label")
    label = " ".join(fields.text(entry["label"], where, "label").split())
    named = color_and_object(label)
    if named is None:
        raise ValueError(
            f'{where}: its label {fields.shorten(label)} must be a colour ({", ".join(RANGES)}) and an object, such as "a red dog".'
        )
    color, category = named
    return Item(label, fraction_corners(_floats(entry["bbox"]), where), category, {"mig_color": color})


def _floats(value: Any) -> Any:
    """YAML's numbers come as text."""
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        return value
    try:
        return [float(v) for v in value]
    except ValueError:
        return value
