"""Multi-instance sampling through ComfyUI's samplers."""

from dataclasses import replace

import comfy.model_management
import comfy.samplers
import pytest
import torch
from comfy_extras.nodes_custom_sampler import Guider_DualCFG
from instdiff.instdiff_modules.sampling.merge import MERGES
from instdiff.nodes.sampler import MultiInstanceKSampler, with_multi_instance
from support.closeness import assert_close
from support.small_pack import FOX, OWL, apply, base, context, frames, no_free_memory, noise, sample


def branched(layouts, share=0.5, merge="average", feather=0, **settings):
    return with_multi_instance(apply(layouts, **settings), share, merge, feather)


def test_share_0_and_no_instances_are_plain_sampling_bit_for_bit():
    applied = apply(frames(FOX, OWL))
    assert torch.equal(sample(with_multi_instance(applied, 0.0, "average", 0), noise()), sample(applied, noise()))
    assert torch.equal(sample(branched(frames()), noise()), sample(base()[0], noise()))


def test_identical_branches_equal_plain_sampling_of_the_same_batch():
    alone = replace(FOX, prompt="a scene")  # the prompt of the whole picture: the branch then repeats the global one
    plain = sample(apply(frames(alone)), noise().repeat(2, 1, 1, 1), cfg=1.0)
    assert_close(sample(branched(frames(alone), share=1.0), noise(), cfg=1.0), plain[:1])
    guided = sample(apply(frames(alone)), noise().repeat(2, 1, 1, 1))
    # not bit for bit: the negative prediction is computed once for both branches, and a batch of one rounds differently
    assert_close(sample(branched(frames(alone), share=1.0), noise()), guided[:1])


def test_the_order_of_the_two_patches_does_not_matter():
    first = with_multi_instance(base()[0], 0.5, "average", 0)
    assert torch.equal(
        sample(apply(frames(FOX, OWL), model=first), noise()), sample(branched(frames(FOX, OWL)), noise())
    )


def test_new_settings_leave_the_given_model_alone():
    patched = branched(frames(FOX))
    before = sample(patched, noise())
    with_multi_instance(patched, 0.0, "average", 0)
    assert torch.equal(sample(patched, noise()), before)


@pytest.mark.parametrize("merge", MERGES)
def test_every_merge_changes_the_picture_and_repeats(merge):
    patched = branched(frames(FOX, OWL), merge=merge)
    first = sample(patched, noise())
    assert (first - sample(apply(frames(FOX, OWL)), noise())).abs().max() > 1e-2
    assert torch.equal(first, sample(patched, noise()))


def test_crop_and_paste_of_one_box_keeps_the_rest_at_the_merge():
    """With every step spent in the branches nothing follows the merge, so outside the box the global branch stands."""
    fox = replace(FOX, box=(0.0, 0.0, 0.5, 1.0))
    out = sample(branched(frames(fox), share=1.0, merge="crop and paste"), noise())
    plain = sample(apply(frames(fox)), noise())
    assert_close(out[..., 6:], plain[..., 6:])
    assert (out[..., :6] - plain[..., :6]).abs().max() > 1e-2


def test_a_batch_of_two_equals_two_singles():
    patched = branched(frames(FOX, OWL))
    both = noise(2)
    singles = torch.cat([sample(patched, both[:1]), sample(patched, both[1:])])
    assert_close(sample(patched, both), singles)


def test_frames_with_unequal_numbers_of_instances():
    both = noise(2)
    layouts = frames(FOX) + frames(OWL, FOX)
    singles = torch.cat([sample(branched(layouts[:1]), both[:1]), sample(branched(layouts[1:]), both[1:])])
    assert_close(sample(branched(layouts), both), singles)


def test_little_memory_splits_the_branches_and_changes_nothing(monkeypatch):
    patched = branched(frames(FOX, OWL))
    whole = sample(patched, noise())
    batches = []
    forward = type(base()[0].model).apply_model

    def spy(self, x, *args, **kwargs):
        batches.append(x.shape[0])
        return forward(self, x, *args, **kwargs)

    monkeypatch.setattr(type(base()[0].model), "apply_model", spy)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", no_free_memory)
    split = sample(patched, noise())
    assert max(batches) == 1
    assert_close(split, whole)


def test_the_part_outside_a_latent_mask_is_kept():
    latent = noise(seed=3)
    mask = torch.zeros(1, 1, 8, 12)
    mask[..., 6:] = 1
    out = sample(branched(frames(FOX, OWL)), noise(), latent=latent, mask=mask, denoise=0.8)
    assert_close(out[..., :6], latent[..., :6])
    assert (out[..., 6:] - latent[..., 6:]).abs().max() > 0.1


def test_progress_counts_the_whole_run_and_shows_single_images():
    seen = []
    sample(branched(frames(FOX, OWL)), noise(), callback=lambda i, x0, x, total: seen.append((i, x0.shape[0], total)))
    assert seen == [(i, 1, 4) for i in range(4)]


def test_long_prompts_in_one_branch_only():
    assert torch.isfinite(sample(branched(frames(FOX, replace(OWL, prompt="an owl " * 40))), noise())).all()


def test_plms_needs_one_model_call_more_than_steps_and_keeps_its_history():
    start = noise(height=8, width=12)
    run = {
        "seed": 1,
        "steps": 5,
        "cfg": 1.0,
        "sampler_name": "plms",
        "scheduler": "normal",
        "positive": context("a scene"),
        "negative": context("bad"),
        "latent_image": {"samples": torch.zeros_like(start)},
        "denoise": 1.0,
        "merge": "average",
    }
    same = apply(frames(replace(FOX, prompt="a scene")))
    with torch.inference_mode():
        plain = MultiInstanceKSampler.execute(same, share=0.0, **run).args[0]["samples"]
        split = MultiInstanceKSampler.execute(same, share=0.4, **run).args[0]["samples"]
    assert_close(split, plain)  # identical branches: the history goes on over the merge


def test_a_guider_that_numbers_its_negative_first_still_gets_null_tokens_there():
    patched, start = apply(frames(FOX)), noise()
    guider = Guider_DualCFG(patched)
    guider.set_conds(context("a scene"), context("a scene"), context("bad"))
    guider.set_cfg(1.0, 5.0)  # with both positives the same, the second number is the ordinary guidance
    sigmas = comfy.samplers.calculate_sigmas(patched.get_model_object("model_sampling"), "normal", 4)
    with torch.inference_mode():
        dual = guider.sample(
            start, torch.zeros_like(start), comfy.samplers.sampler_object("euler"), sigmas, disable_pbar=True, seed=5
        )
    assert_close(dual, sample(patched, start))
