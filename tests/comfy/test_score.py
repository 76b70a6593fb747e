"""The node that scores a picture: called directly, and in a real graph behind detections."""

import json
from dataclasses import replace

import folder_paths
import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.batch import CONNECTED, SHAPE_WORLD
from instdiff.nodes.layout_io import InstDiffToBoxes, InstDiffToMasks
from instdiff.nodes.score import InstDiffLayoutScore
from support.server import ComfyServer
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing

THINGS = (Thing("star", "red", "plain", (0.2, 0.5), 0.4), Thing("ring", "blue", "striped", (0.75, 0.5), 0.45))
SCENE = Scene(192, 128, "white", THINGS)
FAULTY = replace(SCENE, things=(replace(THINGS[0], color="green"), THINGS[1]))
LAYOUT = (scene_layout(SCENE),)
WIDE = (
    parse_layout({"version": 1, "width": 768, "height": 512, "instances": [
        {"id": "fox", "prompt": "a red fox", "box": [0.1, 0.2, 0.5, 0.9]}, {"id": "rock", "prompt": "a rock", "box": [0.5, 0.5, 1, 1]},
    ]}),
)  # fmt: skip
GRAY = torch.full((1, 512, 768, 3), 0.5)
FOX = {"x": 77, "y": 102, "width": 307, "height": 358, "label": "fox", "score": 0.9}


@pytest.fixture(autouse=True)
def temp_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))


def picture(*scenes):
    return torch.stack([torch.from_numpy(render(scene).picture.astype(np.float32) / 255) for scene in scenes])


def score(image, instances, detector=CONNECTED, threshold=0.5, **more):
    """Score, table, picture, and the JSON as values."""
    value, table, drawn, results = InstDiffLayoutScore.execute(image, instances, detector, threshold, **more).args
    return value, table, drawn, json.loads(results)


def test_the_shapes_of_a_batch_against_one_layout():
    value, table, drawn, results = score(picture(SCENE, FAULTY), LAYOUT, SHAPE_WORLD)
    assert value == results["score"] == 0.75 and drawn.shape == (2, 512, 768, 3), "enlarged, so that one can read it"
    assert [[row["passed"] for row in one["instances"]] for one in results["pictures"]] == [[True, True], [False, True]]
    assert (
        table.startswith("Score 0.75 (mean of 2 pictures): 3 of 4 passed.")
        and "Picture 2:\n\n- 1 (a red star): FAIL, overlap" in table
        and "green instead of red" in table
        and not set("|*#") & set(table)
    )
    assert results["pictures"][1]["instances"][0]["color_right"] is False


def test_the_table_says_who_is_in_front():
    things = (Thing("circle", "red", "plain", (0.4, 0.5), 0.5), Thing("heart", "green", "plain", (0.6, 0.5), 0.5))
    boxes = {"a red circle": [0.23, 0.25, 0.57, 0.75], "a green heart": [0.43, 0.25, 0.77, 0.75]}
    for prompts, counted in ((tuple(boxes), "In 1 of 1 overlaps"), (tuple(boxes)[::-1], "In 0 of 1 overlaps")):
        listed = [{"id": prompt, "prompt": prompt, "box": boxes[prompt]} for prompt in prompts]
        given = parse_layout({"version": 1, "width": 192, "height": 128, "instances": listed})
        _, table, _, results = score(picture(Scene(192, 128, "white", things)), (given,), SHAPE_WORLD)
        assert f"{counted} the later instance is in front." in table
        assert results["pictures"][0]["orders"] == [{"behind": 1, "front": 2, "right": "1 of" in counted}]


def test_objects_that_do_not_touch_decide_no_overlap():
    things = (Thing("circle", "red", "plain", (0.62, 0.7), 0.5), Thing("star", "green", "plain", (0.38, 0.32), 0.5))
    boxes = {"a red circle": [0.45, 0.45, 0.79, 0.95], "a green star": [0.21, 0.07, 0.55, 0.57]}
    listed = [{"id": prompt, "prompt": prompt, "box": box} for prompt, box in boxes.items()]
    given = parse_layout({"version": 1, "width": 192, "height": 128, "instances": listed})
    _, table, _, results = score(picture(Scene(192, 128, "white", things)), (given,), SHAPE_WORLD)
    assert table.startswith("Score 1.00: 2 of 2 passed. No overlap is decided: the objects hardly touch.\n")
    assert results["pictures"][0]["orders"] == []


def test_a_batch_is_what_its_pictures_are_alone():
    both, first = score(picture(SCENE, FAULTY), LAYOUT, SHAPE_WORLD), score(picture(SCENE), LAYOUT, SHAPE_WORLD)
    assert (both[2][:1] == first[2]).all() and both[3]["pictures"][0]["instances"] == first[3]["pictures"][0][
        "instances"
    ]


