"""Apply Layout beside everything else: other nodes, batches, times, and what it refuses."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import comfy.samplers
import pytest
import torch
from comfy.patcher_extension import WrappersMP
from comfy.text_encoders.flux import T5XXLTokenizer
from comfy_extras.nodes_cond import T5TokenizerOptions
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.regions.families import REFUSED, family_of
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from instdiff.nodes.sampler import with_multi_instance
from support import small_pack
from support.closeness import assert_close
from support.region_models import TinyClip, conditioning, noise, tiny_model
from support.region_runs import FOX, OVERRIDE, OWL, Heard, apply, frames, listening, plain, sample, with_override

POINT, STROKE = replace(OWL, box=None, point=(0.7, 0.3)), replace(OWL, box=None, scribble=((0.6, 0.2), (0.9, 0.4)))


def run(name: str, *instances: Any, start: Any = None, **settings: Any) -> Any:
    return sample(name, *apply(name, frames(*instances), **settings), noise(name) if start is None else start)


@pytest.mark.parametrize(
    "change",
    [
        {"strength": 0.5},
        {"global_share": 0.2},
        {"outside": "everything"},
        {"picture_attention": "cut"},
        {"overlap": "shared"},
        {"end": 0.2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_matters(change):
    both = FOX, replace(OWL, box=(0.25, 0.25, 1.0, 0.75))
    start = noise("FLUX.1")
    one, two = (sample("FLUX.1", *apply("FLUX.1", frames(*both), **given), start, steps=2) for given in ({}, change))
    assert (one - two).abs().max() > 1e-4


@pytest.mark.parametrize(
    "other",
    [replace(FOX, strength=0.5), replace(FOX, end=0.4), POINT, STROKE, replace(FOX, box=(0.0, 0.0, 0.3, 0.3))],
    ids=["strength", "end", "point", "scribble", "box"],
)
def test_every_field_of_an_instance_matters(other):
    start = noise("FLUX.1")
    one, two = (sample("FLUX.1", *apply("FLUX.1", frames(i)), start, steps=2) for i in (FOX, other))
    assert (one - two).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["SD1.5", "FLUX.1", "Qwen-Image"])
def test_two_nodes_in_a_row_are_one_node_with_both_layouts(name):
    model, positive = apply(name, frames(FOX))
    joined = sample(name, *apply(name, frames(OWL), model, positive), noise(name))
    assert torch.equal(joined, run(name, FOX, OWL))


@pytest.mark.parametrize("name", ["SD1.5", "FLUX.1", "Qwen-Image"])
def test_frames_give_each_image_its_own_layout(name):
    both = noise(name, 2)
    singles = torch.cat([run(name, FOX, start=both[:1]), run(name, FOX, OWL, start=both[1:])])
    assert_close(sample(name, *apply(name, frames(FOX) + frames(FOX, OWL)), both), singles)


def test_several_positives_keep_their_own_regions():
    name, start = "FLUX.1", noise("FLUX.1")
    model, positive = apply(name, frames(FOX))
    _, other = apply(name, frames(OWL), positive=conditioning(name, "a lake"))
    both = sample(name, model, positive + other, start)
    alone = [sample(name, model, one, start, cfg=1.0) for one in (positive, other)]
    assert_close(sample(name, model, positive + other, start, cfg=1.0), sum(alone) / 2)
    assert torch.isfinite(both).all()


def test_an_area_holds_its_part_of_the_layout():
    """Half of the picture with the fox in it is the fox's half of the layout alone."""
    name, start = "FLUX.1", noise("FLUX.1")
    model, positive = apply(name, frames(FOX))
    left = [[text, {**options, "area": (16, 6, 0, 0), "strength": 1.0}] for text, options in positive]
    got = sample(name, model, left, start, cfg=1.0)[..., :6]
    alone = apply(name, frames(replace(FOX, box=(0.0, 0.25, 1.0, 0.75))))
    assert_close(got, sample(name, *alone, start[..., :6].contiguous(), cfg=1.0))


