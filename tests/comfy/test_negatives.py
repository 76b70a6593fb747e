"""Negative prompts of single instances: in their own branches, in their regions, and nowhere else."""

import logging
from dataclasses import replace
from typing import Any

import comfy.k_diffusion.sampling
import comfy.model_management
import comfy.samplers
import pytest
import torch
from instdiff.nodes.conditioning import InstDiffToConditioning
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, OWL, FakeClip, apply, context, frames, no_free_memory, noise, sample

import nodes as comfy_nodes

AVOIDED = "a cartoon"
CAREFUL = replace(FOX, negative=f" {AVOIDED}\n")


def branches(layouts, negative, images=1):
    """The latents of all branches before they are merged, (rows, images, C, H, W)."""
    seen = []

    def euler(*args, **kwargs):
        seen.append(comfy.k_diffusion.sampling.sample_euler(*args, **kwargs))
        return seen[-1]

    patched = with_multi_instance(apply(layouts), 1.0, "average", 0)
    start = noise(images, 8, 12)
    sigmas = comfy.samplers.calculate_sigmas(patched.get_model_object("model_sampling"), "normal", 3)
    with torch.inference_mode():
        comfy.samplers.sample(
            patched, start, context("a scene"), negative, 4.0, patched.load_device, comfy.samplers.KSAMPLER(euler), sigmas,
            latent_image=torch.zeros_like(start), disable_pbar=True, seed=5,
        )  # fmt: skip
    return seen[-1].unflatten(0, (-1, images)).cpu()


def both(first, second):
    """The texts of two prompts one behind the other, by ComfyUI's own node."""
    core: Any = comfy_nodes
    return core.ConditioningConcat().concat(context(first), context(second))[0]


def test_only_its_own_branch_avoids_it_beside_what_the_whole_picture_avoids():
    plain = branches(frames(FOX, OWL), context("bad"))
    careful = branches(frames(CAREFUL, OWL), context("bad"))
    whole = branches(frames(FOX, OWL), both("bad", AVOIDED))
    assert_close(careful[0], plain[0])
    assert_close(careful[1], whole[1])
    assert_close(careful[2], plain[2])
    assert_apart(careful[1], plain[1])


def test_images_of_a_batch_keep_their_own():
    layouts = frames(CAREFUL, OWL) + frames(replace(OWL, negative="text"), FOX)
    several = branches(layouts, context("bad"), images=2)
    alone = branches(layouts[:1], context("bad"), images=2)
    assert_close(several[:, 0], alone[:, 0])


def test_little_memory_changes_nothing(monkeypatch):
    patched = with_multi_instance(apply(frames(CAREFUL, OWL)), 0.5, "average", 0)
    whole = sample(patched, noise())
    monkeypatch.setattr(comfy.model_management, "get_free_memory", no_free_memory)
    assert_close(sample(patched, noise()), whole)


def test_without_branches_it_is_ignored_and_said(caplog):
    with caplog.at_level(logging.WARNING):
        plain = sample(apply(frames(CAREFUL)), noise())
    (said,) = [r.message for r in caplog.records if "egative prompts" in r.message]
    assert said.startswith(
        "Negative prompts of instances act in the branches of multi-instance sampling; this run has none"
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert torch.equal(sample(apply(frames(FOX)), noise()), plain)
        blank = sample(with_multi_instance(apply(frames(replace(FOX, negative=" \n"))), 0.5, "average", 0), noise())
        assert torch.equal(sample(with_multi_instance(apply(frames(FOX)), 0.5, "average", 0), noise()), blank)
    assert not [r for r in caplog.records if "egative" in r.message]


def regions(*instances, method="masks", **more):
    return InstDiffToConditioning.execute(
        context("a scene"), FakeClip(), frames(*instances, width=96, height=64), method, 0.5, **more
    ).args


@pytest.mark.parametrize("method", ["masks", "mask bounds", "areas"])
def test_conditioning_for_other_models_holds_it_in_its_region(method):
    positive, _, _, negative = regions(CAREFUL, OWL, method=method, negative=context("bad"))
    assert torch.equal(negative[0][0], context("bad")[0][0]) and len(negative) == 2
    text, options = negative[1]
    assert torch.equal(text, context(AVOIDED)[0][0])
    expected = {k: v for k, v in positive[1][1].items() if k != "pooled_output"}
    assert expected.keys() <= options.keys() and expected.keys() - {"start_percent", "end_percent"}
    for key, value in expected.items():
        assert torch.equal(options[key], value) if torch.is_tensor(value) else options[key] == value


def test_prompts_alone_come_in_the_order_of_the_masks_and_gligen_has_no_place_for_it(caplog):
    assert [torch.equal(a[0], context(b)[0][0]) for a, b in zip(
        regions(CAREFUL, OWL, method="prompts alone", negative=context("bad"))[3], (AVOIDED, "bad"), strict=True)
    ] == [True, True]  # fmt: skip
    empty = regions(FOX, OWL)[3]
    assert len(empty) == 1 and torch.equal(empty[0][0], context("")[0][0])
    model = type("Gligen", (), {"model": None})()
    with caplog.at_level(logging.WARNING):
        (only,) = regions(CAREFUL, method="GLIGEN", gligen=model, negative=context("bad"))[3]
    assert torch.equal(only[0], context("bad")[0][0]) and "GLIGEN has no negative prompts" in caplog.text
