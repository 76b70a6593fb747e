"""Time Sampling says how long a sampler took, and changes nothing else."""

import re
from typing import Any

import pytest
import torch
from comfy.patcher_extension import WrappersMP
from instdiff.nodes import timing
from instdiff.nodes.sampler import with_multi_instance
from support.server import ComfyServer
from support.small_pack import FOX, OWL, apply, base, frames, noise, sample


@pytest.fixture
def shown(monkeypatch):
    texts = []
    monkeypatch.setattr(timing, "report", lambda text, node: texts.append(text))
    return texts


def timed(model):
    return timing.InstDiffTimeSampling.execute(model).args[0]


def test_the_picture_is_the_same_and_each_run_is_told(shown):
    model = with_multi_instance(apply(frames(FOX, OWL)), 0.5, "average", 0)
    plain, watched = sample(model, noise()), timed(model)
    assert torch.equal(sample(watched, noise()), plain) and torch.equal(
        sample(watched, noise(), steps=7), sample(model, noise(), steps=7)
    )
    assert [re.search(r"for ([0-9]+) steps", text).group(1) for text in shown] == ["4", "7"]


def test_a_second_node_takes_the_place_of_the_first(shown):
    sample(timed(timed(base()[0])), noise())
    assert len(shown) == 1


def test_steps_count_and_loading_does_not(shown, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def slow(executor, *args, **kwargs):
        clock[0] += 1.5
        return executor(*args, **kwargs)

    watched = timed(base()[0])
    watched.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, "slow", slow)
    sample(watched, noise(), steps=3)
    watched.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "slow", slow)
    sample(watched, noise(), steps=3)
    assert shown == [
        "0.0 s for 3 steps, 0.00 s a step, 6 model calls",
        "4.5 s for 3 steps, 1.50 s a step, 6 model calls",
    ]


def test_what_is_no_model_is_named():
    with pytest.raises(ValueError, match="MODEL"):
        timing.InstDiffTimeSampling.execute(None)


def test_two_nodes_on_one_model_are_two(server: ComfyServer):
    """Equal nodes with equal inputs share one result in ComfyUI, unless they say that they must not."""
    graph: dict[str, Any] = {
        "1": {"class_type": "InstDiffLoadDemoModel", "inputs": {}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "a red star"}},
        "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    }
    for timed_node, sampler, decoded, shown_node, seed in (("4", "5", "6", "7", 1), ("14", "15", "16", "17", 2)):
        graph[timed_node] = {"class_type": "InstDiffTimeSampling", "inputs": {"model": ["1", 0]}}
        graph[sampler] = {
            "class_type": "KSampler",
            "inputs": {
                "model": [timed_node, 0],
                "seed": seed,
                "steps": 1,
                "cfg": 2.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "positive": ["2", 0],
                "negative": ["2", 0],
                "latent_image": ["3", 0],
                "denoise": 1.0,
            },
        }
        graph[decoded] = {"class_type": "VAEDecode", "inputs": {"samples": [sampler, 0], "vae": ["1", 2]}}
        graph[shown_node] = {"class_type": "PreviewImage", "inputs": {"images": [decoded, 0]}}
    ran = []
    server.client.run(graph, lambda kind, data: ran.append(data.get("node")) if kind == "executing" else None)
    assert {"4", "14"} <= set(ran)
