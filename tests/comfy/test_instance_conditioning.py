"""A conditioning of one instance's own: masked in its region, alone in its branch, nowhere else."""

from dataclasses import replace

import comfy.context_windows
import comfy.hooks
import comfy.k_diffusion.sampling
import comfy.model_management
import comfy.samplers
import comfy.sd
import pytest
import torch
from instdiff.nodes.instance_conditioning import InstDiffInstanceConditioning
from instdiff.nodes.sampler import with_multi_instance
from support import small_pack
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, OWL, apply, base, context, frames, no_free_memory

LAYOUT = frames(FOX, OWL, width=192, height=128)


def noise(batch=1):
    """A small latent: most of these tests sample all branches several times."""
    return small_pack.noise(batch, 8, 12)


def lora():
    place, random = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k", torch.Generator().manual_seed(3)
    height, width = (
        base()[0].get_model_object("diffusion_model").middle_block[1].transformer_blocks[0].attn2.to_k.weight.shape
    )
    return {
        f"{place}.lora_up.weight": torch.randn(height, 2, generator=random),
        f"{place}.lora_down.weight": torch.randn(2, width, generator=random),
    }


def hooked(conditioning):
    hooks = comfy.hooks.create_hook_lora(lora(), 1.0, 0.0)
    return [[prompt, {**options, "hooks": hooks}] for prompt, options in conditioning]


def own(conditioning, which="1", strength=2.0, layouts=LAYOUT, positive=None):
    return InstDiffInstanceConditioning.execute(
        positive or context("a scene"), layouts, conditioning, which, strength
    ).args[0]


def run(model, positive, start=None, cfg=1.0, steps=2, negative=None, callback=None):
    start = noise() if start is None else start
    with torch.inference_mode():
        ksampler = comfy.samplers.KSampler(model, steps, model.load_device, "euler", "normal", 1.0, model.model_options)
        return ksampler.sample(
            start,
            positive,
            negative or context("bad"),
            cfg,
            torch.zeros_like(start),
            callback=callback,
            disable_pbar=True,
            seed=5,
        )


def branches(positive, model=None, start=None, cfg=1.0, share=1.0, layouts=LAYOUT, images=1):
    """The latents of all branches of the last image before they are merged, (1 + n, C, H, W)."""
    seen = []

    def euler(*args, **kwargs):
        seen.append(comfy.k_diffusion.sampling.sample_euler(*args, **kwargs))
        return seen[-1]

    patched = with_multi_instance(apply(layouts, model), share, "average", 0)
    start = noise(images) if start is None else start
    sigmas = comfy.samplers.calculate_sigmas(patched.get_model_object("model_sampling"), "normal", 3)
    with torch.inference_mode():
        comfy.samplers.sample(
            patched, start, positive, context("bad"), cfg, patched.load_device, comfy.samplers.KSAMPLER(euler), sigmas,
            latent_image=torch.zeros_like(start), disable_pbar=True, seed=5,
        )  # fmt: skip
    return seen[-1][start.shape[0] - 1 :: start.shape[0]]


def test_without_branches_it_is_comfyui_s_own_masked_conditioning():
    [[_, options]] = own(context("a dragon"))[1:]
    masked = [
        [context("a dragon")[0][0], {key: options[key] for key in ("mask", "mask_strength", "set_area_to_bounds")}]
    ]
    assert options["mask"].shape == (1, 128, 192) and options["mask"].mean() == pytest.approx(0.4 * 0.7, abs=0.01)
    model = apply(LAYOUT)
    assert torch.equal(run(model, own(context("a dragon"))), run(model, [*context("a scene"), *masked]))


def test_an_instance_s_own_prompt_changes_nothing_in_the_branches():
    plain = branches(context("a scene"), cfg=5.0)
    assert_close(branches(own(context("a red fox"), strength=0.0), cfg=5.0), plain)


def test_a_lora_acts_in_its_branch_and_in_its_region_of_the_whole_and_nowhere_else():
    plain, with_it = branches(context("a scene")), branches(own(hooked(context("a red fox"))))
    everywhere = comfy.sd.load_lora_for_models(base()[0], None, lora(), 1.0, 0.0)[0]
    assert_close(with_it[1], branches(context("a scene"), everywhere)[1])
    assert_close(with_it[2], plain[2])
    assert (with_it[1] - plain[1]).abs().max() > 0.1, "the LoRA does nothing"
    changed = (with_it[0] - plain[0]).abs().mean(0)
    assert changed[2:7, 1:5].mean() > 2 * changed[:, 7:].mean()


@pytest.mark.parametrize("step", [0, 3], ids=["in a branch", "after the merge"])
def test_after_a_cancel_the_next_run_is_as_if_nothing_had_happened(step):
    def cancel(number, *_):
        reached.append(number)
        if number == step:
            raise comfy.model_management.InterruptProcessingException

    def weight():
        return base()[0].model.diffusion_model.middle_block[1].transformer_blocks[0].attn2.to_k.weight.clone()

    positive, reached = own(hooked(context("a red fox"))), []
    model = with_multi_instance(apply(LAYOUT), 0.5, "average", 0)
    before, untouched = run(model, positive, cfg=5.0, steps=4), weight()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run(model, positive, cfg=5.0, steps=4, callback=cancel)
    assert reached[-1] == step and torch.equal(weight(), untouched)
    assert torch.equal(run(model, positive, cfg=5.0, steps=4), before)


def test_with_little_memory_the_same_comes_out(monkeypatch):
    positive = own(hooked(context("a red fox")))
    whole = branches(positive, cfg=5.0)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", no_free_memory)
    assert_close(branches(positive, cfg=5.0), whole)


