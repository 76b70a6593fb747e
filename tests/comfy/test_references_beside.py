"""Apply References beside other nodes: both act, in whichever order they stand."""

from dataclasses import replace

import comfy.hooks
import comfy.samplers
import comfy.sd
import pytest
import torch
from instdiff.nodes.references import InstDiffApplyReferences
from instdiff.nodes.sampler import with_multi_instance
from support import region_runs
from support.closeness import assert_apart, assert_close
from support.region_models import TinyClip
from support.small_pack import FOX, OWL, apply, base, context, noise
from support.small_references import VAE, difference, frames, pictures, refer, sample


def test_it_stands_before_or_behind_apply_instdiff_and_at_any_size_and_guidance():
    layouts = frames(FOX, OWL)
    for start, cfg in ((noise(), 5.0), (noise(1, 9, 13), 1.0)):
        before = apply(layouts, refer(layouts))
        behind = refer(layouts, apply(layouts))
        one, two = (sample(model, start, cfg=cfg) for model in (before, behind))
        assert torch.equal(one, two) and difference(one, sample(apply(layouts), start, cfg=cfg)) > 1e-3


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["plain", "branches in windows"])
def test_it_goes_together_with_apply_layout(share):
    layouts = frames(FOX, replace(OWL, box=(0.6, 0.0, 1.0, 1.0)))
    model, positive = region_runs.apply("SD1.5", layouts)
    clip = TinyClip("SD1.5")
    given = {"strength": 1.0, "start": 0.0, "end": 1.0, "images": pictures(), "of": "a"}
    with torch.inference_mode():
        referred = InstDiffApplyReferences.execute(model, clip, VAE, layouts, **given).args[0]
    plain, shown = (
        region_runs.sample("SD1.5", with_multi_instance(m, share, "crop and paste", 0), positive, noise(2, 16, 24), 2)
        for m in (model, referred)
    )
    changed = (plain - shown).abs().amax((0, 1))
    assert changed[:, 2:12].max() > 1e-4
    if share:  # the owl is painted in its own window, the picture around it sees the fox
        assert changed[:, 16:].max() < 1e-6


def test_the_branch_of_an_instance_has_its_reference_and_the_others_have_not():
    layouts = frames(replace(FOX, box=(0.0, 0.0, 0.5, 1.0)), replace(OWL, box=(0.5, 0.0, 1.0, 1.0)))
    plain, model = (
        sample(with_multi_instance(one, 1.0, "crop and paste", 0), noise(2))
        for one in (apply(layouts), refer(layouts, apply(layouts)))
    )
    left, right = (plain - model).abs().chunk(2, -1)
    assert left.max() > 1e-3 and right.max() < 1e-6


def test_two_nodes_in_a_row_both_act():
    first = refer(frames(FOX, OWL))
    both = refer(frames(FOX, OWL), first, images=pictures(2)[1:], of="b")
    one = sample(refer(frames(FOX, OWL), images=pictures(2), of="a,b"), noise(), cfg=1.0)
    assert_close(sample(both, noise(), cfg=1.0), one)


def test_a_lora_of_one_conditioning_reads_the_references_for_itself_alone():
    """Keys and values made under it are not for the others, whichever is called first."""
    model = refer(frames(FOX), noise=0.0)
    place = "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_k"
    weight = base()[0].get_model_object(f"{place}.weight")
    lora = {
        f"{place}.lora_up.weight": pictures(len(weight))[:, :2, 0, 0],
        f"{place}.lora_down.weight": pictures(2).flatten(1)[:, : weight.shape[1]],
    }
    hooks = comfy.hooks.create_hook_lora(lora, 1.0, 0.0)
    own = [[prompt, {**options, "hooks": hooks}] for prompt, options in context("a scene")]

    def run(given, positive):
        with torch.inference_mode():
            sampler = comfy.samplers.KSampler(given, 1, given.load_device, "euler", "normal", 1.0, given.model_options)
            latent = torch.zeros_like(noise())
            return sampler.sample(noise(), positive, context("bad"), 1.0, latent, disable_pbar=True, seed=5).cpu()

    with_lora, without = (
        run(comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0.0)[0], context("a scene")),
        run(model, context("a scene")),
    )
    assert_apart(with_lora, without)
    for positive in ([*own, *context("a scene")], [*context("a scene"), *own]):
        assert_close(run(model, positive), (with_lora + without) / 2)


def test_others_that_change_the_self_attention_keep_working():
    def halved(n, context, value, _):
        return n[:, ::2], context[:, ::2], value[:, ::2]

    def doubled(n, options):
        return n.repeat_interleave(2, 1)[:, : options["activations_shape"][-1] * options["activations_shape"][-2]]

    def merged(model):  # as Tome Patch Model has it
        model = model.clone()
        model.set_model_attn1_patch(halved)
        model.set_model_attn1_output_patch(doubled)
        return model

    model = base()[0]
    before, behind = refer(frames(FOX), merged(model)), merged(refer(frames(FOX), model))
    one, two = sample(before, noise()), sample(behind, noise())
    assert torch.equal(one, two) and difference(one, sample(merged(model), noise())) > 1e-3


def test_a_block_that_another_node_replaced_is_left_to_it_and_all_of_them_are_an_error():
    def replaced(model, *places):
        for place in places:
            model.set_model_attn1_replace(lambda q, k, v, _: v, *place)
        return model

    model = replaced(base()[0].clone(), ("middle", 0))
    assert torch.isfinite(sample(refer(frames(FOX), model), noise())).all()
    everywhere = [("middle", 0)] + [("input", i) for i in (1, 2, 4, 5, 7, 8)] + [("output", i) for i in range(3, 12)]
    with pytest.raises(ValueError, match="another node on the MODEL replaces its self-attention"):
        sample(refer(frames(FOX), replaced(base()[0].clone(), *everywhere)), noise())
