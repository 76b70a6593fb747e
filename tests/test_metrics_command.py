"""The measures' command line: jobs and their parts, files of predictions, reports, and what is refused."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from instdiff.instdiff_modules.layout.document import layout_to_json
from instdiff.instdiff_modules.metrics import __main__ as command
from instdiff.instdiff_modules.metrics.report import MEANINGS, Totals
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene


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


def test_every_number_of_a_report_is_explained() -> None:
    named = {name for names in MEANINGS for name in names.split(", ")}
    assert named == {item.name for item in fields(Totals)} - {"pictures", "instances", "counts"}


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