def test_the_function_that_was_around_attention_before_is_called_too():
    heard: list[Heard] = []
    model, positive = apply("FLUX.1", frames(FOX), listening(tiny_model("FLUX.1"), heard))
    assert torch.equal(sample("FLUX.1", model, positive, noise("FLUX.1")), run("FLUX.1", FOX)) and heard


def test_masks_of_others_stay():
    """Another owner of the hook, inside ours, that masks the last picture token: with both masks it is unseen."""
    seen = []

    def other(func: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs.get("mask") is not None)
        return func(*args, **kwargs)

    model, positive = apply("FLUX.1", frames(FOX), with_override(tiny_model("FLUX.1"), other))
    sample("FLUX.1", model, positive, noise("FLUX.1"))
    assert any(seen)


def test_regions_act_between_start_and_end_only():
    heard: list[Heard] = []
    model, positive = apply("FLUX.1", frames(FOX), listening(tiny_model("FLUX.1"), heard), end=0.3)
    sample("FLUX.1", model, positive, noise("FLUX.1"), steps=4, cfg=1.0)
    assert len(heard) in (4, 8)  # of the four attention calls in each of four steps


def test_guidance_computes_nothing_twice():
    """The negative prompt has no regions: it is computed as ever."""
    calls = []
    model, positive = apply("FLUX.1", frames(FOX))
    model.add_wrapper_with_key(
        WrappersMP.APPLY_MODEL,
        "note",
        lambda executor, x, *args, **kwargs: calls.append(len(x)) or executor(x, *args, **kwargs),
    )
    sample("FLUX.1", model, positive, noise("FLUX.1"), cfg=3.0)
    assert calls == [1, 1]


@pytest.fixture(scope="module")
def both():
    """(MODEL, CONDITIONING) of Apply InstDiff with the fox and Apply Layout with the owl; the MODEL with either alone."""
    pack, start = small_pack, {"clip": small_pack.FakeClip(), "positive": small_pack.context("a scene")}
    grounded = pack.apply(pack.frames(pack.FOX))
    with torch.inference_mode():
        model, positive, _ = InstDiffApplyLayout.execute(grounded, instances=pack.frames(pack.OWL), **start).args
        alone = InstDiffApplyLayout.execute(pack.base()[0], instances=pack.frames(pack.OWL), **start).args[0]
    return model, positive, grounded, alone


def drawn(model: Any, prompt: Any) -> torch.Tensor:
    start = small_pack.noise()
    run = comfy.samplers.KSampler(model, 4, model.load_device, "euler", "normal", 1.0, model.model_options)
    with torch.inference_mode():
        latent = torch.zeros_like(start)
        return run.sample(start, prompt, small_pack.context("bad"), 5.0, latent, disable_pbar=True, seed=5).cpu()


def test_apply_instdiff_and_apply_layout_on_one_model_both_act(both):
    model, positive, grounded, alone = both
    results = [drawn(model, positive), drawn(grounded, small_pack.context("a scene")), drawn(alone, positive)]
    assert all((results[0] - other).abs().max() > 1e-2 for other in results[1:])


def test_regions_act_beside_multi_instance_sampling(both):
    """In the branch with the whole layout and after the merge; a branch of one instance shows that instance alone."""
    model, positive, grounded, _ = both
    branched = with_multi_instance(model, 0.5, "average", 0)
    one = drawn(branched, positive)
    assert torch.equal(drawn(branched, positive), one)
    assert (one - drawn(model, positive)).abs().max() > 1e-2
    without = drawn(with_multi_instance(grounded, 0.5, "average", 0), small_pack.context("a scene"))
    assert (one - without).abs().max() > 1e-2


def test_half_precision_rounds_no_more_than_in_the_plain_model():
    name, start = "FLUX.1", noise("FLUX.1")
    with torch.inference_mode():
        full = [run(name, FOX, OWL), plain(name, start)]
        try:
            tiny_model(name).model.diffusion_model.to(torch.bfloat16).dtype = torch.bfloat16
            half = [run(name, FOX, OWL), plain(name, start)]
        finally:
            tiny_model.cache_clear()  # its weights were rounded
    ours, theirs = ((h - f).norm() / f.norm() for h, f in zip(half, full, strict=True))
    assert ours < 1.5 * theirs


