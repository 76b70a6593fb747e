"""SDXL: which files, bases and text encoders are taken, and what is said of the others."""

import time
from concurrent.futures import ThreadPoolExecutor

import comfy.model_base
import comfy.samplers
import pytest
import torch
from instdiff.instdiff_modules.checkpoint.reading import expected_shapes, read_checkpoint
from instdiff.instdiff_modules.checkpoint.shapes import read_config
from instdiff.instdiff_modules.training.base import sizes
from instdiff.nodes import checks
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.training_base import base_of
from support.small_pack import FOX, frames
from support.small_pack import base as small_sd15
from support.small_sdxl import parts, weights
from support.tiny_sdxl import LARGE, SMALL, tiny_clip, tiny_sdxl, tiny_vae


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
