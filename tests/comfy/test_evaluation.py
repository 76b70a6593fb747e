"""The paper's evaluation from annotations to tables, with real servers and a small COCO file of the shape world."""

import json
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.evaluation import generate
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from instdiff.instdiff_modules.evaluation.server import ServerLost, Stop, paint
from instdiff.instdiff_modules.evaluation.workflow import authors_graph
from instdiff.instdiff_modules.launcher.client import GraphRefused
from PIL import Image
from support import synthetic_coco
from support.random_weights import BASE_NAME, INSTDIFF_NAME
from support.server import ComfyServer, api_graph, small_demo
from support.synthetic_coco import IDS

SIZE = 128
NAMES = [f"{i:012}" for i in sorted(IDS)]


def start(tmp_path: Path, *urls: str, out: str = "out", **options: object) -> int:
    """The command `coco` on four small pictures with random weights; the exit code."""
    annotations, captions = synthetic_coco.write(tmp_path)
    given = {
        "annotations": annotations,
        "captions": captions,
        "format": "box",
        "out": tmp_path / out,
        "server": ",".join(urls),
        "size": SIZE,
        "checkpoint": BASE_NAME,
        "weights": INSTDIFF_NAME,
        "steps": 2,
        "mis": 0.0,  # branches are tried elsewhere; of two steps one would be theirs
        **options,
    }
    return main(
        [
            "coco",
            *(
                str(part)
                for key, value in given.items()
                if value is not None
                for part in (f"--{key.replace('_', '-')}", value)
            ),
        ]
    )


def runs(server: ComfyServer) -> int:
    """How many graphs the server has run to their end; one that was withdrawn is not such a graph, however late its entry comes."""
    return sum(entry["status"]["status_str"] == "success" for entry in server.client.get("/history").values())


def pixels(folder: RunFolder) -> dict[str, np.ndarray]:
    return {path.stem: np.asarray(Image.open(path)) for path in sorted(folder.pictures.glob("*.png"))}