def test_frames_are_matched_with_the_batch():
    frames = (LAYOUT[0], scene_layout(FAULTY))
    assert score(picture(SCENE, FAULTY), frames, SHAPE_WORLD)[0] == 1.0
    value, _, drawn, _ = score(picture(SCENE), frames, SHAPE_WORLD)
    assert value == 0.75 and len(drawn) == 2, "a single picture serves several layouts"


@pytest.mark.parametrize(
    "boxes, expected",
    [([FOX], 0.5), ([[FOX]], 0.5), (FOX, 0.5), ([], 0.0), ([[]], 0.0), ([{**FOX, "x": 300}], 0.0)],
    ids=str,
)
def test_connected_boxes_of_any_nesting(boxes, expected):
    value, table, drawn, results = score(GRAY, WIDE, boxes=boxes)
    assert value == expected and "(a rock): FAIL" in table and drawn.shape == GRAY.shape
    assert results["pictures"][0]["instances"][1]["reason"].startswith("not found")


def test_labels_are_compared_or_not():
    owl = {**FOX, "label": "owl"}
    assert score(GRAY, WIDE, boxes=[owl])[0] == 0.0 and score(GRAY, WIDE, boxes=[owl], compare_labels=False)[0] == 0.5
    assert score(GRAY, WIDE, boxes=[{**FOX, "label": None}])[0] == 0.5


def test_the_threshold_decides():
    near = [{**FOX, "x": 77 + 60}]  # 247 of 367 columns in common: 0.67
    assert [score(GRAY, WIDE, boxes=near, threshold=t)[0] for t in (0.0, 0.66, 0.68, 1.0)] == [0.5, 0.5, 0.0, 0.0]


def test_what_our_own_nodes_give_is_found_where_it_is():
    boxes, masks = InstDiffToBoxes.execute(LAYOUT).args[0], InstDiffToMasks.execute(LAYOUT).args[0]
    for given in ({"boxes": boxes}, {"boxes": boxes, "masks": masks}, {"masks": masks}):
        value, _, _, results = score(picture(SCENE), LAYOUT, **given)
        row = results["pictures"][0]["instances"][0]
        assert value == 1.0 and (row["mask_iou"] == 1.0) == ("masks" in given)


def test_an_empty_layout_asks_for_nothing():
    for empty in ((Layout(),), None):
        value, table, drawn, results = score(GRAY, empty, boxes=[])
        assert (
            (value, results["pictures"][0]["instances"]) == (1.0, [])
            and "nothing to check" in table
            and torch.allclose(drawn, GRAY, atol=0.01)
        )


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 12)])
def test_the_shape_worlds_detector_takes_the_smallest_pictures(size):
    assert score(torch.rand(1, *size, 3), (replace(WIDE[0], width=None, height=None),), SHAPE_WORLD)[0] == 0.0


@pytest.mark.comfy
def test_a_graph_with_the_node_runs_in_the_server(server: ComfyServer):
    server.put_input("scene.png", render(FAULTY).picture)
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "scene.png"}},
        "2": {"class_type": "InstDiffFromJSON", "inputs": {"text": layout_to_json(LAYOUT[0])}},
        "3": {"class_type": "InstDiffToBoxes", "inputs": {"instances": ["2", 0]}},
        "4": {"class_type": "InstDiffLayoutScore", "inputs": {
            "image": ["1", 0], "instances": ["2", 0], "detector": CONNECTED, "threshold": 0.5, "boxes": ["3", 0]}},
        "5": {"class_type": "InstDiffLayoutScore", "inputs": {"image": ["1", 0], "instances": ["2", 0], "detector": SHAPE_WORLD, "threshold": 0.5}},
        "6": {"class_type": "PreviewAny", "inputs": {"source": ["5", 1]}},
        "7": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
    }  # fmt: skip
    result = server.run(graph)
    assert len(result.images) == 2 and all(server.image(image).shape == (512, 768, 3) for image in result.images)
    assert "green instead of red" in result.outputs["6"]["text"][0] and result.outputs["7"]["text"] == ["1.0"]


@pytest.mark.comfy
def test_a_missing_detector_is_told_by_the_server(server: ComfyServer):
    server.put_input("scene.png", render(SCENE).picture)
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "scene.png"}},
        "2": {"class_type": "InstDiffFromJSON", "inputs": {"text": layout_to_json(LAYOUT[0])}},
        "3": {
            "class_type": "InstDiffLayoutScore",
            "inputs": {"image": ["1", 0], "instances": ["2", 0], "detector": CONNECTED, "threshold": 0.5},
        },
    }
    assert "No detections are connected" in str(server.error(graph))