def test_frames_meet_their_own_images():
    """The second image has another first instance, which must not get the fox's conditioning."""
    layouts = frames(FOX, OWL, width=192, height=128) + frames(
        replace(OWL, id="c"), replace(FOX, id="d"), width=192, height=128
    )
    positive = own(context("a dragon"), "a", layouts=layouts)
    assert positive[1][1]["mask"][1].max() == 0
    start = noise(2)
    both = branches(positive, start=start, layouts=layouts)
    alone = branches(context("a scene"), start=start[1:], layouts=layouts[1:])
    assert_close(both, alone)


def test_two_groups_keep_it_in_its_region():
    def drawn(positive):
        return run(
            with_multi_instance(
                apply(frames(FOX, OWL, replace(OWL, id="c", box=(0.0, 0.0, 0.2, 0.2)))),
                0.7,
                "crop and paste",
                0,
                "two groups",
            ),
            positive,
        )

    assert_apart(drawn(own(context("a dragon"))), drawn(context("a scene")))


def test_a_conditioning_with_an_end_leaves_the_branch_to_the_instance_s_prompt():
    ended = [[prompt, {**options, "start_percent": 0.0, "end_percent": 0.0}] for prompt, options in context("a dragon")]
    plain = branches(context("a scene"))
    assert_close(branches(own(ended, strength=0.0))[2], plain[2])
    late = branches(own([[p, {**o, "end_percent": 0.4}] for p, o in context("a dragon")]))
    assert_apart(late[1], plain[1])


def test_a_conditioning_of_another_length_is_no_other_s_business():
    """As Apply Style Model makes them: with an image's tokens behind the words'."""
    words, picture = context("a red fox")[0][0], context("a picture")[0][0][:, :20]
    plain, longer = branches(context("a scene")), branches(own([[torch.cat((words, picture), 1), {}]], strength=0.0))
    assert_close(longer[[0, 2]], plain[[0, 2]])
    assert_apart(longer[1], plain[1])


def test_two_instances_and_a_chain_of_nodes():
    one = own(context("a dragon"), "1, b")
    two = own(context("a dragon"), "2", positive=own(context("a dragon"), "a"))
    assert len(one) == len(two) == 3
    assert_close(branches(one), branches(two))


def test_times_of_the_instance_and_of_the_conditioning_both_count():
    windowed = frames(replace(FOX, start=0.2, end=0.8), OWL, width=192, height=128)
    late = [[prompt, {"start_percent": 0.0, "end_percent": 0.4}] for prompt, _ in context("a dragon")]
    assert [own(late, layouts=windowed)[1][1][key] for key in ("start_percent", "end_percent")] == [0.2, 0.4]
    assert own(late)[1][1]["end_percent"] == 0.4 and "end_percent" not in own(context("a dragon"))[1][1]


def test_frames_keep_their_own_times_and_an_instance_has_its_region_wherever_it_is():
    """By its number the owl is chosen in the second frame only; it is the same instance in the first."""
    layouts = frames(FOX, replace(OWL, end=0.5), width=192, height=128) + frames(OWL, width=192, height=128)
    masks = {entry.get("end_percent", 1.0): entry["mask"] for _, entry in own(context("x"), "b", layouts=layouts)[1:]}
    assert (
        masks[0.5][0].max() == 1 and masks[0.5][1].max() == 0 and masks[1.0][1].max() == 1 and masks[1.0][0].max() == 0
    )
    same = frames(FOX, OWL, width=192, height=128) + frames(OWL, width=192, height=128)
    [fox, owl] = own(context("x"), "1", layouts=same)[1:]
    assert fox[1]["mask"][1].max() == 0 and owl[1]["mask"][0].max() == owl[1]["mask"][1].max() == 1


def test_a_hidden_instance_gets_no_conditioning():
    assert len(own(context("x"), "1", layouts=frames(replace(FOX, visible=False), OWL))) == 1


def test_an_instance_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"There is no instance '?9'? to condition. The layout has 1 \(a\)"):
        own(context("a dragon"), "9")
    with pytest.raises(ValueError, match="Nothing is named"):
        own(context("a dragon"), " ")


def test_a_batch_of_four_in_branches_is_four_singles_and_a_second_run_the_first():
    positive, start = own(hooked(context("a red fox"))), noise(4)
    model = with_multi_instance(apply(LAYOUT), 0.7, "average", 0)
    together = run(model, positive, start, cfg=5.0)
    assert torch.equal(run(model, positive, start, cfg=5.0), together)
    for image in (0, 3):
        assert_close(run(model, positive, start[image : image + 1], cfg=5.0)[0], together[image])


def test_in_context_windows_of_branches_it_waits_for_the_merge():
    """A window holds some of the branches, and nobody says whose conditioning is meant for whom."""
    windows, fuses = comfy.context_windows.ContextSchedules, comfy.context_windows.ContextFuseMethods
    handler = comfy.context_windows.IndexListContextHandler(
        comfy.context_windows.get_matching_context_schedule(windows.STATIC_STANDARD),
        comfy.context_windows.get_matching_fuse_method(fuses.FLAT),
        2,
        1,
        1,
        False,
        0,
    )

    def drawn(positive, share):
        model = with_multi_instance(apply(LAYOUT), share, "average", 0)
        model.model_options["context_handler"] = handler
        return run(model, positive, steps=3)

    plain, with_it = context("a scene"), own(context("a dragon"))
    assert_close(drawn(with_it, 1.0), drawn(plain, 1.0))
    assert_apart(drawn(with_it, 0.4), drawn(plain, 0.4))
