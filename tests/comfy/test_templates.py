"""The templates in workflows/: sound as files, and each runs in a real server (small, with random weights)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.launcher.install import FIRST_TEMPLATE
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.shapeworld.known_words import CHOICE, unknown_words
from instdiff.nodes.load import AUTOMATIC
from PIL import Image
from support.browser import EDITOR
from support.pack import ROOT
from support.random_extras import CONTROLNET, GLIGEN, LORA, extras
from support.server import ComfyServer, Graph
from support.ui_graph import VIRTUAL, input_specs, is_widget, to_api, widget_values

TEMPLATES = sorted((ROOT / "workflows").glob("*.json"))
BASE = "InstDiffLoadCheckpoint"  # the one switch: the demo model, or the user's own files
OTHER_MODELS = [
    path for path in TEMPLATES if path.stem[3:].startswith("One layout")
]  # test_model_templates.py runs these
LOADERS = {
    "CheckpointLoaderSimple": "checkpoints", "ControlNetLoader": "controlnet", "UNETLoader": "diffusion_models", "GLIGENLoader": "gligen",
    "CLIPLoader": "text_encoders", "DualCLIPLoader": "text_encoders", "VAELoader": "vae",
}  # fmt: skip
TITLE = 30  # pixels of a node's title, above its position
APPLY = ("InstDiffApply", "InstDiffApplyLayout")
OTHER_FAMILY = "InstDiffLoadEliGen"  # fits FLUX and Qwen-Image; test_model_templates.py runs it
OFF = 4  # the mode of nodes that are bypassed
STAND_INS = {
    "checkpoint": "instdiff_random_sd15.safetensors", "ckpt_name": "instdiff_random_sd15.safetensors", "control_net_name": CONTROLNET,
    "gligen_name": GLIGEN, "lora_name": LORA,
}  # fmt: skip
# The share of instances that pass, with few steps; less where half of the pictures is made without the layout, or a reference shows another colour.
SHOWN = {"13": 0.5, "22": 0.4, "23": 0.6}
SHOWN_ELSEWHERE = 0.66
FOUND = {
    "class_type": "PrimitiveBoundingBox",
    "inputs": {"x": 8, "y": 60, "width": 48, "height": 58},
}  # stands in for a detector: one thing


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.stem


every_template = pytest.mark.parametrize("path", TEMPLATES, ids=named)


@pytest.fixture(scope="module")
def comfy(server: ComfyServer) -> Iterator[ComfyServer]:
    with extras(server.base / "models"):
        yield server


@pytest.fixture(scope="module")
def object_info(server: ComfyServer) -> dict:
    return server.client.get("/object_info")


def test_their_names_are_words_in_an_order():
    """ComfyUI shows the files' names as titles; a name without spaces can stand in an address, which `quickstart.py serve` opens."""
    names = [path.stem for path in TEMPLATES]
    assert [name[:2] for name in names] == [f"{number:02}" for number in range(1, len(names) + 1)]
    assert names[0] == dict(part.split("=") for part in FIRST_TEMPLATE[1:].split("&"))["template"]
    assert all(re.fullmatch(r"\d\d [A-Z][\w ]+", name) for name in names[1:])
    assert len({read(path)["id"] for path in TEMPLATES}) == len(names)


@every_template
def test_a_thumbnail_lies_beside_it(path):
    thumbnail = path.with_suffix(".jpg")
    assert thumbnail.stat().st_size < 150_000
    with Image.open(thumbnail) as picture:
        assert picture.format == "JPEG" and picture.size in ((512, 256), (768, 256)), "the layout beside the picture"
        assert np.asarray(picture.convert("L")).std() > 10


@every_template
def test_a_note_says_what_to_change_and_where_the_files_go(path):
    workflow = read(path)
    [text] = [node["widgets_values"][0] for node in workflow["nodes"] if node["type"] in VIRTUAL]
    title = path.stem[3:].replace("-", " ")
    assert text.startswith(f"# {title}") and "What to change" in text
    for model in models(workflow):
        assert model["url"] in text and f"models/{model['directory']}" in text


