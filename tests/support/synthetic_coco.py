"""A small COCO data set of the shape world: annotations and captions as files, wide pictures, ids in no order."""

import json
from pathlib import Path
from typing import Any

from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.rle import decode_runs
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import random_scene

WIDTH, HEIGHT = 384, 256
IDS = (785, 139, 632, 285)  # of the pictures, as the file lists them
CATEGORIES = {10 * i: shape for i, shape in enumerate(words.SHAPES, 1)}  # numbers with gaps, as COCO's


def document(ids: tuple[int, ...] = IDS) -> dict[str, Any]:
    """instances_*.json. The masks are run-lengths; the first picture's last annotation is a crowd."""
    images, annotations = [], []
    numbers = {name: number for number, name in CATEGORIES.items()}
    for image in ids:
        scene = random_scene(image, WIDTH, HEIGHT, (2, 4))
        images.append({"id": image, "file_name": f"{image:012}.jpg", "width": WIDTH, "height": HEIGHT})
        for i, (thing, instance) in enumerate(zip(scene.things, scene_layout(scene).instances, strict=True)):
            x0, y0, x1, y1 = instance.box
            annotations.append(
                {
                    "id": 1000 * image + i,
                    "image_id": image,
                    "category_id": numbers[thing.shape],
                    "iscrowd": 0,
                    "bbox": [x0 * WIDTH, y0 * HEIGHT, (x1 - x0) * WIDTH, (y1 - y0) * HEIGHT],
                    "area": int(decode_mask(instance.mask).sum()),
                    "segmentation": {"size": [HEIGHT, WIDTH], "counts": decode_runs(instance.mask.counts).tolist()},
                }
            )
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in CATEGORIES.items()],
    }


def captions(ids: tuple[int, ...] = IDS) -> dict[str, Any]:
    """captions_*.json: two for each picture, the first one counts."""
    said = [
        {"id": 5000 - 2 * image + k, "image_id": image, "caption": f"{word} caption of {image}."}
        for image in ids
        for k, word in enumerate(("first", "second"))
    ]
    return {"images": [{"id": image} for image in ids], "annotations": said}


def write(folder: Path, ids: tuple[int, ...] = IDS) -> tuple[Path, Path]:
    """Both files: annotations, captions."""
    paths = folder / "instances.json", folder / "captions.json"
    for path, content in zip(paths, (document(ids), captions(ids)), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return paths
