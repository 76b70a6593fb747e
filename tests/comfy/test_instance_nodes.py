"""The nodes that make, join, read, write and draw instances, called directly and in a real graph."""

import json

import folder_paths
import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import Layout, parse_layout
from instdiff.instdiff_modules.layout.units import FRACTIONS, PIXELS
from instdiff.nodes import arrange, editor, other_packs
from instdiff.nodes import conditioning as conditioning_nodes
from instdiff.nodes import edit as edit_nodes
from instdiff.nodes import instances as make
from instdiff.nodes import language as language_nodes
from instdiff.nodes import layout_io as io_nodes
from instdiff.nodes import plausibility as plausibility_nodes
from instdiff.nodes import preview as preview_nodes
from instdiff.nodes import score as score_nodes
from support.server import ComfyServer

ALL_NODES = [
    *editor.NODES, *make.NODES, *io_nodes.NODES, *arrange.NODES, *edit_nodes.NODES, *language_nodes.NODES, *plausibility_nodes.NODES, *preview_nodes.NODES,
    *score_nodes.NODES, *other_packs.NODES, *conditioning_nodes.NODES,
]  # fmt: skip
BOX = {"left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.9}
WIDE = (
    parse_layout(
        {
            "version": 1, "width": 768, "height": 512, "prompt": "a valley",
            "instances": [
                {"id": "fox", "prompt": "a red fox", "box": [0.1, 0.2, 0.5, 0.9]},
                {"id": "rock", "prompt": "a rock", "box": [0.5, 0.5, 1, 1]},
            ],
        }
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def temp_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))


def mask(height=64, width=96):
    out = torch.zeros(1, height, width)
    out[:, height // 4 : height // 2, width // 2 :] = 1
    return out


def run(node, *args, **kwargs):
    return node.execute(*args, **kwargs).args


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_every_input_and_output_is_explained(node):
    schema = node.GET_SCHEMA()
    assert schema.node_id == node.__name__ and schema.category == "InstDiff" and schema.description
    # the editor's own widget: a tooltip would lie over what one draws
    assert all(item.tooltip for item in (*schema.inputs, *schema.outputs) if item.id != "layout")


def test_nodes_chain_into_one_layout():
    (frames,) = run(make.InstDiffBox, "a fox", **BOX)
    (frames,) = run(make.InstDiffMask, "a rock", mask(), instances=frames)
    (frames,) = run(make.InstDiffPoints, "stars", "192, 128; 576, 128", PIXELS, 768, 512, instances=frames)
    (frames,) = run(make.InstDiffScribble, "a path", "[[0.1, 0.9], [0.5, 0.8]]", FRACTIONS, instances=frames)
    fox, rock, stars, path = frames[0].instances
    assert fox.box == (0.1, 0.2, 0.5, 0.9)
    assert (rock.mask.height, rock.mask.width) == (64, 96)
    assert (
        stars.point == (0.25, 0.25)
        and len(stars.scribble) == 20
        and set(stars.scribble) == {(0.25, 0.25), (0.75, 0.25)}
    )
    assert path.scribble == ((0.1, 0.9), (0.5, 0.8)) and path.point is None


def test_locations_of_several_nodes_meet_on_one_instance():
    (frames,) = run(make.InstDiffBox, "a fox", **BOX, strength=0.5)
    (frames,) = run(make.InstDiffMask, "", mask(), instances=frames, target="1")
    (frames,) = run(make.InstDiffPoints, "", "0.3, 0.5", FRACTIONS, instances=frames, target="i1")
    (frames,) = run(make.InstDiffScribble, "", "0.2, 0.3; 0.4, 0.8", FRACTIONS, instances=frames, target="i1")
    (fox,) = frames[0].instances
    assert None not in (fox.box, fox.mask, fox.point, fox.scribble) and fox.strength == 0.5 and fox.prompt == "a fox"


def test_a_single_point_is_no_scribble():
    (frames,) = run(make.InstDiffPoints, "a star", '[{"x": 0.3, "y": 0.1}]', FRACTIONS)
    assert frames[0].instances[0].point == (0.3, 0.1) and frames[0].instances[0].scribble is None


def test_pixels_are_measured_on_the_canvas_of_the_layout():
    (frames,) = run(make.InstDiffPoints, "a star", "192, 384", PIXELS, instances=WIDE)
    assert frames[0].instances[-1].point == (0.25, 0.75)


def test_incoming_layouts_are_never_changed():
    before = [layout.instances for layout in WIDE]
    run(make.InstDiffBox, "x", **BOX, instances=WIDE)
    run(make.InstDiffPoints, "", "0.3, 0.5", FRACTIONS, instances=WIDE, target="fox")
    assert [layout.instances for layout in WIDE] == before


def test_every_frame_gets_the_instance():
    (frames,) = run(make.InstDiffBox, "x", **BOX, instances=WIDE * 3)
    assert [len(layout.instances) for layout in frames] == [3, 3, 3]


@pytest.mark.parametrize(
    "node, args, kwargs, words",
    [
        (make.InstDiffBox, [""], BOX, "The prompt is empty"),
        (make.InstDiffBox, ["x"], {**BOX, "left": 0.9}, "is empty"),
        (make.InstDiffBox, ["x"], {**BOX, "left": float("nan")}, "finite"),
        (make.InstDiffBox, ["x"], {**BOX, "right": float("inf")}, "finite"),
        (make.InstDiffBox, ["x"], {"left": 100, "top": 100, "right": 200, "bottom": 200}, "not pixels"),
        (make.InstDiffBox, ["x"], {**BOX, "strength": 5.0}, "strength must lie in 0..2"),
        (make.InstDiffBox, ["x"], {**BOX, "start": 0.9, "end": 0.1}, "lies after end"),
        (make.InstDiffBox, ["x"], {**BOX, "target": "1"}, "The layout has no instances"),
        (make.InstDiffBox, ["x"], {**BOX, "target": "fox", "instances": WIDE}, "already has a box"),
        (make.InstDiffBox, ["x"], {**BOX, "instances": "text"}, "Expected INSTANCES"),
        (make.InstDiffMask, ["x", torch.zeros(1, 64, 64)], {}, "all black"),
        (make.InstDiffMask, ["x", mask(64, 64)], {"instances": WIDE}, "another shape"),
        (make.InstDiffMask, ["", mask()], {}, "The prompt is empty"),
        (make.InstDiffMask, ["x", mask()], {"threshold": float("nan")}, "threshold must be a finite number"),
        (make.InstDiffPoints, ["x", "", FRACTIONS], {}, "no points"),
        (make.InstDiffPoints, ["x", "192, 384", FRACTIONS], {}, "choose pixels"),
        (make.InstDiffPoints, ["x", "192, 384", PIXELS], {}, "size of the canvas is unknown"),
        (make.InstDiffPoints, ["x", "nan, 0.5", FRACTIONS], {}, "finite"),
        (make.InstDiffPoints, ["", "0.5, 0.5", FRACTIONS], {}, "The prompt is empty"),
        (make.InstDiffScribble, ["x", "900, 10", PIXELS, 768, 512], {}, "It has 768x512 pixels"),
        (io_nodes.InstDiffFromJSON, [""], {}, "text is empty"),
        (io_nodes.InstDiffFromJSON, ['{"version": 2, "instances": []}'], {}, "has version 2"),
        (io_nodes.InstDiffFromJSON, ["[" * (33 * 2**20)], {}, "MB are read"),
        (arrange.InstDiffSelect, [WIDE, "7", "number"], {}, "No instance has the number '7'"),
        (arrange.InstDiffSelect, [(Layout(),), "1", "number"], {}, "The layout has no instances"),
        (arrange.InstDiffCombine, [None], {}, "Nothing is connected"),
        (arrange.InstDiffFrames, [None], {}, "Nothing is connected"),
        (preview_nodes.InstDiffPreview, [WIDE, torch.zeros(4, 4)], {}, "Expected an IMAGE"),
    ],
)
def test_what_cannot_be_used_gives_one_sentence(node, args, kwargs, words):
    with pytest.raises(ValueError) as caught:
        node.execute(*args, **kwargs)
    assert words in str(caught.value)


def test_json_goes_out_and_comes_back():
    frames = (*run(make.InstDiffMask, "a cloud", mask(), instances=WIDE)[0], Layout(prompt="empty"))
    (text,) = run(io_nodes.InstDiffToJSON, frames)
    back, prompt, width, height = run(io_nodes.InstDiffFromJSON, text)
    assert back == frames and (prompt, width, height) == ("a valley", 768, 512)


def test_the_text_that_the_widget_starts_with_is_a_layout():
    default = next(item for item in io_nodes.InstDiffFromJSON.GET_SCHEMA().inputs if item.id == "text").default
    frames, prompt, width, height = run(io_nodes.InstDiffFromJSON, default)
    assert len(frames[0].instances) == 2 and (width, height) == (512, 512) and prompt


def test_a_layout_without_canvas_says_512():
    assert run(io_nodes.InstDiffFromJSON, '{"version": 1}')[1:] == ("", 512, 512)


def test_a_layout_of_5_mb_goes_through_every_helper():
    stroke = [[i % 1000 / 1000, i % 997 / 997] for i in range(250_000)]
    text = json.dumps(
        {"version": 1, "width": 768, "height": 512, "instances": [{"id": "a", "prompt": "x", "scribble": stroke}]}
    )
    assert len(text) > 4_000_000
    frames = run(io_nodes.InstDiffFromJSON, text)[0]
    assert run(io_nodes.InstDiffToMasks, frames, 96, 64)[0].shape == (1, 64, 96)
    assert len(run(io_nodes.InstDiffToBoxes, frames)[0]) == 1
    assert run(preview_nodes.InstDiffPreview, frames, None, 96, 64)[0].shape == (1, 64, 96, 3)


def test_masks_and_boxes_have_the_size_of_the_canvas():
    assert run(io_nodes.InstDiffToMasks, WIDE)[0].shape == (2, 512, 768)
    boxes, labels, *_ = run(io_nodes.InstDiffToBoxes, WIDE)
    assert (
        boxes[1] == {"x": 384, "y": 256, "width": 384, "height": 256, "label": "a rock"}
        and labels == "a red fox\na rock"
    )
    assert [len(frame) for frame in run(io_nodes.InstDiffToBoxes, (*WIDE, Layout()))[0]] == [2, 0]


@pytest.mark.parametrize("empty", [(Layout(),), None])
def test_a_layout_without_instances_goes_through_every_helper(empty):
    assert json.loads(run(io_nodes.InstDiffToJSON, empty)[0])["instances"] == []
    assert not run(io_nodes.InstDiffToMasks, empty)[0].any()
    assert run(io_nodes.InstDiffToBoxes, empty) == ([], "", [], [], {}, "")
    assert run(preview_nodes.InstDiffPreview, empty)[0].shape == (1, 512, 512, 3)


def test_layouts_are_joined_lined_up_and_chosen_from():
    (joined,) = run(arrange.InstDiffCombine, WIDE, None, WIDE)
    assert [i.id for i in joined[0].instances] == ["fox", "rock", "fox-2", "rock-2"]
    frames, count = run(arrange.InstDiffFrames, WIDE, joined, repeat=2)
    assert count == 4 and [len(layout.instances) for layout in frames] == [2, 2, 4, 4]
    (chosen,) = run(arrange.InstDiffSelect, frames, "fox", "text", True)
    assert [len(layout.instances) for layout in chosen] == [1, 1, 2, 2]


def test_the_preview_is_shown_and_handed_on():
    output = preview_nodes.InstDiffPreview.execute((*WIDE, *WIDE))
    assert output.args[0].shape == (2, 512, 768, 3)
    assert len(output.ui.as_dict()["images"]) == 2


@pytest.mark.comfy
def test_a_graph_of_our_helpers_runs_in_the_server(server: ComfyServer):
    server.put_input(
        "shape.png",
        np.dstack([np.full((64, 96, 3), 200, np.uint8), np.where(mask()[0].numpy() > 0, 0, 255).astype(np.uint8)]),
    )
    points = {"points": "0.3, 0.1; 0.5, 0.1", "units": FRACTIONS}
    graph = {
        "1": {"class_type": "InstDiffBox", "inputs": {"prompt": "a fox", **BOX}},
        "2": {"class_type": "LoadImage", "inputs": {"image": "shape.png"}},
        "3": {"class_type": "InstDiffMask", "inputs": {"prompt": "a rock", "mask": ["2", 1], "instances": ["1", 0]}},
        "4": {"class_type": "InstDiffPoints", "inputs": {"prompt": "stars", **points, "instances": ["3", 0]}},
        "5": {
            "class_type": "InstDiffScribble",
            "inputs": {"prompt": "", **points, "instances": ["4", 0], "target": "1"},
        },
        "6": {"class_type": "InstDiffToJSON", "inputs": {"instances": ["5", 0]}},
        "7": {"class_type": "InstDiffFromJSON", "inputs": {"text": ["6", 0]}},
        "8": {"class_type": "InstDiffCombine", "inputs": {"instances_1": ["7", 0], "instances_2": ["1", 0]}},
        "9": {"class_type": "InstDiffSelect", "inputs": {"instances": ["8", 0], "which": "1-3", "by": "number"}},
        "10": {"class_type": "InstDiffFrames", "inputs": {"instances_1": ["9", 0], "instances_2": ["1", 0]}},
        "11": {"class_type": "InstDiffPreview", "inputs": {"instances": ["10", 0], "width": 192, "height": 128}},
        "12": {"class_type": "InstDiffToMasks", "inputs": {"instances": ["10", 0]}},
        "13": {"class_type": "MaskPreview", "inputs": {"mask": ["12", 0]}},
    }
    pictures = server.images(graph)
    previews = [picture for picture in pictures if picture.shape == (128, 192, 3)]
    masks = [picture for picture in pictures if picture.shape == (64, 96, 3)]
    assert len(previews) == 2 and all(picture.std() > 5 for picture in previews)
    assert len(masks) == 4 and (masks[1] == mask()[0, :, :, None].numpy() * 255).all()


@pytest.mark.comfy
def test_a_mistake_is_shown_by_the_server_as_our_sentence(server: ComfyServer):
    graph = {
        "1": {"class_type": "InstDiffBox", "inputs": {"prompt": "", **BOX}},
        "2": {"class_type": "InstDiffPreview", "inputs": {"instances": ["1", 0]}},
    }
    assert "The prompt is empty" in str(server.error(graph))
