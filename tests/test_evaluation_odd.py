"""What the evaluation says to files, options and folders that are not what it expects: one sentence, or a warning beside the rest."""

import json
from pathlib import Path

import pytest
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.annotations import read_annotations
from instdiff.instdiff_modules.evaluation.coco import layout_of
from instdiff.instdiff_modules.layout.instance import Layout
from support import synthetic_coco
from support.evaluated import SIZE, evaluated, perfect, scored
from support.pack import ROOT


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path]:
    return synthetic_coco.write(tmp_path)


def layouts(given: tuple[Path, Path]) -> dict[str, Layout]:
    annotations = read_annotations(*given)
    return {p.name: layout_of(p, annotations.categories, "box", SIZE)[0] for p in annotations.pictures}


def changed(**fields: object):
    return lambda d: d.update(fields)


@pytest.mark.parametrize("change, words", [
    (changed(images=[]), "has no images"), (changed(images=3), 'a list of objects "images"'),
    (lambda d: d["images"].append({**d["images"][0], "id": 1}), "two images|2 images of the file name '000000000785'"),
    (changed(categories=[{"id": 7}]), "None of the 1 categories"), (changed(annotations=["x", None]), "None of the 2 annotations"),
], ids=["empty", "no list", "twice", "category", "annotations"])  # fmt: skip
def test_files_that_are_no_coco_are_named(given, change, words: str):
    document = synthetic_coco.document()
    change(document)
    given[0].write_text(json.dumps(document))
    with pytest.raises(ValueError, match=words):
        layouts(given)


ODD = [
    ("annotations", {"category_id": 7}, "category 7 is not among"), ("annotations", {"image_id": "x"}, "image_id must be a whole number"),
    ("annotations", {"bbox": [1, 2, 3]}, "bbox must be"), ("annotations", {"bbox": None}, "bbox must be"), ("annotations", {"id": 10**60}, "id must be"),
    ("images", {"width": 0}, "width must be a whole number"), ("images", {"file_name": "a\0b.jpg"}, "null byte"),
    ("images", {"file_name": "n" * 300 + ".jpg"}, "too long"), ("images", {"file_name": None}, "file_name must be text"),
    ("images", {"file_name": "a\nb.jpg"}, "cannot have everywhere"), ("images", {"file_name": ".."}, "cannot have everywhere"),
    ("categories", {"name": 3}, "name must be text"), ("categories", {"id": None}, "id must be a whole number"),
]  # fmt: skip


@pytest.mark.parametrize("kind, change, words", ODD, ids=[f"{kind} {next(iter(change))}" for kind, change, _ in ODD])
def test_an_odd_entry_costs_itself_and_a_warning(given, kind: str, change: dict, words: str, caplog):
    document = synthetic_coco.document()
    document[kind].append({**document[kind][0], "id": 5_000_000, **change})
    document[kind].append(7)
    clean = layouts(given)
    given[0].write_text(json.dumps(document))
    assert layouts(given) == clean
    assert f"2 of {len(document[kind])} {kind} in instances.json cannot be used" in caplog.text and words in caplog.text


def test_captions_of_other_pictures_are_refused(given):
    given[1].write_text(json.dumps(synthetic_coco.captions((1, 2))))
    with pytest.raises(ValueError, match="no caption for any image"):
        layouts(given)


@pytest.mark.parametrize("change, words", [
    ({"bbox": [0, 0, "1", 1]}, "bbox must be a number"), ({"category_id": 5}, "category 5 is not in the table"),
    ({"score": "high"}, "score must be a number"), ({"image_id": [1]}, "image_id must be a picture's name or number"),
], ids=str)  # fmt: skip
def test_predictions_that_cannot_be_read_are_named(given, tmp_path: Path, change: dict, words: str, capsys):
    folder = evaluated(given, tmp_path / "out")
    path = folder.path / "predictions.json"
    path.write_text(json.dumps([{**perfect(folder)[0], **change}]))
    capsys.readouterr()
    assert main(["score", str(folder.path), "--predictions", str(path)]) == 2
    error = capsys.readouterr().err
    assert "Prediction 1" in error and words in error and error.count("\n") == 1


