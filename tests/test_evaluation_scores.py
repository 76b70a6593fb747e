"""The paper's evaluation when the pictures are there: files for a detector, numbers, tables, words."""

import json
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.metrics.attributes import COLORS
from instdiff.instdiff_modules.metrics.clip import LocalClip
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support import synthetic_coco
from support.evaluated import SIZE, evaluated, perfect, scored
from support.small_clip import write_small_clip
from support.synthetic_coco import CATEGORIES, IDS, WIDTH


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path]:
    return synthetic_coco.write(tmp_path)


def test_the_detectors_files_are_what_coco_programs_read(given, tmp_path: Path):
    folder = evaluated(given, tmp_path / "out")
    root = folder.path / "coco"
    truth = COCO(str(root / "annotations" / "instances_val2017.json"))
    listed = (root / "val2017.txt").read_text().split()
    assert sorted(truth.getImgIds()) == sorted(IDS) and [Path(line).stem for line in listed] == [
        f"{i:012}" for i in sorted(IDS)
    ]
    assert all((root / line).is_file() and Image.open(root / line).size == (SIZE, SIZE) for line in listed)
    names = [line.split(": ")[1] for line in (root / "coco.yaml").read_text().splitlines() if line.startswith("  ")]
    assert names == [f'"{name}"' for name in CATEGORIES.values()]
    original = {a["id"]: a for a in synthetic_coco.document()["annotations"]}
    for annotation in truth.anns.values():
        x, y, w, h = original[annotation["id"]]["bbox"]
        assert annotation["bbox"] == pytest.approx([x * SIZE / WIDTH, y, w * SIZE / WIDTH, h])
        assert annotation["area"] == truth.annToMask(annotation).sum() > 0


def test_a_perfect_detector_gets_a_hundred_and_coco_itself_says_the_same_of_a_bad_one(given, tmp_path: Path):
    folder = evaluated(given, tmp_path / "out")
    table = scored(folder, perfect(folder))
    assert table["rows"]["this run"] == [pytest.approx(100), pytest.approx(100), pytest.approx(100), None]
    assert table["rows"]["paper"] == [38.8, 55.4, 52.9, 23.9] and table["rows"]["reproduction"] == [
        49.9,
        66.8,
        68.6,
        None,
    ]
    assert table["rows"]["this run - paper"][:2] == [pytest.approx(61.2), pytest.approx(44.6)]
    rng = np.random.default_rng(0)
    bad = [
        {**p, "bbox": (np.array(p["bbox"]) + rng.uniform(-12, 12, 4)).tolist(), "score": float(rng.random())}
        for p in perfect(folder)
        for _ in range(3)
    ]
    values = scored(folder, bad)["result"]["values"]
    truth = COCO(str(folder.path / "coco" / "annotations" / "instances_val2017.json"))
    judge = COCOeval(truth, truth.loadRes([{**p, "bbox": cut(p["bbox"])} for p in bad]), "bbox")
    judge.evaluate(), judge.accumulate(), judge.summarize()
    assert 0.05 < values["box_ap"] < 0.9
    assert (values["box_ap"], values["box_ap50"], values["box_ar"]) == pytest.approx(
        (judge.stats[0], judge.stats[1], judge.stats[8])
    )


