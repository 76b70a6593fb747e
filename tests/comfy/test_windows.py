"""Multi-instance sampling of models that Apply Layout steers: each instance is painted in a window of the picture."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import comfy.conds
import comfy.model_management
import pytest
import torch
from instdiff.instdiff_modules.sampling.branch_window import Cells, window_of
from instdiff.instdiff_modules.sampling.merge import MERGES
from instdiff.nodes.model_calls import check_goes_together
from instdiff.nodes.sampler import MultiInstanceKSampler, with_multi_instance
from instdiff.nodes.window_conds import check_windows, in_window, part_in
from support.beside import HINT, controlled
from support.closeness import assert_apart, assert_close
from support.region_models import MODELS, conditioning, noise, tiny_model
from support.region_runs import FOX, OWL, apply, frames, plain, sample

CROP = "crop and paste"
WHOLE = replace(FOX, prompt="a scene", box=(0.0, 0.0, 1.0, 1.0))  # the whole picture, with the picture's own prompt
KINDS = pytest.mark.parametrize("name", ["SD1.5", "SDXL", "FLUX.1", "Qwen-Image"])


def start(name: str, batch: int = 1) -> torch.Tensor:
    """Latents in which the windows of the fox and the owl are 16 x 12 cells of 32 x 24."""
    return noise(name, batch, 32, 24)


def branched(name: str, *instances: Any, share: float = 0.5, merge: str = CROP, **settings: Any) -> tuple[Any, Any]:
    model, positive = apply(name, frames(*instances), **settings)
    return with_multi_instance(model, share, merge, 0), positive


def run(
    name: str, *instances: Any, noised: Any = None, steps: int = 4, given: Any = None, layout: Any = None, **more: Any
) -> torch.Tensor:
    """given: further arguments of the sampler; layout: settings of Apply Layout; more: of multi-instance sampling."""
    patched = branched(name, *instances, **more, **(layout or {}))
    return sample(name, *patched, start(name) if noised is None else noised, steps=steps, **(given or {}))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[tuple[int, ...]]]:
    """Of a model, by its name: rows, height and width of what it is called with, call by call."""

    def listen(name: str) -> list[tuple[int, ...]]:
        calls, kind = [], type(tiny_model(name).model)
        forward = kind.apply_model

        def spy(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            calls.append((len(x), *x.shape[-2:]))
            return forward(self, x, *args, **kwargs)

        monkeypatch.setattr(kind, "apply_model", spy)
        return calls

    return listen


@pytest.mark.parametrize("name", MODELS)
def test_a_window_of_the_whole_picture_with_its_prompt_is_the_plain_model(name):
    """Nothing is lost in cutting, in calling it apart, and in going on after the merge; with flow models too."""
    both = start(name, 2)
    assert_close(run(name, WHOLE, noised=both, layout={"end": 0.375}), plain(name, both, steps=4))


@KINDS
def test_an_instance_is_painted_in_its_part_of_the_picture_alone(name):
    """With every step in branches nothing follows the merge: outside the box the global branch stands."""
    out = run(name, FOX, share=1.0).squeeze(2)
    regions = sample(name, *apply(name, frames(FOX)), start(name), steps=4).squeeze(2)
    inside = torch.zeros(32, 24, dtype=torch.bool)
    inside[8:24, :12] = True
    assert_close(out[..., ~inside], regions[..., ~inside])
    assert_apart(out[..., inside], regions[..., inside])


@KINDS
def test_a_batch_is_as_its_pictures_and_a_second_run_as_the_first(name):
    both = start(name, 2)
    patched = branched(name, FOX, OWL)
    first = sample(name, *patched, both, steps=4)
    assert torch.equal(first, sample(name, *patched, both, steps=4))
    singles = [sample(name, *patched, one, steps=4) for one in both.split(1)]
    assert_close(first, torch.cat(singles))


def test_each_picture_has_the_windows_of_its_own_layout():
    name, both = "FLUX.1", start("FLUX.1", 2)
    layouts = frames(FOX) + frames(OWL, FOX)
    model, positive = apply(name, layouts)
    out = sample(name, with_multi_instance(model, 0.5, CROP, 0), positive, both, steps=4)
    assert_close(out, torch.cat([run(name, FOX, noised=both[:1]), run(name, OWL, FOX, noised=both[1:])]))


@pytest.mark.parametrize("merge", MERGES)
def test_every_merge_changes_the_picture(merge, caplog):
    out = run("SDXL", FOX, OWL, merge=merge)
    assert_apart(out, sample("SDXL", *apply("SDXL", frames(FOX, OWL)), start("SDXL"), steps=4))
    assert ("average" in caplog.text) == (merge == "average")


@pytest.mark.parametrize(
    "instance", [replace(FOX, box=None, point=(0.2, 0.6)), replace(FOX, end=0.01)], ids=["point", "end"]
)
def test_points_have_windows_too_and_what_has_ended_has_none(instance, seen):
    calls = seen("FLUX.1")
    out = run("FLUX.1", instance, share=1.0)
    rows = sum(call[0] for call in calls if call[1:] != (32, 24))
    assert rows == (8 if instance.end == 1 else 2) and torch.isfinite(out).all()


@pytest.mark.parametrize("steps", [4, 8])
def test_of_few_steps_at_least_one_is_in_branches(steps, seen):
    calls = seen("FLUX.1")
    run("FLUX.1", FOX, share=0.1, steps=steps, given={"cfg": 1.0})
    assert calls == [(1, 32, 24), (1, 16, 12), *[(1, 32, 24)] * (steps - 1)]


def test_without_guidance_the_negative_is_not_computed(seen):
    calls = seen("SDXL")
    run("SDXL", FOX, OWL, steps=4, given={"cfg": 1.0})
    assert calls == [(1, 32, 24), (1, 16, 12), (1, 16, 12)] * 2 + [(1, 32, 24)] * 2


@pytest.mark.parametrize("name", ["SDXL", "FLUX.1"])
def test_what_is_masked_off_is_kept_and_half_noised_pictures_go_on(name):
    latent = noise(name, 1, 32, 24, seed=3)
    mask = torch.zeros(1, 1, 32, 24)
    mask[..., 12:] = 1
    model, positive = apply(name, frames(FOX, OWL))
    given = {
        "seed": 1, "steps": 4, "cfg": 3.0, "sampler_name": "dpmpp_2m", "scheduler": "simple", "positive": positive,
        "negative": conditioning(name, "bad"), "denoise": 0.6, "share": 0.5, "merge": CROP,
    }  # fmt: skip
    with torch.inference_mode():
        image = {"samples": latent, "noise_mask": mask}
        out = MultiInstanceKSampler.execute(model, latent_image=image, **given).args[0]["samples"]
    assert_close(out[..., :12], latent[..., :12])
    assert_apart(out[..., 12:], latent[..., 12:])


def test_a_cancelled_run_leaves_nothing_behind():
    patched = branched("FLUX.1", FOX, OWL)
    before = sample("FLUX.1", *patched, start("FLUX.1"), steps=4)
    shown = []

    def stop(step: int, denoised: torch.Tensor, x: torch.Tensor, total: int) -> None:
        shown.append((step, len(denoised), total))
        if step == 1:
            raise comfy.model_management.InterruptProcessingException

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sample("FLUX.1", *patched, start("FLUX.1"), steps=4, callback=stop)
    assert shown == [(0, 1, 4), (1, 1, 4)]
    assert torch.equal(sample("FLUX.1", *patched, start("FLUX.1"), steps=4), before)


def test_a_controlnet_acts_beside_regions_and_a_cancelled_run_leaves_nothing_behind():
    name, begin = "SD1.5", start("SD1.5")
    model, positive = apply(name, frames(FOX, OWL))
    both, network = controlled(positive, HINT)
    first = sample(name, model, both, begin, steps=2)
    alone, _ = controlled(conditioning(name, "a scene"), HINT)
    for other in (sample(name, model, positive, begin, steps=2), sample(name, tiny_model(name), alone, begin, steps=2)):
        assert_apart(first, other)

    def stop(*_: Any) -> None:
        raise comfy.model_management.InterruptProcessingException

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sample(name, model, both, begin, steps=2, callback=stop)
    assert torch.equal(sample(name, model, both, begin, steps=2), first)
    assert {tuple(one.shape[-2:]) for one in network.shown} == {(256, 192)}


def test_a_controlnet_sees_each_windows_part_of_its_hint():
    positive, network = controlled(conditioning("SD1.5", "x"), HINT)
    model, positive = apply("SD1.5", frames(FOX, OWL), positive=positive)
    sample("SD1.5", with_multi_instance(model, 1.0, CROP, 0), positive, start("SD1.5"), steps=1)
    assert {tuple(one.shape[-2:]) for one in network.shown} == {(256, 192), (128, 96)}
    parts = [one[:1] for one in network.shown if one.shape[-2] == 128]
    assert torch.equal(parts[0], HINT[..., 64:192, :96]) and torch.equal(parts[1], HINT[..., :128, 96:])


def test_a_conditioning_is_cut_to_the_window():
    cells, size = Cells(4, 2, 8, 6), (16, 12)
    latent = torch.arange(192.0).reshape(1, 1, 16, 12)
    cond = {
        "uuid": 1, "mask": latent[0], "area": (8, 8, 0, 0),
        "model_conds": {"c": comfy.conds.CONDNoiseShape(latent), "y": comfy.conds.CONDRegular(latent)},
    }  # fmt: skip
    cut = in_window(cond, cells, size, {})
    assert cut is not None and cut["area"] == (4, 6, 0, 0)
    assert torch.equal(cut["mask"], latent[0, :, 4:12, 2:8]) and torch.equal(
        cut["model_conds"]["c"].cond, latent[..., 4:12, 2:8]
    )
    assert cut["model_conds"]["y"].cond is latent
    assert part_in(cut, cells, *size) == (2 / 12, 4 / 16, 8 / 12, 8 / 16)
    assert in_window({**cond, "area": (4, 12, 12, 0)}, cells, size, {}) is None
    video = in_window({**cond, "area": (1, 8, 8, 0, 0, 0)}, cells, size, {})
    assert video is not None and video["area"] == (1, 4, 6, 0, 0, 0)


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.1, 0.1), (0.4, 0.1, 0.6, 0.9), (0.9, 0.95, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)]
)
@pytest.mark.parametrize("size", [(16, 12), (15, 11), (64, 96), (5, 3)])
def test_windows_hold_their_boxes_and_stay_inside(box, size):
    cells = window_of(box, *size)
    x0, y0, x1, y1 = cells.part(*size)
    assert (
        0 <= x0 <= box[0] + 1e-6
        and box[2] <= x1 + 1e-6
        and x1 <= 1
        and 0 <= y0 <= box[1] + 1e-6
        and box[3] <= y1 + 1e-6
        and y1 <= 1
    )
    assert all(side % 2 == 0 or side == whole for side, whole in zip(cells[2:], size, strict=True))


def test_areas_and_windows_go_together():
    halves = [
        [text, {**more, "area": (32, 12, 0, left), "strength": 1.0}]
        for left in (0, 12)
        for text, more in conditioning("FLUX.1", "a scene")
    ]
    model, positive = apply("FLUX.1", frames(FOX, OWL), positive=halves)
    out = sample("FLUX.1", with_multi_instance(model, 0.5, CROP, 0), positive, start("FLUX.1"), steps=4)
    assert_apart(out, sample("FLUX.1", model, positive, start("FLUX.1"), steps=4))


def test_eligens_branches_are_whole_pictures_with_one_entity(seen):
    calls = seen("FLUX.1")
    out = run("FLUX.1", FOX, OWL, share=1.0, steps=2, given={"cfg": 1.0}, layout={"method": "EliGen"})
    assert calls == [(1, 32, 24)] * 6 and torch.isfinite(out).all()


def refused(said: str, conds: Any = None, **options: Any) -> None:
    guider = SimpleNamespace(conds=conds or {}, model_options=options)
    both = partial(check_goes_together, guider, (1, 4, 16, 12), apart=True), partial(check_windows, guider)
    with pytest.raises(ValueError, match=said) as raised:
        any(check() for check in both)
    assert len(str(raised.value)) < 300


def test_what_cannot_be_cut_to_windows_is_refused_by_name():
    refused("context windows cannot be cut", context_handler=SimpleNamespace(dim=0))
    refused("GLIGEN", {"positive": [{"gligen": ("position",)}]})
    other = type("OtherControl", (), {"previous_controlnet": None})()
    refused("kind OtherControl", {"negative": [{"control": other}]})
    refused("EasyCache", transformer_options={"patches_replace": {"attn1": {1: 2}}})
