"""Apply References: what a picture changes and what it leaves bit for bit, beside other nodes, and what is refused."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace

import comfy.hooks
import comfy.model_management
import comfy.samplers
import comfy.sd
import folder_paths
import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import Layout
from instdiff.nodes.reference_files import Files, read_reference
from instdiff.nodes.references import InstDiffApplyReferences
from instdiff.nodes.sampler import with_multi_instance
from PIL import Image
from support import region_runs
from support.closeness import assert_apart, assert_close
from support.other_models import other_model
from support.region_models import TinyClip, tiny_model
from support.small_pack import FOX, OWL, FakeClip, FakeVae, apply, base, context, noise
from support.small_pack import sample as sampled

FRONT = replace(OWL, id="front", box=(0.0, 0.0, 1.0, 1.0))


VAE = FakeVae()


def sample(model, start, steps=2, **given):
    return sampled(model, start, steps, **given)


def pictures(count=1):
    return torch.rand(count, 40, 40, 3, generator=torch.Generator().manual_seed(3))


def frames(*instances):
    return (Layout(instances, 256, 256),)


def refer(layouts, model=None, images=None, **settings):
    """The MODEL that Apply References gives; one picture for the instance of id a unless said otherwise."""
    given = {"strength": 1.0, "start": 0.0, "end": 1.0, "of": "a", **settings}
    images = pictures() if images is None else images
    with torch.inference_mode():
        return InstDiffApplyReferences.execute(
            model or base()[0], FakeClip(), VAE, layouts, images=images, **given
        ).args[0]


def difference(one, two):
    return float((one - two).abs().max())


def test_it_acts_in_the_location_alone_and_not_on_the_negative():
    kept = []
    plain = base()[0].clone()

    def keep(x, options):
        if options["block"] == ("input", 1) and len(kept) < 1:
            kept.append((x.clone(), options["cond_or_uncond"]))
        return x

    plain.set_model_patch(keep, "middle_patch")  # behind the first self-attention
    seen = []
    for model in (plain, refer(frames(FOX, OWL), plain)):
        kept.clear()
        sample(model, noise(2, 16, 24), steps=1)
        seen += kept
    (before, kinds), (after, _) = seen
    changed = (before != after).any(-1).reshape(2, 2, 16, 24)  # conditioning, image, height, width
    rows, columns = torch.arange(16)[:, None] + 0.5, torch.arange(24)[None] + 0.5
    inside = (rows > 16 * 0.2 - 0.5) & (rows < 16 * 0.9 + 0.5) & (columns > 24 * 0.1 - 0.5) & (columns < 24 * 0.5 + 0.5)
    positive, negative = changed[kinds.index(0)], changed[kinds.index(1)]
    assert not negative.any() and not positive[:, ~inside].any() and positive[:, inside].all()


@pytest.mark.parametrize(
    "given",
    [
        {"strength": 0.0},
        {"instances": (replace(FOX, visible=False), OWL)},
        {"instances": (replace(FOX, reference_strength=0.0), OWL)},
        {"instances": (replace(FOX, strength=0.0), OWL)},
        {"instances": (FOX, replace(FRONT))},
    ],
    ids=["strength 0", "hidden", "its own strength 0", "instance of strength 0", "behind another"],
)
def test_without_anything_to_show_the_picture_is_the_plain_one_bit_for_bit(given):
    layouts = frames(*given.pop("instances", (FOX, OWL)))
    assert torch.equal(sample(refer(layouts, **given), noise()), sample(base()[0], noise()))


def test_a_second_run_is_as_the_first_also_after_a_cancelled_one():
    model = refer(frames(FOX, OWL))

    def cancel(*_):
        raise comfy.model_management.InterruptProcessingException

    first = sample(model, noise())
    assert difference(first, sample(base()[0], noise())) > 1e-3
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sample(model, noise(), callback=cancel)
    assert torch.equal(sample(model, noise()), first)


@pytest.mark.parametrize(
    "change", [{"strength": 2.0}, {"strength": 0.5}, {"end": 0.4}, {"start": 0.4}, {"noise": 0.0}], ids=str
)
def test_every_setting_matters(change):
    one, two = (sample(refer(frames(FOX), **given), noise()) for given in ({}, change))
    assert difference(one, two) > 1e-4


def test_it_stands_before_or_behind_apply_instdiff_and_at_any_size_and_guidance():
    layouts = frames(FOX, OWL)
    for start, cfg in ((noise(), 5.0), (noise(1, 9, 13), 1.0)):
        before = apply(layouts, refer(layouts))
        behind = refer(layouts, apply(layouts))
        one, two = (sample(model, start, cfg=cfg) for model in (before, behind))
        assert torch.equal(one, two) and difference(one, sample(apply(layouts), start, cfg=cfg)) > 1e-3


def test_images_and_frames_of_a_batch_keep_to_their_own():
    both = noise(2)
    one, other = frames(FOX, OWL), frames(replace(FOX, box=(0.5, 0.1, 0.9, 0.7)))
    singles = torch.cat([sample(refer(layouts), both[i : i + 1]) for i, layouts in enumerate((one, other))])
    assert_close(sample(refer(one + other), both), singles)
    with pytest.raises(ValueError, match="2 frames, which do not fit a latent batch of 3"):
        sample(refer(one + other), noise(3))


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


def test_what_does_nothing_says_so(caplog):
    for layouts, images in ((frames(FOX), None), (frames(replace(FOX, visible=False)), pictures())):
        given = {"strength": 1.0, "start": 0.0, "end": 1.0, "images": images}
        InstDiffApplyReferences.execute(base()[0], FakeClip(), VAE, layouts, **given)
        assert "no visible instance has a reference picture" in caplog.text
        caplog.clear()
    start = noise()
    assert torch.equal(sample(refer(frames(FOX), start=0.5, end=0.501), start), sample(base()[0], start))
    assert "no step of this run lies within start 0.5 and end 0.501" in caplog.text
    assert caplog.text.count("drawn on 256x256, the latent is 96x64 pixels") == 1
    caplog.clear()
    sample(apply(frames(FOX), refer(frames(FOX), start=0.5)), start)
    assert "no step" not in caplog.text and caplog.text.count("stretched") == 1


def test_the_front_instance_shows_its_reference_where_two_overlap():
    both = {"images": pictures(2), "of": "a, front"}
    alone = {"images": pictures(2)[1:], "of": "front"}
    layouts = frames(FOX, FRONT)
    assert_close(sample(refer(layouts, **both), noise()), sample(refer(layouts, **alone), noise()))
    clear = frames(FOX, replace(FRONT, opacity=0.5))
    assert difference(sample(refer(clear, **both), noise()), sample(refer(clear, **alone), noise())) > 1e-4


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


def test_sdxl_takes_references_too():
    model, clip = tiny_model("SDXL"), TinyClip("SDXL")
    prompt = clip.encode_from_tokens_scheduled(clip.tokenize("a scene"))
    with torch.inference_mode():
        given = {"strength": 1.0, "start": 0.0, "end": 1.0, "images": pictures()}
        referred = InstDiffApplyReferences.execute(model, clip, VAE, frames(FOX), **given).args[0]
        run = {"seed": 1, "disable_pbar": True}
        one, two = (
            comfy.sample.sample(m, noise(), 2, 3.0, "euler", "normal", prompt, prompt, torch.zeros_like(noise()), **run)
            for m in (model, referred)
        )
    assert difference(one, two) > 1e-5


def test_pictures_of_the_layout_come_from_the_input_folder_alone(tmp_path, monkeypatch):
    folder = tmp_path / "input"
    (folder / "instdiff").mkdir(parents=True)
    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(folder))
    noisy = (pictures()[0].numpy() * 255).astype(np.uint8)
    Image.fromarray(noisy).save(folder / "instdiff" / "cat.png")
    Image.fromarray(noisy).save(tmp_path / "secret.png")
    (folder / "no.png").write_bytes(b"not a picture")
    grey = (noisy[..., 0].astype(np.uint16) * 257) // 2
    Image.fromarray(grey).save(folder / "sixteen.png")
    Image.fromarray(grey.astype(np.float32)).save(folder / "float.tiff")
    exif, photo = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010F] = 6, "abc"
    Image.fromarray(noisy).save(photo, "JPEG", exif=exif)
    (folder / "photo.jpg").write_bytes(photo.getvalue())
    assert read_reference("photo.jpg", "").shape == (40, 40, 3)
    odd = bytearray(photo.getvalue())
    odd[odd.index(b"Exif") + 17] = 1  # the camera's name is the height
    (folder / "odd.jpg").write_bytes(odd)
    assert np.allclose(read_reference("sixteen.png", "").numpy(), grey[..., None] / 65535, atol=1 / 255)
    cat = replace(FOX, reference="instdiff/cat.png")
    given = {"strength": 1.0, "start": 0.0, "end": 1.0}
    named = InstDiffApplyReferences.execute(base()[0], FakeClip(), FakeVae(), frames(cat), **given).args[0]
    assert difference(sample(named, noise()), sample(base()[0], noise())) > 1e-3
    for name, said in (
        ("instdiff/dog.png", "there is no 'instdiff/dog.png' in ComfyUI's input folder"),
        ("no.png", "cannot be read as a picture"),
        ("instdiff", "cannot be read as a picture"),
        ("float.tiff", "cannot be read as a picture"),
        ("odd.jpg", "cannot be read as a picture"),
        ("../secret.png", "lies outside"),
        (str(tmp_path / "secret.png"), "lies outside"),
        ("..\\secret.png", "lies outside"),
        ("a\0b", "lies outside"),
        ("secret.png [output]", "there is no"),
    ):
        with pytest.raises(ValueError, match="Instance 1") as refused:
            read_reference(name, "Instance 1")
        assert said in str(refused.value) and len(str(refused.value)) < 300
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="lies outside"):
        read_reference("link.png", "Instance 1")


def test_a_file_that_changes_makes_the_node_run_again(tmp_path):
    path, files = tmp_path / "cat.png", Files()
    path.write_bytes(b"one")
    assert files.fingerprint() == files.fingerprint()
    files.noted(path)
    before = files.fingerprint()
    assert files.fingerprint() == before
    path.write_bytes(b"another")
    assert files.fingerprint() != before


def test_a_cut_out_picture_shows_what_is_opaque_alone():
    cut = torch.cat((pictures(), torch.zeros(1, 40, 40, 1)), -1)
    cut[:, 10:30, 10:30, 3] = 1
    other = cut.clone()
    other[:, :4, :4, :3] = 1  # of what cannot be seen
    one, two, whole = (sample(refer(frames(FOX), images=images), noise()) for images in (cut, other, cut[..., :3]))
    assert torch.equal(one, two) and difference(one, whole) > 1e-4


def test_a_picture_is_encoded_once_for_a_vae():
    vae = FakeVae()
    for instance in (FOX, replace(FOX, box=(0.0, 0.0, 0.5, 0.5))):
        given = {"strength": 1.0, "start": 0.0, "end": 1.0, "images": pictures(), "of": "a"}
        InstDiffApplyReferences.execute(base()[0], FakeClip(), vae, frames(instance), **given)
    assert vae.encoded == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": SimpleNamespace()}, "Expected a MODEL"),
        ({"vae": FakeVae(16)}, "expected a VAE with latents of 4 channels, got 16"),
        ({"strength": 3.0}, "strength must lie in 0..2, got 3"),
        ({"start": 0.6, "end": 0.6}, "start below end"),
        ({"images": pictures(2)}, "2 images are connected and `of` names 1"),
        ({"of": "cat"}, "there is no instance 'cat'"),
        ({"images": torch.zeros(3, 8, 8)}, "expected images of shape"),
        ({"images": torch.full((1, 8, 8, 3), torch.nan)}, "NaN"),
        ({"images": torch.zeros(1, 8, 8, 3, dtype=torch.uint8)}, "floats in 0..1, got (1, 8, 8, 3) of torch.uint8"),
        ({"vae": FakeVae(scale=torch.inf)}, "The latent of a reference picture holds NaN"),
        ({"images": pictures(2), "of": "a, 1"}, "two images are for the same instance, '1'"),
        ({"of": "a" * 999}, "there is no instance"),
        ({"of": "a, a"}, "1 image is connected and `of` names 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_with_one_sentence(given, said):
    inputs = {"model": base()[0], "clip": FakeClip(), "vae": VAE, "instances": frames(FOX), "images": pictures()}
    inputs |= {"strength": 1.0, "start": 0.0, "end": 1.0, "of": "a", **given}
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        InstDiffApplyReferences.execute(**inputs)
    assert len(str(refused.value)) < 300 and "\n" not in str(refused.value)


def test_a_model_without_a_unet_is_refused():
    with pytest.raises(ValueError, match=r"needs a model with a UNet .* got one of kind Flux"):
        refer(frames(FOX), other_model("Flux"))
    wide = tiny_model("SDXL")
    with pytest.raises(ValueError, match="expected a CLIP whose prompts have width"):
        refer(frames(FOX), wide)


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
