"""A layout for every image of a batch, sampled by ComfyUI: alone, together, and in context windows."""

from dataclasses import replace

import comfy.context_windows
import comfy.patcher_extension
import pytest
import torch
from instdiff.nodes.keyframes import InstDiffKeyframes
from instdiff.nodes.sampler import with_multi_instance
from support import small_pack
from support.closeness import assert_close
from support.small_pack import FOX, OWL, apply, frames

WINDOWS = [[[0, 1], [2]], [[2, 0], [1]], [[1], [0], [2]]]


def noise(count):
    return small_pack.noise(count, 8, 12)


def sample(model, start):
    """Mild guidance, for what batches put together differently differ by in float32 grows with it."""
    return small_pack.sample(model, start, steps=2, cfg=2.0)


def moving(count=3):
    """Keyframes at both ends: a fox that moves from left to right, and an owl that only the first one has."""
    keys = frames(FOX, OWL) + frames(replace(FOX, box=(0.5, 0.2, 0.9, 0.9)))
    layouts, made = InstDiffKeyframes.execute(keys, count).args
    assert len(layouts) == made == count
    return layouts


def singles(layouts, start):
    return torch.cat([sample(apply((layout,)), start[k : k + 1]) for k, layout in enumerate(layouts)])


def in_windows(model, windows):
    """The model as AnimateDiff-Evolved calls it: the frames of one window after the other, their numbers in ad_params."""

    def evaluate(executor, model, conds, x, timestep, model_options):
        out = [torch.zeros_like(x) for _ in conds]
        for window in windows:
            params = {"full_length": x.shape[0], "context_length": len(window), "sub_idxs": window}
            options = {
                **model_options,
                "transformer_options": {**model_options["transformer_options"], "ad_params": params},
            }
            for whole, part in zip(out, executor(model, conds, x[window], timestep[window], options), strict=True):
                whole[window] = part
        return out

    patched = model.clone()
    patched.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.CALC_COND_BATCH, "windows", evaluate)
    return patched


@pytest.fixture(scope="module")
def together():
    return sample(apply(moving()), noise(3))


def test_each_image_of_a_batch_is_what_its_layout_gives_alone(together):
    assert_close(together, singles(moving(), noise(3)))
    same = sample(apply(moving()[:1]), noise(3))
    assert (together[1:] - same[1:]).abs().max() > 0.01, "the layouts differ, so do the pictures"


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
def test_the_frames_of_a_window_get_their_own_layouts(together, windows):
    assert_close(sample(in_windows(apply(moving()), windows), noise(3)), together)


def test_comfyuis_own_context_windows_over_the_batch_too(together):
    patched = apply(moving())
    schedule = comfy.context_windows.get_matching_context_schedule(
        comfy.context_windows.ContextSchedules.STATIC_STANDARD
    )
    fuse = comfy.context_windows.get_matching_fuse_method(comfy.context_windows.ContextFuseMethods.FLAT)
    patched.model_options["context_handler"] = comfy.context_windows.IndexListContextHandler(
        schedule, fuse, 2, 1, 1, False, 0
    )
    assert_close(sample(patched, noise(3)), together)


def test_a_layout_for_each_of_several_windows_of_the_batch():
    """Three layouts, six images: they are used in turn, in windows as well."""
    layouts = moving()
    whole = sample(apply(layouts), noise(6))
    parts = sample(in_windows(apply(layouts), [[4, 5], [0, 1, 2, 3]]), noise(6))
    assert_close(parts, whole)


def test_frames_that_do_not_divide_the_whole_batch_are_refused_in_a_window_too():
    with pytest.raises(ValueError, match="3 frames, which do not fit a latent batch of 4"):
        sample(in_windows(apply(moving()), [[0, 1, 2], [3]]), noise(4))


def test_multi_instance_sampling_gives_each_image_its_own_branches():
    layouts = tuple(replace(layout, instances=layout.instances[:1]) for layout in moving())
    start = noise(3)
    whole = sample(with_multi_instance(apply(layouts), 0.5, "average", 0), start)
    alone = [
        sample(with_multi_instance(apply((layout,)), 0.5, "average", 0), start[k : k + 1])
        for k, layout in enumerate(layouts)
    ]
    assert_close(whole, torch.cat(alone))
