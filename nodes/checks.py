"""What comes over ComfyUI's wires, checked before it is used.

ComfyUI holds widgets to their ranges, but not what arrives over a link; and a wire may carry nothing, or a value of
another model. Every function returns silently or raises ValueError: what was expected, what came, what to do.
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..instdiff_modules.layout.fields import number_in, shorten
from ..instdiff_modules.layout.units import current_units
from ..instdiff_modules.networks.adapter import UNetAdapter

__all__ = [
    "check_choice",
    "check_clip",
    "check_conditioning",
    "check_encoding",
    "check_finite",
    "check_fits",
    "check_latent",
    "check_model",
    "check_prompt_width",
    "check_text_encoder",
    "check_vae",
    "check_weights",
    "check_whole",
    "number_in",
    "prompt_width",
    "units_are_known",
]


MAX_SHOWN = 8  # words of a menu in a sentence
SDXL_WIDTH = 2048  # of its prompts


def check_whole(value: Any, low: int, high: int, where: str, field: str) -> None:
    """A whole number in low..high."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(f"{where}: {field} must be a whole number in {low}..{high}, got {shorten(value)}.")


def check_choice(value: Any, options: Iterable[str], where: str, field: str) -> None:
    """One of the words of a menu."""
    options = list(options)
    if not isinstance(value, str) or value not in options:
        shown = ", ".join(map(repr, options[:MAX_SHOWN])) + (
            f" or another of {len(options)}" if len(options) > MAX_SHOWN else ""
        )
        raise ValueError(f"{where}: {field} must be one of {shown}, got {shorten(value)}. Choose one from its menu.")


def units_are_known(value: Any, options: Iterable[str], where: str) -> bool | str:
    """For validate_inputs: a menu of units may hold the spelling of earlier versions, which ComfyUI itself would refuse."""
    try:
        if value is not None:  # it comes over a link
            check_choice(current_units(value), options, where, "units")
    except ValueError as problem:
        return str(problem)
    return True


def check_model(value: Any) -> None:
    _check_kind(value, "a MODEL", ("clone", "get_model_object"), "Connect the MODEL of Load Checkpoint.")


def check_clip(value: Any) -> None:
    advice = "Connect the CLIP of the checkpoint, or Load CLIP if the checkpoint holds none."
    _check_kind(value, "a CLIP", ("tokenize", "encode_from_tokens"), advice)


def check_text_encoder(value: Any) -> None:
    """A CLIP of any family of models."""
    advice = "Connect the text encoder that goes with the MODEL."
    _check_kind(value, "a CLIP", ("tokenize", "encode_from_tokens_scheduled"), advice)


def check_vae(value: Any) -> None:
    advice = "Connect the VAE of the checkpoint, or Load VAE if it holds none."
    _check_kind(value, "a VAE", ("encode", "decode", "first_stage_model"), advice)


def check_weights(value: Any) -> None:
    _check_kind(value, "an INSTDIFF_MODEL", ("adapter", "tokenize", "config"), "Connect Load InstDiff Model.")


def _check_kind(value: Any, kind: str, parts: Iterable[str], advice: str) -> None:
    if not all(hasattr(value, part) for part in parts):
        raise ValueError(f"Expected {kind}, got {_kind(value)}. {advice}")


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def prompt_width(unet: Any) -> int | None:
    """Width of the prompts that a UNet's cross-attention takes; None for models of another build, which may convert them first."""
    if not hasattr(unet, "input_blocks"):
        return None
    widths = (
        getattr(module.to_k, "in_features", None) for name, module in unet.named_modules() if name.endswith("attn2")
    )
    return next(widths, None)


def check_encoding(cond: Any, pooled: Any, widths: tuple[int, int]) -> None:
    """What a CLIP made of a prompt: cond (1, tokens, widths[0]) and pooled feature (1, widths[1])."""
    found = tuple(value.shape[-1] if isinstance(value, Tensor) else None for value in (cond, pooled))
    if found != widths:
        came, (kind, short) = "none" if found[1] is None else f"{found[1]}", _family(widths[0])
        raise ValueError(
            f"Expected the CLIP of {kind} model (prompts of width {widths[0]}, pooled {widths[1]}), got another model's "
            f"(width {found[0]}, pooled {came}). Connect the CLIP of the {short} checkpoint."
        )


def _family(prompt_width: int) -> tuple[str, str]:
    """What a model with prompts of this width is called, in a sentence and in short. Small models are SD1.5's kind."""
    return ("an SDXL", "SDXL") if prompt_width == SDXL_WIDTH else ("a Stable Diffusion 1.5", "SD1.5")


def check_conditioning(value: Any, name: str, width: int | None) -> None:
    """CONDITIONING: pairs of a prompt (batch, tokens, width) and its options. width None: a model without cross-attention."""
    if not isinstance(value, (list, tuple)) or not all(map(_is_encoded, value)):
        raise ValueError(f"Expected CONDITIONING as {name}, got {_kind(value)}. Connect CLIP Text Encode.")
    if width is not None:
        for prompt, *_ in value:
            check_prompt_width(prompt, width, name)


