"""What a detector reads: the generated pictures as if they were COCO's, with the layouts as their truth.

The folder has the shape that YOLO's programs know as COCO, so that they number pictures and categories as COCO does:

    coco/coco.yaml                               for `yolo val segment model=yolov8m-seg.pt data=.../coco/coco.yaml`
    coco/val2017.txt                             the list of the pictures
    coco/images/val2017/NAME.png
    coco/annotations/instances_val2017.json      boxes and masks of the layouts, in the pictures' pixels

There are no label files: what the program itself prints without pycocotools' files means nothing, its predictions.json counts.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..geometry.masks import decode_mask, encode_mask
from ..layout.instance import Instance, Layout
from ..metrics.folder import write_whole
from .coco import canvas_size, pixel_box
from .run_files import SPLIT, RunFolder


def write_detector_files(
    folder: RunFolder,
    pictures: Mapping[str, int],
    categories: Mapping[int, str],
    layout_of: Callable[[str], Layout],
) -> None:
    """Truth, list and description of the pictures (numbers by names), whose layouts `layout_of` knows."""
    ids = {name: number for number, name in sorted(categories.items(), reverse=True)}  # of equal names the first
    images, annotations = [], []
    for name, number in pictures.items():
        layout = layout_of(name)
        images.append({"id": number, "file_name": f"{name}.png", "width": layout.width, "height": layout.height})
        annotations += [_annotation(instance, layout, number, ids) for instance in layout.instances]
    truth = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in sorted(categories.items())],
    }
    coco = folder.path / "coco"
    write_whole(coco / "annotations" / f"instances_{SPLIT}.json", json.dumps(truth))
    write_whole(coco / f"{SPLIT}.txt", "".join(f"./images/{SPLIT}/{image['file_name']}\n" for image in images))
    names = {i: name for i, (_, name) in enumerate(sorted(categories.items()))}
    lines = [f"train: {SPLIT}.txt  # required, never used", f"val: {SPLIT}.txt", "names:"]
    lines += [
        f"  {i}: {json.dumps(name, ensure_ascii=False)}" for i, name in names.items()
    ]  # JSON's strings are YAML's
    write_whole(coco / "coco.yaml", "\n".join(lines) + "\n")


def _annotation(instance: Instance, layout: Layout, image: int, ids: Mapping[str, int]) -> dict[str, Any]:
    width, height = canvas_size(layout)
    box = list(pixel_box(instance, layout))
    # Without a mask: one without pixels, since the programs that take COCO's averages want one of each annotation.
    mask = instance.mask or encode_mask(np.zeros((height, width), bool))
    area = box[2] * box[3] if instance.mask is None else int(np.count_nonzero(decode_mask(mask)))
    return {
        "id": int(instance.id),
        "image_id": image,
        "category_id": ids[instance.extra["category_name"]],
        "bbox": box,
        "area": area,
        "iscrowd": int(bool(instance.extra.get("iscrowd"))),
        "segmentation": {"size": [mask.height, mask.width], "counts": mask.counts},
    }