@pytest.mark.parametrize("mask, words", [
    ({"size": [SIZE, SIZE], "counts": "04`"}, "run-length encoding"), ({"size": [SIZE, SIZE], "counts": "1"}, "cover 1 pixels"),
    ({"size": [8, 8], "counts": "0P2"}, "is 8x8 pixels, its image 256x256"), ({"size": [SIZE, SIZE], "counts": "ööö"}, "run-length"),
    ({"size": "x"}, "mask"), (17, "segmentation"), ([[1, 2, "x", 4, 5, 6]], "segmentation"),
], ids=str)  # fmt: skip
def test_an_odd_prediction_costs_itself_and_an_odd_mask_leaves_the_box(given, tmp_path: Path, mask, words: str, caplog):
    folder = evaluated(given, tmp_path / "out", "mask")
    good = perfect(folder)
    whole = scored(folder, good)["result"]["values"]
    values = scored(folder, [{**good[0], "segmentation": mask}, *good[1:], 17, {"image_id": 1}])["result"]["values"]
    assert values["box_ap"] == whole["box_ap"] == pytest.approx(1) and 0 < values["mask_ap"] < whole["mask_ap"]
    assert f"2 of {len(good) + 2} predictions cannot be used and are left out" in caplog.text
    assert f"1 of {len(good)} predictions have a mask that cannot be read" in caplog.text and words in caplog.text


# Words for what cannot be


@pytest.mark.parametrize("change, words", [
    ({"--images": 5}, "--images is 5, expected 1..4"), ({"--size": 100}, "--size is 100, expected a multiple of 64"),
    ({"--job": 2}, "--job is 2, expected 0..0"),
    ({"--server": "localhost:8188"}, "not an address of a server"), ({"--server": ","}, "--server is empty"), ({"--seed": -1},
     "--seed: expected a whole number in 0..18446744073709551615, got -1"), ({"--jobs": 10**9}, "--jobs: expected a whole number in 1..10000"),
    ({"--annotations": "nowhere.json"}, "nowhere.json"), ({"--server": "http://127.0.0.1:9"}, "No ComfyUI server answers at http://127.0.0.1:9"),
    ({"--workflow": str(ROOT / "workflows" / "04 Boxes from nodes.json")}, "Export (API)"),
    ({"--workflow": str(ROOT / "tests" / "api" / "box.json"), "--steps": 3}, "has its own steps"),
    ({"--timeout": "nan"}, "--timeout: expected a number above 0"), ({"--timeout": 0}, "got 0"),
    ({"--patience": "inf"}, "--patience: expected a number in 0.."),
    ({"--mis": 1.5}, "--mis: expected a number in 0..1, got 1.5"), ({"--steps": 0}, "--steps: expected a whole number in 1..10000"),
    ({"--guidance": "-inf"}, "--guidance"),
    ({"--images": "9" * 5000}, "--images: expected a whole number"), ({"--out": "a\0b"}, "holds a null byte"),
    ({"--annotations": "n" * 300}, "is too long for the name of a file"),
    ({"--server": "http://[::1"}, "not an address"), ({"--server": "http://a:99999999"}, "not an address"),
    ({"--output": 3}, "--output names a node of your own --workflow"),
], ids=str)  # fmt: skip
def test_options_that_cannot_be_are_told_in_a_sentence(given, tmp_path: Path, change: dict, words: str, capsys):
    options = {"--annotations": given[0], "--format": "box", "--out": tmp_path / "out", "--size": SIZE, **change}
    assert main(["coco", *(str(v) for pair in options.items() for v in pair)]) == 2
    assert words in capsys.readouterr().err
