"""EliGen's LoRA files: the layer names of the trainer they come from -> those that ComfyUI's loader of LoRAs reads.

FLUX.1's files may name layers as DiffSynth-Studio's model does; Qwen-Image's and the older kohya style need no change.
"""

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")

_DOUBLE, _SINGLE = "blocks.", "single_blocks."
# a layer of DiffSynth-Studio's FLUX.1 -> the same layer of the published model
_LAYERS = {
    "norm1_a.linear": "img_mod.lin", "norm1_b.linear": "txt_mod.lin", "attn.a_to_qkv": "img_attn.qkv", "attn.b_to_qkv": "txt_attn.qkv",
    "attn.a_to_out": "img_attn.proj", "attn.b_to_out": "txt_attn.proj", "ff_a": "img_mlp", "ff_b": "txt_mlp", "norm.linear": "modulation.lin",
    "to_qkv_mlp": "linear1", "proj_out": "linear2",
}  # fmt: skip
_DOWN = (".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight")


def comfy_keys(weights: Mapping[str, Value]) -> dict[str, Value]:
    """The weights under the names that ComfyUI knows; names of no known style stay as they are."""
    return {_comfy_key(key): value for key, value in weights.items()}


def layer_count(weights: Mapping[str, object]) -> int:
    """How many layers of a model a LoRA file changes."""
    return sum(key.endswith(_DOWN) for key in weights)


def _comfy_key(key: str) -> str:
    bare = key.removeprefix("diffusion_model.")
    if not bare.startswith((_DOUBLE, _SINGLE)) or not any(f".{theirs}." in bare for theirs in _LAYERS):
        return key
    for theirs, ours in _LAYERS.items():
        bare = bare.replace(f".{theirs}.", f".{ours}.")
    stem = bare if bare.startswith(_SINGLE) else f"double_{bare}"
    return f"diffusion_model.{stem.replace('.default.', '.')}"