def cut(box: list[float]) -> list[float]:
    x0, y0, x1, y1 = (min(max(v, 0.0), SIZE) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return [x0, y0, x1 - x0, y1 - y0]


@pytest.mark.parametrize("format, column", [("mask", 0), ("point", 0), ("scribble", 0)])
def test_masks_points_and_scribbles_have_their_tables(given, tmp_path: Path, format: str, column: int):
    folder = evaluated(given, tmp_path / "out", format)
    best = scored(folder, perfect(folder))["rows"]["this run"][column]
    empty = {"size": [SIZE, SIZE], "counts": encode_mask(np.zeros((SIZE, SIZE), bool)).counts}
    worst = scored(folder, [{**p, "segmentation": empty} for p in perfect(folder)])["rows"]["this run"][column]
    assert best == pytest.approx(100) if format != "point" else best > 70, "a ring has no middle"
    assert worst == 0
    assert (
        scored(folder, [{k: v for k, v in p.items() if k != "segmentation"} for p in perfect(folder)])["rows"][
            "this run"
        ][column]
        is None
    )


def test_the_printed_table_stands_beside_the_papers_and_says_what_is_not_comparable(given, tmp_path: Path, capsys):
    folder = evaluated(given, tmp_path / "out")
    scored(folder, perfect(folder))
    said = capsys.readouterr().out
    for words in ("| paper | 38.8 | 55.4 | 52.9 | 23.9 |", "| reproduction | 49.9 | 66.8 | 68.6 | - |", "| this run (4 pictures) | 100.0 | 100.0 | 100.0 | - |",
                  "all 5000 pictures of val2017, this run 4", "256x256", "predictions.json"):  # fmt: skip
        assert words in said
    assert (folder.path / "results.md").read_text() in said
    other = evaluated(given, tmp_path / "other", "mask")
    scored(other, perfect(other))
    capsys.readouterr()
    assert main(["tables", str(folder.path), str(other.path), "--out", str(tmp_path / "both")]) == 0
    both = capsys.readouterr().out
    assert "Bounding boxes" in both and "Instance masks" in both and both == (tmp_path / "both.md").read_text()
    assert [table["format"] for table in json.loads((tmp_path / "both.json").read_text())["tables"]] == ["box", "mask"]


def test_a_folder_keeps_to_its_settings_and_only_the_number_of_pictures_may_grow(given, tmp_path: Path, capsys):
    options = {
        "--annotations": given[0],
        "--format": "box",
        "--out": tmp_path / "out",
        "--size": SIZE,
        "--server": "http://127.0.0.1:9",
        "--images": 2,
    }

    def start(**change: object) -> str:
        main(
            [
                "coco",
                *(str(v) for pair in {**options, **{f"--{k}": v for k, v in change.items()}}.items() for v in pair),
            ]
        )
        return capsys.readouterr().err

    assert "No ComfyUI server" in start()
    for change, word in (
        ({"seed": 1}, "seed"),
        ({"format": "mask"}, "format"),
        ({"steps": 9}, "workflow"),
        ({"captions": given[1]}, "captions"),
    ):
        assert f"another {word}" in start(**change)
    assert "No ComfyUI server" in start(images=4) and len(RunFolder(tmp_path / "out").about()["pictures"]) == 4


def test_scores_ask_for_what_is_missing(given, tmp_path: Path, capsys):
    folder = evaluated(given, tmp_path / "out", "colors")
    predictions = perfect(folder)
    capsys.readouterr()
    assert main(["score", str(folder.path)]) == 2 and "--clip FOLDER" in capsys.readouterr().err
    folder.picture("000000000139").unlink()
    (folder.path / "p.json").write_text(json.dumps(predictions))
    assert (
        main(["score", str(folder.path), "--predictions", str(folder.path / "p.json")]) == 2
        and "1 of 4 pictures are missing" in capsys.readouterr().err
    )
    table = scored(folder, predictions, "--partial")
    assert table["result"]["pictures"] == 3 and "1 of 4 pictures are missing." in table["notes"]
    assert main(["score", str(tmp_path)]) == 2 and "no run.json" in capsys.readouterr().err
    assert main(["tables", str(tmp_path)]) == 2 and "no results.json" in capsys.readouterr().err
    (folder.path / "p.json").write_text(json.dumps([{**p, "image_id": 7} for p in predictions]))
    assert (
        main(["score", str(folder.path), "--partial", "--predictions", str(folder.path / "p.json")]) == 2
        and "of none of the 3 pictures" in capsys.readouterr().err
    )


def test_attributes_are_read_by_clip_from_the_crops_as_the_authors_script_does(given, tmp_path: Path, capsys):
    folder, clip_folder = evaluated(given, tmp_path / "out", "colors"), write_small_clip(tmp_path)
    rng = np.random.default_rng(3)
    pictures = {name: rng.integers(0, 255, (SIZE, SIZE, 3), np.uint8) for name in folder.about()["pictures"]}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder.picture(name))
    assert main(["score", str(folder.path), "--clip", str(clip_folder)]) == 0
    assert "| | Acc colour | CLIP local |" in capsys.readouterr().out
    clip, scores, right = LocalClip(clip_folder), [], []
    for name, picture in pictures.items():
        shown = folder.layout(name).instances
        boxes = [instance.box for instance in shown]
        scores.append(np.mean(clip.score(picture, boxes, [instance.prompt for instance in shown])))
        right.append(
            np.mean(
                [
                    word == COLORS[int(instance.id) % 8]
                    for word, instance in zip(clip.choose(picture, boxes, COLORS), shown, strict=True)
                ]
            )
        )
    table = json.loads((folder.path / "results.json").read_text())["tables"][0]
    assert table["rows"]["this run"] == pytest.approx([100 * np.mean(right), np.mean(scores)], abs=1e-4)
    assert (
        table["rows"]["paper"] == [54.4, 0.25]
        and table["rows"]["reproduction"] == [53.3, 0.248]
        and "CLIP of" in table["notes"][-1]
    )
