"""Mistakes in a real graph: the client gets exactly our sentence, at the node that is at fault, and the server goes on."""

import json

import pytest
from instdiff.instdiff_modules.launcher.client import GraphFailed, GraphRefused
from support.server import ComfyServer, small_demo

BOX = {"left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.9}


def preview(**nodes):
    """Nodes by id, and a Preview Layout of the first one."""
    first = next(iter(nodes))
    return {
        **nodes,
        "show": {"class_type": "InstDiffPreview", "inputs": {"instances": [first, 0], "width": 96, "height": 64}},
    }


def box(**inputs):
    return {"class_type": "InstDiffBox", "inputs": {"prompt": "a fox", **BOX, **inputs}}


def demo(node="", **inputs):
    """The demo graph in one step, with inputs of one node changed. A pair (class, its inputs) is linked in."""
    graph = small_demo(steps=1)
    for name, value in inputs.items():
        if isinstance(value, tuple):
            graph["extra"] = {"class_type": value[0], "inputs": value[1]}
        graph[node]["inputs"][name] = ["extra", 0] if isinstance(value, tuple) else value
    return graph


VERSION_2 = json.dumps({"version": 2, "instances": []})
MANY = json.dumps({"version": 1, "instances": [{"prompt": f"thing {i}", "box": [0, 0, 0.5, 0.5]} for i in range(31)]})
THREE = json.dumps([{"version": 1, "instances": [{"prompt": "a fox", "box": [0, 0, 0.5, 0.5]}]}] * 3)
VIDEO = ("EmptyHunyuanLatentVideo", {"width": 64, "height": 64, "length": 5, "batch_size": 1})
FAILS = {
    "no prompt": (preview(a=box(prompt=" ")), "a", "The prompt is empty. Write what to draw, or name the instance that this location belongs to."),
    "NaN in the request": (preview(a=box(left="nan")), "a", "The new instance: box must be a finite number, got nan."),
    "version 2": (demo("3", text=VERSION_2), "3", 'The layout has version 2, this InstDiff reads version 1. Set "version": 1, or update InstDiff.'),
    "31 instances": (demo("3", text=MANY), "4", "The layout has 31 instances, the loaded model takes at most 30. Remove some."),
    "3 frames, 1 image": (demo("3", text=THREE), "8", "The layout has 3 frames, which do not fit a latent batch of 1. "),
    "no window": (demo("4", start=0.9), "4", "Expected start below end, got start 0.9 and end 0.8: the instances would never act. Raise end or lower start."),
    "share over a link": (demo("8", share=("PrimitiveFloat", {"value": 1.5})), "8", "Multi-instance sampling: share must lie in 0..1, got 1.5."),
    "video": (
        demo("8", latent_image=VIDEO), "8",
        "Expected a latent of shape (batch, 4, height, width), got (1, 16, 2, 8, 8). Connect Empty Latent Image, or VAE Encode with the VAE of the checkpoint.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILS)
def test_a_node_that_raises_shows_our_sentence_and_the_next_graph_runs(server: ComfyServer, name: str) -> None:
    graph, node, sentence = FAILS[name]
    error = server.error(graph)
    assert isinstance(error, GraphFailed) and error.node == node
    said = error.details["exception_message"].strip()
    assert said == sentence or (sentence.endswith(" ") and said.startswith(sentence))
    assert error.details["exception_type"] == "ValueError"
    assert len(server.images(preview(a=box()))) == 1


@pytest.mark.parametrize("graph, node, words", [
    (demo("2", model="gone.pth"), "2", "'gone.pth' is not in models/instdiff"), (demo("4", strength=9.0), "4", "bigger than max"),
    (demo("8", steps="many"), "8", "Failed to convert"), (demo("8", merge="mean"), "8", "not in list"),
    ({"a": {"class_type": "InstDiffPreview", "inputs": {}}}, "a", "Required input is missing"),
], ids=["weights", "too large", "text", "menu", "nothing connected"])  # fmt: skip
def test_widgets_are_checked_before_anything_runs(server: ComfyServer, graph: dict, node: str, words: str) -> None:
    error = server.error(graph)
    assert isinstance(error, GraphRefused) and words in json.dumps(
        error.details["node_errors"][node], ensure_ascii=False
    )


def test_a_layout_of_5_mb_is_drawn(server: ComfyServer) -> None:
    stroke = [[i % 1000 / 1000, i % 997 / 997] for i in range(250_000)]
    text = json.dumps(
        {"version": 1, "width": 768, "height": 512, "instances": [{"prompt": "a road", "scribble": stroke}]}
    )
    assert len(text) > 4_900_000
    graph = preview(a={"class_type": "InstDiffFromJSON", "inputs": {"text": text}})
    assert server.images(graph)[0].shape == (64, 96, 3)


def test_a_picture_is_made_after_all_these_mistakes(server: ComfyServer) -> None:
    (picture,) = server.images(demo())
    assert picture.shape == (128, 128, 3)
