"""Apply Layout beside nodes that cache, compile, cut or control what the model computes, and beside Apply InstDiff."""

import contextlib
import gc
import weakref
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import comfy.model_management
import comfy.samplers
import comfy_extras.nodes_easycache as nodes_easycache
import pytest
import torch
from comfy.ldm.flux.model import Flux
from instdiff.instdiff_modules.sampling.instance_conditioning import with_owner
from instdiff.instdiff_modules.sampling.token_sets import TokenSets
from instdiff.nodes import region_calls
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from instdiff.nodes.sampler import with_multi_instance
from support import small_pack
from support.beside import HINT, compiled, controlled
from support.closeness import assert_apart, assert_close
from support.region_models import TinyClip, conditioning, noise, tiny_model
from support.region_runs import FOX, OWL, apply, frames, sample

FLUX = "FLUX.1"
SWAPPED = replace(FOX, box=OWL.box), replace(OWL, box=FOX.box)
CROP = "crop and paste"


def both_sides(name: str, layouts: Any, negative: Any, **settings: Any) -> tuple[Any, Any, Any]:
    """(MODEL, positive, negative) of the node."""
    given = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0, **settings}
    with torch.inference_mode():
        return InstDiffApplyLayout.execute(
            tiny_model(name), TinyClip(name), conditioning(name, "a scene"), layouts, negative=negative, **given
        ).args


def network_calls(layouts: Any, end: float = 1.0, start: float = 0.0) -> int:
    """How often FLUX computes in 8 steps beside an EasyCache that skips what it can."""
    cached = nodes_easycache.EasyCacheNode.execute(tiny_model(FLUX), 1.0, 0.0, 1.0, False).args[0]
    model, positive = apply(FLUX, layouts, cached, start=start, end=end)
    with mock.patch.object(Flux, "forward_orig", autospec=True, side_effect=Flux.forward_orig) as forward:
        out = sample(FLUX, model, positive, noise(FLUX), steps=8, cfg=1.0)
    assert torch.isfinite(out).all()
    return forward.call_count


def test_caches_skip_as_many_steps_as_without_a_layout():
    assert network_calls(frames(FOX, OWL)) == network_calls(frames()) < 8
    for times in ({"start": 0.5}, {"end": 0.5}, {"start": 0.3, "end": 0.6}):
        assert network_calls(frames(FOX), **times) == network_calls(frames())


def test_a_compiled_model_follows_every_layout():
    torch.compiler.reset()
    base = compiled(tiny_model(FLUX))
    for instances in ((FOX, OWL), SWAPPED):
        given = apply(FLUX, frames(*instances), base)
        mine = sample(FLUX, *given, noise(FLUX), cfg=1.0)
        assert_close(mine, sample(FLUX, *apply(FLUX, frames(*instances)), noise(FLUX), cfg=1.0))


def test_a_batch_of_prompts_goes_with_a_larger_batch_of_layouts():
    layouts = [frames(FOX), frames(OWL), frames(FOX, OWL), frames()]
    prompts = [conditioning(FLUX, words) for words in ("a scene", "a lake")]
    batch = [[torch.cat([text for ((text, _),) in prompts]), prompts[0][0][1]]]
    start = noise(FLUX, 4)
    out = sample(FLUX, *apply(FLUX, sum(layouts, ()), positive=batch), start, cfg=1.0)
    for i, layout in enumerate(layouts):
        alone = apply(FLUX, layout, positive=prompts[i % 2])
        assert_close(out[i : i + 1], sample(FLUX, *alone, start[i : i + 1], cfg=1.0))


def test_layouts_that_do_not_fit_the_batch_are_refused():
    given = apply(FLUX, frames(FOX) + frames(OWL))
    with pytest.raises(ValueError, match="2 frames, which do not fit a latent batch of 3"):
        sample(FLUX, *given, noise(FLUX, 3))


def in_parts(cut: Any, apply_model: Any, args: dict) -> torch.Tensor:
    """As other packs call the model: for one part after the other. cut: (tensor, number of the part) -> part."""
    x, out = args["input"], torch.zeros_like(args["input"])
    for i in range(2):
        given = {k: cut(v, i) if isinstance(v, torch.Tensor) and len(v) == len(x) else v for k, v in args["c"].items()}
        cut(out, i)[:] = apply_model(cut(x, i), args["timestep"][: len(cut(x, i))], **given)
    return out


@pytest.mark.parametrize("name", ["SD1.5", FLUX])
@pytest.mark.parametrize(
    "cut",
    [lambda v, i: v[..., 6 * i : 6 * i + 6] if v.ndim == 4 else v, lambda v, i: v[i : i + 1]],
    ids=["tiles", "images"],
)
def test_parts_that_nobody_names_are_refused(name, cut):
    model, positive = apply(name, frames(FOX) + frames(OWL))
    model = model.clone()
    model.set_model_unet_function_wrapper(partial(in_parts, cut))
    with pytest.raises(ValueError, match="part of the picture or of the batch without saying which") as said:
        sample(name, model, positive, noise(name, 2), cfg=1.0)
    assert len(str(said.value)) < 300
    never = apply(name, frames(FOX) + frames(OWL), start=0.999)[1]
    sample(name, model, never, noise(name, 2), cfg=1.0)


