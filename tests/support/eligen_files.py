"""EliGen's LoRA for the tiny models, in the forms in which it is passed around."""

import torch
from support.region_models import tiny_model
from torch import Tensor

RANK = 4
FLUX_LAYERS = {
    "blocks.0.attn.a_to_qkv": "double_blocks.0.img_attn.qkv", "blocks.1.attn.b_to_out": "double_blocks.1.txt_attn.proj",
    "blocks.1.ff_b.2": "double_blocks.1.txt_mlp.2", "blocks.0.norm1_a.linear": "double_blocks.0.img_mod.lin",
    "single_blocks.1.to_qkv_mlp": "single_blocks.1.linear1", "single_blocks.0.proj_out": "single_blocks.0.linear2",
    "single_blocks.0.norm.linear": "single_blocks.0.modulation.lin",
}  # fmt: skip
QWEN_LAYERS = dict.fromkeys(("transformer_blocks.0.attn.to_q", "transformer_blocks.1.img_mlp.net.2"))


def factors(shape: torch.Size, name: str) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(len(name))
    return torch.randn(RANK, shape[1], generator=random) * 0.2, torch.randn(shape[0], RANK, generator=random) * 0.2


def file_of(family: str, style: str) -> dict[str, Tensor]:
    """The same LoRA in one of the styles; FLUX.1's names as the trainer's model has them, or in the older style."""
    layers, state = (
        FLUX_LAYERS if family == "FLUX.1" else QWEN_LAYERS,
        tiny_model(family).model.diffusion_model.state_dict(),
    )
    out = {}
    for theirs, ours in layers.items():
        down, up = factors(state[f"{ours or theirs}.weight"].shape, theirs)
        if style == "kohya":
            stem = f"lora_unet_{ours.replace('.', '_')}"
            out |= {
                f"{stem}.lora_down.weight": down,
                f"{stem}.lora_up.weight": up,
                f"{stem}.alpha": torch.tensor(float(RANK)),
            }
        else:
            out |= {f"{theirs}.lora_A.{style}weight": down, f"{theirs}.lora_B.{style}weight": up}
    return out
