"""The hostile and the clumsy user at the samplers: latents, noise masks and conditionings, and the ends of every range."""

import pytest
import torch
from instdiff.nodes import sampler
from support.called_nodes import INF, NAN, complaint, own_folders, run, snapshot
from support.other_models import other_model
from support.small_pack import FOX, OWL, apply, context, frames
from support.valid_inputs import applied, valid

import nodes as comfy_nodes

PROMPT = context("a scene")[0][0]
HALF = torch.cat([torch.ones(1, 8, 6), torch.zeros(1, 8, 6)], 2)
CORE = {
    "no entry": lambda c: [],
    "two chunks of tokens": lambda c: [[torch.cat([c[0][0]] * 2, 1), {}]],
    "zeroed": lambda c: comfy_nodes.ConditioningZeroOut().zero_out(c)[0],
    "combined": lambda c: c + context("another"),
    "area": lambda c: comfy_nodes.ConditioningSetArea().append(c, 48, 32, 24, 0, 1.0)[0],
    "area in a combination": lambda c: c + comfy_nodes.ConditioningSetArea().append(c, 48, 32, 24, 0, 1.0)[0],
    "area in percent": lambda c: comfy_nodes.ConditioningSetAreaPercentage().append(c, 0.5, 0.5, 0.25, 0.25, 1.0)[0],
    "mask": lambda c: c + comfy_nodes.ConditioningSetMask().append(c, HALF, "default", 1.0)[0],
    "mask with bounds": lambda c: c + comfy_nodes.ConditioningSetMask().append(c, HALF, "mask bounds", 1.0)[0],
    "time steps": lambda c: comfy_nodes.ConditioningSetTimestepRange().set_range(c, 0.0, 0.5)[0] + c,
    "late": lambda c: comfy_nodes.ConditioningSetTimestepRange().set_range(c, 0.5, 1.0)[0],
    "concatenated": lambda c: comfy_nodes.ConditioningConcat().concat(c, context("b"))[0],
    "one prompt per image": lambda c: [[torch.cat([c[0][0], context("b")[0][0]]), {}]],
}


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    own_folders(tmp_path, monkeypatch)


def sample(**changes):
    return run("InstDiffKSampler", **changes)[0]["samples"]


def empty(*shape):
    return {"samples": torch.zeros(*shape)}


@pytest.mark.parametrize("latent", [
    {}, empty(1, 4, 3, 8, 12), empty(1, 16, 1, 8, 12), empty(4, 8, 12), empty(0, 4, 8, 12), empty(1, 4, 0, 8),
    {"samples": torch.ones(1, 16, 8, 12)}, {"samples": None},
], ids=["no samples", "video", "video of 16 channels", "no batch", "empty batch", "no rows", "16 channels", "None"])  # fmt: skip
def test_latents_of_another_kind_are_refused(latent):
    said = complaint(lambda: sample(latent_image=latent))
    assert "Expected a " in said and "Connect Empty Latent Image" in said


@pytest.mark.parametrize("latent", [
    empty(1, 16, 8, 12), empty(1, 4, 9, 13), empty(1, 4, 1, 3), empty(3, 4, 8, 12), {**empty(2, 4, 8, 12), "batch_index": [0, 5]},
    {**empty(1, 4, 8, 12), "noise_mask": torch.ones(1, 64, 64)}, {**empty(2, 4, 8, 12), "noise_mask": torch.zeros(3, 64, 96)},
], ids=["16 empty channels", "odd", "three cells", "batch", "batch_index", "mask of another size", "black masks"])  # fmt: skip
def test_latents_that_core_takes_are_taken(latent):
    out = sample(latent_image=latent)
    assert torch.isfinite(out).all() and out.shape[1] == 4 and out.shape[-2:] == latent["samples"].shape[-2:]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("part", ["samples", "noise_mask"])
def test_latents_that_are_no_numbers_are_refused_before_sampling(part, value):
    latent = {**empty(1, 4, 8, 12), "noise_mask": torch.ones(1, 8, 12)}
    latent[part][..., 3, 5] = value
    name = part.replace("samples", "latent").replace("_", " ")
    assert f"The {name} holds NaN or infinite numbers" in complaint(lambda: sample(latent_image=latent))
    for model in (applied(), *run("InstDiffMultiInstance")):  # with core's own KSampler
        said = complaint(lambda model=model: comfy_nodes.common_ksampler(
            model, 1, 2, 5.0, "euler", "normal", context("a scene"), context("bad"), latent))  # fmt: skip
        assert f"The {name} holds NaN or infinite numbers" in said


