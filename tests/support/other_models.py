"""Small MODELs of other kinds than SD1.5, from ComfyUI's own classes: shapes without weights, enough for checks."""

from typing import Any

import comfy.ldm.flux.model
import comfy.supported_models
import torch
from support.reduced_model import patcher, unet_config

FLUX = {
    "image_model": "flux", "in_channels": 16, "out_channels": 16, "patch_size": 2, "vec_in_dim": 8, "context_in_dim": 16,
    "hidden_size": 32, "mlp_ratio": 1.0, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "axes_dim": [4, 6, 6],
    "theta": 100, "qkv_bias": True, "guidance_embed": True, "txt_ids_dims": [],
}  # fmt: skip
SDXL = {
    "channel_mult": [1, 2, 4], "num_res_blocks": [2, 2, 2], "transformer_depth": [0, 0, 2, 2, 2, 2],
    "transformer_depth_middle": 2, "transformer_depth_output": [0, 0, 0, 2, 2, 2, 2, 2, 2], "context_dim": 2048,
    "adm_in_channels": 2816, "num_classes": "sequential", "use_linear_in_transformer": True,
}  # fmt: skip


def other_model(kind: str) -> Any:
    """MODEL of kind SDXL, SD20, Flux, or "SD15 wide" and "SD15 inpaint": widths and channels of their own."""
    if kind == "Flux":
        known = comfy.ldm.flux.model.FluxParams.__dataclass_fields__
        return _model(comfy.supported_models.Flux, {k: v for k, v in FLUX.items() if k in known or k == "image_model"})
    changes = {
        "SDXL": SDXL, "SD20": {"context_dim": 1024}, "SD15 wide": {"channel_mult": [1, 2, 4, 8]},
        "SD15 inpaint": {"in_channels": 9},
    }[kind]  # fmt: skip
    return _model(getattr(comfy.supported_models, kind.partition(" ")[0]), unet_config(32, **changes), num_heads=4)


def _model(family: type, config: dict[str, Any], **extra: Any) -> Any:
    heads = {**extra, "num_head_channels": -1} if extra else {}
    settings = type(family.__name__, (family,), {"unet_extra_config": heads})(config)
    settings.set_inference_dtype(torch.float32, None)
    return patcher(settings.get_model({}, "", device=torch.device("meta")))
