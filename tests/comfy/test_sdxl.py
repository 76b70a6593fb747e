"""SDXL: what the networks around it compute, in training and when ComfyUI samples. The model is tiny, its classes are ComfyUI's own."""

import math
from dataclasses import replace
from types import SimpleNamespace

import comfy.model_base
import comfy.samplers
import pytest
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.ops import disable_weight_init
from instdiff.instdiff_modules.checkpoint.reading import expected_shapes
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.sampling.attention_mask import MaskedAttention
from instdiff.instdiff_modules.sampling.layout_masks import LayoutMasks
from instdiff.instdiff_modules.training.base import Sizes, sizes
from instdiff.nodes import apply_settings
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.sampler import MultiInstance
from support.closeness import assert_close
from support.reduced_model import unet_config
from support.small_pack import FOX, OWL, frames
from support.small_sdxl import SHAPE, apply, parts, prompt, sample, weights
from support.tiny_sdxl import LARGE, SMALL, UNET


def test_the_networks_are_those_of_sdxl():
    """The facts of its UNet: eleven stacks, of which the first block has a fuser; nine decoder blocks."""
    config = parts()[3].config
    assert list(config.fuser_dims) == [
        *(f"input_blocks.{i}.1" for i in (4, 5, 7, 8)), "middle_block.1", *(f"output_blocks.{i}.1" for i in range(6)),
    ]  # fmt: skip
    assert len(config.decoder_channels) == 9 and config.out_dim == config.text_dim == SMALL + LARGE
    every = parts(True)[3]
    stacks = [stack.transformer_blocks for stack in every.base.modules() if hasattr(stack, "transformer_blocks")]
    assert len(every.adapter.fusers()) == sum(map(len, stacks)) == 28 and len(parts()[3].adapter.fusers()) == 11


def test_at_full_size_the_networks_have_the_known_numbers_of_parameters():
    """IGLIGEN-XL's 70 fusers, and one for each of the 11 stacks; counted on ComfyUI's UNet without weights."""
    full = {
        **UNET, "transformer_depth": [0, 0, 2, 2, 10, 10], "transformer_depth_middle": 10, "context_dim": 2048,
        "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10], "adm_in_channels": 2816, "num_head_channels": 64,
    }  # fmt: skip
    config = unet_config(320, **full)
    with torch.device("meta"):
        unet = UNetModel(**config, num_heads=-1, operations=disable_weight_init, device="meta", dtype=torch.float32)
    counted = []
    for every_block in (False, True):
        shapes = expected_shapes(sizes(unet, 2048, 30, 3072, every_block))
        counted += [sum(math.prod(v) for k, v in shapes.items() if part in k) for part in ("position_net.", ".fuser.")]
    assert counted == [196_179_789, 212_499_862, 196_179_789, 1_810_041_740]


def test_an_instances_text_is_both_encoders_pooled_features():
    """CLIP-L's before its projection, CLIP-G's behind it."""
    _, clip, base, _ = parts()
    tokens = clip.tokenize("an owl")
    context, pooled = clip.encode_from_tokens(tokens, return_pooled=True)
    small = clip.cond_stage_model.clip_l
    plain, projected = small.transformer(torch.tensor([[t for t, _ in tokens["l"][0]]]))[-1], None
    projected = small.encode_token_weights(tokens["l"])[1]
    found_context, feature = base.encode_text("an owl")
    assert_close(found_context, context[0])
    assert_close(feature[SMALL:], pooled[0])
    assert_close(feature[:SMALL], plain[0])
    assert (feature[:SMALL] - projected[0]).abs().max() > 0.05
    assert torch.equal(clip.encode_from_tokens(tokens, return_pooled=True)[1], pooled)  # its options are as before


def test_the_trainer_tells_the_unet_what_sampling_tells_it():
    model, _, base, _ = parts()
    calls = []
    sample(model, steps=1, calls=calls)
    told = calls[0]["c"]["y"]
    size = (SHAPE[-1] * 8, SHAPE[-2] * 8)
    rows = [base.vector(base.encode_text(text)[1], Sizes(size, (0, 0), size)) for text in ("a scene", "bad")]
    order = calls[0]["cond_or_uncond"]
    assert_close(told, torch.stack([rows[kind] for kind in order]))
    other = base.vector(base.encode_text("a scene")[1], Sizes((640, 480), (3, 4), size))
    assert torch.equal(other[:LARGE], rows[0][:LARGE]) and not torch.equal(other[LARGE:], rows[0][LARGE:])


