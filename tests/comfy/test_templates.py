"""The templates in workflows/: sound as files, and each runs in a real server (small, with random weights)."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.launcher.graph import LAYOUT_INPUTS
from PIL import Image
from support.chaining import drawn
from support.pack import ROOT
from support.random_extras import CONTROLNET, GLIGEN, LORA, extras
from support.server import ComfyServer, Graph
from support.ui_graph import VIRTUAL, input_specs, is_widget, to_api, widget_values

TEMPLATES = sorted((ROOT / "workflows").glob("*.json"))
DEMO = "demo"
LOADERS = {
    "CheckpointLoaderSimple": "checkpoints", "InstDiffLoadModel": "instdiff", "ControlNetLoader": "controlnet", "UNETLoader": "diffusion_models",
    "GLIGENLoader": "gligen", "CreateHookLora": "loras",
}  # fmt: skip
TITLE = 30  # pixels of a node's title, above its position
STAND_INS = {
    "ckpt_name": "instdiff_random_sd15.safetensors", "model": "instdiff_random.safetensors", "control_net_name": CONTROLNET, "gligen_name": GLIGEN,
    "lora_name": LORA,
}  # fmt: skip
FOUND = {
    "class_type": "PrimitiveBoundingBox",
    "inputs": {"x": 8, "y": 60, "width": 48, "height": 58},
}  # stands in for a detector: the cat alone


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


def test_the_templates_are_all_there():
    wanted = {
        "box",
        "mask",
        "points_and_scribble",
        "hybrid",
        "layout_editor",
        "multi_instance_controlnet_hires",
        "words_to_layout",
        "parts",
        "keyframes",
        DEMO,
        "closed_loop",
        "compare_methods",
        "tracking_migration",
        "sdxl_refiner",
        "bridge_sdxl",
        "instance_lora",
    }
    assert {path.stem for path in TEMPLATES} == wanted


@every_template
def test_a_thumbnail_lies_beside_it(path):
    thumbnail = path.with_suffix(".jpg")
    assert thumbnail.stat().st_size < 150_000
    with Image.open(thumbnail) as picture:
        assert picture.format == "JPEG" and 512 <= picture.width <= 768
        assert np.asarray(picture.convert("L")).std() > 10


@every_template
def test_a_note_says_what_to_change_and_where_the_files_go(path):
    workflow = read(path)
    [text] = [node["widgets_values"][0] for node in workflow["nodes"] if node["type"] in VIRTUAL]
    assert "What to change" in text
    for model in models(workflow):
        assert model["url"] in text and f"models/{model['directory']}" in text


def models(workflow: dict) -> list[dict]:
    return [model for node in workflow["nodes"] for model in node["properties"].get("models", ())]


@every_template
def test_each_loader_offers_the_download_of_the_file_it_names(path):
    loaders = [node for node in read(path)["nodes"] if node["type"] in LOADERS]
    if path.stem == DEMO:
        assert not loaders, "the demo needs no download"
        return
    assert {node["type"] for node in loaders} >= {"CheckpointLoaderSimple", "InstDiffLoadModel"}
    for node in loaders:
        [model] = node["properties"]["models"]
        assert model["directory"] == LOADERS[node["type"]]
        assert model["name"] == node["widgets_values"][0]
        # ComfyUI downloads from Hugging Face and Civitai, under the name that the address ends with
        assert model["url"].startswith("https://huggingface.co/") and model["url"].endswith("/" + model["name"])


@every_template
def test_no_node_covers_another_and_each_stands_in_a_group(path):
    workflow = read(path)
    places = {}
    for node in workflow["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
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
        files = {model["name"] for model in node["properties"].get("models", ())}
        for name, kind, options, required in input_specs(info):
            where = (node["type"], name)
            if not is_widget(kind, options):
                assert name in linked or not required, where
                continue
            choices = kind if isinstance(kind, list) else options.get("options", ()) if kind == "COMBO" else ()
            assert not choices or values[name] in choices or values[name] in files, where
            if kind in ("INT", "FLOAT"):
                assert options.get("min", -np.inf) <= values[name] <= options.get("max", np.inf), where


def made_small(graph: Graph) -> Graph:
    """The graph with stand-ins for the downloads, a quarter of the size and a few steps."""
    graph = {
        number: FOUND if node["class_type"] == "RTDETR_detect" else node
        for number, node in graph.items()
        if node["class_type"] != "UNETLoader"
    }  # its weights are too large for a test
    for node in graph.values():
        inputs = node["inputs"]
        if node["class_type"] == "InstDiffLayoutScore":
            inputs["compare_labels"] = False
        inputs |= {name: file for name, file in STAND_INS.items() if isinstance(inputs.get(name), str)}
        if node["class_type"] == "EmptyLatentImage":
            inputs |= {side: inputs[side] // 4 for side in ("width", "height") if isinstance(inputs[side], int)}
        if node["class_type"] in LAYOUT_INPUTS:
            name = LAYOUT_INPUTS[node["class_type"]]
            layout = json.loads(inputs[name])
            inputs[name] = json.dumps({**layout, "width": layout["width"] // 4, "height": layout["height"] // 4})
        if node["class_type"] == "InstDiffLayoutRequest":
            inputs |= {side: inputs[side] // 4 for side in ("width", "height")}
        if node["class_type"] == "InstDiffKeyframes":
            inputs["count"] = 3
        if "steps" in inputs:
            inputs["steps"] = 5 if "share" in inputs else 2  # a fifth of the steps goes into the branches: one
    return graph


@every_template
def test_it_runs(path, comfy, object_info):
    graph = to_api(read(path), object_info)
    graph = graph if path.stem == DEMO else made_small(graph)
    kinds = {node: graph[node]["class_type"] for node in graph}
    assert not path.stem.startswith("multi_instance") or "InstDiffKSampler" in kinds.values()
    outputs = comfy.run(graph).outputs
    shown = {
        kinds[node]: [comfy.image(image) for image in output["images"]]
        for node, output in outputs.items()
        if "images" in output
    }
    pictures, previews = shown["SaveImage"], shown["InstDiffPreview"]
    assert len(pictures) == {"compare_methods": 3, "tracking_migration": 3, "keyframes": 3}.get(path.stem, 1)
    height, width = previews[0].shape[:2]
    # in these the layout itself was made small
    scale = {
        "multi_instance_controlnet_hires": 1.5,
        "layout_editor": 1,
        "words_to_layout": 1,
        "parts": 1,
        "keyframes": 1,
        "closed_loop": 1,
        "compare_methods": 1,
        "sdxl_refiner": 2,
        "bridge_sdxl": 2,
        "instance_lora": 1,
        DEMO: 1,
    }.get(path.stem, 0.25)
    assert all(drawn(picture, int(height * scale), int(width * scale)) for picture in pictures)
    assert len(previews) == {"tracking_migration": 3, "keyframes": 3}.get(path.stem, 1)
    assert all(preview.std() > 5 for preview in previews)
