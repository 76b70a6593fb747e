"""Detections from elsewhere (BOUNDING_BOX, MASK, COCO files), the local CLIP score, and the command line with its jobs."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import draw_box, encode_mask
from instdiff.instdiff_modules.importers.boxes import read_bounding_boxes
from instdiff.instdiff_modules.layout.document import layout_to_json
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics import __main__ as command
from instdiff.instdiff_modules.metrics.clip import LocalClip, crop
from instdiff.instdiff_modules.metrics.report import MEANINGS, Totals
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from instdiff.instdiff_modules.metrics.sources import Predictions, connected_detections
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene
from support.small_clip import write_small_clip

FOREIGN = ROOT / "tests" / "data" / "foreign"
WIDTH, HEIGHT = 512, 256
CAT = {"x": 64, "y": 32, "width": 128, "height": 96}
PLACE = (0.125, 0.125, 0.375, 0.5)  # of CAT


def foreign(name: str):
    return json.loads((FOREIGN / f"{name}.json").read_text(encoding="utf-8"))


# BOUNDING_BOX and MASK


@pytest.mark.parametrize(
    "name, labels", [("box_one", [None]), ("box_list", ["person", "a wooden door"]), ("box_frames", ["cat", "dog"])]
)
def test_the_three_nestings_of_bounding_box(name: str, labels: list) -> None:
    for count in (1, 3):
        frames = read_bounding_boxes(foreign(name), count, WIDTH, HEIGHT)
        assert [[box.label for box in frame] for frame in frames] == [labels] * count
        assert all(frame[0].box == PLACE for frame in frames)


def test_scores_cuts_and_boxes_outside(caplog: pytest.LogCaptureFixture) -> None:
    ((person, door),) = read_bounding_boxes(foreign("box_list"), 1, WIDTH, HEIGHT)
    assert (person.score, door.score) == (0.875, 1.0) and door.box == (0.5, 0.0, 1.0, 1.0), "556 pixels are cut at 512"
    assert (
        read_bounding_boxes([{**CAT, "x": 600}, {**CAT, "width": 0}], 1, WIDTH, HEIGHT) == [[]]
        and "left out" in caplog.text
    )
    assert read_bounding_boxes([[CAT], []], 2, WIDTH, HEIGHT)[1] == [] and read_bounding_boxes(
        [], 2, WIDTH, HEIGHT
    ) == [[], []]


@pytest.mark.parametrize("value, words", [
    ("x", "Expected BOUNDING_BOX"), ([[CAT], [], []], "boxes for 3 pictures, but 2 pictures"), ([(1, 2, 3, 4)], "Box 1 is not a BOUNDING_BOX"),
    ([CAT, {"x": 1}], "Box 2 is not a BOUNDING_BOX"), ([{**CAT, "y": "1"}], "Box 1: y must be a number"), ([{**CAT, "score": float("nan")}], "finite"),
])  # fmt: skip
def test_boxes_that_cannot_be_read(value, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_bounding_boxes(value, 2, WIDTH, HEIGHT)


def masks(*boxes) -> torch.Tensor:
    return torch.stack([torch.from_numpy(draw_box(box, 64, 128)).float() for box in boxes])


def test_masks_of_another_size_belong_to_the_boxes_in_their_order() -> None:
    right = (0.5, 0.5, 1.0, 1.0)
    (one,), (two,) = connected_detections([[CAT], [foreign("box_list")[1]]], masks(PLACE, right), 2, WIDTH, HEIGHT)
    assert one.mask.shape == (HEIGHT, WIDTH) and (one.mask == draw_box(PLACE, HEIGHT, WIDTH)).all()
    assert (two.mask == draw_box(right, HEIGHT, WIDTH)).all() and two.box == (0.5, 0.0, 1.0, 1.0), (
        "the box stays the detector's"
    )


def test_masks_alone_are_objects_of_one_picture_or_one_object_in_each() -> None:
    given = torch.cat([masks(PLACE, (0.5, 0.5, 1.0, 1.0)), torch.zeros(1, 64, 128)])
    (found,) = connected_detections(None, given, 1, WIDTH, HEIGHT)
    assert [d.box for d in found] == [PLACE, (0.5, 0.5, 1.0, 1.0)] and {d.label for d in found} == {None}
    assert [len(frame) for frame in connected_detections(None, given, 3, WIDTH, HEIGHT)] == [1, 1, 0]
    assert connected_detections(None, torch.zeros(0, 64, 128), 2, WIDTH, HEIGHT) == [[], []]
    assert connected_detections([[], []], torch.zeros(2, 64, 128), 2, WIDTH, HEIGHT) == [[], []], (
        "SAM3's answer where nothing is"
    )


@pytest.mark.parametrize("boxes, given, words", [
    (None, None, "No detections are connected"), (None, masks(PLACE, PLACE), "2 masks for 3 pictures"), ([CAT], masks(PLACE), "3 boxes and 1 mask."),
    (None, torch.ones(3, 64, 64), "another shape"), (None, "x", "Expected a MASK"), (None, masks(PLACE) * float("inf"), "NaN or infinity"),
])  # fmt: skip
def test_masks_that_cannot_be_used(boxes, given, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connected_detections(boxes, given, 3, WIDTH, HEIGHT)


# COCO's prediction files

TABLE = [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}]
ENTRY = {"image_id": 139, "category_id": 17, "bbox": [64, 32, 128, 96], "score": 0.8}


def test_predictions_in_yolos_format() -> None:
    drawn = encode_mask(draw_box(PLACE, HEIGHT, WIDTH))
    runs = {**ENTRY, "segmentation": {"size": [HEIGHT, WIDTH], "counts": drawn.counts}}
    polygon = {**ENTRY, "category_id": 18, "segmentation": [[64, 32, 192, 32, 192, 128, 64, 128]]}
    file = Predictions([runs, polygon, {**ENTRY, "image_id": "street"}, {**ENTRY, "image_id": 140}], TABLE)
    cat, dog = file.of("000000000139", WIDTH, HEIGHT)
    assert (cat.label, cat.box, cat.score, dog.label) == ("cat", PLACE, 0.8, "dog")
    assert (cat.mask == draw_box(PLACE, HEIGHT, WIDTH)).all() and (dog.mask == cat.mask).all()
    assert (
        len(file.of("street", WIDTH, HEIGHT)) == 1
        and file.of("empty", WIDTH, HEIGHT) == []
        and file.categories == ("cat", "dog")
    )
    assert Predictions([ENTRY]).of("139", WIDTH, HEIGHT)[0].label is None
    for table in ({"17": "cat"}, {"categories": TABLE}):
        assert Predictions([ENTRY], table).of("139", WIDTH, HEIGHT)[0].label == "cat"


@pytest.mark.parametrize("entries, table, words", [
    ({}, None, "must be a list"), ([{"bbox": []}], None, "image_id"), ([ENTRY], [1], "None of the 1 categories can be used, the first: Category 1"),
    ([ENTRY], 3, "categories must be"), ([ENTRY], {"3": "x"}, "Prediction 1: category 17"),
    ([{**ENTRY, "bbox": [1, 2]}], None, "Prediction 1: bbox must be"), ([{**ENTRY, "score": "high"}], None, "score must be"),
    ([{**ENTRY, "image_id": None}], None, "image_id must be"), (["x", 3], None, "None of the 2 predictions"),
])  # fmt: skip
def test_predictions_that_cannot_be_read(entries, table, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Predictions(entries, table).of("139", WIDTH, HEIGHT)


# Local CLIP


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_clip(tmp_path_factory.mktemp("clip"))


def test_local_clip_is_the_cosine_of_crop_and_prompt(clip_folder: Path) -> None:
    clip = LocalClip(clip_folder)
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    boxes, prompts = [(0.0, 0.0, 0.5, 1.0), (0.5, 0.25, 1.0, 0.75)], ["a red fox", "an owl " * 60]
    given = clip.score(picture, boxes, prompts)
    assert given == pytest.approx(
        [clip.score(picture, [b], [p])[0] for b, p in zip(boxes, prompts, strict=True)], abs=1e-5
    )
    inputs = clip.processor(
        text=["a red fox"], images=[Image.fromarray(picture[:, :48])], return_tensors="pt", padding=True
    )
    with torch.inference_mode():
        reference = clip.model(**inputs).logits_per_image.item() / clip.model.logit_scale.exp().item()
    assert given[0] == pytest.approx(reference, abs=1e-5) and given[0] != pytest.approx(given[1], abs=1e-5)
    assert (crop(picture, boxes[1]) == picture[16:48, 48:]).all()


def test_clip_chooses_the_attribute_whose_prompt_is_nearest(clip_folder: Path) -> None:
    clip = LocalClip(clip_folder)
    picture = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    box = (0.25, 0.25, 0.75, 0.75)
    scores = [clip.score(picture, [box], [f"a {word} object"])[0] for word in ("black", "blue", "pink")]
    (chosen,) = clip.choose(picture, [box], ("black", "blue", "pink"))
    assert chosen == ("black", "blue", "pink")[int(np.argmax(scores))]
    layout = Layout((Instance("a", f"a {chosen} fox", box=box), Instance("b", "a fox", point=(0.5, 0.5))))
    first, second = score_picture("x", layout, [], (96, 64), Settings(), picture, clip=clip).rows
    assert first.clip is not None and first.clip_color is not None and first.clip_texture is None
    assert second.clip is None, "a point has no crop"


def test_a_clip_that_is_not_there_or_damaged(clip_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no CLIP model in"):
        LocalClip(tmp_path)
    (tmp_path / "config.json").write_bytes((clip_folder / "config.json").read_bytes())
    with pytest.raises(ValueError, match="cannot be loaded"):
        LocalClip(tmp_path)


# The command line


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scenes with their layouts; the layout of the last one is the first one's, so that something fails."""
    folder = tmp_path_factory.mktemp("pictures")
    scenes = [random_scene((21, i), 192, 128, counts=(2, 3)) for i in range(5)]
    for i, scene in enumerate(scenes):
        Image.fromarray(render(scene).picture).save(folder / f"scene{i}.png")
        (folder / f"scene{i}.json").write_text(layout_to_json(scene_layout(scenes[i % 4])), encoding="utf-8")
    return folder


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str]:
    """Exit code, and what was said."""
    code = command.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_jobs_together_give_what_one_run_gives(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(capsys, pictures, "--out", tmp_path / "one", "--detector", "shapeworld")[0] == 0
    for job in (2, 0, 1):
        code, said = run(
            capsys, pictures, "--out", tmp_path / "three", "--detector", "shapeworld", "--job", job, "--jobs", 3
        )
        assert code == 0 and ("| box_ap |" in said) == (job == 1)
    for name in ("report.json", "report.md"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "three" / name).read_text()
    report = json.loads((tmp_path / "one" / "report.json").read_text())
    assert [p["score"] == 1 for p in report["pictures"]] == [True] * 4 + [False]
    assert 0 < report["totals"]["success"] < 1 and "| scene4 |" in (tmp_path / "one" / "report.md").read_text()


def test_a_part_that_is_there_is_kept_unless_it_was_made_otherwise(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch
) -> None:
    options = (pictures, "--out", tmp_path, "--detector", "shapeworld")
    assert run(capsys, *options, "--job", 1, "--jobs", 2)[0] == 0
    seen = []
    real = command.detect_shapes
    monkeypatch.setattr(command, "detect_shapes", lambda picture: seen.append(1) or real(picture))
    for job, count in ((1, 0), (0, 3), (0, 3)):
        assert run(capsys, *options, "--job", job, "--jobs", 2)[0] == 0 and len(seen) == count
    code, said = run(capsys, *options, "--job", 0, "--jobs", 2, "--threshold", 0.75)
    assert code == 2 and "was made with other settings (threshold)" in said and said.count("\n") == 1
    (tmp_path / "parts" / "0-of-2.json").write_text("{}")
    assert "is not part of a report" in run(capsys, *options, "--job", 0, "--jobs", 2)[1]


def test_predictions_from_a_file(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The layouts themselves as predictions: what COCO files say is scored as what a detector finds."""
    entries, names = [], {}
    for i in range(5):
        layout = json.loads((pictures / f"scene{i}.json").read_text())
        for item in layout["instances"]:
            x0, y0, x1, y1 = (v * side for v, side in zip(item["box"], (192, 128) * 2, strict=True))
            category = names.setdefault(item["prompt"].split()[-1], len(names) + 1)
            entries.append(
                {
                    "image_id": f"scene{i}",
                    "category_id": category,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": 0.5,
                    "segmentation": item["mask"],
                }
            )
    (tmp_path / "found.json").write_text(json.dumps(entries))
    (tmp_path / "names.json").write_text(json.dumps([{"id": i, "name": name} for name, i in names.items()]))
    options = (pictures, "--predictions", tmp_path / "found.json")
    assert run(capsys, *options, "--out", tmp_path / "out", "--categories", tmp_path / "names.json")[0] == 0
    totals = json.loads((tmp_path / "out" / "report.json").read_text())["totals"]
    assert (
        totals["success"] == totals["mask_miou"] == totals["pim_scribble"] == 1
        and totals["leakage"] is totals["color_acc"] is None
    )
    assert totals["box_ap"] == totals["mask_ap"] == pytest.approx(1)
    assert "--categories, or --classes any" in run(capsys, *options, "--out", tmp_path / "x")[1]
    assert run(capsys, *options, "--out", tmp_path / "any", "--classes", "any")[0] == 0


def test_what_was_scored_is_written_as_coco_files(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """COCO's own code reads them and gets the report's numbers; --predictions reads them and gives the same report."""
    assert run(capsys, pictures, "--out", tmp_path / "one", "--detector", "shapeworld")[0] == 0
    layouts, detections = (tmp_path / "one" / "coco" / f"{name}.json" for name in ("layouts", "detections"))
    totals = json.loads((tmp_path / "one" / "report.json").read_text())["totals"]
    truth = COCO(str(layouts))
    for kind, name in (("bbox", "box"), ("segm", "mask")):
        evaluation = COCOeval(truth, truth.loadRes(str(detections)), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        assert [totals[f"{name}_{m}"] for m in ("ap", "ap50", "ar")] == pytest.approx(
            [evaluation.stats[i] for i in (0, 1, 8)]
        )
    assert (
        run(capsys, pictures, "--out", tmp_path / "two", "--predictions", detections, "--categories", layouts)[0] == 0
    )
    again = json.loads((tmp_path / "two" / "report.json").read_text())["totals"]
    same = (
        "box_ap",
        "mask_ap",
        "box_ar",
        "mask_miou",
        "pim_point",
        "pim_scribble",
        "authors_pim_point",
        "authors_pim_scribble",
    )
    assert [again[name] for name in same] == pytest.approx([totals[name] for name in same])


@pytest.mark.parametrize("file, content, words", [
    ("lonely.png", None, "lonely.json"), ("scene0.jpg", None, "two pictures of the name scene0"), ("scene0.json", b"{", "scene0: The layout is not valid JSON"),
    ("scene0.json", b"\xff", "UTF-8"), ("scene0.png", b"x", "cannot be read as a picture"),
])  # fmt: skip
def test_a_folder_that_cannot_be_scored(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture, file: str, content, words: str
) -> None:
    for name in ("scene0.png", "scene0.json"):
        (tmp_path / name).write_bytes((pictures / name).read_bytes())
    (tmp_path / file).write_bytes((pictures / "scene0.png").read_bytes() if content is None else content)
    code, said = run(capsys, tmp_path, "--out", tmp_path / "out", "--detector", "shapeworld")
    assert code == 2 and words in said and said.count("\n") == 1


@pytest.mark.parametrize("options, words", [
    (["--job", "2", "--jobs", "2"], "jobs are counted from 0"), (["--threshold", "50"], "--threshold: expected a number above 0 and up to 1, got 50"),
    (["--clip", "nowhere"], "There is no CLIP model"),
])  # fmt: skip
def test_options_that_make_no_sense(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture, options: list[str], words: str
) -> None:
    code, said = run(capsys, pictures, "--out", tmp_path, "--detector", "shapeworld", *options)
    assert code == 2 and words in said and not (tmp_path / "parts").exists()


def test_it_starts_from_the_packs_folder(tmp_path: Path) -> None:
    started = subprocess.run([sys.executable, "-m", "instdiff_modules.metrics", str(tmp_path / "x"), "--out", str(tmp_path), "--detector", "shapeworld"],
                             cwd=ROOT, capture_output=True, text=True, check=False)  # fmt: skip
    assert (
        started.returncode == 2 and started.stderr.startswith("There is no folder") and started.stderr.count("\n") == 1
    )


def test_a_part_whose_pictures_changed_is_made_again(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for name in ("scene0", "scene1"):
        for ending in ("png", "json"):
            (tmp_path / f"{name}.{ending}").write_bytes((pictures / f"{name}.{ending}").read_bytes())
    options = (tmp_path, "--out", tmp_path / "out", "--detector", "shapeworld")
    assert "| success | 1.0000 |" in run(capsys, *options)[1]
    (tmp_path / "scene0.png").write_bytes((pictures / "scene1.png").read_bytes())
    assert "| success | 1.0000 |" not in run(capsys, *options)[1]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "* success: share of the instances that passed." in report and "local_clip" not in report


def test_every_number_of_a_report_is_explained() -> None:
    named = {name for names in MEANINGS for name in names.split(", ")}
    assert named == {item.name for item in fields(Totals)} - {"pictures", "instances", "counts"}


def test_predictions_of_other_pictures_are_said(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [{"image_id": f"images/{i}", "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5} for i in range(2)]
    options = (pictures, "--out", tmp_path / "out", "--classes", "any", "--predictions", tmp_path / "found.json")
    (tmp_path / "found.json").write_text(json.dumps(entries))
    code, said = run(capsys, *options)
    assert code == 2 and "None of the 2 predictions is for one of these pictures" in said and said.count("\n") == 1
    (tmp_path / "found.json").write_text(json.dumps([*entries, {**entries[0], "image_id": "scene0"}]))
    assert run(capsys, *options)[0] == 0
    assert "2 of 3 predictions are for other pictures, such as image_id 'images/0'" in caplog.text


@pytest.mark.parametrize("command", ["metrics", "evaluation"])
def test_a_python_without_comfyuis_packages_is_told_which_to_use(command: str) -> None:
    code = f"import sys; sys.modules['numpy'] = None; sys.path.insert(0, {str(ROOT)!r}); import runpy; "
    code += f"runpy.run_module('instdiff_modules.{command}', run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert (
        "This Python lacks numpy" in done.stderr
        and f"quickstart.py python -- -m instdiff_modules.{command}" in done.stderr
    )