def _is_encoded(pair: Any) -> bool:
    if not isinstance(pair, (list, tuple)) or len(pair) < 2:
        return False
    prompt, options, *_ = pair
    return isinstance(options, Mapping) and (prompt is None or isinstance(prompt, Tensor))


def check_prompt_width(prompt: Tensor | None, width: int, name: str) -> None:
    """A prompt (batch, tokens, width) that fits the model's cross-attention."""
    if prompt is None or prompt.ndim != 3 or 0 in prompt.shape:
        came = "none" if prompt is None else f"one of shape {tuple(prompt.shape)}"
        raise ValueError(
            f"Expected an encoded prompt of shape (batch, tokens, {width}) in the {name} conditioning, got {came}. Connect CLIP Text Encode."
        )
    if prompt.shape[-1] != width:
        raise ValueError(
            f"Expected a prompt of width {width} in the {name} conditioning, got one of width {prompt.shape[-1]}: another model's CLIP made it. "
            "Encode it with the CLIP of the checkpoint that the MODEL comes from."
        )


def check_latent(value: Any, latent_format: Any) -> None:
    """LATENT of pictures in the model's format. An empty (all zero) latent may have any number of channels: core adapts it."""
    samples = value.get("samples") if isinstance(value, Mapping) else None
    if getattr(samples, "is_nested", False) or latent_format.latent_dimensions != 2:
        return  # not a model of pictures: there we do what the plain KSampler does
    channels, advice = (
        latent_format.latent_channels,
        "Connect Empty Latent Image, or VAE Encode with the VAE of the checkpoint.",
    )
    if not isinstance(samples, Tensor):
        raise ValueError(f"Expected a LATENT, got {_kind(value)}. {advice}")
    if samples.ndim != 4 or samples.numel() == 0 or (samples.shape[1] != channels and samples.any()):
        raise ValueError(
            f"Expected a latent of shape (batch, {channels}, height, width), got {tuple(samples.shape)}. {advice}"
        )
    mask = value.get("noise_mask")
    if mask is not None and not isinstance(mask, Tensor):
        raise ValueError(
            f"Expected a MASK as noise mask of the latent, got {_kind(mask)}. Connect Set Latent Noise Mask."
        )
    check_finite(samples, "latent")
    check_finite(mask, "noise mask")


def check_finite(value: Any, name: str) -> None:
    """No NaN and no infinity in what a run begins with: one reduction, where the tensor is. Other values than tensors pass."""
    if not isinstance(value, Tensor) or not value.is_floating_point() or not value.numel():
        return
    if not torch.stack(torch.aminmax(value)).isfinite().all():
        raise ValueError(
            f"The {name} holds NaN or infinite numbers, so the picture would be black. Look for the node before that makes them; "
            "a VAE in fp16 can (start ComfyUI with --fp32-vae)."
        )


def check_fits(model: Any, adapter: UNetAdapter, source: str) -> None:
    """Raise ValueError unless the UNet has the transformer blocks that the checkpoint's fusers were made for."""
    unet = model.get_model_object("diffusion_model")
    problem = _misfit(unet, adapter)
    if problem:
        kind = type(getattr(model.model, "model_config", model.model)).__name__  # SDXL, Flux, ...
        wanted, short = _family(adapter.token_dim)
        raise ValueError(
            f"Expected the MODEL of {wanted} checkpoint, for which {source} was made, got one of kind {kind} ({problem}). "
            f"Connect Load Checkpoint with an {short} model."
        )


def _misfit(unet: Any, adapter: UNetAdapter) -> str:
    """What keeps the adapter from working on the UNet, in words; empty if they fit."""
    if not all(hasattr(unet, part) for part in ("input_blocks", "middle_block", "output_blocks")):
        return "it has no UNet"
    for block, dim in adapter.fuser_dims.items():
        found = _block_width(unet, block)
        if found != dim:
            came = "no transformer" if found is None else f"a transformer of width {found}"
            return f"its {_shown(block)} has {came}, expected width {dim}"
        if (stack := len(_transformer(unet, block).transformer_blocks)) < adapter.depths[block]:
            return f"its {_shown(block)} has {stack} transformer blocks, expected {adapter.depths[block]}"
    context = prompt_width(unet)
    if context is not None and context != adapter.token_dim:
        return f"its prompts have width {context}, expected {adapter.token_dim}"
    return ""


def _shown(block: tuple[str, int]) -> str:
    return "middle block" if block[0] == "middle" else f"{block[0]} block {block[1]}"


def _block_width(unet: Any, block: tuple[str, int]) -> int | None:
    found = _transformer(unet, block)
    return None if found is None else found.transformer_blocks[0].attn1.to_q.in_features


def _transformer(unet: Any, block: tuple[str, int]) -> Any:
    """The stack of transformer blocks in a UNet's block, or None."""
    part, index = block
    modules: Sequence[Any] = (unet.middle_block or ()) if part == "middle" else getattr(unet, f"{part}_blocks")
    if part != "middle":
        if index >= len(modules):
            return None
        modules = modules[index]
    return next((module for module in modules if hasattr(module, "transformer_blocks")), None)