@pytest.mark.parametrize("every_block", [False, True], ids=["first block", "every block"])
@pytest.mark.parametrize("masked", ["off", "finest level", "all levels"])
def test_training_and_sampling_compute_the_same(masked, every_block):
    model, _, base, net = parts(every_block)
    calls = []
    with torch.inference_mode():
        sample(apply(FOX, OWL, masked_attention=masked, every_block=every_block), steps=1, calls=calls)
        call = calls[0]
        at = call["cond_or_uncond"].index(0)
        options = call["c"]["transformer_options"]
        answer = model.model.apply_model(call["input"], call["timestep"], **call["c"])[at : at + 1]
        sigma, x = call["timestep"][at : at + 1], call["input"][at : at + 1]
        t = model.model.model_sampling.timestep(sigma).float()
        features = [base.encode_text(one.prompt)[1] for one in (FOX, OWL)]
        inputs = build_grounding([[FOX, OWL]], [torch.stack(features)], net.config.slots)
        rule = {"off": None, "finest level": MaskedAttention("finest"), "all levels": MaskedAttention("all")}[masked]
        boxes = [(FOX.box, OWL.box, None, None)]
        size = (SHAPE[-1] * 8, SHAPE[-2] * 8)
        vector = base.vector(base.encode_text("a scene")[1], Sizes(size, (0, 0), size))[None]
        noise = net((x / (sigma**2 + 1) ** 0.5), t, base.encode_text("a scene")[0][None], inputs, rule, boxes, vector)
    assert options["cond_or_uncond"] == call["cond_or_uncond"]
    assert_close(answer, x - noise * sigma)


def test_masks_act_where_the_finest_fuser_is():
    """SDXL's finest level has no transformer: *finest level* is the next one, and not nowhere."""
    free, finest, every = (sample(apply(FOX, OWL, masked_attention=m)) for m in ("off", "finest level", "all levels"))
    assert (free - finest).abs().max() > 1e-3 and (finest - every).abs().max() > 1e-4


def test_other_finest_levels_in_one_run_have_masks_of_their_own():
    """As with PatchModelAddDownscale, which shrinks the first steps."""
    bank = SimpleNamespace(boxes=lambda _: (FOX.box, None, None, None), slots=4)
    masks, seen = LayoutMasks(bank, MaskedAttention("finest")), []
    options = {"original_shape": (1, 4, 16, 16)}
    for tokens, finest in ((16, 16), (64, 64), (16, 64)):
        x = torch.zeros(1, tokens, 8)
        seen.append(masks.attention(len, ["whole"], x, options, finest) is not len)
    assert seen == [True, True, False]


def test_pooled_keys_act_where_the_finest_fuser_is(monkeypatch):
    monkeypatch.setattr(apply_settings, "LARGE", 8 * 12)
    exact, fast = (sample(apply(FOX, OWL, speed=speed)) for speed in ("exact", "pooled keys"))
    assert 1e-3 < (exact - fast).norm() / exact.norm() < 0.5
    monkeypatch.setattr(apply_settings, "LARGE", 8 * 12 + 1)
    assert torch.equal(sample(apply(FOX, OWL, speed="pooled keys")), exact)


def test_instances_act_and_without_them_it_is_the_plain_model():
    model = parts()[0]
    plain = sample(model)
    assert torch.equal(sample(apply()), plain)
    assert torch.equal(sample(apply(FOX, strength=0.0)), plain)
    assert (sample(apply(FOX, OWL)) - plain).abs().max() > 0.05


def test_branches_have_their_own_words_in_both_places():
    """A branch's prompt and its pooled vector are those of its instance; what y says of the size stays the picture's."""
    base = parts()[2]
    with torch.inference_mode():
        model = MultiInstance.execute(apply(FOX, OWL), 0.7, "average").args[0]
    calls = []
    sample(model, calls=calls)
    rows = [(row, y) for call in calls for row, y in zip(call["c"]["c_crossattn"], call["c"]["y"], strict=True)]
    size = (SHAPE[-1] * 8, SHAPE[-2] * 8)
    for text in ("a scene", FOX.prompt, OWL.prompt):
        context, feature = base.encode_text(text)
        own = [y for row, y in rows if row.shape == context.shape and (row - context).abs().max() < 1e-4]
        assert own, text
        wanted = base.vector(feature, Sizes(size, (0, 0), size))
        assert all((y - wanted).abs().max() < 1e-4 for y in own), text


def test_several_frames_meet_their_own_words():
    """One layout per picture of a batch, with branches: each item of y follows its own picture."""
    model, clip, base, _ = parts()
    layouts = (*frames(FOX), *frames(replace(OWL, prompt="a blue bird")))
    with torch.inference_mode():
        patched = ApplyInstDiff.execute(model, clip, weights(), layouts, strength=1.0, start=0.0, end=1.0).args[0]
        branched = MultiInstance.execute(patched, 0.7, "average").args[0]
    calls = []
    branched.set_model_unet_function_wrapper(lambda run, given: (calls.append(given), run(given["input"], given["timestep"], **given["c"]))[1])  # fmt: skip
    shape = (2, *SHAPE[1:])
    with torch.inference_mode():
        run = comfy.samplers.KSampler(branched, 3, branched.load_device, "euler", "normal", 1.0, branched.model_options)
        run.sample(torch.randn(shape), prompt("a scene"), prompt("bad"), 5.0, torch.zeros(shape), disable_pbar=True, seed=5)  # fmt: skip
    told = torch.cat([call["c"]["y"] for call in calls])[:, :LARGE]
    for text in (FOX.prompt, "a blue bird"):
        own = base.encode_text(text)[1][SMALL:]
        assert (told - own).abs().amax(1).min() < 1e-4