def models(workflow: dict) -> list[dict]:
    return [model for node in workflow["nodes"] for model in node["properties"].get("models", ())]


@every_template
def test_it_begins_with_the_demo_model_and_names_the_files_for_more(path):
    nodes = [node for node in read(path)["nodes"] if node["type"] not in VIRTUAL]
    [base] = [node for node in nodes if node["type"] == BASE]
    assert base["widgets_values"] == [CHOICE, AUTOMATIC]
    assert [model["directory"] for model in base["properties"]["models"]] == ["checkpoints", "instdiff"]
    for node in nodes:
        if node["type"] in LOADERS:
            assert node["mode"] == OFF, "what needs a download is switched off"
            for model, value in zip(node["properties"]["models"], node["widgets_values"], strict=False):
                assert (model["directory"], model["name"]) == (LOADERS[node["type"]], value)
        for model in node["properties"].get("models", ()):
            # ComfyUI downloads from Hugging Face and Civitai, under the name that the address ends with
            assert model["url"].startswith("https://huggingface.co/") and model["url"].endswith("/" + model["name"])


@every_template
def test_a_layout_is_drawn_in_the_editor_or_made_by_nodes_and_the_demo_knows_its_words(path):
    nodes = {node["type"]: node for node in read(path)["nodes"]}
    assert "InstDiffFromJSON" not in nodes and "EmptyLatentImage" not in nodes
    if EDITOR in nodes:
        layout = parse_layout(nodes[EDITOR]["widgets_values"][0])
        assert unknown_words([layout.prompt, *(instance.prompt for instance in layout.instances)]) == []
        assert layout.width == layout.height and "background" in layout.prompt