@pytest.mark.comfy
def test_pictures_are_made_once_go_on_after_a_stop_and_are_scored(
    server: ComfyServer, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    folder, before = RunFolder(tmp_path / "out"), runs(server)
    kept, stops = RunFolder.keep, iter([None, KeyboardInterrupt()])

    def keep(self: RunFolder, name: str, png: bytes) -> None:
        kept(self, name, png)
        if (stop := next(stops, None)) is not None:
            raise stop

    monkeypatch.setattr(RunFolder, "keep", keep)  # Ctrl+C after the second picture
    assert start(tmp_path, server.url) == 130 and list(pixels(folder)) == NAMES[:2]
    assert start(tmp_path, server.url) == 0
    assert "2 of 4 pictures are there already" in capsys.readouterr().err and runs(server) - before == 4
    assert start(tmp_path, server.url) == 0 and runs(server) - before == 4, "nothing is done twice"
    made = pixels(folder)
    assert list(made) == NAMES and all(
        picture.shape == (SIZE, SIZE, 3) and picture.std() > 20 for picture in made.values()
    )
    assert all((made[one] != made[other]).any() for one in NAMES for other in NAMES if one < other)
    folder.picture(NAMES[1]).unlink()
    assert start(tmp_path, server.url) == 0 and (pixels(folder)[NAMES[1]] == made[NAMES[1]]).all(), (
        "the same seed, the same picture"
    )
    capsys.readouterr()
    assert main(["score", str(folder.path), "--detector", "shapeworld"]) == 0
    assert "| paper | 38.8 | 55.4 | 52.9 | 23.9 |" in capsys.readouterr().out
    values = json.loads((folder.path / "results.json").read_text())["tables"][0]["result"]["values"]
    assert values["success"] == 0.0, "noise holds no shapes"


@pytest.mark.comfy
def test_the_formats_and_the_locations_reach_the_picture(server: ComfyServer, tmp_path: Path):
    made = {}
    for format, locations in (
        ("box", "authors"),
        ("mask", "authors"),
        ("point", "authors"),
        ("point", "given"),
        ("colors", "authors"),
    ):
        out = f"{format}-{locations}"
        assert start(tmp_path, server.url, out=out, format=format, locations=locations, images=1) == 0
        made[out] = pixels(RunFolder(tmp_path / out))[NAMES[0]].astype(int)
    assert (made.pop("point-given") == made["point-authors"]).all(), "their configuration for points drops all else"
    different = {(one, other): np.abs(made[one] - made[other]).mean() for one in made for other in made if one < other}
    assert min(different.values()) > 0.1, different


@pytest.mark.comfy
def test_jobs_share_the_pictures_and_together_they_are_the_whole(server: ComfyServer, tmp_path: Path, capsys):
    folder = RunFolder(tmp_path / "out")
    assert start(tmp_path, server.url, job=1, jobs=2) == 0 and list(pixels(folder)) == NAMES[1::2]
    assert (
        not (folder.path / "coco" / "val2017.txt").exists()
        and "2 of other jobs are missing yet" in capsys.readouterr().out
    )
    assert start(tmp_path, server.url, job=0, jobs=2) == 0 and list(pixels(folder)) == NAMES
    assert (folder.path / "coco" / "val2017.txt").exists()
    alone = RunFolder(tmp_path / "alone")
    assert start(tmp_path, server.url, out="alone", images=2) == 0
    assert all((pixels(alone)[name] == pixels(folder)[name]).all() for name in NAMES[:2]), (
        "whoever makes a picture makes the same"
    )


@pytest.mark.comfy
def test_the_same_job_does_not_run_twice_at_a_time(server: ComfyServer, tmp_path: Path, capsys):
    (tmp_path / "out" / "jobs").mkdir(parents=True)
    with generate._only_once(tmp_path / "out" / "jobs" / "0-of-1.lock"):
        assert start(tmp_path, server.url) == 2
    assert "This job is running already" in capsys.readouterr().err


@pytest.mark.comfy
def test_a_workflow_of_ones_own_and_words_for_one_that_cannot_be(server: ComfyServer, tmp_path: Path, capsys):
    graph = small_demo(steps=2)
    own = {"checkpoint": None, "weights": None, "steps": None, "mis": None, "workflow": tmp_path / "own.json"}
    own["workflow"].write_text(json.dumps(graph))
    assert start(tmp_path, server.url, out="own", images=2, **own) == 0
    made = list(pixels(RunFolder(tmp_path / "own")).values())
    assert len(made) == 2 and (made[0] != made[1]).any()
    capsys.readouterr()
    two = api_graph("image_upscale") | {"other": {"class_type": "PreviewImage", "inputs": {"images": ["decode", 0]}}}
    for wrong, words in (
        ({**graph, "7": {**graph["7"], "inputs": {"width": 64, "height": 64, "batch_size": 1}}, "9b": {"class_type": "ImageScale", "inputs": {
            "image": ["9", 0], "upscale_method": "nearest-exact", "width": 64, "height": 32, "crop": "disabled"}}, "10": {
            **graph["10"], "inputs": {**graph["10"]["inputs"], "images": ["9b", 0]}}}, "64x32 pixels, expected 128x128"),
        ({**graph, "11": {"class_type": "SaveImage", "inputs": {"images": ["9", 0]}}}, "2 nodes SaveImage (10, 11): say with --output"),
        ({**graph, "1": {**graph["1"], "inputs": {"ckpt_name": "missing.safetensors"}}, "11": {"class_type": "InstDiffPreview", "inputs": {
            "instances": ["3", 0], "width": 0, "height": 0}}}, "missing.safetensors"),
        ({k: v for k, v in two.items() if v["class_type"] != "InstDiffFromJSON" and k != "decoded"}, "no node InstDiffFromJSON or InstDiffLayoutEditor"),
    ):  # fmt: skip
        own["workflow"].write_text(json.dumps(wrong))
        assert start(tmp_path, server.url, out=words[:5], images=1, **own) == 2
        assert words in capsys.readouterr().err
    assert start(tmp_path, server.url, out="unknown", checkpoint="nobody-has-this.safetensors") == 2
    assert "nobody-has-this.safetensors" in (error := capsys.readouterr().err) and "--checkpoint" in error


@pytest.mark.comfy
def test_stopping_takes_the_picture_off_the_server_and_a_forgotten_one_is_a_lost_server(server: ComfyServer):
    graph = authors_graph(BASE_NAME, INSTDIFF_NAME, steps=40)
    graph["layout"]["inputs"]["text"] = small_demo()["3"]["inputs"]["text"]
    with pytest.raises(Stop):
        paint(server.url, graph, "picture", SIZE, 300, lambda: bool(server.client.get("/queue")["queue_running"]))
    server.client.run(small_demo(steps=1, file="afterwards"), timeout=120)  # the server is free, long before 40 steps
    with pytest.raises(ServerLost, match="in time"):
        paint(
            server.url,
            {**graph, "layout": {**graph["layout"], "inputs": {"text": graph["layout"]["inputs"]["text"] + " "}}},
            "picture",
            SIZE,
            0.0,
        )
    with pytest.raises(GraphRefused):
        paint(server.url, {"1": {"class_type": "NoSuchNode", "inputs": {}}}, "1", SIZE, 10)
