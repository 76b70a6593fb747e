"""What comes over ComfyUI's wires, checked before it is used.

ComfyUI holds widgets to their ranges, but not what arrives over a link; and a wire may carry nothing, or a value of
another model. Every function returns silently or raises ValueError: what was expected, what came, what to do.
"""

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from ..instdiff_modules.layout.fields import number_in, shorten

__all__ = [
    "check_choice",
    "check_clip",
    "check_conditioning",
    "check_encoding",
    "check_latent",
    "check_model",
    "check_prompt_width",
    "check_weights",
    "check_whole",
    "number_in",
    "prompt_width",
]


MAX_SHOWN = 8  # words of a menu in a sentence


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


def check_model(value: Any) -> None:
    _check_kind(value, "a MODEL", ("clone", "get_model_object"), "Connect the MODEL of Load Checkpoint.")


def check_clip(value: Any) -> None:
    advice = "Connect the CLIP of an SD1.5 checkpoint, or Load CLIP if the checkpoint holds none."
    _check_kind(value, "a CLIP", ("tokenize", "encode_from_tokens"), advice)


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
        came = "none" if found[1] is None else f"{found[1]}"
        raise ValueError(
            f"Expected the CLIP of a Stable Diffusion 1.5 model (prompts of width {widths[0]}, pooled {widths[1]}), got another model's "
            f"(width {found[0]}, pooled {came}). Connect the CLIP of the SD1.5 checkpoint."
        )


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
