"""Layout Editor without its page: what comes out, which layout counts, what the page is told."""

import io
import json

import folder_paths
import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import Layout, layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.incoming import SOURCE, fingerprint
from instdiff.instdiff_modules.shapeworld.known_words import KNOWN
from instdiff.nodes.demo_model import InstDiffLoadDemoModel
from instdiff.nodes.editor import DEMO, EMPTY, SIDES, SLOTS, WORDS, InstDiffLayoutEditor
from instdiff.nodes.load_checkpoint import InstDiffLoadCheckpoint
from PIL import Image
from support.server import ComfyServer, api_graph

DRAWN = Layout(
    parse_layout({
        "version": 1,
        "instances": [
            {"id": "fox", "prompt": "a red fox", "box": [0.1, 0.2, 0.5, 0.9]},
            {"id": "ghost", "prompt": "", "box": [0, 0, 1, 1], "visible": False},
            {"id": "star", "prompt": "", "point": [0.75, 0.25]},
        ],
    }).instances, 96, 64, "a valley",
)  # fmt: skip
TEXT = layout_to_json(DRAWN)
OTHER = Layout(DRAWN.instances[:1], 128, 64, "another valley")


@pytest.fixture(autouse=True)
def temp_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))


def run(layout, background=None, instances=None):
    """(outputs, what the page is told)."""
    output = InstDiffLayoutEditor.execute(layout, background, instances)
    return output.args, output.ui


def test_it_gives_what_other_nodes_take():
    (instances, width, height, prompt, boxes, masks, preview), told = run(TEXT)
    assert instances == (DRAWN,) and (width, height, prompt) == (96, 64, "a valley")
    assert [(box["x"], box["y"], box["label"]) for box in boxes] == [(10, 13, "a red fox"), (72, 16, "")]
    assert (
        masks.shape == (2, 64, 96) and masks.dtype == torch.float32 and masks[0, 30, 20] == 1 and masks[1, 16, 72] == 1
    )
    assert preview.shape == (1, 64, 96, 3) and preview.std() > 0.05
    assert told is None


def test_the_empty_layout_that_it_starts_with():
    default = next(item.default for item in InstDiffLayoutEditor.GET_SCHEMA().inputs if item.id == "layout")
    (instances, width, height, prompt, boxes, masks, preview), _ = run(default)
    assert default == EMPTY == layout_to_json(Layout(width=512, height=512)) and instances == (
        Layout(width=512, height=512),
    )
    assert (
        (width, height, prompt, boxes) == (512, 512, "", []) and not masks.any() and preview.shape == (1, 512, 512, 3)
    )


def test_the_page_knows_what_the_demo_model_takes():
    count = InstDiffLoadDemoModel.execute().args[3].config.slots
    either = InstDiffLoadCheckpoint.define_schema()
    assert SLOTS == {
        InstDiffLoadDemoModel.define_schema().node_id: count,
        either.node_id: {either.inputs[0].options[0]: count},
    }
    assert WORDS.keys() == SLOTS.keys() == SIDES.keys()
    assert set(WORDS[DEMO]) <= KNOWN and len(WORDS[DEMO]) == 8 + 8 + 3 + 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_page_gets_the_background_as_a_file(tmp_path, channels):
    image = torch.zeros(2, 32, 48, channels)
    image[0, :, 24:] = 1
    (*_, preview), told = run(TEXT, image)
    [file] = told["instdiff_background"]
    with Image.open(tmp_path / file["subfolder"] / file["filename"]) as picture:
        assert picture.size == (48, 32) and file["type"] == "temp"
        assert np.asarray(picture.convert("RGB"))[0, [0, 47]].tolist() == [[0, 0, 0], [255, 255, 255]]
    assert list(told) == ["instdiff_background"] and preview.shape == (2, 64, 96, 3)
    assert run(TEXT, image)[1]["instdiff_background"][0]["filename"] != file["filename"]


def test_a_layout_that_comes_in_counts_until_it_is_edited():
    (instances, *_), told = run(TEXT, None, (OTHER,))
    [sent] = told["instdiff_incoming"]
    assert sent["source"] == fingerprint(OTHER) and parse_layout(sent["layout"]) == instances[0]
    assert instances[0].instances == OTHER.instances and instances[0].extra == {SOURCE: fingerprint(OTHER)}
    edited = sent["layout"].replace("a red fox", "a blue fox")
    (instances, *_), told = run(edited, None, (OTHER,))
    assert instances[0].instances[0].prompt == "a blue fox" and told is None
    (instances, *_), told = run(edited, None, (DRAWN,))
    assert instances[0].instances == DRAWN.instances and told["instdiff_incoming"]