def test_a_run_whose_attention_is_never_masked_ends_with_a_sentence():
    model, positive = apply("FLUX.1", frames(FOX))

    def without(executor: Any, x: Any, t: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        options = next(value for value in (*args, *kwargs.values()) if isinstance(value, dict))
        options.pop(OVERRIDE)
        return executor(x, t, context, *args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "other", without)
    with pytest.raises(ValueError, match="The regions did not reach the model"):
        sample("FLUX.1", model, positive, noise("FLUX.1"))


def test_a_sampler_without_the_conditioning_is_told_so():
    model, _ = apply("FLUX.1", frames(FOX))
    with pytest.raises(ValueError, match="Connect Apply Layout's conditioning to the sampler's positive"):
        sample("FLUX.1", model, conditioning("FLUX.1", "a scene"), noise("FLUX.1"))


def test_the_given_model_and_conditioning_stay_as_they_are():
    positive = conditioning("FLUX.1", "a scene")
    before, options = plain("FLUX.1", noise("FLUX.1")), dict(positive[0][1])
    apply("FLUX.1", frames(FOX), positive=positive)
    assert positive[0][1] == options and torch.equal(plain("FLUX.1", noise("FLUX.1")), before)


def test_a_video_of_several_frames_is_refused():
    start = noise("Wan").repeat(1, 1, 3, 1, 1)
    with pytest.raises(ValueError, match="got a video latent of 3 frames"):
        sample("Wan", *apply("Wan", frames(FOX)), start)


@pytest.mark.parametrize("name", [*REFUSED, "Unheard"])
def test_models_that_cannot_be_steered_are_refused_by_name(name):
    unknown = type(name, (), {})()
    with pytest.raises(ValueError, match=f"cannot steer a model of kind {name}") as said:
        family_of(SimpleNamespace(), unknown)
    assert len(str(said.value)) < 300


def test_a_text_encoder_of_another_family_is_refused():
    class Other(TinyClip):
        def encode_from_tokens_scheduled(self, prompt: str) -> list:
            return [[torch.zeros(1, 7, 48), {}]]

    with pytest.raises(ValueError, match="gives prompts of width 48, the MODEL takes 32"):
        InstDiffApplyLayout.execute(tiny_model("FLUX.1"), Other("FLUX.1"), conditioning("FLUX.1", "x"), frames(FOX))
    with pytest.raises(ValueError, match=r"EliGen exists for FLUX\.1 and Qwen-Image"):
        apply("SD3", frames(FOX), method="EliGen")


def test_a_region_smaller_than_a_token_is_widened_to_one(caplog):
    small = replace(FOX, box=(0.5, 0.5, 0.51, 0.51))
    assert (run("FLUX.1", small) - plain("FLUX.1", noise("FLUX.1"))).abs().max() > 1e-4
    assert caplog.text.count("smaller than a token") == 1


def test_prompts_are_encoded_once_each():
    clip = TinyClip("FLUX.1")
    layouts = frames(
        FOX, replace(OWL, prompt=FOX.prompt), replace(OWL, id="c", strength=0.0), replace(OWL, id="d", visible=False)
    )
    given = tiny_model("FLUX.1"), clip, conditioning("FLUX.1", "x")
    InstDiffApplyLayout.execute(*given, layouts)
    assert clip.encoded == ["", FOX.prompt]  # the empty one is the negative prompt
    InstDiffApplyLayout.execute(
        *given, frames(replace(FOX, box=(0.5, 0.5, 1.0, 1.0)))
    )  # moved: the next run asks again
    assert clip.encoded == ["", FOX.prompt]
    clip.tokenizer_options = {"t5xxl_min_length": 1}
    InstDiffApplyLayout.execute(*given, layouts, method="EliGen")
    InstDiffApplyLayout.execute(*given, layouts, method="EliGen")
    assert clip.encoded == ["", FOX.prompt] * 2


def test_negative_prompts_of_instances_act_in_their_regions():
    """On the negative side alone, and there as prompts do on the positive side."""
    name, start, heard = "FLUX.1", noise("FLUX.1"), []
    layouts = frames(replace(FOX, negative="cartoon"), OWL)
    given = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 0.5}

    def drawn(layouts: Any, model: Any = None) -> torch.Tensor:
        with torch.inference_mode():
            model, positive, negative = InstDiffApplyLayout.execute(
                model or tiny_model(name), TinyClip(name), conditioning(name, "a scene"), layouts,
                negative=conditioning(name, "bad"), **given,
            ).args  # fmt: skip
        return sample(name, model, positive, start, negative=negative)

    with_words, without = drawn(layouts, listening(tiny_model(name), heard)), drawn(frames(FOX, OWL))
    assert (with_words - without).abs().max() > 1e-4 and len(heard) == 8
    assert torch.equal(drawn(frames(replace(FOX, negative="  "), OWL)), without)
    # swapped sides: what the layout's words do on one side they do on the other
    one = apply(name, frames(FOX), positive=conditioning(name, "bad"))
    with torch.inference_mode():
        _, _, other = InstDiffApplyLayout.execute(
            tiny_model(name), TinyClip(name), conditioning(name, "a scene"), frames(replace(FOX, negative=FOX.prompt)),
            negative=conditioning(name, "bad"), strength=1.0, start=0.0, end=1.0, global_share=1.0,
        ).args  # fmt: skip
    assert torch.equal(sample(name, *one, start, cfg=1.0), sample(name, one[0], other, start, cfg=1.0))