def test_a_noise_mask_that_is_no_mask_is_refused():
    assert "Expected a MASK as noise mask" in complaint(
        lambda: sample(latent_image={**empty(1, 4, 8, 12), "noise_mask": [1]})
    )


def test_frames_that_do_not_fit_the_batch():
    model = apply(frames(FOX) + frames(OWL, FOX))
    assert torch.isfinite(sample(model=model, latent_image=empty(4, 4, 8, 12))).all()
    assert "2 frames" in complaint(lambda: sample(model=model, latent_image=empty(3, 4, 8, 12)))


@pytest.mark.parametrize("which", ["positive", "negative"])
@pytest.mark.parametrize("value, words", [
    ([[None, {}]], "got none"), ([[PROMPT[0], {}]], "got one of shape (8, 768)"), ([[PROMPT[:, :0], {}]], "got one of shape (1, 0, 768)"),
    ([[torch.zeros(1, 77, 2048), {}]], "got one of width 2048: another model's CLIP made it"), ([[PROMPT]], "Expected CONDITIONING"),
    (PROMPT, "Expected CONDITIONING"), (None, "got nothing"),
], ids=["no prompt", "no batch", "no tokens", "SDXL", "no options", "tensor", "None"])  # fmt: skip
def test_conditionings_of_another_kind_are_refused(which, value, words):
    said = complaint(lambda: sample(**{which: value}))
    assert words in said and which in said


def test_the_patch_refuses_a_foreign_conditioning_in_any_sampler_node():
    (model,) = run("InstDiffMultiInstance")
    for value, words in (([[torch.zeros(1, 77, 2048), {}]], "width 2048"), ([[None, {}]], "got none")):
        with torch.inference_mode():
            said = complaint(lambda prompt=value: comfy_nodes.common_ksampler(
                model, 1, 2, 5.0, "euler", "normal", prompt, context("bad"), empty(1, 4, 8, 12)))  # fmt: skip
        assert words in said


@pytest.mark.parametrize(
    "kind, width, channels", [("SDXL", 2048, 4), ("SD20", 1024, 4), ("Flux", 16, 16), ("SD15 inpaint", 768, 4)]
)
def test_the_ksampler_without_instances_asks_no_more_of_a_model_than_the_plain_one(kind, width, channels):
    prompt, latent = [[torch.zeros(1, 77, width), {}]], {"samples": torch.ones(1, channels, 8, 12)}
    settings = {
        k: v for k, v in valid("InstDiffKSampler").items() if k not in ("model", "share", "merge", "feather", "speed")
    }
    sampler.check_sampling(
        other_model(kind), **{**settings, "positive": prompt, "negative": prompt, "latent_image": latent}
    )


@pytest.mark.parametrize("merge", ["average", "masked average"])
@pytest.mark.parametrize("name", CORE)
def test_every_conditioning_that_core_makes_works_in_branches(name, merge):
    positive = CORE[name](context("a scene"))
    before = snapshot(positive)
    out = sample(positive=positive, merge=merge, latent_image=empty(2, 4, 8, 12))
    assert torch.isfinite(out).all() and out.shape == (2, 4, 8, 12) and snapshot(positive) == before


@pytest.mark.parametrize("changes", [
    {"steps": 1}, {"steps": 1, "share": 1.0}, {"cfg": 1.0}, {"cfg": 0.0}, {"denoise": 0.01}, {"share": 0.01}, {"share": 1.0}, {"feather": 32},
    {"sampler_name": "plms", "steps": 1}, {"sampler_name": "plms", "share": 1.0}, {"sampler_name": "plms", "denoise": 0.5},
], ids=str)  # fmt: skip
def test_the_ends_of_every_range_work(changes):
    assert torch.isfinite(sample(**changes)).all()


@pytest.mark.parametrize("name", ["euler", "plms"])
def test_nothing_to_denoise_gives_the_latent_back(name):
    latent = valid("InstDiffKSampler")["latent_image"]
    torch.testing.assert_close(sample(sampler_name=name, denoise=0.0), latent["samples"])


@pytest.mark.parametrize("denoise", [0.5, 1.0])
@pytest.mark.parametrize("name", ["euler", "plms"])
def test_what_a_latent_mask_keeps_is_kept_exactly(name, denoise):
    latent = valid("InstDiffKSampler")["latent_image"]
    kept = latent["noise_mask"][0] == 0
    change = (sample(sampler_name=name, denoise=denoise, steps=4) - latent["samples"])[0].abs()
    assert change[:, kept].max() < 1e-5 and change[:, ~kept].max() > 0.1
