"""ComfyUI's ways to run faster or in less memory leave the picture as it was."""

from dataclasses import replace

import comfy.model_management
import torch
from instdiff.nodes.sampler import with_multi_instance
from support.beside import compiled
from support.closeness import assert_close
from support.small_pack import FOX, OWL, apply, base, frames, noise, sample


def test_compiled_models_keep_their_windows_and_their_layouts():
    """The node compiles without guards on what the patches read: nothing of one step or layout may stick to the next."""
    torch.compiler.reset()
    first = apply(frames(FOX, replace(OWL, end=0.4)), end=0.7, fade=0.4)
    second = with_multi_instance(apply(frames(OWL), scaleu="off"), 0.5, "average", 0)
    for model in (first, second, first):
        assert_close(sample(compiled(model), noise()), sample(model, noise()))


def test_channels_last_changes_nothing():
    model, _ = base()
    patched = apply(frames(FOX, OWL), masked_attention="finest level")
    before = sample(patched, noise())
    unet = model.model.diffusion_model
    unet.to(memory_format=torch.channels_last)
    try:
        assert_close(sample(patched, noise()), before)
    finally:
        unet.to(memory_format=torch.contiguous_format)


def test_with_next_to_no_memory_for_weights_nothing_changes(monkeypatch):
    """--novram: weights stay where they are and are brought in layer by layer."""
    model, weights = base()
    patched = with_multi_instance(apply(frames(FOX, OWL)), 0.5, "average", 0)
    before = sample(patched, noise())
    comfy.model_management.unload_all_models()
    monkeypatch.setattr(comfy.model_management, "vram_state", comfy.model_management.VRAMState.NO_VRAM)
    monkeypatch.setattr(
        comfy.model_management, "is_device_cpu", lambda device: False
    )  # else a CPU loads everything whole
    again = sample(patched, noise())
    assert model.model.model_lowvram and weights.adapter.model.model_lowvram
    monkeypatch.undo()
    comfy.model_management.unload_all_models()
    assert torch.equal(again, before)
