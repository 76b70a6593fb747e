"""OverLayBench's layouts: the rows of cywang143/OverLayBench_Eval, as its toolkit reads them (overlaybenchpytools/meter.py, utils.py).

A row has image_id and annotation, an object as a Python literal: {"caption": ..., "annotations": {NAME: {"bbox": [x0, y0, x1, y1] in pixels of
1024x1024, "category": ..., "local_prompts": ...}}, "relations": {"(NAME, NAME)": ...}, "valid_overlap": [{"overlap_box": [i, j], ...}]}; i and j
count the annotations from 0. The order of the annotations is no depth. Pictures are called IMAGE_ID.png, as the toolkit wants them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..commands.left_out import usable
from ..layout import fields
from .benchmark_pictures import BenchmarkPicture, Item, an_object, picture_number, pixel_corners, read_items
from .rows import literal

SIDE = 1024  # pixels, of the benchmark's boxes
COLUMNS = ("image_id", "annotation")


def is_overlay(row: Any) -> bool:
    return isinstance(row, Mapping) and "annotation" in row


def read_overlay(rows: Sequence[Any], file: str) -> list[BenchmarkPicture]:
    """Odd rows are left out with a warning; ValueError if all are."""
    return usable(rows, _picture, f"rows of {file}")


def relation_key(text: Any) -> str:
    """ "(cat_1, dog_2)", with or without its brackets and quotes, as one spelling: "cat_1, dog_2"."""
    words = ", ".join(map(str, text)) if isinstance(text, (tuple, list)) else str(text)
    return ", ".join(part.strip() for part in re.sub(r"[()\[\]'\"]", "", words).split(","))


def _picture(row: Any, position: int) -> BenchmarkPicture:
    row = an_object(row, f"Row {position}", *COLUMNS)
    number = picture_number(row["image_id"], f"Row {position}: image_id")
    where = f"Picture {number}"
    entry = an_object(literal(row["annotation"], f"{where}: annotation"), where, "caption", "annotations")
    given = entry["annotations"]
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{where}: annotations must be an object of objects by their names, got {fields.shorten(given)}."
        )
    instances, places, lost = read_items(list(given.items()), _item, number, where)
    overlaps, more = _overlaps(entry.get("valid_overlap"), places, where)
    relations = entry.get("relations")
    named = [relation_key(key) for key in relations] if isinstance(relations, Mapping) else []
    caption = fields.text(entry["caption"], where, "caption").strip()
    return BenchmarkPicture(
        number, str(number), caption, instances, {"overlaps": overlaps, "relations": named}, (*lost, *more)
    )


def _item(value: tuple[Any, Any], where: str) -> Item:
    name, entry = str(value[0]), an_object(value[1], where, "bbox", "category")
    category = fields.text(entry["category"], where, "category")
    prompt = next(
        (entry[key] for key in ("local_prompts", "local_prompt") if isinstance(entry.get(key), str)), category
    )
    return Item(prompt, pixel_corners(entry["bbox"], SIDE, SIDE, where), category, {"overlay_name": name})


def _overlaps(value: Any, places: Sequence[int | None], where: str) -> tuple[list[list[int]], list[str]]:
    """Pairs of instances, and what is lost of them. A pair whose instance was left out goes with it."""
    if not isinstance(value, list):
        return [], [f"{where}: it has no valid_overlap, so its o-mIoU is left out."]
    pairs, lost = [], []
    for item in value:
        pair = item.get("overlap_box") if isinstance(item, Mapping) else None
        if (
            not isinstance(pair, (list, tuple))
            or len(pair) != 2
            or not all(type(i) is int and 0 <= i < len(places) for i in pair)
        ):
            lost.append(
                f"{where}: a valid_overlap must have an overlap_box [i, j], got {fields.shorten(item)}. Left out."
            )
            continue
        first, second = (places[i] for i in pair)
        if first is not None and second is not None and first != second:
            pairs.append([first, second])
    return pairs, lost
