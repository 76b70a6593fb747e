"""The small flow transformer of the shape world as ComfyUI's own Lumina 2: a proof for Apply Layout, not shipped.

Its file holds the network in half precision; text encoder and VAE are those of the demo model, of which the prompts are not filled up
to 77 tokens, as with the text encoders of this family.
"""

import json
from pathlib import Path
from typing import Any

import comfy.model_base
import comfy.model_management
import comfy.sd1_clip
import comfy.supported_models
import torch
from comfy.sd1_clip import SD1Tokenizer, SDTokenizer
from instdiff.nodes.demo_model import ShapeWorldLatents
from safetensors import safe_open
from support.reduced_model import patcher

FILE = Path(__file__).resolve().parents[1] / "bench" / "flow_model.safetensors"


class ShapeWorldFlow(comfy.supported_models.Lumina2):
    sampling_settings = {"multiplier": 1.0, "shift": 3.0}  # noqa: RUF012 (ComfyUI's own)
    latent_format = ShapeWorldLatents


class Unpadded(SDTokenizer):
    def __init__(self, **given: Any) -> None:
        super().__init__(pad_to_max_length=False, **given)


class ShapeWorldTokenizer(SD1Tokenizer):
    def __init__(self, embedding_directory: str | None = None, tokenizer_data: dict[str, Any] | None = None) -> None:
        super().__init__(embedding_directory, tokenizer_data or {}, tokenizer=Unpadded)


def load_flow(path: Path = FILE) -> Any:
    """MODEL in single precision."""
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
        weights = {key: file.get_tensor(key) for key in file.keys()}
    settings = ShapeWorldFlow(config)
    settings.set_inference_dtype(torch.float32, None)
    model = settings.get_model({}, "", device=comfy.model_management.unet_offload_device())
    model.diffusion_model.load_state_dict(weights)
    return patcher(model)
