"""Apply References: what a picture changes, and what it leaves bit for bit."""

from dataclasses import replace

import comfy.model_management
import comfy.sample
import pytest
import torch
from instdiff.nodes.references import InstDiffApplyReferences
from support.closeness import assert_close
from support.region_models import TinyClip, tiny_model
from support.small_pack import FOX, OWL, FakeClip, apply, base, noise
from support.small_references import FRONT, VAE, difference, frames, pictures, refer, sample


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


def test_images_and_frames_of_a_batch_keep_to_their_own():
    both = noise(2)
    one, other = frames(FOX, OWL), frames(replace(FOX, box=(0.5, 0.1, 0.9, 0.7)))
    singles = torch.cat([sample(refer(layouts), both[i : i + 1]) for i, layouts in enumerate((one, other))])
    assert_close(sample(refer(one + other), both), singles)
    with pytest.raises(ValueError, match="2 frames, which do not fit a latent batch of 3"):
        sample(refer(one + other), noise(3))


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


def test_a_cut_out_picture_shows_what_is_opaque_alone():
    cut = torch.cat((pictures(), torch.zeros(1, 40, 40, 1)), -1)
    cut[:, 10:30, 10:30, 3] = 1
    other = cut.clone()
    other[:, :4, :4, :3] = 1  # of what cannot be seen
    one, two, whole = (sample(refer(frames(FOX), images=images), noise()) for images in (cut, other, cut[..., :3]))
    assert torch.equal(one, two) and difference(one, whole) > 1e-4


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
