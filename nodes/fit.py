"""Whether a MODEL is the kind of UNet that the weights were made for."""

from collections.abc import Sequence
from typing import Any

from ..instdiff_modules.networks.adapter import UNetAdapter
from . import checks


def check_fits(model: Any, adapter: UNetAdapter, source: str) -> None:
    """Raise ValueError unless the UNet has the transformer blocks that the checkpoint's fusers were made for."""
    unet = model.get_model_object("diffusion_model")
    problem = _misfit(unet, adapter)
    if problem:
        kind = type(getattr(model.model, "model_config", model.model)).__name__  # SDXL, Flux, ...
        raise ValueError(
            f"Expected the MODEL of a Stable Diffusion 1.5 checkpoint, for which {source} was made, got one of kind {kind} ({problem}). "
            "Connect Load Checkpoint with an SD1.5 model."
        )


def _misfit(unet: Any, adapter: UNetAdapter) -> str:
    """What keeps the adapter from working on the UNet, in words; empty if they fit."""
    if not all(hasattr(unet, part) for part in ("input_blocks", "middle_block", "output_blocks")):
        return "it has no UNet"
    for block, dim in adapter.fuser_dims.items():
        found = _width(unet, block)
        if found != dim:
            place = "middle block" if block[0] == "middle" else f"{block[0]} block {block[1]}"
            return f"its {place} has {'no transformer' if found is None else f'a transformer of width {found}'}, expected width {dim}"
    context = checks.prompt_width(unet)
    if context is not None and context != adapter.token_dim:
        return f"its prompts have width {context}, expected {adapter.token_dim}"
    return ""


def _width(unet: Any, block: tuple[str, int]) -> int | None:
    part, index = block
    modules: Sequence[Any] = unet.middle_block if part == "middle" else getattr(unet, f"{part}_blocks")
    if part != "middle":
        if index >= len(modules):
            return None
        modules = modules[index]
    for module in modules:
        if hasattr(module, "transformer_blocks"):
            return module.transformer_blocks[0].attn1.to_q.in_features
    return None
