"""SDXL: trained around its UNet, loaded again, applied to it. The model is tiny, its classes are ComfyUI's own."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace

import comfy.model_base
import comfy.samplers
import pytest
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.ops import disable_weight_init
from instdiff.instdiff_modules.checkpoint.reading import Checkpoint, expected_shapes, read_checkpoint, write_checkpoint
from instdiff.instdiff_modules.checkpoint.shapes import read_config
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.sampling.attention_mask import MaskedAttention
from instdiff.instdiff_modules.sampling.layout_masks import LayoutMasks
from instdiff.instdiff_modules.training import command
from instdiff.instdiff_modules.training.base import Sizes, sizes
from instdiff.instdiff_modules.training.beginning import build
from instdiff.instdiff_modules.training.config import parse_config
from instdiff.instdiff_modules.training.grounded import Grounded, start
from instdiff.instdiff_modules.training.team import Team
from instdiff.nodes import apply_settings, checks
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.model import build_instdiff_model
from instdiff.nodes.sampler import MultiInstance
from instdiff.nodes.training_base import base_of
from support.closeness import assert_close
from support.reduced_model import unet_config
from support.small_dataset import write_scenes
from support.small_pack import FOX, OWL, frames
from support.small_pack import base as small_sd15
from support.tiny_sdxl import LARGE, SMALL, UNET, tiny_clip, tiny_sdxl, tiny_vae

BACKBONE = {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 8)}
SHAPE = (1, 4, 16, 24)  # not square: squares hide swapped axes


@lru_cache(maxsize=1)
def base_parts():
    """MODEL, CLIP, and the trainer's base of them."""
    model, clip = tiny_sdxl(), tiny_clip()
    return model, clip, base_of(model, clip, tiny_vae(), torch.device("cpu"), torch.float32)


