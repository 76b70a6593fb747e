"""The nodes that make a dataset: values as ComfyUI hands them over, and a real graph whose folder the trainer checks."""

import json
import re
import shutil

import folder_paths
import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.training import check
from instdiff.nodes.dataset import InstDiffCaptionInstances, InstDiffCropInstances, InstDiffSaveDataset
from support.server import ComfyServer

FOUND = [  # what a detector said about the picture
    {"id": "cat", "prompt": "cat", "box": [0.05, 0.3, 0.45, 0.9], "score": 0.92},
    {"id": "again", "prompt": "cat", "box": [0.06, 0.3, 0.45, 0.9], "score": 0.6},
    {"id": "dog", "prompt": "dog", "box": [0.55, 0.3, 0.95, 0.9], "score": 0.88},
    {"id": "unsure", "prompt": "sheep", "box": [0.4, 0.0, 0.6, 0.2], "score": 0.05},
]
DOCUMENT = {"version": 1, "width": 96, "height": 64, "prompt": "two animals", "instances": FOUND}


@pytest.fixture(autouse=True)
def output_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    return tmp_path / "output"


def test_pictures_and_layouts_come_as_batches_or_lists(output_folder):
    layout = parse_layout(DOCUMENT)
    batch, alone = torch.rand(2, 64, 96, 3), torch.rand(1, 128, 192, 3)
    images, layouts = [batch, alone], [(layout, layout), (layout,)]
    crops, prompts, ids = InstDiffCropInstances.execute(images, layouts, [0.0], [True], [False], [1]).args
    assert len(crops) == len(prompts) == 12 and ids[:4] == [one["id"] for one in FOUND]
    assert all(crop.shape[0] == 1 and crop.shape[1] == crop.shape[2] for crop in crops)
    said = InstDiffCaptionInstances.execute(layouts, [f"a {prompt}" for prompt in prompts]).args[0]
    assert [len(frames) for frames in said] == [2, 1] and said[1][0].instances[2].prompt == "a dog"
    count, path, report = InstDiffSaveDataset.execute(
        images, said, ["mine"], ["one", "two", "three"], max_instances=[1]
    ).args
    assert count == 3 and path == str(output_folder / "mine") and "2 of" not in report
    assert "Instances: 3 written, 9 left out (3 below the score, 3 more than the most, 3 overlapping)" in report
    assert len(list((output_folder / "mine").glob("*.png"))) == 3


@pytest.fixture
def made(server: ComfyServer):
    """The folder below the server's output that these graphs write to; it goes with the test."""
    yield server.base / "output" / "sets"
    shutil.rmtree(server.base / "output" / "sets", ignore_errors=True)
    for name in ("scene.png", "empty.png"):
        (server.base / "input" / name).unlink(missing_ok=True)


@pytest.mark.comfy
def test_a_graph_makes_a_dataset_that_the_trainer_reads(server: ComfyServer, made, tmp_path, capsys):
    """Recorded detections and a stand-in for the model that describes crops; a second run skips what is there."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": server.put_input("scene.png", pixels)}},
        "2": {"class_type": "InstDiffFromJSON", "inputs": {"text": json.dumps(DOCUMENT)}},
        "3": {"class_type": "InstDiffCropInstances", "inputs": {"image": ["1", 0], "instances": ["2", 0], "margin": 0.1}},
        "4": {"class_type": "StringConcatenate", "inputs": {"string_a": "a photo of a", "string_b": ["3", 1], "delimiter": " "}},
        "5": {"class_type": "InstDiffCaptionInstances", "inputs": {"instances": ["2", 0], "captions": ["4", 0]}},
        "6": {"class_type": "InstDiffSaveDataset", "inputs": {
            "image": ["1", 0], "instances": ["5", 0], "captions": ["2", 1], "folder": "sets/animals",
        }},
        "7": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }  # fmt: skip
    result = server.run(graph)
    report = result.outputs["6"]["text"][0]
    folder = made / "animals"
    assert "Pictures: 1 written" in report and "1 below the score, 1 overlapping" in report
    assert len(result.outputs["7"]["images"]) == 4
    documents = list(folder.glob("*.json"))
    assert [one.prompt for one in parse_layout(documents[0].read_text(encoding="utf-8")).instances] == [
        "a photo of a cat",
        "a photo of a dog",
    ]
    assert check.main([str(folder), "--sheet", str(tmp_path / "sheet.png")]) == 0
    told = capsys.readouterr().out
    assert (
        "Pictures: 1, 0 without a caption" in told and "Instances: 2" in told and not re.search(r"^Check:", told, re.M)
    )
    graph["6"]["inputs"]["min_score"] = 0.0
    assert "1 already there" in server.run(graph).outputs["6"]["text"][0]


@pytest.mark.comfy
def test_a_graph_whose_layout_is_empty_goes_on(server: ComfyServer, made):
    pixels = np.zeros((64, 96, 3), np.uint8)
    empty = json.dumps({**DOCUMENT, "instances": []})
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": server.put_input("empty.png", pixels)}},
        "2": {"class_type": "InstDiffFromJSON", "inputs": {"text": empty}},
        "3": {"class_type": "InstDiffCropInstances", "inputs": {"image": ["1", 0], "instances": ["2", 0], "margin": 0.1}},
        "4": {"class_type": "StringConcatenate", "inputs": {"string_a": "a photo of a", "string_b": ["3", 1], "delimiter": " "}},
        "5": {"class_type": "InstDiffCaptionInstances", "inputs": {"instances": ["2", 0], "captions": ["4", 0]}},
        "6": {"class_type": "InstDiffSaveDataset", "inputs": {"image": ["1", 0], "instances": ["5", 0], "folder": "sets/animals"}},
    }  # fmt: skip
    assert "0 written, 0 with a new layout, 0 already there, 1 left out" in server.run(graph).outputs["6"]["text"][0]
