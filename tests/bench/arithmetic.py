"""Multiply-adds counted from the shapes: what each ratio would be if a machine did nothing but the arithmetic.

    python tests/bench/arithmetic.py        the limits of a full step of SD1.5 at some sizes, exact and with pooled keys

Counted are linear layers, convolutions and the two products of attention; norms, activations and sums are not. The UNet is
run on tensors without data, so every resolution takes a moment.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import comfy.ldm.modules.attention
import comfy.ops
import comfy.supported_models
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from instdiff.instdiff_modules.networks.pooled_keys import POOL
from instdiff.instdiff_modules.sampling.fuser_patch import LARGE
from torch import nn

PROMPT_TOKENS = 77
SHOWN = (512, 768, 1024, 1536)  # sides of square pictures, in pixels
SD15 = {
    **comfy.supported_models.SD15.unet_config, **comfy.supported_models.SD15.unet_extra_config, "image_size": 32, "in_channels": 4,
    "out_channels": 4, "num_res_blocks": [2] * 4, "channel_mult": [1, 2, 4, 4], "transformer_depth": [1] * 6 + [0] * 2,
    "transformer_depth_output": [1] * 9 + [0] * 3, "transformer_depth_middle": 1, "use_spatial_transformer": True,
}  # fmt: skip
SLOTS, TOKEN_WIDTH = 30, 768


@dataclass(frozen=True)
class Work:
    """Multiply-adds of one picture: the UNet, the fusers in it, and the grounding tokens' keys and values (once a run).

    pooled: the fusers with pooled keys.
    """

    unet: int
    fusers: int
    tokens: int
    pooled: int

    @property
    def full(self) -> float:
        """Limit of a step with instances, over a plain step."""
        return (self.unet + self.fusers) / self.unet


def fuser_work(visual: int, grounding: int, width: int, keys: int | None = None) -> int:
    """One fuser: visual queries only, the grounding tokens' keys and values known. keys: visual ones, if fewer than the queries.

    Four projections of the visual tokens, attention over visual and grounding tokens, and the feed-forward layer of GEGLU
    (width -> 8 width, 4 width -> width).
    """
    return (4 + 12) * visual * width**2 + 2 * visual * ((keys or visual) + grounding) * width


def token_work(grounding: int, token_width: int, width: int) -> int:
    """What one fuser does for one row of grounding tokens, once in a run."""
    return grounding * (token_width * width + 2 * width**2)


def count(unet_config: dict, height: int, width: int, slots: int, token_width: int) -> Work:
    """Work for a latent of height x width cells."""
    settings = {**unet_config, "device": "meta", "dtype": torch.float32, "operations": comfy.ops.disable_weight_init}
    unet = UNetModel(**settings).eval()
    context_width = unet_config["context_dim"]
    grounding = 4 * slots + 64
    total = {"unet": 0, "fusers": 0, "tokens": 0, "pooled": 0}

    def hook(module: nn.Module, args: tuple, kwargs: dict, out: Any) -> None:
        total["unet"] += _layer(module, args, kwargs, out)

    def fuser_place(module: nn.Module, args: tuple, kwargs: dict, out: Any) -> None:
        _, tokens, channels = args[0].shape
        pools = tokens == height * width and tokens >= LARGE
        keys = -(-height // POOL) * -(-width // POOL) if pools else None
        total["fusers"] += fuser_work(tokens, grounding, channels)
        total["pooled"] += fuser_work(tokens, grounding, channels, keys)
        total["tokens"] += token_work(grounding, token_width, channels)

    for module in unet.modules():
        module.register_forward_hook(hook, with_kwargs=True)
        if isinstance(module, comfy.ldm.modules.attention.BasicTransformerBlock):
            module.register_forward_hook(fuser_place, with_kwargs=True)
    with torch.no_grad():
        unet(
            torch.empty(1, 4, height, width, device="meta"),
            torch.empty(1, device="meta"),
            torch.empty(1, PROMPT_TOKENS, context_width, device="meta"),
        )
    return Work(**total)


def _layer(module: nn.Module, args: tuple, kwargs: dict, out: Any) -> int:
    if isinstance(module, nn.Linear):
        return out.numel() * module.in_features
    if isinstance(module, nn.Conv2d):
        return out.numel() * module.weight[0].numel()
    if isinstance(module, comfy.ldm.modules.attention.CrossAttention):
        queries = args[0]
        keys = kwargs.get("context", args[1] if len(args) > 1 else None)
        keys = queries if keys is None else keys
        return 2 * queries.shape[0] * queries.shape[1] * keys.shape[1] * module.to_q.out_features
    return 0


def multi_instance_limit(instances: int, steps: int, branch_steps: int) -> float:
    """Cost of a guided run with `branch_steps` steps in branches, over the same run without: model evaluations alone.

    In the first step all branches hold the same latent, so the negative prediction is computed once.
    """
    first, branch, plain = (1 + instances) + 1, 2 * (1 + instances), 2
    return (first + (branch_steps - 1) * branch + (steps - branch_steps) * plain) / (steps * plain)


def main() -> None:
    for side in SHOWN:
        work = count(SD15, side // 8, side // 8, SLOTS, TOKEN_WIDTH)
        pooled = (work.unet + work.pooled) / work.unet
        sys.stdout.write(f"{side}x{side}: full {work.full:.2f}, with pooled keys {pooled:.2f}\n")


if __name__ == "__main__":
    main()
