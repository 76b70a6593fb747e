"""Where ComfyUI computes a part of the picture by itself (Set Area, context windows across it), it gets the layout's part."""

from dataclasses import replace

import comfy.patcher_extension
import comfy.samplers
import comfy_extras.nodes_context_windows as nodes_context_windows
import pytest
import torch
from instdiff.instdiff_modules.geometry.crop import crop_instances
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, OWL, apply, context, frames, noise

MASK = torch.zeros(64, 96)
MASK[8:40, 4:44] = 1
WOLF = replace(FOX, id="w", prompt="a wolf", box=None, mask=encode_mask(MASK.numpy().astype(bool)))
BIRD = replace(OWL, id="v", prompt="a bird", box=None, point=(0.8, 0.3), scribble=((0.6, 0.2), (0.9, 0.4)))
LAYOUT = (FOX, OWL, WOLF, BIRD)
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
HALVES = [
    [context("a scene")[0][0], {"area": ("percentage", 1.0, 0.5, 0.0, 0.0), "strength": 1.0}],
    [context("a scene")[0][0], {"area": ("percentage", 1.0, 0.5, 0.0, 0.5), "strength": 1.0}],
]


def run(model, start, positive=None, cfg=1.0, steps=3):
    with torch.inference_mode():
        ksampler = comfy.samplers.KSampler(model, steps, model.load_device, "euler", "normal", 1.0, model.model_options)
        latent = torch.zeros_like(start)
        return ksampler.sample(
            start, positive or context("a scene"), context("bad"), cfg, latent, disable_pbar=True, seed=5
        )


def part(box):
    """The layout's part, as a layout of its own."""
    return frames(*(instance for _, instance in crop_instances(LAYOUT, box)))


def halves(start):
    """The two halves of the picture, each sampled alone with its part of the layout."""
    return torch.cat([run(apply(part(LEFT)), start[..., :12]), run(apply(part(RIGHT)), start[..., 12:])], -1)


@pytest.mark.parametrize("settings", [{}, {"masked_attention": "all levels"}], ids=["free", "masked attention"])
def test_each_area_gets_the_layouts_part(settings):
    start = noise(2, 16, 24)
    out = run(apply(frames(*LAYOUT), **settings), start, HALVES)
    expected = torch.cat(
        [
            run(apply(part(box), **settings), start[..., cut])
            for box, cut in ((LEFT, slice(12)), (RIGHT, slice(12, None)))
        ],
        -1,
    )
    assert_close(out, expected)
    assert_apart(run(apply(frames(*LAYOUT), **settings), start), expected)


def test_in_branches_too():
    """With every step in branches and the merge's mean, each half is the mean of its own branches."""
    start, layout = noise(1, 16, 24), frames(FOX, OWL)
    out = run(with_multi_instance(apply(layout), 1.0, "average", 0), start, HALVES, steps=2)
    assert_apart(out, run(with_multi_instance(apply(layout), 1.0, "average", 0), start, steps=2))
    whole = [[context("a scene")[0][0], {"area": (16, 24, 0, 0), "strength": 1.0}]]
    plain = run(with_multi_instance(apply(layout), 1.0, "average", 0), start, steps=2)
    assert_close(run(with_multi_instance(apply(layout), 1.0, "average", 0), start, whole, steps=2), plain)


def test_the_parts_are_tokenized_before_the_models_are_loaded():
    model = apply(frames(FOX, OWL))
    bank, known = model.get_attachment("instdiff")[0].bank, []

    def load(executor, *args, **kwargs):
        known.append(set(bank._known))
        return executor(*args, **kwargs)

    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.PREPARE_SAMPLING, "spy", load)
    run(model, noise(1, 16, 24), HALVES, steps=1)
    assert {one.part for one in known[0]} == {None, LEFT, RIGHT} and set(bank._known) == known[0]


def windows(model, dim, length, overlap=0, **settings):
    return nodes_context_windows.ContextWindowsManualNode.execute(
        model, length, overlap, "standard_static", 1, False, "flat", dim, False, causal_window_fix=False, **settings
    ).args[0]


def test_a_context_window_across_the_width_gets_its_part():
    start = noise(1, 16, 24)
    out = run(windows(apply(frames(*LAYOUT)), 3, 12), start)
    assert_close(out, halves(start))


def test_a_context_window_across_the_height_gets_its_part():
    start = noise(1, 16, 24)
    out = run(windows(apply(frames(*LAYOUT)), 2, 8), start)
    upper, lower = (0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)
    expected = [run(apply(part(upper)), start[..., :8, :]), run(apply(part(lower)), start[..., 8:, :])]
    assert_close(out, torch.cat(expected, -2))


def test_overlapping_windows_with_an_anchor_run():
    model = nodes_context_windows.ContextWindowsManualNode.execute(
        apply(frames(*LAYOUT)), 12, 4, "standard_static", 1, False, "pyramid", 3, False
    ).args[0]
    assert torch.isfinite(run(model, noise(1, 16, 24), cfg=3.0)).all()


def test_branches_in_windows_across_the_picture_are_refused_before_sampling():
    """ComfyUI cuts the noise levels of a batch as if they were columns."""
    model = with_multi_instance(windows(apply(frames(FOX, OWL)), 3, 12), 0.5, "average", 0)
    with pytest.raises(ValueError, match="Context windows across the height or width take a single image"):
        run(model, noise(1, 16, 24))


def test_parts_that_nobody_names_are_warned_of_once_a_run(caplog):
    """As tiled samplers do it: the model is called for one tile after the other."""
    model = apply(frames(FOX, OWL)).clone()

    def tiled(apply_model, args):
        x, out = args["input"], torch.zeros_like(args["input"])
        for cut in (slice(12), slice(12, None)):
            out[..., cut] = apply_model(x[..., cut], args["timestep"], **args["c"])
        return out

    model.set_model_unet_function_wrapper(tiled)
    for count in (1, 2):
        run(model, noise(1, 16, 24))
        said = [record for record in caplog.records if "without their positions" in record.message]
        assert len(said) == count and "12x16 cells of 24x16" in said[0].message
