"""EliGen's LoRA files: what is in them, and the layer names of their trainer -> those that ComfyUI's loader of LoRAs reads.

FLUX.1's files may name layers as DiffSynth-Studio's model does; Qwen-Image's and the older kohya style need no change.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value")

_DOUBLE, _SINGLE = "blocks.", "single_blocks."
# a layer of DiffSynth-Studio's FLUX.1 -> the same layer of the published model
_LAYERS = {
    "norm1_a.linear": "img_mod.lin", "norm1_b.linear": "txt_mod.lin", "attn.a_to_qkv": "img_attn.qkv", "attn.b_to_qkv": "txt_attn.qkv",
    "attn.a_to_out": "img_attn.proj", "attn.b_to_out": "txt_attn.proj", "ff_a": "img_mlp", "ff_b": "txt_mlp", "norm.linear": "modulation.lin",
    "to_qkv_mlp": "linear1", "proj_out": "linear2",
}  # fmt: skip
_DOWN, _UP, _ALPHA = "down", "up", "alpha"
_PARTS = {
    ".lora_down.weight": _DOWN, ".lora_A.weight": _DOWN, ".lora_A.default.weight": _DOWN,
    ".lora_up.weight": _UP, ".lora_B.weight": _UP, ".lora_B.default.weight": _UP, ".alpha": _ALPHA,
}  # fmt: skip


class Layer(NamedTuple):
    """What a file holds of one layer of the model; None: nothing. down (rank, ...), up (outputs, rank), alpha: one number."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: Tensor | None = None


def comfy_keys(weights: Mapping[str, Value]) -> dict[str, Value]:
    """The weights under the names that ComfyUI knows; names of no known style stay as they are."""
    return {_comfy_key(key): value for key, value in weights.items()}


def layer_count(weights: Mapping[str, Tensor]) -> int:
    """How many layers of a model a LoRA file changes."""
    return len(_layers(weights))


def check_layers(weights: Mapping[str, Tensor]) -> None:
    """ValueError, "layer <name> ..." without an end, for one that would break the loader or the picture."""
    layers = _layers(weights)
    for (name, _), layer in layers.items():
        problem = _problem(layer)
        if problem:
            raise ValueError(f"layer {name[-60:]} {problem}")
    names = {name for name, _ in layers}
    for key in weights:
        name = next((stem for stem in _stems(key) if stem in names), None)
        if name and not key.endswith(tuple(_PARTS)):
            raise ValueError(f"layer {name[-60:]} has a part {key.removeprefix(name)[1:40]}")


def _layers(weights: Mapping[str, Tensor]) -> dict[tuple[str, str], Layer]:
    """By name and style: a layer that is there in two styles counts twice."""
    found: dict[tuple[str, str], dict[str, Tensor]] = {}
    for key, tensor in weights.items():
        for ending, part in _PARTS.items():
            if key.endswith(ending):
                style = ending.replace("_A", "_B").replace("down", "up") if part != _ALPHA else ".lora_up.weight"
                found.setdefault((key.removesuffix(ending), style), {})[part] = tensor
    return {name: Layer(**parts) for name, parts in found.items() if parts.keys() != {_ALPHA}}


def _stems(key: str) -> tuple[str, str]:
    """What may be the layer's name in a key: without its last word, and without the last two."""
    stem = key.rpartition(".")[0]
    return stem, stem.rpartition(".")[0]


def _problem(layer: Layer) -> str:
    """What is wrong with a layer, in words; empty if it can be loaded. Without `up` it is not, as one of another model."""
    if layer.down is None:
        return "is half missing"
    for part in (one for one in layer if one is not None):
        if not part.is_floating_point():
            return f"has numbers of type {str(part.dtype).removeprefix('torch.')}"
        if part.numel() and not torch.stack(torch.aminmax(part.float())).isfinite().all():
            return "holds NaN or infinite numbers"
    if layer.alpha is not None and layer.alpha.numel() != 1:
        return f"has {layer.alpha.numel()} numbers as its alpha"
    if layer.up is None:
        return ""
    down, up = layer.down.shape, layer.up.shape
    if len(down) < 2 or len(up) < 2 or up[1:].numel() != down[0] or not down.numel() or not up.numel():
        return f"has factors of shapes {tuple(up)} and {tuple(down)}, which do not go together"
    return ""


def _comfy_key(key: str) -> str:
    bare = key.removeprefix("diffusion_model.")
    if not bare.startswith((_DOUBLE, _SINGLE)) or not any(f".{theirs}." in bare for theirs in _LAYERS):
        return key
    for theirs, ours in _LAYERS.items():
        bare = bare.replace(f".{theirs}.", f".{ours}.")
    stem = bare if bare.startswith(_SINGLE) else f"double_{bare}"
    return f"diffusion_model.{stem.replace('.default.', '.')}"
