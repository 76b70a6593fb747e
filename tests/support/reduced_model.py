"""ComfyUI's own SD1.5 classes at a reduced width, and InstDiff networks that fit, filled by the goldens' rule."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import comfy.model_management
import comfy.model_patcher
import comfy.supported_models
import torch
from instdiff.instdiff_modules.networks.adapter import UNetAdapter
from support.goldens import fill, filled_like

CHANNEL_MULT = (1, 2, 4, 4)
FUSER_PLACES = (
    {f"input_blocks.{i}.1": m for i, m in ((1, 1), (2, 1), (4, 2), (5, 2), (7, 4), (8, 4))}
    | {"middle_block.1": 4}
    | {f"output_blocks.{i}.1": m for i, m in ((3, 4), (4, 4), (5, 4), (6, 2), (7, 2), (8, 2), (9, 1), (10, 1), (11, 1))}
)
# Channels of the main features before each decoder block, in multiples of model_channels.
DECODER = (4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 1, 1)


def unet_config(model_channels: int, **changes: Any) -> dict[str, Any]:
    return {
        "image_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": model_channels,
        "num_res_blocks": [2, 2, 2, 2],
        "channel_mult": list(CHANNEL_MULT),
        "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
        "transformer_depth_middle": 1,
        "transformer_depth_output": [1] * 9 + [0] * 3,
        "context_dim": 768,
        "use_spatial_transformer": True,
        "legacy": False,
        "use_linear_in_transformer": False,
        "adm_in_channels": None,
        "use_temporal_attention": False,
        **changes,
    }


def reduced_model(seed: int, config: Mapping[str, Any]) -> tuple[Any, Any]:
    """(MODEL, patcher of the UNetAdapter), both filled: config is the goldens' (model_channels, num_heads)."""

    class Reduced(comfy.supported_models.SD15):
        unet_extra_config: ClassVar[dict[str, int]] = {"num_heads": config["num_heads"], "num_head_channels": -1}

    settings = Reduced(unet_config(config["model_channels"]))
    settings.set_inference_dtype(torch.float32, None)
    model = settings.get_model({}, "")
    unet = model.diffusion_model
    unet.load_state_dict({k: fill(seed, k, v.shape) for k, v in unet.state_dict().items()})
    adapter = reduced_adapter(seed, config["model_channels"])
    return patcher(model), patcher(adapter)


def reduced_adapter(seed: int, model_channels: int) -> UNetAdapter:
    dims = {place: m * model_channels for place, m in FUSER_PLACES.items()}
    adapter = UNetAdapter(dims, [m * model_channels for m in DECODER], 768, operations=torch.nn)
    filled_like(adapter, seed)
    return adapter.eval().requires_grad_(False)


def patcher(module: torch.nn.Module) -> Any:
    device = comfy.model_management.get_torch_device()
    return comfy.model_patcher.CoreModelPatcher(module, load_device=device, offload_device=device)


def as_patcher(module: torch.nn.Module) -> Any:
    """The least that our patches ask of a ModelPatcher, for tests that don't sample."""
    return SimpleNamespace(model=module)