@pytest.mark.parametrize("text, incoming, words", [
    ("", None, "The layout: the text is empty"),
    ("{", None, "The layout is not valid JSON"),
    ("{", (OTHER,), "The layout is not valid JSON"),  # or the broken text would be lost
    ("{'version': 1}", None, "The layout is not valid JSON"),  # what ComfyUI makes of an object that is posted instead of text
    ('{"version": 2}', None, "has version 2"),
    ('{"version": 1, "instances": [{"id": "fox"}]}', None, "Instance 1 (fox) has no location"),
    (TEXT, (OTHER, OTHER), "2 frames are connected"),
    (TEXT, "text", "Expected INSTANCES"),
])  # fmt: skip
def test_what_cannot_be_used_gives_one_sentence(text, incoming, words):
    with pytest.raises(ValueError) as caught:
        run(text, None, incoming)
    assert words in str(caught.value) and "\n" not in str(caught.value)


GRAPH = {
    "load": {"class_type": "LoadImage", "inputs": {"image": "meadow.png"}},
    "json": {"class_type": "InstDiffFromJSON", "inputs": {"text": layout_to_json(OTHER)}},
    "editor": {"class_type": "InstDiffLayoutEditor", "inputs": {"layout": TEXT, "background": ["load", 0]}},
    "masks": {"class_type": "MaskPreview", "inputs": {"mask": ["editor", 5]}},
    "picture": {"class_type": "PreviewImage", "inputs": {"images": ["editor", 6]}},
}  # fmt: skip


@pytest.mark.comfy
def test_it_runs_in_the_server_and_tells_the_page(any_server: ComfyServer):
    any_server.put_input("meadow.png", np.full((32, 48, 3), 120, np.uint8))
    outputs = any_server.run(GRAPH).outputs
    with Image.open(io.BytesIO(any_server.client.view(outputs["editor"]["instdiff_background"][0]))) as picture:
        assert picture.size == (48, 32) and picture.getpixel((0, 0)) == (120, 120, 120)
    assert "images" not in outputs["editor"], "a second preview would stand below the widget"
    assert len(outputs["masks"]["images"]) == 2 and any_server.image(outputs["picture"]["images"][0]).shape == (
        64,
        96,
        3,
    )


@pytest.mark.comfy
def test_an_incoming_layout_is_sent_and_the_answer_to_it_counts(any_server: ComfyServer):
    editor = {"class_type": "InstDiffLayoutEditor", "inputs": {"layout": TEXT, "instances": ["json", 0]}}
    graph = {"json": GRAPH["json"], "editor": editor}
    [sent] = any_server.run(graph).outputs["editor"]["instdiff_incoming"]
    assert json.loads(sent["layout"])["source"] == sent["source"] == fingerprint(OTHER)
    editor["inputs"]["layout"] = sent["layout"].replace("a red fox", "a blue fox")
    show = {"class_type": "InstDiffToJSON", "inputs": {"instances": ["editor", 0]}}
    outputs = any_server.run(
        {**graph, "show": show, "text": {"class_type": "PreviewAny", "inputs": {"source": ["show", 0]}}}
    ).outputs
    assert "instdiff_incoming" not in outputs.get("editor", {}) and outputs["text"]["text"] == [
        editor["inputs"]["layout"]
    ]


@pytest.mark.comfy
def test_the_page_is_asked_for_our_widget_and_offers_no_socket(any_server: ComfyServer):
    info = any_server.client.get("/object_info/InstDiffLayoutEditor")["InstDiffLayoutEditor"]
    kind, options = info["input"]["required"]["layout"]
    assert (
        kind == "STRING"
        and options["widgetType"] == "INSTDIFF_LAYOUT"
        and options["socketless"]
        and options["default"] == EMPTY
    )
    assert info["output"] == ["INSTANCES", "INT", "INT", "STRING", "BOUNDING_BOX", "MASK", "IMAGE"]


@pytest.mark.comfy
def test_the_server_says_our_sentence(server: ComfyServer):
    graph = {"editor": {"class_type": "InstDiffLayoutEditor", "inputs": {"layout": "{"}}}
    assert "The layout is not valid JSON" in str(server.error(graph))
    graph["editor"]["inputs"]["layout"] = {"version": 1}  # an object, as a program may post it by mistake
    assert "The layout is not valid JSON" in str(server.error(graph))


@pytest.mark.comfy
def test_the_same_layout_makes_the_same_picture_as_its_text(server: ComfyServer):
    pictures = []
    for name, node, field in (("box", "InstDiffFromJSON", "text"), ("editor", "InstDiffLayoutEditor", "layout")):
        graph = api_graph(name)
        assert graph["3"]["class_type"] == node
        layout = json.loads(graph["3"]["inputs"][field])
        graph["3"]["inputs"][field] = json.dumps({**layout, "width": 128, "height": 128})
        graph["8"]["inputs"] |= {"steps": 4}
        pictures += server.images(graph)
    assert pictures[0].std() > 20 and (pictures[0] == pictures[1]).all()
