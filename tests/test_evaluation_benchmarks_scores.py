"""The field's benchmarks scored: measures, tables beside published rows, and options that do not fit."""

import json
from pathlib import Path

import pytest
from instdiff.instdiff_modules.evaluation.__main__ import main
from support import synthetic_coco
from support.evaluated import evaluated, perfect
from support.evaluated import scored as coco_scored
from support.synthetic_benchmarks import SCENES, SIZE, boxes, grounded, made, named, scored, write

OVERLAPPING, PLAIN = 769, 7


@pytest.mark.parametrize("name", ["mig_bench.json", "simple-00000-of-00001.jsonl", "layoutsam.jsonl"])
def test_true_pictures_get_a_hundred_from_the_exact_detector_beside_the_published_rows(
    tmp_path: Path, name: str, capsys
):
    folder = made(write(tmp_path, name), tmp_path / "out")
    assert "score" in capsys.readouterr().out
    table = scored(folder, "--detector", "shapeworld")
    known = {head: v for head, v in zip(table["columns"], table["rows"]["this run"], strict=True) if v is not None}
    assert all(value > 99.99 for head, value in known.items() if "IoU" not in head)
    assert all(value > 75 for value in known.values()), "a hidden part makes a box smaller"
    assert set(table["columns"]) - set(known) <= {
        "success L4",
        "success L5",
        "success L6",
        "mIoU L4",
        "mIoU L5",
        "mIoU L6",
        "SR relation",
    }
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("| InstanceDiffusion"))
    assert (
        row
        in {
            "mig_bench.json": "| InstanceDiffusion [1] | - | 51.0 | 58.0 | 52.0 | 55.0 | 47.0 | 47.0 | 46.0 | 52.0 | 48.0 | 50.0 | 42.0 | 42.0 |",
            "simple-00000-of-00001.jsonl": "| InstanceDiffusion | 71.2 | 50.0 | 77.7 | 87.5 |",
            "layoutsam.jsonl": "| InstanceDiffusion | 86.4 | 71.4 | 76.7 | 75.4 |",
        }[name]
        and "| this run (3 pictures) |" in said
        and "| this run - InstanceDiffusion" in said
    )
    assert (
        "this run's of 3" in said
        and "Pictures of 256x256 pixels." in said
        and ("Published" in said or "[1] MIG_Bench's README" in said)
    )


def test_wrong_colours_and_places_cost_what_the_benchmark_says(tmp_path: Path, capsys):
    folder = made(write(tmp_path, "mig_bench_anno.yaml"), tmp_path / "out")
    good = grounded(folder)

    def values(predictions: list[dict]) -> dict:
        (tmp_path / "p.json").write_text(json.dumps(predictions))
        return scored(folder, "--predictions", tmp_path / "p.json")["result"]["values"]

    whole = values(good)
    assert whole["mig_success"] == whole["mig_pictures"] == 1 and whole["mig_success_l4"] is None
    first = next(i for i, p in enumerate(good) if p["image_id"] == PLAIN)
    gone = values(good[:first] + good[first + 1 :])
    assert gone["mig_success"] == pytest.approx(6 / 7) and gone["mig_success_l2"] == 0.75
    assert gone["mig_miou"] == pytest.approx(6 / 7, abs=0.01) and gone["mig_pictures"] == pytest.approx(2 / 3)
    swapped = [{**p, "segmentation": good[first + 1]["segmentation"]} if i == first else p for i, p in enumerate(good)]
    assert values(swapped) == pytest.approx(gone), "in place, but the pixels are another colour's"
    bare = values([{k: v for k, v in p.items() if k != "segmentation"} for p in good])
    assert set(bare.values()) == {None} and "The detections have no masks" in capsys.readouterr().err


def test_the_shared_area_and_what_a_model_says_of_it(tmp_path: Path, capsys):
    folder = made(write(tmp_path, "hard.json"), tmp_path / "out")
    names = {str(number): list(named(scene)) for number, scene in SCENES.items()}
    answers = {
        "entity_VQA.json": {f"{number:08}": dict.fromkeys(named(scene), "Yes") for number, scene in SCENES.items()},
        "relation_VQA.json": {"769": {"('circle_1', 'heart_2')": "yes"}, "7": {"(a, b)": "No"}, "12": {}},
        "baseline_bbox_predictions.json": {
            str(number): {
                thing.shape: [[v * SIZE for v in box]] for thing, box in zip(scene.things, boxes(scene), strict=True)
            }
            for number, scene in SCENES.items()
        },
    }
    answers["entity_VQA.json"]["00000007"][names["7"][0]] = "No"
    for name, said in answers.items():
        (tmp_path / name).write_text(json.dumps(said))
    paths = [tmp_path / name for name in answers]
    values = scored(folder, "--answers", *paths)["result"]["values"]
    assert values == pytest.approx({"miou": 1, "o_miou": 1, "sr_entity": 6 / 7, "sr_relation": 1 / 3}, abs=0.01)
    half = grounded(folder)
    half[1]["bbox"][0] += 20  # the heart of 769 moves out of the circle
    (tmp_path / "p.json").write_text(json.dumps(half))
    moved = scored(folder, "--predictions", tmp_path / "p.json", "--answers", *paths[:2])["result"]["values"]
    assert 0 < moved["o_miou"] < 0.6 < moved["miou"] < 1 and moved["sr_entity"] == values["sr_entity"]
    assert moved["order_acc"] == 1, "the heart is later, and in front"
    capsys.readouterr()
    assert (
        main(["score", str(folder.path), "--predictions", str(tmp_path / "p.json"), "--answers", *map(str, paths)]) == 2
    )
    assert "Both --predictions and --answers hold boxes" in capsys.readouterr().err


