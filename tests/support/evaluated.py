"""A run of the evaluation as `coco` leaves it, with grey pictures, and a detector's answers to it."""

import json
from pathlib import Path

import numpy as np
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.annotations import read_annotations
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from PIL import Image

SIZE = 256


def evaluated(given, out: Path, format: str = "box") -> RunFolder:
    """A run as `coco` leaves it, with grey pictures."""
    options = [
        "--annotations",
        given[0],
        "--captions",
        given[1],
        "--format",
        format,
        "--out",
        out,
        "--size",
        SIZE,
        "--server",
        "http://127.0.0.1:9",
    ]
    annotations, folder = read_annotations(*given), RunFolder(out)
    assert main([str(v) for v in ("coco", *options)]) == 2, "no server is there, but the layouts are written"
    for picture in annotations.pictures:
        folder.pictures.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((SIZE, SIZE, 3), 128, np.uint8)).save(folder.picture(picture.name))
    assert main([str(v) for v in ("coco", *options)]) == 0, "nothing is left to paint: no server is needed"
    return folder


def perfect(folder: RunFolder) -> list[dict]:
    """Predictions that are the truth, as YOLO writes them: the picture's number, not its name."""
    truth = json.loads((folder.path / "coco" / "annotations" / "instances_val2017.json").read_text())
    return [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "bbox": a["bbox"],
            "score": 0.9,
            "segmentation": a["segmentation"],
        }
        for a in truth["annotations"]
    ]


def scored(folder: RunFolder, predictions: list[dict], *more: object) -> dict:
    path = folder.path / "predictions.json"
    path.write_text(json.dumps(predictions))
    assert main([str(v) for v in ("score", folder.path, "--predictions", path, *more)]) == 0
    return json.loads((folder.path / "results.json").read_text())["tables"][0]
