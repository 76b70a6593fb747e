"""The self-attentions of a UNet: where a picture's tokens look at each other, and can be shown those of another picture."""

from collections.abc import Mapping
from typing import Any

BlockKey = tuple[str, int, int]  # part of the UNet, number of the block in it, number of the transformer block


def self_attentions(unet: Any) -> dict[BlockKey, Any]:
    """Every self-attention of ComfyUI's UNet by its place; empty for models of another build.

    A module has to_q, to_k, to_v, to_out and heads. Blocks that look at the prompt instead of themselves, and those of
    video models, which also look along time, are left out.
    """
    if not all(hasattr(unet, part) for part in ("input_blocks", "middle_block", "output_blocks")):
        return {}
    found = {}
    for part, blocks in (("input", unet.input_blocks), ("middle", [unet.middle_block]), ("output", unet.output_blocks)):
        for number, block in enumerate(blocks):
            for layer in block:
                if not hasattr(layer, "transformer_blocks") or hasattr(layer, "time_stack"):
                    continue
                for index, one in enumerate(layer.transformer_blocks):
                    if not one.disable_self_attn:
                        found[part, number, index] = one.attn1
    return found


def levels(unet: Any) -> dict[tuple[str, int], int]:
    """How often the picture was halved where a block of ComfyUI's UNet works: (part, number) -> 0, 1, ..."""
    blocks = list(unet.num_res_blocks)
    last = len(blocks) - 1
    down = [0, *(n for level, count in enumerate(blocks) for n in [*[level] * count, *[level + 1] * (level < last)])]
    up = [level for level in range(last, -1, -1) for _ in range(blocks[level] + 1)]
    return {("middle", 0): last} | {
        (part, number): level for part, given in (("input", down), ("output", up)) for number, level in enumerate(given)
    }


def kept_numbers(unet: Any, height: int, width: int) -> int:
    """How many numbers a Recorder keeps of one reference of height x width latent cells: keys and values of every self-attention."""
    halved = levels(unet)
    return sum(
        2 * one.to_k.weight.shape[0] * -(-height // 2 ** halved[key[:2]]) * -(-width // 2 ** halved[key[:2]])
        for key, one in self_attentions(unet).items()
    )


def block_of(options: Mapping[str, Any]) -> BlockKey:
    """Which block calls a patch: its extra options -> the key of `self_attentions`."""
    part, number = options["block"][:2]
    return part, number, options["block_index"]
