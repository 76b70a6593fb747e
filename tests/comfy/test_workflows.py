"""InstDiff chained with ComfyUI's own nodes, in a real server: the graphs of tests/api/ and small changes of them."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from support.chaining import Bench, alive, changed, distance, drawn, outcome, rewired, without_instdiff
from support.random_extras import extras
from support.server import ComfyServer, GraphError, api_graph

OTHER = '{"version": 1, "width": 192, "height": 128, "prompt": "a snowy forest", "instances": [{"prompt": "a boat", "box": [0.6, 0.5, 0.95, 0.9]}]}'
SQUARE = OTHER.replace("192", "128")
TOLERANCE = 2e-3  # largest difference of latents that are computed in batches put together differently, in float32
SEEN = 0.02  # least difference of latents that counts as a change


@pytest.fixture(scope="module")
def comfy(server: ComfyServer) -> Iterator[Bench]:
    """The server with a random ControlNet, LoRA and upscaler in its models folder."""
    with extras(server.base / "models"):
        yield Bench(server)


@pytest.mark.parametrize(
    "name, latents, height, width",
    [
        ("ksampler", {"sampler": 1}, 128, 192),
        ("ksampler_advanced", {"sampler": 1, "whole": 1}, 128, 192),
        ("sampler_custom_advanced", {"sampler": 1}, 128, 192),
        ("multi_instance_patch", {"sampler": 1}, 128, 192),
        ("plms", {"sampler": 1}, 128, 192),
        ("controlnet", {"sampler": 1}, 128, 192),
        ("lora", {"sampler": 1}, 128, 192),
        ("img2img", {"sampler": 1}, 128, 192),
        ("inpaint", {"sampler": 1}, 128, 192),
        ("inpaint_vae", {"sampler": 1}, 128, 192),
        ("batch", {"sampler": 4}, 128, 192),
        ("frames", {"sampler": 2}, 128, 192),
        ("two_applies", {"sampler": 1, "other": 1, "chained": 1}, 128, 192),
        ("patched_and_plain", {"sampler": 1, "plain": 1}, 128, 192),
        ("second_pass", {"second": 1}, 192, 192),
        ("image_upscale", {}, 512, 512),
        ("wide", {"sampler": 1}, 512, 768),
    ],
)
def test_a_workflow_makes_its_picture(comfy, name, latents, height, width):
    out = comfy.run(api_graph(name))
    for node, batch in latents.items():
        assert alive(out.latents[node], batch, 4, height // 8, width // 8), node
    for picture in out.pictures["picture"]:
        assert drawn(picture, height, width)


@pytest.mark.parametrize(
    "name, layout",
    [
        ("ksampler", OTHER),
        ("plms", OTHER),
        ("controlnet", OTHER),
        ("lora", OTHER),
        ("img2img", OTHER),
        ("inpaint", OTHER),
        ("inpaint_vae", OTHER),
        ("second_pass", SQUARE),
        ("image_upscale", SQUARE),
    ],
)
def test_another_layout_makes_another_picture(comfy, name, layout):
    one, two = comfy.run(api_graph(name)), comfy.run(changed(api_graph(name), layout={"text": layout}))
    assert one.picture.shape == two.picture.shape
    assert np.abs(one.picture.astype(int) - two.picture).mean() > 0.05


# The samplers of ComfyUI


def test_the_stock_samplers_agree_on_a_patched_model(comfy):
    custom = comfy.run(api_graph("sampler_custom_advanced"))
    assert torch.equal(custom.latent, custom.latents["ksampler"])


def test_ksampler_advanced_in_two_legs_equals_one_run(comfy):
    legs = comfy.run(api_graph("ksampler_advanced"))
    assert distance(legs.latent, legs.latents["whole"]) < TOLERANCE


def test_the_multi_instance_patch_equals_the_multi_instance_ksampler(comfy):
    both = comfy.run(api_graph("multi_instance_patch"))
    assert torch.equal(both.latent, both.latents["own"])
    branched = comfy.run(rewired(api_graph("multi_instance_patch"), "multi", "apply"))
    assert distance(branched.latent, both.latent) > SEEN


def test_plms_is_a_sampler_of_its_own(comfy):
    plms = comfy.run(api_graph("plms"))
    assert distance(plms.latent, comfy.run(changed(api_graph("plms"), sampler={"sampler_name": "euler"})).latent) > SEEN


# The same model twice in one graph


def test_beside_a_patched_model_the_plain_one_is_what_it_is_without_instdiff(comfy):
    both = comfy.run(api_graph("patched_and_plain"))
    stranger = comfy.run(without_instdiff(api_graph("ksampler")))
    assert torch.equal(both.latents["plain"], stranger.latent)
    assert distance(both.latent, stranger.latent) > SEEN
    assert torch.equal(both.latent, comfy.run(api_graph("ksampler")).latent)
    plain = comfy.run(rewired(api_graph("ksampler"), "apply", "checkpoint"))
    assert np.array_equal(plain.picture, stranger.picture)


def test_two_applies_side_by_side_do_not_meet_and_in_a_row_they_add_up(comfy):
    graph = api_graph("two_applies")
    out = comfy.run(graph)
    assert torch.equal(out.latent, comfy.run(api_graph("ksampler")).latent)
    swapped = changed(
        graph,
        layout={"text": graph["other_layout"]["inputs"]["text"]},
        other_layout={"text": graph["layout"]["inputs"]["text"]},
    )
    assert torch.equal(comfy.run(swapped).latents["other"], out.latent)
    assert min(distance(out.latents["chained"], out.latents[node]) for node in ("sampler", "other")) > SEEN


# ControlNet and LoRA


def test_controlnet_steers_a_picture_with_instances(comfy):
    graph = api_graph("controlnet")
    steered = comfy.run(graph)
    free = comfy.run(changed(graph, sampler={"positive": ["positive", 0], "negative": ["negative", 0]}))
    assert distance(steered.latent, free.latent) > SEEN
    assert torch.equal(comfy.run(changed(graph, control={"strength": 0.0})).latent, free.latent)
    assert distance(comfy.run(changed(graph, shape={"x": 0, "y": 0})).latent, steered.latent) > SEEN


def test_a_lora_counts_whether_it_is_loaded_before_or_after_apply(comfy):
    graph = changed(api_graph("lora"), lora={"strength_clip": 0.0})
    before = comfy.run(graph)
    after = changed(
        graph,
        lora={"model": ["apply", 0]},
        apply={"model": ["checkpoint", 0], "clip": ["checkpoint", 1]},
        sampler={"model": ["lora", 0]},
    )
    assert torch.equal(comfy.run(after).latent, before.latent)
    without = comfy.run(changed(graph, lora={"strength_model": 0.0}))
    assert torch.equal(without.latent, comfy.run(api_graph("ksampler")).latent)
    assert distance(before.latent, without.latent) > SEEN


def test_a_lora_on_clip_reaches_the_prompts_of_the_instances(comfy):
    # positive and negative use the plain CLIP here, so only Apply sees the LoRA
    graph = changed(
        api_graph("lora"),
        lora={"strength_model": 0.0},
        positive={"clip": ["checkpoint", 1]},
        negative={"clip": ["checkpoint", 1]},
    )
    assert distance(comfy.run(graph).latent, comfy.run(api_graph("ksampler")).latent) > SEEN


# Second passes


def test_the_layout_acts_in_the_second_pass_too(comfy):
    graph = api_graph("second_pass")
    out = comfy.run(graph)
    first_only = comfy.run(changed(graph, second={"model": ["checkpoint", 0]}))
    assert torch.equal(out.latent, first_only.latent)
    assert distance(out.latents["second"], first_only.latents["second"]) > SEEN


def test_an_upscaler_takes_the_decoded_picture(comfy):
    out = comfy.run(api_graph("image_upscale"))
    assert drawn(out.pictures["decoded"][0], 128, 128)


# From a picture


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].item()


def test_img2img_keeps_something_of_the_picture_and_the_less_the_more_is_denoised(comfy):
    kept = []
    for denoise in (0.3, 0.6, 1.0):
        out = comfy.run(changed(api_graph("img2img"), sampler={"denoise": denoise}))
        kept.append(correlation(out.latent, out.latents["encode"]))
    assert kept[0] > kept[1] > kept[2]


@pytest.mark.parametrize("name", ["inpaint", "inpaint_vae"])
def test_inpainting_changes_the_hole_alone(comfy, name):
    out = comfy.run(api_graph(name))
    hole = torch.zeros(16, 24, dtype=torch.bool)
    hole[4:12, 12:] = True  # the mask of the graph is white there, in latent cells of 8 pixels
    source = out.latents["masked"]
    assert distance(out.latent[..., ~hole], source[..., ~hole]) < TOLERANCE
    assert (out.latent - source).abs().mean(dim=(0, 1))[hole].min() > 0.05


# Batches


def test_a_batch_of_four_holds_four_pictures_and_the_first_is_that_of_a_batch_of_one(comfy):
    four = comfy.run(api_graph("batch"))
    assert len(four.pictures["picture"]) == 4
    for i in range(1, 4):
        assert distance(four.latent[i], four.latent[0]) > 1
    one = comfy.run(changed(api_graph("batch"), empty={"batch_size": 1}))
    assert distance(four.latent[:1], one.latent) < TOLERANCE * one.latent.abs().max()


def test_frames_give_each_latent_of_a_batch_its_own_layout(comfy):
    out = comfy.run(api_graph("frames"))
    singles = torch.cat([out.latents["first"], out.latents["second"]])
    assert distance(out.latent, singles) < TOLERANCE * singles.abs().max()
    first, second = out.pictures["preview"]
    assert first.shape == second.shape == (128, 192, 3) and not np.array_equal(first, second)


def test_a_wide_canvas_of_768x512_puts_the_instance_where_it_belongs(comfy):
    """All steps in branches and none after: outside the box the global branch stands, inside it the instance's."""
    out = comfy.run(api_graph("wide"))
    assert alive(out.latent, 1, 4, 64, 96) and drawn(out.picture, 512, 768)
    box = torch.zeros(64, 96, dtype=torch.bool)
    box[16:48, 48:84] = True
    plain = out.latents["global"]
    assert distance(out.latent[..., ~box], plain[..., ~box]) < TOLERANCE * plain.abs().max()
    assert (out.latent - plain).abs().mean(dim=(0, 1))[box].min() > 1e-3


