"""Multi-instance sampling beside ComfyUI's own guidance, mask and cache nodes: with identical branches nobody can tell.

The branch of a layout's only instance, called with the prompt of the whole picture, repeats the global branch; so the
result has to be that of the MODEL without multi-instance sampling, whatever else is on it.
"""

from dataclasses import replace

import comfy.samplers
import comfy_extras.nodes_apg as nodes_apg
import comfy_extras.nodes_cfg as nodes_cfg
import comfy_extras.nodes_context_windows as nodes_context_windows
import comfy_extras.nodes_differential_diffusion as nodes_differential_diffusion
import comfy_extras.nodes_easycache as nodes_easycache
import comfy_extras.nodes_freelunch as nodes_freelunch
import comfy_extras.nodes_hypertile as nodes_hypertile
import comfy_extras.nodes_model_advanced as nodes_model_advanced
import comfy_extras.nodes_model_downscale as nodes_model_downscale
import comfy_extras.nodes_nag as nodes_nag
import comfy_extras.nodes_pag as nodes_pag
import comfy_extras.nodes_perpneg as nodes_perpneg
import comfy_extras.nodes_sag as nodes_sag
import pytest
import torch
from comfy_extras.nodes_custom_sampler import Guider_DualCFG
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, OWL, apply, context, frames, noise, sample

SAME = frames(replace(FOX, prompt="a scene"))
SMALL = noise(height=8, width=12)


def node(result):
    return result.args[0] if hasattr(result, "args") else result[0]


def rescale_cfg(model):
    return node(nodes_model_advanced.RescaleCFG().patch(model, 0.7))


def zero_star(model):
    return node(nodes_cfg.CFGZeroStar.execute(model))


def easy_cache(threshold):
    return lambda model: node(nodes_easycache.EasyCacheNode.execute(model, threshold, 0.0, 1.0, False))


OTHERS = {
    "Perturbed-Attention Guidance": lambda model: node(nodes_pag.PerturbedAttentionGuidance.execute(model, 3.0)),
    "Normalized Attention Guidance": lambda model: node(nodes_nag.NAGuidance.execute(model, 5.0, 0.5, 1.5)),
    "Adaptive Projected Guidance": lambda model: node(nodes_apg.APG.execute(model, 1.0, 5.0, 0.0)),
    "Adaptive Projected Guidance, momentum": lambda model: node(nodes_apg.APG.execute(model, 0.8, 5.0, -0.5)),
    "FreeU": lambda model: node(nodes_freelunch.FreeU_V2.execute(model, 1.3, 1.4, 0.9, 0.2)),
    "RescaleCFG": rescale_cfg,
    "CFG-Zero*": zero_star,
    "HyperTile": lambda model: node(nodes_hypertile.HyperTile.execute(model, 32, 2, 0, False)),
    "Kohya Deep Shrink": lambda model: node(
        nodes_model_downscale.PatchModelAddDownscale.execute(model, 3, 2.0, 0.0, 0.35, True, "bicubic", "bicubic")
    ),
}


def run(model, start, **settings):
    torch.manual_seed(0)  # HyperTile draws from the process's own generator
    return sample(model, start, **settings)


def check(model, share, images=2, size=(8, 12), **settings):
    """The same with and without multi-instance sampling, and not what the MODEL gives without the other patch."""
    start = noise(images, *size)
    plain = run(model, start, **settings)
    assert_apart(plain, run(apply(SAME), start, **settings))
    assert_close(run(with_multi_instance(model, share, "average", 0), start, **settings), plain)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_patches_of_guidance_and_attention(other):
    check(other(apply(SAME)), 0.5, steps=4)


def test_momentum_with_one_step_in_branches_and_one_image():
    check(OTHERS["Adaptive Projected Guidance, momentum"](apply(SAME)), 0.2, images=1, steps=4)


@pytest.mark.parametrize("images, share", [(1, 0.2), (2, 0.5)])
def test_self_attention_guidance(images, share):
    """It maps what the middle of the UNet looked at, which needs a few cells there."""
    model = node(nodes_sag.SelfAttentionGuidance.execute(apply(SAME), 0.5, 2.0))
    check(model, share, images, size=(16, 24), steps=4, cfg=2.0)


