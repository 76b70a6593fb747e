"""What was found by trying to break multi-instance sampling. With identical branches it has to be as plain sampling."""

from dataclasses import replace
from itertools import pairwise

import comfy.controlnet
import comfy.patcher_extension
import comfy.samplers
import comfy.t2i_adapter.adapter
import comfy_extras.nodes_context_windows as nodes_context_windows
import comfy_extras.nodes_eps as nodes_eps
import comfy_extras.nodes_lumina2 as nodes_lumina2
import comfy_extras.nodes_video_model as nodes_video_model
import pytest
import torch
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, apply, context, frames, noise

SAME = frames(replace(FOX, prompt="a scene"))
SCENE, BAD, UGLY = (context(prompt)[0][0] for prompt in ("a scene", "bad", "ugly"))
MASK = torch.zeros(1, 64, 96)
MASK[..., 40:] = 1


def run(model, start, positive=None, negative=None, sampler="euler"):
    with torch.inference_mode():
        ksampler = comfy.samplers.KSampler(model, 4, model.load_device, sampler, "normal", 1.0, model.model_options)
        conds = positive or [[SCENE, {}]], negative or [[BAD, {}]]
        return ksampler.sample(start, *conds, 2.0, torch.zeros_like(start), disable_pbar=True, seed=5)


def branched(model, share=0.5):
    return with_multi_instance(model, share, "average", 0)


MASKED = [[BAD, {}], [UGLY, {"mask": torch.cat([MASK, 1 - MASK, MASK * 0.3 + 0.1]), "mask_strength": 1.0}]]
OTHER_NUMBERS = {
    "more masks than images": (2, MASKED),
    "more masks than a single image": (1, MASKED),
    "more prompts than images": (2, [[torch.cat([BAD, UGLY, SCENE, BAD]), {}]]),
    "more prompts than a single image": (1, [[torch.cat([BAD, UGLY]), {}]]),
    "fewer prompts than images": (3, [[torch.cat([BAD, UGLY]), {}]]),
}


@pytest.mark.parametrize("images, negative", OTHER_NUMBERS.values(), ids=OTHER_NUMBERS)
def test_masks_and_prompts_in_another_number_than_the_images_meet_the_right_ones(images, negative):
    start = noise(images, 8, 12)
    assert_close(run(branched(apply(SAME)), start, None, negative), run(apply(SAME), start, None, negative))


def test_positive_masks_too():
    positive = [[SCENE, {}], [SCENE, {"mask": MASKED[1][1]["mask"], "mask_strength": 2.0}]]
    start = noise(2, 8, 12)
    assert_close(run(branched(apply(SAME)), start, positive), run(apply(SAME), start, positive))


def test_context_windows_over_the_batch_cut_a_negative_prompt_for_each_image():
    model = nodes_context_windows.ContextWindowsManualNode.execute(
        apply(SAME), 2, 1, "standard_static", 1, False, "pyramid", 0, False
    ).args[0]
    start, negative = noise(3, 8, 12), [[torch.cat([BAD, UGLY, SCENE]), {}]]
    assert_close(run(branched(model), start, None, negative), run(model, start, None, negative))


def adapter():
    torch.manual_seed(1)
    network = comfy.t2i_adapter.adapter.Adapter(
        channels=[32, 64, 128, 128], nums_rb=1, cin=192, ksize=1, sk=True, use_conv=False, xl=False
    )
    return comfy.controlnet.T2IAdapter(network, 3, 8, "nearest-exact", device=torch.device("cpu"))


@pytest.mark.parametrize("hints", [1, 2, 3])
def test_an_adapter_that_keeps_what_it_made_of_its_first_batch(hints):
    hint = torch.rand(hints, 3, 64, 96, generator=torch.Generator().manual_seed(1))

    def positive():
        control = adapter().set_cond_hint(hint, 3.0, (0.0, 1.0))
        return [[SCENE, {"control": control, "control_apply_to_uncond": True}]]

    start = noise(2, 8, 12)
    plain = run(apply(SAME), start, positive())
    assert_apart(plain, run(apply(SAME), start))
    assert_close(run(branched(apply(SAME)), start, positive()), plain)


OTHERS = {
    "VideoLinearCFGGuidance": lambda model: nodes_video_model.VideoLinearCFGGuidance().patch(model, 1.0)[0],
    "VideoTriangleCFGGuidance": lambda model: nodes_video_model.VideoTriangleCFGGuidance().patch(model, 1.0)[0],
    "RenormCFG": lambda model: nodes_lumina2.RenormCFG.execute(model, 100.0, 1.0).args[0],
    "Temporal Score Rescaling": lambda model: nodes_eps.TemporalScoreRescaling.execute(model, 0.95, 1.0).args[0],
}


@pytest.mark.parametrize("images, other", [(1, name) for name in OTHERS] + [(3, name) for name in list(OTHERS)[:2]])
def test_guidance_that_looks_at_the_number_of_images(images, other):
    """The last two compare tensors in a way that works for a single image."""
    model, start = OTHERS[other](apply(SAME)), noise(images, 8, 12)
    plain = run(model, start)
    assert_apart(plain, run(apply(SAME), start))
    assert_close(run(branched(model), start), plain)


def run_with(model, start, sampler):
    with torch.inference_mode():
        torch.manual_seed(0)
        sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", 4)
        conds = [[SCENE, {}]], [[BAD, {}]]
        return comfy.samplers.sample(
            model, start, *conds, 1.0, model.load_device, comfy.samplers.KSAMPLER(sampler), sigmas,
            latent_image=torch.zeros_like(start), disable_pbar=True, seed=5,
        )  # fmt: skip


def test_noise_that_a_sampler_draws_in_place():
    def ancestral(model, x, sigmas, extra_args=None, callback=None, disable=None):
        for sigma, following in pairwise(sigmas):
            x = model(x, sigma * x.new_ones([len(x)]), **extra_args) + following * torch.empty_like(x).normal_()
        return x

    start = noise(2, 8, 12)
    plain = run_with(apply(SAME), start, ancestral)
    assert_close(run_with(branched(apply(SAME)), start, ancestral), plain)


PLACES = comfy.patcher_extension.WrappersMP


def one_by_one(place):
    """What other packs may do to save memory."""

    def outer(executor, noise, latent, *args, **kwargs):
        return torch.cat([executor(a[None], b[None], *args, **kwargs) for a, b in zip(noise, latent, strict=True)])

    def sampler(executor, guider, sigmas, extra_args, callback, noise, latent, *args, **kwargs):
        parts = zip(noise, latent, strict=True)
        return torch.cat(
            [executor(guider, sigmas, extra_args, callback, a[None], b[None], *args, **kwargs) for a, b in parts]
        )

    return outer if place == PLACES.OUTER_SAMPLE else sampler


@pytest.mark.parametrize("place", [PLACES.OUTER_SAMPLE, PLACES.SAMPLER_SAMPLE])
def test_a_wrapper_that_samples_the_images_one_by_one(place):
    model = branched(apply(SAME))
    model.add_wrapper_with_key(place, "another pack", one_by_one(place))
    assert_close(run(model, noise(2, 8, 12)), run(apply(SAME), noise(2, 8, 12)))