# A server that goes on


def test_after_a_cancel_in_mid_sampling_the_next_run_is_as_if_nothing_had_happened(comfy, server):
    graph = api_graph("plms")
    before = comfy.run(graph)
    steps: list[int] = []

    def cancel(kind, data):
        if kind == "progress" and data["node"] == "sampler":
            steps.append(data["value"])
            if data["value"] == 5:  # past the merge: the history of PLMS is in use
                server.client.post("/interrupt")

    with pytest.raises(GraphError, match="The run was interrupted"):
        server.client.run(changed(graph, sampler={"steps": 12, "share": 0.2, "seed": 2}), cancel)
    assert 5 <= max(steps) < 12
    steps.clear()
    # Only tiny masks use this seed: all it changes is that ComfyUI's cache does not know the graph.
    again = changed(graph, apply={"point_seed": 1})
    after = outcome(server, again, server.client.run(again, cancel))
    assert max(steps) == 3 and torch.equal(after.latent, before.latent)


def test_runs_do_not_grow_the_server(server):
    """Each run has a layout and a seed of its own, so nothing comes from the cache. When the fusers' keys and values were kept
    these were 4 MB a run."""
    sizes = []
    for number in range(5):
        layout = json.dumps({**json.loads(OTHER), "prompt": f"run {number}"})
        graph = changed(api_graph("box"), **{"3": {"text": layout}, "8": {"seed": 1000 + number, "steps": 2}})
        counter = {"class_type": "TensorBytes", "inputs": {"images": ["9", 0]}}
        sizes.append(int(server.run({**graph, "count": counter}).texts[0]))
    assert sizes[-1] - sizes[1] < 1000, sizes