def test_differential_diffusion_sees_the_whole_schedule():
    thresholds = []

    def spy(model):
        inner = model.model_options["denoise_mask_function"]

        def listen(sigma, mask, extra_options):
            out = inner(sigma, mask, extra_options)
            thresholds.append(round(out[0].mean().item(), 3))
            return out

        model.set_model_denoise_mask_function(listen)
        return model

    mask = torch.linspace(0, 1, 12).expand(1, 1, 8, 12)
    # without guidance, which on random weights makes two thousandths of the last digit
    given = {"steps": 8, "cfg": 1.0, "latent": noise(height=8, width=12, seed=3), "mask": mask}
    model = spy(node(nodes_differential_diffusion.DifferentialDiffusion.execute(apply(SAME))))
    plain = sample(model, SMALL, **given)
    expected, thresholds[:] = list(thresholds), []
    branched = sample(with_multi_instance(model, 0.5, "average", 0), SMALL, **given)
    assert thresholds == expected and expected == sorted(expected) and len(set(expected)) == 8
    assert_close(branched, plain)


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_a_latent_noise_mask_is_noised_with_the_runs_own_noise(kind):
    mask, start = torch.zeros(2, 1, 8, 12), noise(2, height=8, width=12)
    mask[0, ..., 6:] = mask[1, ..., :3] = 0.5 if kind == "soft" else 1.0
    for denoise in (1.0, 0.6):
        given = {"latent": noise(2, height=8, width=12, seed=3), "mask": mask, "denoise": denoise, "cfg": 2.0}
        plain = sample(apply(SAME), start, **given)
        assert_close(sample(with_multi_instance(apply(SAME), 0.5, "average", 0), start, **given), plain)


@pytest.mark.parametrize("sampler", comfy.samplers.KSampler.SAMPLERS)
def test_every_sampler_goes_on_after_the_merge_as_if_nothing_had_happened(sampler):
    # mild guidance, which does not magnify rounding; dpm_adaptive would take hundreds of steps on random weights
    settings = {"sampler": sampler, "steps": 5, "cfg": 2.0}
    if sampler == "dpm_adaptive":
        settings |= {"denoise": 0.1, "cfg": 1.0}
    start = noise(2, height=8, width=12)
    plain = sample(apply(SAME), start, **settings)
    assert_close(sample(with_multi_instance(apply(SAME), 0.4, "average", 0), start, **settings), plain)


@pytest.mark.parametrize("scheduler", comfy.samplers.KSampler.SCHEDULERS)
def test_every_scheduler_too(scheduler):
    start = noise(height=8, width=12)
    plain = sample(apply(SAME), start, steps=4, scheduler=scheduler)
    out = sample(with_multi_instance(apply(SAME), 0.5, "average", 0), start, steps=4, scheduler=scheduler)
    assert_close(out, plain)


def guided(model, guider_of, share):
    model = with_multi_instance(model, share, "average", 0) if share else model
    guider, start = guider_of(model), SMALL
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", 5)
    with torch.inference_mode():
        sampler = comfy.samplers.sampler_object("euler")
        return guider.sample(start, torch.zeros_like(start), sampler, sigmas, disable_pbar=True, seed=5)


def dual(model):
    guider = Guider_DualCFG(model)
    guider.set_conds(context("a scene"), context("a meadow"), context("bad"))
    guider.set_cfg(3.0, 5.0)
    return guider


def perp_neg(model):
    guider = nodes_perpneg.Guider_PerpNeg(model)
    guider.set_conds(context("a scene"), context("bad"), context(""))
    guider.set_cfg(5.0, 1.0)
    return guider


@pytest.mark.parametrize("guider_of", [dual, perp_neg])
def test_guiders_with_three_conditionings(guider_of):
    assert_close(guided(apply(SAME), guider_of, 0.4), guided(apply(SAME), guider_of, 0))


@pytest.mark.parametrize("threshold, cfg", [(0.5, 1.0), (1.0, 7.5)])
@pytest.mark.parametrize("cache", ["EasyCacheNode", "LazyCacheNode"])
def test_caches_keep_nothing_of_the_branches(threshold, cfg, cache):
    """A cache that never reuses anything is as none; one that reuses a lot runs, and begins anew at the merge."""
    kind = getattr(nodes_easycache, cache)
    model = node(kind.execute(apply(frames(FOX, OWL)), threshold, 0.0, 1.0, False))
    out = sample(with_multi_instance(model, 0.5, "average", 0), noise(2, height=8, width=12), steps=6, cfg=cfg)
    assert torch.isfinite(out).all()
    never = node(kind.execute(apply(SAME), 0.0, 0.0, 1.0, False))
    plain = sample(apply(SAME), noise(2, height=8, width=12), steps=6, cfg=cfg)
    assert_close(
        sample(with_multi_instance(never, 0.5, "average", 0), noise(2, height=8, width=12), steps=6, cfg=cfg), plain
    )


def test_an_easy_cache_that_reuses_only_after_the_merge_is_as_plain():
    model = node(nodes_easycache.EasyCacheNode.execute(apply(SAME), 0.5, 0.6, 1.0, False))
    plain = sample(model, SMALL, steps=6, cfg=1.0)
    assert_apart(plain, sample(apply(SAME), SMALL, steps=6, cfg=1.0))
    assert_close(sample(with_multi_instance(model, 0.3, "average", 0), SMALL, steps=6, cfg=1.0), plain)


def test_context_windows_over_the_batch():
    model = node(
        nodes_context_windows.ContextWindowsManualNode.execute(
            apply(SAME), 2, 1, "standard_static", 1, False, "pyramid", 0, False
        )
    )
    plain = sample(model, noise(3, height=8, width=12), steps=4)
    assert_close(sample(with_multi_instance(model, 0.5, "average", 0), noise(3, height=8, width=12), steps=4), plain)
