"""The negative prediction is computed once for all branches that hold one latent, and only where it is the same."""

from dataclasses import replace

import comfy.controlnet
import comfy.hooks
import comfy.model_management
import comfy.samplers
import pytest
import torch
from comfy_extras.nodes_custom_sampler import Guider_DualCFG
from instdiff.nodes import model_calls
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_close
from support.small_pack import FOX, OWL, apply, base, context, frames, no_free_memory, noise

LAYOUT = frames(FOX, OWL)
BAD = context("bad")[0][0]


def run(model, start, negative, positive=None, sampler="euler", steps=3, cfg=5.0, mask=None):
    with torch.inference_mode():
        ksampler = comfy.samplers.KSampler(model, steps, model.load_device, sampler, "normal", 1.0, model.model_options)
        return ksampler.sample(
            start,
            positive or context("a scene"),
            negative,
            cfg,
            torch.zeros_like(start),
            denoise_mask=mask,
            disable_pbar=True,
            seed=5,
        )


@pytest.fixture
def computed(monkeypatch):
    """Numbers of items that the model was given, call by call."""
    seen, kind = [], type(base()[0].model)
    forward = kind.apply_model

    def spy(self, x, *args, **kwargs):
        seen.append(x.shape[0])
        return forward(self, x, *args, **kwargs)

    monkeypatch.setattr(kind, "apply_model", spy)
    return seen


def branched(layouts=LAYOUT, **settings):
    return with_multi_instance(apply(layouts, **settings), 1.0, "average", 0)


def both_ways(monkeypatch, computed, model, *args, **kwargs):
    """(items computed, result) with the common predictions made once, then without."""
    with_it = run(model, *args, **kwargs)
    fewer = sum(computed)
    computed.clear()
    monkeypatch.setattr(model_calls, "seen_by_others", lambda options: True)
    without = run(model, *args, **kwargs)
    return (fewer, with_it), (sum(computed), without)