@lru_cache(maxsize=2)
def parts(every_block=False):
    """These, and networks around them whose gates are open."""
    model, clip, base = base_parts()
    net = Grounded(sizes(base.unet, base.text_dim, 4, 16, every_block, **BACKBONE), base.unet)
    start(net, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.rpartition(".")[2].startswith(("alpha_", "scaleu_", "null_")):
                parameter.normal_(std=0.7, generator=torch.Generator().manual_seed(len(name)))
    return model, clip, base, net


@lru_cache(maxsize=2)
def weights(every_block=False):
    _, _, _, net = parts(every_block)
    return build_instdiff_model(Checkpoint(net.official(), net.config, "random SDXL weights"), torch.float32)


def apply(*instances, every_block=False, **settings):
    model, clip, _ = base_parts()
    settings = {"strength": 1.0, "start": 0.0, "end": 1.0, **settings}
    with torch.inference_mode():
        return ApplyInstDiff.execute(model, clip, weights(every_block), frames(*instances), **settings).args[0]


def prompt(text):
    cond, pooled = parts()[1].encode_from_tokens(parts()[1].tokenize(text), return_pooled=True)
    return [[cond, {"pooled_output": pooled}]]


def sample(model, steps=3, calls=None):
    """ComfyUI's own sampling. calls: what the UNet is given goes there."""
    if calls is not None:
        model = model.clone()
        model.set_model_unet_function_wrapper(lambda run, given: (calls.append(given), run(given["input"], given["timestep"], **given["c"]))[1])  # fmt: skip
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        run = comfy.samplers.KSampler(model, steps, model.load_device, "euler", "normal", 1.0, model.model_options)
        return run.sample(noise, prompt("a scene"), prompt("bad"), 5.0, torch.zeros(SHAPE), disable_pbar=True, seed=5)


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


@pytest.fixture(scope="module", params=["first block", "every block"])
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdxl")
    write_scenes(folder / "square", 2)
    write_scenes(folder / "wide", 2, 320, 192)
    config = parse_config(
        {
            "pretrained_model_name_or_path": "tiny", "output_dir": str(folder), "cache_dir": str(folder / "cache"),
            "fusers": request.param, "mask_backbone": "small", "mid_dim": 32, "slots": 8, "resolution": 128, "min_bucket_reso": 64,
            "max_bucket_reso": 256, "train_batch_size": 2, "max_train_steps": 3, "learning_rate": 1e-3,
            "gradient_checkpointing": True, "sample_every_n_steps": 3, "sample_count": 1, "sample_steps": 2,
            "datasets": [{"image_dir": str(folder / name)} for name in ("square", "wide")],
        }
    )  # fmt: skip
    model, clip, vae = tiny_sdxl(), tiny_clip(), tiny_vae()

    def load(*_):
        return base_of(model, clip, vae, torch.device("cpu"), torch.float32)

    return command.train(config, load, Team()), folder, 11 if request.param == "first block" else 28


def test_a_training_gives_a_file_that_apply_takes(trained):
    path, folder, fusers = trained
    checkpoint = read_checkpoint([path])
    gates = [value for name, value in checkpoint.tensors.items() if name.endswith("alpha_attn")]
    assert len(gates) == fusers and all(gate != 0 for gate in gates)  # they have learned
    assert list((folder / "sample").glob("*.png"))
    model, clip, _, _ = parts()
    with torch.inference_mode():
        made = build_instdiff_model(checkpoint, torch.float32)
        patched = ApplyInstDiff.execute(model, clip, made, frames(FOX), strength=1.0, start=0.0, end=1.0).args[0]
    assert 0 < (sample(patched) - sample(model)).abs().max()


def test_a_training_goes_on_from_its_file_with_its_own_fusers(trained, tmp_path):
    path, _, fusers = trained
    _, _, base, _ = parts()
    given = {
        "pretrained_model_name_or_path": "tiny",
        "output_dir": str(tmp_path),
        "network_weights": str(path),
        "datasets": [{"image_dir": "."}],
    }
    assert len(build(parse_config(given), base).adapter.fusers()) == fusers
    every = parse_config({**given, "fusers": "every block"})
    if fusers == 28:
        assert len(build(every, base).adapter.fusers()) == fusers
    else:
        with pytest.raises(ValueError, match='fusers in the first block of each stack, but fusers is "every block"'):
            build(every, base)


def test_a_fuser_that_is_missing_within_a_stack_is_named(trained, tmp_path):
    path, _, fusers = trained
    checkpoint = read_checkpoint([path])
    if fusers > 11:
        left = {name: t for name, t in checkpoint.tensors.items() if "middle_block.1.transformer_blocks.1." not in name}
        write_checkpoint(tmp_path / "gap.safetensors", left, {})
        with pytest.raises(
            ValueError, match=r"lacks \d+ of the \d+ tensors .*middle_block\.1\.transformer_blocks\.1\.fuser"
        ):
            read_checkpoint([tmp_path / "gap.safetensors"])


@pytest.mark.parametrize("every_block", [False, True], ids=["first block", "every block"])
@pytest.mark.parametrize("naming", ["official", "diffusers"])
def test_weights_are_read_from_files_that_are_not_ours(naming, every_block, tmp_path):
    """Nothing but the names says where SDXL has its transformers: not at the finest level."""
    made = weights(every_block)
    theirs = {_diffusers(name) if naming == "diffusers" else name: t for name, t in made.state_dict().items()}
    torch.save(theirs, tmp_path / "xl.pth")
    assert read_checkpoint([tmp_path / "xl.pth"]).config == made.config
    gap = {
        name: t for name, t in theirs.items() if not name.startswith(("input_blocks.5.", "down_blocks.1.attentions.1."))
    }
    torch.save(gap, tmp_path / "gap.pth")
    with pytest.raises(ValueError, match=r"has 10 fusers but none at input_blocks\.5\.1: expected"):
        read_checkpoint([tmp_path / "gap.pth"])


def test_a_file_with_far_more_fusers_than_a_unet_has_blocks_is_refused_at_once():
    more = {f"input_blocks.4.1.transformer_blocks.{i}.fuser.alpha_attn": () for i in range(100)}
    more |= {name.replace("blocks.4.1", f"blocks.{place}.1"): () for name in more for place in (5, 7, 8, 10, 11)}
    with pytest.raises(ValueError, match=r"x\.pth has 607 fusers, at most 512 are read"):
        read_config({**expected_shapes(weights().config), **more}, "x.pth")


def _diffusers(name):
    part, _, rest = name.partition(".")
    if part == "middle_block":
        return f"mid_block.attentions.0.{rest.removeprefix('1.')}"
    number, _, rest = rest.partition(".1.")
    if part not in ("input_blocks", "output_blocks"):
        return name
    level, index = divmod(int(number) - (part == "input_blocks"), 3)
    return f"{'down' if part == 'input_blocks' else 'up'}_blocks.{level}.attentions.{index}.{rest}"


def test_weights_with_more_fusers_than_the_stacks_have_blocks_are_refused():
    shallow = tiny_sdxl(transformer_depth_middle=1)
    with pytest.raises(ValueError, match="its middle block has 1 transformer blocks, expected 3"):
        checks.check_fits(shallow, weights(True).adapter.model, "x.safetensors")
    checks.check_fits(shallow, weights().adapter.model, "x.safetensors")


def test_weights_and_models_of_different_kinds_are_refused():
    model, clip, _, _ = parts()
    with pytest.raises(ValueError, match="for which random weights was made, got one of kind Tiny"):
        ApplyInstDiff.execute(model, clip, small_sd15()[1], frames(FOX), strength=1.0, start=0.0, end=1.0)
    with pytest.raises(ValueError, match="for which random SDXL weights was made, got one of kind Reduced"):
        ApplyInstDiff.execute(small_sd15()[0], clip, weights(), frames(FOX), strength=1.0, start=0.0, end=1.0)
    with pytest.raises(ValueError, match=r"Expected the CLIP of an SDXL model \(prompts of width 2048, pooled 2048\)"):
        checks.check_encoding(torch.zeros(1, 77, 768), torch.zeros(1, 768), (2048, 2048))


def as_base(model, clip):
    return base_of(model, clip, tiny_vae(), torch.device("cpu"), torch.float32)


def test_bases_that_take_something_else_are_refused():
    model, clip = tiny_sdxl(), tiny_clip()
    with pytest.raises(ValueError, match="makes prompts of width 48, the base takes 768: it belongs to another model"):
        as_base(small_sd15()[0], clip)
    with pytest.raises(ValueError, match="takes 9 channels, as models for inpainting or edits do, expected 4"):
        as_base(tiny_sdxl(in_channels=9), clip)
    for middle in (-1, -2):  # of SSD-1B and Segmind Vega; of KOALA, which has no middle block at all
        shallow = tiny_sdxl(transformer_depth_middle=middle)
        with pytest.raises(ValueError, match="no transformer in its middle block"):
            sizes(shallow.model.diffusion_model, SMALL + LARGE, 4, 16)
        with pytest.raises(ValueError, match="its middle block has no transformer, expected width 128"):
            checks.check_fits(shallow, weights().adapter.model, "x.safetensors")
    model.model.__class__ = comfy.model_base.SDXLRefiner
    with pytest.raises(ValueError, match="of kind SDXLRefiner, which takes more than a prompt"):
        as_base(model, clip)
    model.model.__class__ = comfy.model_base.SDXL
    del clip.cond_stage_model.clip_g
    with pytest.raises(ValueError, match="makes prompts of width 32, the base takes 48: it belongs to another model"):
        as_base(model, clip)


def test_clips_with_fewer_encoders_than_their_kind_has_are_told():
    """SD3's has both of SDXL's names, whichever of its three files was loaded."""
    clip = tiny_clip()
    clip.cond_stage_model.clip_l = None
    clip.encode_from_tokens = lambda tokens, return_pooled: (torch.zeros(1, 77, 4096), torch.zeros(1, 2048))
    with pytest.raises(ValueError, match=r"got another model's \(width 4096, pooled 2048\)"):
        weights().encode_text(clip, "a hare")


def test_cached_texts_are_told_apart_by_what_a_clip_makes_of_them():
    """A CLIP skip or a LoRA leaves the encoder's own weights as they were."""
    model, clip = tiny_sdxl(), tiny_clip()
    skipped, patched = clip.clone(), clip.clone()
    skipped.clip_layer(-3)
    name = next(name for name in clip.cond_stage_model.state_dict() if name.endswith("q_proj.weight"))
    patched.add_patches({name: (torch.ones(SMALL, SMALL),)}, 1.0)
    keys = [as_base(model, one).text_key for one in (clip, clip.clone(), skipped, patched)]
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_texts_that_are_encoded_while_training_do_not_meet_in_the_clip(monkeypatch):
    """Captions that are made for a batch are encoded by the threads that put batches together; ComfyUI's CLIP has one set of options."""
    model, clip = tiny_sdxl(), tiny_clip()
    base, transformer = as_base(model, clip), clip.cond_stage_model.clip_l.transformer
    texts = [f"{n} hares" for n in range(6)]
    alone = [base.encode_text(text)[1] for text in texts]
    inner = transformer.forward
    monkeypatch.setattr(transformer, "forward", lambda *a, **kw: (time.sleep(0.01), inner(*a, **kw))[1])
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda text: base.encode_text(text)[1], texts))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


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