@pytest.mark.parametrize("name, size", [("FLUX.1", "96x128"), ("Ideogram 4", "192x256")])
def test_a_layout_drawn_for_another_aspect_is_said_to_be_stretched(name, size, caplog):
    model, positive = apply(name, (Layout((FOX,), 512, 256),))
    sample(name, *apply(name, (Layout((OWL,), 512, 256),), model, positive), noise(name), steps=1)
    assert caplog.text.count(f"drawn on 512x256, the latent is {size} pixels") == 1
    caplog.clear()
    sample(name, *apply(name, (Layout((FOX,), 384, 512),)), noise(name), steps=1)
    assert "stretched" not in caplog.text


class PaddedClip(TinyClip):
    """A text encoder whose prompts are as long as ComfyUI's own tokenizer of FLUX makes them."""

    def __init__(self, name: str, options: dict[str, int]) -> None:
        super().__init__(name)
        self.options = options

    def clone(self) -> "PaddedClip":
        return PaddedClip(self.name, dict(self.options))

    def set_tokenizer_option(self, name: str, value: int) -> None:
        self.options[name] = value

    def encode_from_tokens_scheduled(self, prompt: str) -> list:
        tokens = T5XXLTokenizer().tokenize_with_weights(prompt, tokenizer_options=self.options)
        return conditioning(self.name, prompt, sum(map(len, tokens)))


def test_t5_tokenizer_options_take_the_padding_off_the_prompts_of_the_instances():
    padded = PaddedClip("FLUX.1", {})
    prompt, widgets = (
        conditioning("FLUX.1", "a scene"),
        {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0},
    )
    lengths = []
    for clip in (padded, T5TokenizerOptions.execute(padded, 0, 1)[0]):
        heard: list[Heard] = []
        with torch.inference_mode():
            model, positive, _ = InstDiffApplyLayout.execute(
                tiny_model("FLUX.1"), clip, prompt, frames(FOX), **widgets
            ).args
        sample("FLUX.1", listening(model, heard), positive, noise("FLUX.1"))
        lengths.append(heard[0].keys - 6 - 8 * 6)  # less the prompt's tokens and the picture's
    assert lengths == [256, 6]  # five of the words, and the end