def test_a_controlnet_reads_the_prompt_alone():
    """Its own attention has no masks, so the words of a region would act everywhere through it."""
    name = "SD1.5"
    prompt, network = controlled(conditioning(name, "a scene"), HINT)
    start = noise(name, 2, 32, 24)
    sample(
        name, *apply(name, frames(FOX) + frames(FOX, OWL), positive=prompt), start, negative=conditioning(name, "bad")
    )
    prompts = [conditioning(name, words)[0][0][0] for words in ("a scene", "bad")]
    assert network.told
    for text in (text for call in network.told for text in call):
        assert any(torch.equal(text, prompt) for prompt in prompts)


def test_negative_prompts_act_beside_what_the_whole_picture_should_avoid():
    careful = replace(FOX, negative="cartoon", box=(0.0, 0.0, 1.0, 1.0))
    out = []
    for words in ("bad", "ugly"):
        model, positive, negative = both_sides(FLUX, frames(careful), conditioning(FLUX, words), global_share=0.0)
        out.append(sample(FLUX, model, positive, noise(FLUX), negative=negative))
    assert_apart(*out)


def test_a_small_disc_between_cells_has_a_window():
    between = replace(FOX, box=None, point=(0.5, 16.5 / 32))
    model, positive = apply(FLUX, frames(between), point_size=0.025)
    out = sample(FLUX, with_multi_instance(model, 1.0, CROP, 0), positive, noise(FLUX, 1, 32, 24))
    assert torch.isfinite(out).all()


def test_an_instances_own_conditioning_acts_alone_in_its_window_wherever_apply_layout_stands():
    """Before the node that adds it, or after it: then the added one has the regions too."""
    own, masks = conditioning(FLUX, "a silver fox"), torch.zeros(1, 32, 24)
    masks[:, 8:24, :12] = 1
    start, inside = noise(FLUX, 1, 32, 24), (..., slice(8, 24), slice(12))
    overlapping = replace(OWL, box=(0.2, 0.25, 0.9, 0.6))
    layouts = frames(overlapping, FOX)
    model, positive = apply(FLUX, layouts)
    first = [*positive, *with_owner(own, FOX, masks, 4.0)]
    _, last = apply(FLUX, layouts, positive=[*conditioning(FLUX, "a scene"), *with_owner(own, FOX, masks, 4.0)])
    branched = with_multi_instance(model, 1.0, CROP, 0)
    one, two = (sample(FLUX, branched, given, start, cfg=1.0) for given in (first, last))
    assert_close(one[inside], two[inside])


def test_apply_instdiff_knows_negative_prompts_and_areas_under_regions():
    """Regions give a conditioning another name in the run; Apply InstDiff still leaves the negative one alone."""
    pack, seen = small_pack, []
    careful = replace(pack.OWL, negative="cartoon")
    with torch.inference_mode():
        model, positive, negative = InstDiffApplyLayout.execute(
            pack.apply(pack.frames(pack.FOX)), pack.FakeClip(), pack.context("a scene"), pack.frames(careful),
            negative=pack.context("bad"), strength=1.0, start=0.0, end=1.0, global_share=1.0,
        ).args  # fmt: skip
    left = [[text, {**more, "area": (8, 6, 0, 0), "strength": 1.0}] for text, more in positive]

    def note(self: Any, *args: Any) -> Any:
        found = sets_of_call(self, *args)
        options = args[-1]
        run, kinds = options["instdiff"], options["cond_or_uncond"]
        seen.extend(
            (kind, uuid in run.negatives, uuid in run.parts) for kind, uuid in zip(kinds, options["uuids"], strict=True)
        )
        return found

    sets_of_call = TokenSets.of_call
    start = pack.noise()
    with mock.patch.object(TokenSets, "of_call", note), torch.inference_mode():
        run = comfy.samplers.KSampler(model, 1, model.load_device, "euler", "normal", 1.0, model.model_options)
        run.sample(start, left, negative, 5.0, torch.zeros_like(start), disable_pbar=True, seed=5)
    assert {kind: (is_negative, has_part) for kind, is_negative, has_part in seen}[0] == (False, True)
    assert all(is_negative == (kind == 1) for kind, is_negative, _ in seen)


def test_what_a_model_of_a_known_kind_lacks_is_said():
    class Other(torch.nn.Module):
        pass

    model = tiny_model(FLUX).clone()
    model.add_object_patch("diffusion_model", Other())
    with pytest.raises(ValueError, match="of kind Flux whose network is Other"):
        apply(FLUX, frames(FOX), model)


@pytest.mark.parametrize("cancelled", [False, True])
def test_masks_are_let_go_with_their_run(cancelled, monkeypatch):
    made = []

    class Noted(region_calls.RegionRun):
        def __init__(self) -> None:
            super().__init__()
            made.append(weakref.ref(self))

    def stop(*_: Any) -> None:
        if cancelled:
            raise comfy.model_management.InterruptProcessingException

    monkeypatch.setattr(region_calls, "RegionRun", Noted)
    with contextlib.suppress(comfy.model_management.InterruptProcessingException):
        sample(FLUX, *apply(FLUX, frames(FOX)), noise(FLUX), callback=stop)
    gc.collect()
    assert len(made) == 1 and made[0]() is None
