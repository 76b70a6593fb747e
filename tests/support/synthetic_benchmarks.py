"""Small files of exactly the formats of COCO-MIG, OverLayBench and LayoutSAM-Eval, of shape world scenes, and the pictures of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from instdiff.instdiff_modules.geometry.masks import mask_box
from PIL import Image
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing

SIZE = 256
WIDE, HIGH = 1500, 1000  # LayoutSAM's photographs have shapes of their own
# By the pictures' numbers, as the files list them: in no order. Things of a scene have different shapes; 769's overlap.
SCENES = {
    769: Scene(SIZE, SIZE, "white", (Thing("circle", "red", "plain", (0.4, 0.5), 0.4), Thing("heart", "green", "plain", (0.62, 0.5), 0.4))),
    7: Scene(SIZE, SIZE, "white", (Thing("star", "blue", "plain", (0.25, 0.3), 0.4), Thing("square", "black", "plain", (0.7, 0.7), 0.3))),
    12: Scene(SIZE, SIZE, "black", (
        Thing("moon", "yellow", "plain", (0.25, 0.25), 0.4), Thing("ring", "white", "plain", (0.75, 0.3), 0.4),
        Thing("cross", "red", "plain", (0.5, 0.75), 0.4),
    )),
}  # fmt: skip
RELATION = "(circle_1, heart_2)"


def boxes(scene: Scene) -> list[list[float]]:
    """Of all of each thing, hidden parts too, as fractions."""
    return [list(mask_box(mask)) for mask in render(scene).whole]


def touching(given: list[list[float]]) -> list[list[int]]:
    """Pairs of boxes that share something."""
    pairs = [[i, j] for j in range(len(given)) for i in range(j)]
    return [
        [i, j]
        for i, j in pairs
        if all(max(given[i][k], given[j][k]) < min(given[i][k + 2], given[j][k + 2]) for k in (0, 1))
    ]


def named(scene: Scene) -> dict[str, Thing]:
    return {f"{thing.shape}_{i}": thing for i, thing in enumerate(scene.things, 1)}


def mig_json(article: str = "a ") -> dict[str, Any]:
    """mig_bench_sample.py's; without the article as in the file that eval_mig.py reads."""
    return {
        str(number): {
            "caption": "a photo of " + "and ".join(f"{thing.phrase} " for thing in scene.things),
            "segment": [
                {"bbox": box, "label": thing.phrase.replace("a ", article, 1)}
                for thing, box in zip(scene.things, boxes(scene), strict=True)
            ],
            "image_id": f"5{number}",
        }
        for number, scene in SCENES.items()
    }


def mig_yaml() -> str:
    """MIGC's mig_bench_anno.yaml: captions and phrases by the alphabet, as PyYAML writes them; a long caption is a key of several lines."""
    document: dict[str, Any] = {}
    for number, scene in SCENES.items():
        entry = document["a photo of " + " and ".join(thing.phrase for thing in scene.things)] = {
            "coco_id": str(number)
        }
        for thing, box in zip(scene.things, boxes(scene), strict=True):
            entry.setdefault(thing.phrase, []).append(box)
    caption = next(name for name in document if "moon" in name)
    text = yaml.safe_dump(document)
    short, long = f"{caption}:\n  ", f"? {caption.replace(' and a red', chr(10) + '  and a red')}\n: "
    assert short in text
    return text.replace(short, long)


def overlay_rows() -> list[dict[str, Any]]:
    """OverLayBench_Eval's columns without the picture; the annotation is a Python literal."""
    rows = []
    for number, scene in SCENES.items():
        corners = [[round(v * 1024) for v in box] for box in boxes(scene)]
        annotation = {
            "caption": scene.caption,
            "annotations": {
                name: {"bbox": box, "category": thing.shape, "local_prompts": thing.phrase}
                for (name, thing), box in zip(named(scene).items(), corners, strict=True)
            },
            "relations": {RELATION: "the heart is in front of the circle"} if number == 769 else {"(a, b)": "near"},
            "valid_overlap": [{"overlap_box": pair} for pair in touching(boxes(scene))],
        }
        rows.append({"annotation": repr(annotation), "image_id": number})
    return rows


def layoutsam_rows() -> list[dict[str, Any]]:
    """LayoutSAM-eval's columns without the picture."""
    return [
        {
            "image_id": number,
            "global_caption": scene.caption,
            "detail_region_captions": repr([thing.phrase for thing in scene.things]),
            "region_captions": repr([f"A {thing.shape}" for thing in scene.things]),
            "bbox_list": repr([[x0 * WIDE, y0 * HIGH, x1 * WIDE, y1 * HIGH] for x0, y0, x1, y1 in boxes(scene)]),
            "width": WIDE,
            "height": HIGH,
            "file_name": f"sa_{number}.jpg",
        }
        for number, scene in SCENES.items()
    ]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# The files by what they are called; their text.
FILES = {
    "mig_bench.json": lambda: json.dumps(mig_json()),
    "sample_prompt_color_split.json": lambda: json.dumps(mig_json("")),
    "mig_bench_anno.yaml": mig_yaml,
    "simple-00000-of-00001.jsonl": lambda: lines(overlay_rows()),
    "hard.json": lambda: json.dumps(overlay_rows()),
    "layoutsam.jsonl": lambda: lines(layoutsam_rows()),
    "layoutsam.json": lambda: lines(layoutsam_rows()),
}


def write(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(FILES[name](), encoding="utf-8")
    return path


def made(file: Path, out: Path, *more: object, expected: int = 0) -> RunFolder:
    """A run as `benchmark` leaves it, with the scenes as pictures."""
    command = [
        str(v) for v in ("benchmark", file, "--out", out, "--size", SIZE, "--server", "http://127.0.0.1:9", *more)
    ]
    folder = RunFolder(out)
    assert main(command) == 2, "no server is there, but the layouts are written"
    folder.pictures.mkdir(parents=True, exist_ok=True)
    for name in folder.about()["pictures"]:
        Image.fromarray(render(SCENES[int(name.removeprefix("sa_"))]).picture).save(folder.picture(name))
    assert main(command) == expected, "nothing is left to paint: no server is needed"
    return folder


def scored(folder: RunFolder, *more: object) -> dict[str, Any]:
    assert main([str(v) for v in ("score", folder.path, *more)]) == 0
    return json.loads((folder.path / "results.json").read_text())["tables"][0]


def grounded(folder: RunFolder) -> list[dict[str, Any]]:
    """What a perfect detector with masks says of the pictures, with the categories of the run."""
    ids = {name: int(number) for number, name in folder.about()["categories"].items()}
    out = []
    for number, scene in SCENES.items():
        for thing, mask, box in zip(scene.things, render(scene).visible, boxes(scene), strict=True):
            x0, y0, x1, y1 = (v * SIZE for v in box)
            runs = np.flatnonzero(np.diff(mask.T.ravel(), prepend=False, append=False))
            counts = np.diff(runs, prepend=0, append=mask.size).tolist()
            segmentation = {"size": [SIZE, SIZE], "counts": counts}
            out.append(
                {
                    "image_id": number,
                    "category_id": ids[thing.shape],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": 0.9,
                    "segmentation": segmentation,
                }
            )
    return out
