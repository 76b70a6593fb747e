"""Workflows that quickstart.py runs: a layout and a seed go in, pictures come out, and what is no workflow is refused."""

import json

import pytest
from instdiff.instdiff_modules.launcher import graph, install
from instdiff.instdiff_modules.launcher.client import Result
from instdiff.instdiff_modules.launcher.errors import Stopped
from support.pack import ROOT


def api(**positive: object) -> graph.Graph:
    return {
        "1": {"class_type": "InstDiffFromJSON", "inputs": {"text": "{}"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "old", **positive}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly"}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "5": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "negative": ["3", 0], "seed": 1}},
    }


def test_a_layout_brings_its_text_size_and_prompt() -> None:
    before = api()
    text = json.dumps({"version": 1, "width": 770, "height": 512, "prompt": "a forest", "instances": []})
    after = graph.with_layout(before, text, "layout.json")
    assert after["1"]["inputs"]["text"] == text
    assert (after["4"]["inputs"]["width"], after["4"]["inputs"]["height"]) == (768, 512)
    assert (after["2"]["inputs"]["text"], after["3"]["inputs"]["text"]) == ("a forest", "ugly")
    assert before == api(), "the given graph was changed"


def test_a_layout_goes_into_the_editor_node_too_and_counts_there() -> None:
    before = {
        **api(),
        "1": {
            "class_type": "InstDiffLayoutEditor",
            "inputs": {"layout": "{}", "instances": ["9", 0], "background": ["8", 0]},
        },
    }
    text = '{"version": 1, "width": 768, "height": 512}'
    after = graph.with_layout(before, text, "layout.json")
    assert after["1"]["inputs"] == {"layout": text, "background": ["8", 0]} and after["4"]["inputs"]["width"] == 768


def test_a_prompt_that_comes_over_a_link_stays_linked() -> None:
    after = graph.with_layout(api(text=["1", 1]), '{"prompt": "a forest"}', "layout.json")
    assert after["2"]["inputs"]["text"] == ["1", 1]


def test_the_canvas_of_a_photo_is_scaled_to_what_the_model_can_draw() -> None:
    after = graph.with_layout(api(), '{"width": 4000, "height": 3000}', "layout.json")
    assert (after["4"]["inputs"]["width"], after["4"]["inputs"]["height"]) == (1024, 768)


@pytest.mark.parametrize("canvas, drawn", [
    ((1, 1), (256, 256)), ((100, 60), (424, 256)), ((256, 512), (0, 0)), ((512, 512), (0, 0)), ((8000, 8000), (1024, 1024)),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("frames", [False, True], ids=["one", "frames"])
def test_the_demos_drawing_of_the_layout_has_the_canvass_size_unless_that_is_below_the_pictures_or_huge(
    canvas: tuple[int, int], drawn: tuple[int, int], frames: bool
) -> None:
    shipped = graph.read_graph(graph.DEMO.read_text(encoding="utf-8"), "demo.json")
    layout = {"version": 1, "width": canvas[0], "height": canvas[1], "instances": []}
    inputs = graph.with_layout(shipped, json.dumps([layout] if frames else layout), "layout.json")["9"]["inputs"]
    assert (inputs["width"], inputs["height"]) == drawn


def test_a_drawing_whose_size_is_chosen_keeps_it() -> None:
    for chosen in ({"width": 300, "height": 0}, {"width": 0, "height": 0, "background": ["8", 0]}):
        before = {**api(), "9": {"class_type": "InstDiffPreview", "inputs": chosen}}
        assert graph.with_layout(before, '{"width": 1, "height": 1}', "layout.json")["9"] == before["9"]


def test_a_layout_without_size_or_a_list_of_frames_leaves_the_size_alone() -> None:
    for text in ('{"instances": []}', "[{}, {}]", '{"width": "wide", "height": null}'):
        assert graph.with_layout(api(), text, "layout.json")["4"] == api()["4"]


def test_the_seed_goes_into_every_sampler_and_no_link_is_lost() -> None:
    before = api()
    before["6"] = {"class_type": "RandomNoise", "inputs": {"noise_seed": 3}}
    before["7"] = {"class_type": "KSampler", "inputs": {"seed": ["9", 0]}}
    after = graph.with_seed(before, 42)
    assert (after["5"]["inputs"]["seed"], after["6"]["inputs"]["noise_seed"], after["7"]["inputs"]["seed"]) == (
        42,
        42,
        ["9", 0],
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not valid JSON"),
        ('{"1": ' + "[" * 300, "nested too deeply"),
        ('{"1": NaN}', "holds NaN"),
        ('{"nodes": [], "links": []}', "Export \\(API\\)"),
        ("[]", "not a workflow in API format"),
        ('{"1": {"inputs": {}}}', "not a workflow in API format"),
    ],
)
def test_a_file_that_is_no_api_workflow_is_refused_with_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(Stopped, match=sentence):
        graph.read_graph(text, "w.json")


def test_a_workflow_without_a_place_for_the_layout_is_refused() -> None:
    with pytest.raises(Stopped, match="no node InstDiffFromJSON or InstDiffLayoutEditor"):
        graph.with_layout({"5": api()["5"]}, "{}", "layout.json")


def test_what_serve_opens_and_the_demo_runs_is_there() -> None:
    query = dict(part.split("=") for part in install.FIRST_TEMPLATE.removeprefix("?").split("&"))
    assert query["source"] == install.PACK_FOLDER and (ROOT / "workflows" / f"{query['template']}.json").exists()
    shipped = graph.read_graph(graph.DEMO.read_text(encoding="utf-8"), "demo.json")
    assert {"InstDiffLoadDemoModel", "InstDiffLayoutScore", "SaveImage"} <= {
        node["class_type"] for node in shipped.values()
    }


def test_previews_are_no_pictures_where_something_is_saved() -> None:
    preview, saved = {"filename": "a.png", "type": "temp"}, {"filename": "b.png", "type": "output"}
    assert Result("1", {"9": {"images": [preview]}, "12": {"images": [saved]}}).saved == [saved]
    assert Result("1", {"9": {"images": [preview]}}).saved == [preview]
    assert Result("1", {"9": {"images": [preview]}, "13": {"text": ["a table"]}}).texts == ["a table"]
