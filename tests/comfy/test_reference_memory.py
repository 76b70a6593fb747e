"""The memory that references take is asked for before sampling begins; a picture that shows nothing costs itself alone."""

import comfy.model_management
import pytest
import torch
from instdiff.instdiff_modules.layout.document import Layout
from instdiff.instdiff_modules.references.blocks import kept_numbers, self_attentions
from instdiff.nodes.reference_calls import ReferenceRun, with_room
from instdiff.nodes.references import InstDiffApplyReferences
from support import region_runs
from support.region_models import TinyClip, conditioning, tiny_model
from support.region_models import noise as latent
from support.small_pack import FOX, OWL, FakeClip, FakeVae, base, noise, sample

LAYOUT = (Layout((FOX, OWL), 256, 256),)


def refer(images, of, model=None, clip=None, layouts=LAYOUT):
    inputs = {"strength": 1.0, "start": 0.0, "end": 1.0, "images": images, "of": of}
    with torch.inference_mode():
        given = model or base()[0], clip or FakeClip(), FakeVae(), layouts
        return InstDiffApplyReferences.execute(*given, **inputs).args[0]


@pytest.mark.parametrize("name", ["SD1.5", "SDXL"])
def test_what_is_kept_is_counted_to_the_last_number(name, monkeypatch):
    kept, record = [], ReferenceRun._record
    monkeypatch.setattr(ReferenceRun, "_record", lambda run, *given: kept.append(record(run, *given)) or kept[-1])
    model = refer(torch.rand(1, 104, 72, 3), "a", tiny_model(name), TinyClip(name))
    region_runs.sample(name, model, conditioning(name, "a scene"), latent(name), 1)
    [[blocks]] = kept
    unet, [given] = model.model.diffusion_model, model.get_attachment("instdiff_references")
    numbers = sum(one.keys.numel() + one.values.numel() for one in blocks.values())
    assert len(blocks) == len(self_attentions(unet)) > 2
    assert numbers == kept_numbers(unet, *given.pictures[0].latent.shape[-2:])


def test_more_references_ask_for_more_memory(monkeypatch):
    asked, load = [], comfy.model_management.load_models_gpu
    monkeypatch.setattr(
        comfy.model_management,
        "load_models_gpu",
        lambda models, memory_required=0, **more: (
            asked.append(memory_required) or load(models, memory_required, **more)
        ),
    )
    for model in (base()[0], refer(torch.rand(1, 64, 64, 3), "a")):
        sample(model, noise(1, 16, 24), 1)
    plain, referred = asked
    assert plain < referred


def test_the_room_grows_with_the_references_beside_pictures_of_any_size():
    large = (Layout((FOX, OWL), 1024, 1024),)
    models = [refer(torch.rand(n, 64, 64, 3), of, layouts=large) for n, of in ((1, "a"), (2, "a, b"))]
    shapes = [with_room(lambda _, shape: shape, model, [1, 4, 16, 24]) for model in models]
    assert 1 < shapes[0][0] < shapes[1][0] and all(shape[1:] == [4, 16, 24] for shape in shapes)


def test_a_picture_that_shows_nothing_costs_itself_and_a_warning(caplog):
    images = torch.rand(2, 64, 64, 4)
    images[0, ..., 3] = 0
    images[1, ..., 3] = 1
    start = noise(1, 16, 24)
    alone = sample(refer(images[1:], "b"), start, 1)
    assert torch.equal(sample(refer(images, "a, b"), start, 1), alone)
    assert "Instance a: its reference is wholly transparent" in caplog.text