class Mean(torch.nn.Module):
    """Stands for a ControlNet's network: adds the hint's brightness to the middle of the UNet."""

    dtype = torch.float32

    def forward(self, x, hint, timesteps, context, **kwargs):
        middle = torch.nn.functional.adaptive_avg_pool2d(
            hint.mean(1, keepdim=True), [-(-side // 8) for side in x.shape[-2:]]
        )
        return {"middle": [middle.expand(x.shape[0], 128, -1, -1).clone()], "output": []}


def control(batch=1, kind=comfy.controlnet.ControlNet):
    net = kind(Mean(), load_device=torch.device("cpu"))
    hint = torch.rand(batch, 3, 128, 192, generator=torch.Generator().manual_seed(1))
    return net.set_cond_hint(20 * hint, 1.0, (0.0, 1.0))


def with_control(conditioning, batch=1, **kwargs):
    return [
        [prompt, {**options, "control": control(batch, **kwargs), "control_apply_to_uncond": False}]
        for prompt, options in conditioning
    ]


MASK = torch.zeros(1, 128, 192)
MASK[..., 60:] = 1


def lora_hook():
    """A LoRA that acts for one conditioning alone."""
    place, random = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k", torch.Generator().manual_seed(3)
    width = base()[0].get_model_object("diffusion_model").middle_block[1].transformer_blocks[0].attn2.to_k.weight.shape
    lora = {
        f"{place}.lora_up.weight": torch.randn(width[0], 2, generator=random),
        f"{place}.lora_down.weight": torch.randn(2, width[1], generator=random),
    }
    return comfy.hooks.create_hook_lora(lora, 1.0, 0.0)


NEGATIVES = {
    "one": [[BAD, {}]],
    "two, one of them masked": [[BAD, {}], [context("ugly")[0][0], {"mask": MASK, "mask_strength": 1.0}]],
    "an area": [[BAD, {}], [context("ugly")[0][0], {"area": (8, 8, 0, 8), "strength": 0.7}]],
    "from half way on": [
        [BAD, {"start_percent": 0.5, "end_percent": 1.0}],
        [context("ugly")[0][0], {"start_percent": 0.0, "end_percent": 0.5}],
    ],
    "with a default": [[BAD, {"default": True}], [context("ugly")[0][0], {"mask": MASK, "mask_strength": 1.0}]],
    "a ControlNet": with_control([[BAD, {}]]),
    "a LoRA of its own": [[BAD, {"hooks": lora_hook()}]],
    "more prompts than images": [[torch.cat([BAD, context("ugly")[0][0]]), {}]],
    "more hints than images": with_control([[BAD, {}]], batch=2),
    "more masks than images": [[BAD, {"mask": torch.cat([MASK, 1 - MASK, MASK]), "mask_strength": 1.0}]],
}


@pytest.mark.parametrize("negative", NEGATIVES.values(), ids=NEGATIVES)
def test_one_common_prediction_changes_nothing(monkeypatch, computed, negative):
    fewer, more = both_ways(monkeypatch, computed, branched(), noise(), negative)
    assert fewer[0] < more[0]
    assert_close(fewer[1], more[1])


@pytest.mark.parametrize("sampler, evaluations", [("euler", 3), ("heun", 5), ("euler_ancestral", 3), ("dpmpp_2m", 3)])
def test_the_first_evaluation_alone_is_common(monkeypatch, computed, sampler, evaluations):
    fewer, more = both_ways(monkeypatch, computed, branched(), noise(), NEGATIVES["one"], sampler=sampler)
    assert more[0] == 6 * evaluations and fewer[0] == more[0] - 2
    assert_close(fewer[1], more[1])


def test_a_batch_with_frames_and_a_latent_mask(monkeypatch, computed):
    model = branched(frames(FOX) + frames(OWL, FOX))
    mask = torch.ones(2, 1, 16, 24)
    mask[1, ..., :8] = 0
    negative = with_control([[torch.cat([BAD, context("ugly")[0][0]]), {}]], batch=2)
    fewer, more = both_ways(
        monkeypatch, computed, model, noise(2), negative, with_control(context("a scene"), batch=2), mask=mask
    )
    assert fewer[0] < more[0]
    assert_close(fewer[1], more[1])


def test_in_little_memory(monkeypatch, computed):
    whole = run(branched(), noise(), NEGATIVES["one"])
    monkeypatch.setattr(comfy.model_management, "get_free_memory", no_free_memory)
    computed.clear()
    assert_close(run(branched(), noise(), NEGATIVES["one"]), whole)
    assert computed == [1] * (4 + 6 + 6)


def test_parts_with_nobody_active_are_as_the_whole(monkeypatch):
    """An instance that acts later leaves its branch with null tokens, whether or not the others are in the same part."""
    model = branched(frames(FOX, replace(OWL, start=0.5)), scaleu="off")
    whole = run(model, noise(), NEGATIVES["one"])
    monkeypatch.setattr(comfy.model_management, "get_free_memory", no_free_memory)
    assert_close(run(model, noise(), NEGATIVES["one"]), whole)


class Adapter(comfy.controlnet.ControlNet):
    """A control of another kind, that may keep what it made for its first batch."""


def test_where_branches_may_differ_all_are_computed(computed):
    run(branched(), noise(), with_control([[BAD, {}]], kind=Adapter))
    assert sum(computed) == 18


def test_without_guidance_nothing_is_common(computed):
    run(branched(), noise(), NEGATIVES["one"], cfg=1.0)
    assert computed == [3, 3, 3]


def test_plain_sampling_calls_as_always(computed):
    run(apply(LAYOUT), noise(), NEGATIVES["one"])
    assert computed == [2, 2, 2]


def test_of_three_conditionings_only_the_negative_is_common(monkeypatch, computed):
    patched, start = branched(), noise()

    def guided():
        guider = Guider_DualCFG(patched)
        guider.set_conds(context("a scene"), context("a scene"), context("bad"))
        guider.set_cfg(3.0, 5.0)
        sigmas = comfy.samplers.calculate_sigmas(patched.get_model_object("model_sampling"), "normal", 3)
        with torch.inference_mode():
            return guider.sample(
                start,
                torch.zeros_like(start),
                comfy.samplers.sampler_object("euler"),
                sigmas,
                disable_pbar=True,
                seed=5,
            )

    with_it = guided()
    assert sum(computed) == 27 - 2
    monkeypatch.setattr(model_calls, "seen_by_others", lambda options: True)
    assert_close(with_it, guided())


def test_the_lora_of_the_negative_acts():
    assert (
        run(branched(), noise(), NEGATIVES["a LoRA of its own"]) - run(branched(), noise(), NEGATIVES["one"])
    ).abs().max() > 0.1
