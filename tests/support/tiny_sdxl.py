"""A tiny model of SDXL's kind, from ComfyUI's own classes: its levels and stacks, two text encoders, the demo model's VAE."""

from typing import Any, ClassVar

import comfy.sd
import comfy.sdxl_clip
import comfy.supported_models
import comfy.supported_models_base
import torch
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file
from instdiff.nodes.demo_model import DEMO_FILE, load_vae
from support.goldens import fill
from support.reduced_model import patcher, unet_config

SMALL, LARGE = 32, 16  # widths of CLIP-L and CLIP-G
UNET = {
    "channel_mult": [1, 2, 4], "num_res_blocks": [2, 2, 2], "transformer_depth": [0, 0, 2, 2, 3, 3],
    "transformer_depth_middle": 3, "transformer_depth_output": [0, 0, 0, 2, 2, 2, 3, 3, 3], "context_dim": SMALL + LARGE,
    "adm_in_channels": LARGE + 6 * 256, "num_classes": "sequential", "use_linear_in_transformer": True,
}  # fmt: skip


class Tiny(comfy.supported_models.SDXL):
    unet_extra_config: ClassVar[dict[str, int]] = {"num_heads": 2, "num_head_channels": -1}


def tiny_sdxl(seed: int = 3, **changes: Any) -> Any:
    """MODEL, filled by the goldens' rule."""
    settings = Tiny(unet_config(32, **{**UNET, **changes}))
    settings.set_inference_dtype(torch.float32, None)
    model = settings.get_model({}, "")
    unet = model.diffusion_model
    unet.load_state_dict({key: fill(seed, key, value.shape) for key, value in unet.state_dict().items()})
    return patcher(model)


def tiny_clip(seed: int = 5) -> Any:
    """CLIP with both encoders, the projection of CLIP-L other than the identity: so it shows whether it was used."""

    def sizes(width: int) -> dict[str, int]:
        return {
            "hidden_size": width,
            "intermediate_size": width,
            "num_attention_heads": 2,
            "num_hidden_layers": 3,
            "projection_dim": width,
        }

    target = comfy.supported_models_base.ClipTarget(comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel)
    options = {"clip_l_model_config": sizes(SMALL), "clip_g_model_config": sizes(LARGE), "dtype": torch.float32}
    clip = comfy.sd.CLIP(target, model_options=options, parameters=1, disable_dynamic=True)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in clip.cond_stage_model.named_parameters():
            spread = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 and "embedding" not in name else 0.3
            parameter.copy_(("norm" in name) + spread * torch.randn(parameter.shape, generator=random))
    return clip


def tiny_vae() -> Any:
    return load_vae(read_demo_file(DEMO_FILE))
