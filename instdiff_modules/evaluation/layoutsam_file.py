"""LayoutSAM-Eval's layouts: the rows of HuiZhang0812/LayoutSAM-eval, as CreatiLayout reads them (dataset/layoutsam_benchmark.py).

A row has image_id, file_name, width, height, global_caption, and as Python literals bbox_list ([[x0, y0, x1, y1], ...] in pixels of width x
height), region_captions and detail_region_captions. The model is given the detailed captions; boxes are fractions of three digits on a
square canvas, as there. Pictures are called as file_name is, with the ending .png.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..commands.left_out import usable
from ..layout import fields
from .benchmark_pictures import (
    BenchmarkPicture,
    Item,
    a_list,
    an_object,
    checked_name,
    picture_number,
    pixel_corners,
    read_items,
)
from .rows import literal

LISTS = ("bbox_list", "region_captions", "detail_region_captions")
COLUMNS = ("image_id", "file_name", "width", "height", "global_caption", *LISTS)
CLASS = "thing"  # of every instance: descriptions name no classes


def is_layoutsam(row: Any) -> bool:
    return isinstance(row, Mapping) and "bbox_list" in row


def read_layoutsam(rows: Sequence[Any], file: str) -> list[BenchmarkPicture]:
    """Odd rows are left out with a warning; ValueError if all are."""
    return usable(rows, _picture, f"rows of {file}")


def _picture(row: Any, position: int) -> BenchmarkPicture:
    row = an_object(row, f"Row {position}", *COLUMNS)
    number = picture_number(row["image_id"], f"Row {position}: image_id")
    where = f"Picture {number}"
    file = fields.text(row["file_name"], where, "file_name").replace("\\", "/").rpartition("/")[2]
    name = checked_name(file.rpartition(".")[0] or file, where)
    width, height = (fields.whole(row[side], where, side) for side in ("width", "height"))
    lists = [a_list(literal(row[key], f"{where}: {key}"), where, key) for key in LISTS]
    if len({len(one) for one in lists}) > 1:
        counts = ", ".join(f"{len(one)} {key}" for key, one in zip(LISTS, lists, strict=True))
        raise ValueError(f"{where}: it must have as many boxes as captions of both kinds, got {counts}.")

    def item(value: Any, words: str) -> Item:
        box, caption, detail = value
        short = fields.text(caption, words, "region caption")
        x0, y0, x1, y1 = pixel_corners(box, width, height, words)
        rounded = round(x0, 3), round(y0, 3), round(x1, 3), round(y1, 3)
        if rounded[0] >= rounded[2] or rounded[1] >= rounded[3]:
            raise ValueError(f"{words}: its box {list(box)} is thinner than a thousandth of the picture.")
        return Item(fields.text(detail, words, "detailed caption") or short, rounded, CLASS, {"region_caption": short})

    instances, _, lost = read_items(list(zip(*lists, strict=True)), item, number, where)
    caption = fields.text(row["global_caption"], where, "global_caption").strip()
    return BenchmarkPicture(number, name, caption, instances, {}, tuple(lost))