@every_template
def test_no_node_covers_another_and_each_stands_in_a_group(path):
    workflow = read(path)
    places = {}
    for node in workflow["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        if node["flags"].get("collapsed"):
            height = 0  # the title alone
        places[node["id"]] = (x, y - TITLE, x + width, y + height)
    for one, (x0, y0, x1, y1) in places.items():
        for other, (left, top, right, bottom) in places.items():
            assert one == other or x1 <= left or right <= x0 or y1 <= top or bottom <= y0, (one, other)
        groups = [group["bounding"] for group in workflow["groups"]]
        assert any(x <= x0 and y <= y0 and x1 <= x + w and y1 <= y + h for x, y, w, h in groups), one


@every_template
def test_links_agree_with_both_their_ends(path):
    workflow = read(path)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    assert len(nodes) == len(workflow["nodes"]) and workflow["last_node_id"] >= max(nodes)
    links = {link[0]: link for link in workflow["links"]}
    assert len(links) == len(workflow["links"]) and workflow["last_link_id"] >= max(links)
    for number, source, out, target, slot, kind in links.values():
        assert number in nodes[source]["outputs"][out]["links"]
        assert nodes[target]["inputs"][slot]["link"] == number
        assert nodes[source]["outputs"][out]["type"] == kind
    ends = [slot["link"] for node in nodes.values() for slot in node["inputs"] if slot.get("link") is not None]
    assert sorted(ends) == sorted(links)


@every_template
def test_the_server_knows_every_node_input_output_and_choice(path, object_info):
    for node in read(path)["nodes"]:
        if node["type"] in VIRTUAL:
            continue
        info = object_info[node["type"]]
        for slot, output in enumerate(node["outputs"]):
            assert not output["links"] or output["type"] == info["output"][slot], (node["type"], slot)
        values, linked = (
            widget_values(node, info),
            {slot["name"] for slot in node["inputs"] if slot.get("link") is not None},
        )
        files = {model["name"] for model in node["properties"].get("models", ())} if node["mode"] == OFF else set()
        for name, kind, options, required in input_specs(info):
            where = (node["type"], name)
            if not is_widget(kind, options):
                grown = any(slot.startswith(f"{name}.") for slot in linked)  # images.image0, images.image1
                assert name in linked or grown or not required, where
                continue
            choices = kind if isinstance(kind, list) else options.get("options", ()) if kind == "COMBO" else ()
            assert not choices or values[name] in choices or values[name] in files, where
            if kind in ("INT", "FLOAT"):
                assert options.get("min", -np.inf) <= values[name] <= options.get("max", np.inf), where


def with_score(graph: Graph) -> Graph:
    """The graph with fewer steps and pictures, and a score of what it saves last against its layout, as node `score`."""
    saves = [number for number, node in graph.items() if node["class_type"] == "SaveImage"]
    apply = next(node["inputs"] for node in graph.values() if node["class_type"] in APPLY)
    for node in graph.values():
        if node["class_type"] == "InstDiffKeyframes":
            node["inputs"]["count"] = 2
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = 12
    score = {
        "image": graph[saves[-1]]["inputs"]["images"],
        "instances": apply["instances"],
        "detector": "shape world",
        "threshold": 0.5,
    }
    return {**graph, "score": {"class_type": "InstDiffLayoutScore", "inputs": score},
            "shown": {"class_type": "PreviewAny", "inputs": {"source": ["score", 0]}},
            "table": {"class_type": "PreviewAny", "inputs": {"source": ["score", 1]}}}  # fmt: skip


@every_template
def test_it_runs_at_once_and_its_picture_shows_its_layout(path, server, object_info):
    graph = with_score(to_api(read(path), object_info))
    kinds = {number: node["class_type"] for number, node in graph.items()}
    outputs = server.run(graph).outputs
    shown = {kinds[number]: output["images"] for number, output in outputs.items() if "images" in output}
    assert {drawn.shape for drawn in map(server.image, shown["SaveImage"])} <= {(256, 256, 3), (320, 320, 3)}
    assert float(outputs["shown"]["text"][0]) >= SHOWN.get(path.stem[:2], SHOWN_ELSEWHERE), outputs["table"]["text"]


def made_small(graph: Graph) -> Graph:
    """The graph with stand-ins for the downloads, at 64x64 and of a few steps."""
    graph = {
        number: FOUND if node["class_type"] == "RTDETR_detect" else node
        for number, node in graph.items()
        if node["class_type"] != "UNETLoader"
    }  # its weights are too large for a test
    for node in graph.values():
        inputs = node["inputs"]
        if node["class_type"] == "InstDiffLayoutScore":
            found = {"detector": "connected detections"} if "boxes" in inputs else {}
            inputs |= {"compare_labels": False, **found}
        inputs |= {name: file for name, file in STAND_INS.items() if isinstance(inputs.get(name), str)}
        if node["class_type"] == EDITOR:
            inputs["layout"] = json.dumps({**json.loads(inputs["layout"]), "width": 64, "height": 64})
        if "steps" in inputs:
            inputs["steps"] = 5 if "share" in inputs else 2  # a fifth of the steps goes into the branches: one
    return graph


@pytest.mark.parametrize(
    "path",
    [TEMPLATES[0], *(path for path in TEMPLATES if len(models(read(path))) > 2 and path not in OTHER_MODELS)],
    ids=named,
)
def test_with_files_in_place_the_rest_is_switched_on_and_runs(path, comfy, object_info):
    workflow = read(path)
    off = [node for node in workflow["nodes"] if node["mode"] == OFF and node["type"] != OTHER_FAMILY]
    needed = {node["id"] for node in off}
    for node in off:
        node["mode"] = 0
    graph = made_small(to_api(workflow, object_info))
    kinds = {number: node["class_type"] for number, node in graph.items()}
    outputs = comfy.run(graph).outputs
    pictures = [
        comfy.image(image)
        for number, output in outputs.items()
        for image in output.get("images", ())
        if kinds[number] == "SaveImage"
    ]
    assert {(picture.shape, bool(picture.std() > 0)) for picture in pictures} <= {
        ((side, side, 3), True) for side in (64, 80, 128)
    }
    assert len(pictures) == {"13": 3, "14": 2, "15": 2, "22": 5}.get(path.stem[:2], 1)
    assert (
        {kinds[str(number)] for number in needed if str(number) in kinds} or path == TEMPLATES[0] or "12" in path.stem
    )