def test_the_sums_of_a_models_verdicts_are_shares_of_all_boxes(tmp_path: Path, caplog):
    folder = made(write(tmp_path, "layoutsam.jsonl"), tmp_path / "out")

    def said(count: int, *scores: float) -> dict:
        return dict(
            zip(
                ("bbox_count", "score_spatial", "score_color", "score_texture", "score_shape"),
                (count, *scores),
                strict=True,
            )
        )

    answers = {
        "sa_7.jpg": said(2, 2.0, 1.0, 2.0, 0.0),
        "sa_12.jpg": said(3, 3, 3, 3, 3),
        "sa_769.jpg": said(2, 1, 1, 0, 1),
    }
    path = tmp_path / "minicpm-vqa.json"
    path.write_text(json.dumps(answers))
    assert scored(folder, "--answers", path)["result"]["values"] == pytest.approx(
        {"spatial": 6 / 7, "color": 5 / 7, "texture": 5 / 7, "shape": 4 / 7}
    )
    for odd in (said(5, 1, 1, 1, 1), said(2, 3, 1, 1, 1), "yes", said(2, 1, "x", 1, 1)):
        caplog.clear()
        path.write_text(json.dumps({**answers, "sa_7.jpg": odd}))
        assert scored(folder, "--answers", path)["result"]["values"]["spatial"] == pytest.approx(4 / 7)
        assert "1 of 3 pictures of minicpm-vqa.json cannot be used" in caplog.text
        assert "nothing usable about 1 of 3 pictures, the first is sa_7" in caplog.text


def test_runs_of_all_kinds_stand_in_one_document(tmp_path: Path, capsys):
    mig = made(write(tmp_path, "mig_bench.json"), tmp_path / "mig")
    scored(mig, "--detector", "shapeworld")
    coco = evaluated(synthetic_coco.write(tmp_path), tmp_path / "coco")
    coco_scored(coco, perfect(coco))
    capsys.readouterr()
    assert main(["tables", str(mig.path), str(coco.path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# Evaluation\n") and "### COCO-MIG" in said and "| paper | 38.8 |" in said


@pytest.mark.parametrize("name, options, words", [
    ("mig_bench.json", ["--answers", "a.json"], "give --predictions FILE instead of --answers"),
    ("mig_bench.json", [], "give --predictions FILE, or --detector shapeworld"),
    ("layoutsam.jsonl", ["--predictions", "a.json"], "give --answers FILE instead of --predictions"),
    ("layoutsam.jsonl", ["--answers", "a.json", "a.json"], "is one file, got 2"),
    ("hard.json", [], "--predictions FILE or --answers FILES"), ("hard.json", ["--clip", "."], "--clip is for COCO's formats"),
    ("hard.json", ["--detector", "shapeworld", "--answers", "a.json"], "leave --answers out"),
    ("hard.json", ["--answers", "a.json"], "holds no answers about these 3 pictures"),
    ("hard.json", ["--answers", "b.json"], "holds no answers about these pictures: expected"),
    ("mig_bench.json", ["--predictions", "c.json"], "The predictions are of none of the 3 pictures"),
])  # fmt: skip
def test_options_that_do_not_fit_the_benchmark_are_told(
    tmp_path: Path, name: str, options: list[str], words: str, capsys
):
    folder = made(write(tmp_path, name), tmp_path / "out")
    stranger = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}
    for file, value in (("a.json", {"5": {"x": "Yes"}}), ("b.json", {"7": {"x": "Yes"}}), ("c.json", [stranger])):
        (tmp_path / file).write_text(json.dumps(value))
    given = [str(tmp_path / option) if option.endswith(".json") else option for option in options]
    capsys.readouterr()
    assert main(["score", str(folder.path), *given]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_damaged_layout_of_a_benchmark_is_named(tmp_path: Path, capsys):
    folder = made(write(tmp_path, "mig_bench.json"), tmp_path / "out")
    path = folder.layout_path("7")
    path.write_text(path.read_text().replace('"mig_color"', '"other"'))
    capsys.readouterr()
    assert main(["score", str(folder.path), "--detector", "shapeworld"]) == 2
    assert "7.json is not a layout of this benchmark" in capsys.readouterr().err
