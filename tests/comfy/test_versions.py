"""The oldest and the newest ComfyUI that can be had from PyPI load the pack and make a picture with it."""

import json

import pytest
from instdiff.instdiff_modules.launcher import install
from instdiff.instdiff_modules.launcher.graph import DEMO, read_graph
from support.server import ComfyServer, small_demo

# Written out: an id is a promise to saved workflows, so that losing one must fail here.
NODE_IDS = {
    "InstDiffLoadModel", "InstDiffSaveModel", "InstDiffBox", "InstDiffMask", "InstDiffPoints", "InstDiffScribble",
    "InstDiffFromJSON", "InstDiffCombine", "InstDiffFrames", "InstDiffSelect", "InstDiffToJSON", "InstDiffToMasks",
    "InstDiffToBoxes", "InstDiffPreview", "InstDiffApply", "InstDiffKSampler", "InstDiffMultiInstance",
    "InstDiffLayoutEditor", "InstDiffLayoutScore", "InstDiffLayoutRequest", "InstDiffLayoutFromText", "InstDiffCheckLayout",
    "InstDiffEditInstances", "InstDiffKeyframes", "InstDiffLoadDemoModel", "InstDiffSelectFailed", "InstDiffFromBoxes", "InstDiffFromMasks",
    "InstDiffToConditioning", "InstDiffInstanceConditioning", "InstDiffTimeSampling", "InstDiffCropInstances", "InstDiffCaptionInstances",
    "InstDiffSaveDataset", "InstDiffLoadCheckpoint", "InstDiffEmptyLatent", "InstDiffApplyLayout", "InstDiffApplyReferences", "InstDiffTrain",
    "InstDiffLoadEliGen",
}  # fmt: skip


@pytest.mark.comfy
def test_every_node_is_there_and_the_log_has_no_complaint_about_us(any_server: ComfyServer) -> None:
    assert {node for node in any_server.node_ids() if node.startswith("InstDiff")} == NODE_IDS
    log = any_server.log_text()
    assert "IMPORT FAILED" not in "".join(line for line in log.splitlines() if install.PACK_FOLDER in line)
    assert "custom_nodes/instdiff" in log.replace("\\", "/")


@pytest.mark.comfy
def test_units_as_earlier_versions_spelt_them_are_accepted(any_server: ComfyServer) -> None:
    request = {"wish": "a fox", "width": 768, "height": 512, "count": 1, "units": "0..1"}
    answer = {"text": "a red fox: [100, 200, 500, 900]", "units": "0..1000", "order": "left top right bottom"}
    edit = {"instances": ["2", 0], "operation": "move by", "which": "1", "x": 0.1, "units": "fractions 0..1"}
    graph = {
        "1": {"class_type": "InstDiffLayoutRequest", "inputs": request},
        "2": {"class_type": "InstDiffLayoutFromText", "inputs": answer},
        "3": {"class_type": "InstDiffEditInstances", "inputs": edit},
        "4": {"class_type": "InstDiffToJSON", "inputs": {"instances": ["3", 0]}},
        "5": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
        "6": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    outputs = any_server.run(graph).outputs
    assert json.loads(outputs["5"]["text"][0])["instances"][0]["box"] == pytest.approx([0.2, 0.2, 0.6, 0.9])
    assert '"units": "0..1"' in outputs["6"]["text"][0]


@pytest.mark.comfy
def test_a_picture_is_made_and_the_same_seed_makes_it_again(any_server: ComfyServer) -> None:
    (first,) = any_server.images(small_demo())
    assert first.shape == (128, 128, 3)
    assert first.std() > 20, "the picture is flat: the model gave NaN or nothing"
    any_server.client.free()  # else ComfyUI answers from its cache
    (second,) = any_server.images(small_demo(file="again"))
    assert (first == second).all()


@pytest.mark.comfy
def test_the_instances_reach_the_picture(any_server: ComfyServer) -> None:
    (with_instances,) = any_server.images(small_demo())
    plain = small_demo(file="plain")
    plain["4"]["inputs"]["strength"] = 0.0
    (without,) = any_server.images(plain)
    assert (with_instances != without).mean() > 0.5


@pytest.mark.comfy
def test_the_demo_model_puts_its_shapes_where_the_layout_wants_them(any_server: ComfyServer) -> None:
    result = any_server.run(read_graph(DEMO.read_text(encoding="utf-8"), "demo.json"))
    (picture,) = (any_server.image(image) for image in result.saved)
    assert picture.shape == (256, 512, 3), "the layout, and the picture beside it"
    assert result.texts[0].startswith("Score 1.00: 6 of 6 passed.")
