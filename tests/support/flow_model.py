"""The small flow transformer of the shape world (tests/training/train_flow.py) as ComfyUI's own Lumina 2: for benches, not shipped.

Its file (pack_flow.py) holds the network alone. Text encoder and VAE are the demo model's; prompts are not filled up to 77 tokens, as
with the text encoders of this family.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import comfy.model_management
import comfy.sd1_clip
import comfy.supported_models
import torch
from comfy.sd1_clip import SD1ClipModel, SD1Tokenizer, SDTokenizer
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file
from instdiff.nodes.demo_model import DEMO_FILE, ShapeWorldLatents, load_clip, load_vae
from safetensors import safe_open
from support.reduced_model import patcher
from support.studio import Studio

END, SHORTEST = 49407, 12  # tokens of a prompt


class ShapeWorldFlow(comfy.supported_models.Lumina2):
    sampling_settings = {"multiplier": 1.0, "shift": 3.0}  # noqa: RUF012 (ComfyUI's own)
    latent_format = ShapeWorldLatents


class Unpadded(SDTokenizer):
    def __init__(self, **given: Any) -> None:
        super().__init__(pad_to_max_length=False, **given)


class ShapeWorldTokenizer(SD1Tokenizer):
    def __init__(self, embedding_directory: str | None = None, tokenizer_data: dict[str, Any] | None = None) -> None:
        super().__init__(embedding_directory, tokenizer_data or {}, tokenizer=Unpadded)


class ShapeWorldText(SD1ClipModel):
    def encode_token_weights(self, token_weight_pairs: dict[str, list]) -> tuple:
        """CLIP reads 77 tokens; what it says about those that were given is kept."""
        (given,) = token_weight_pairs["l"]
        filled = [*given, *[(END, 1.0)] * (77 - len(given))]
        out, *others = super().encode_token_weights({"l": [filled]})
        return out[:, : len(given)], *others


def load_flow(path: Path) -> Any:
    """MODEL, in single precision."""
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
        weights = {key: file.get_tensor(key) for key in file.keys()}
    settings = ShapeWorldFlow(config)
    settings.set_inference_dtype(torch.float32, None)
    model = settings.get_model({}, "", device=comfy.model_management.unet_offload_device())
    model.diffusion_model.load_state_dict(weights)
    return patcher(model)


class FlowStudio(Studio):
    """MODEL, CLIP and VAE of the flow transformer."""

    def __init__(self, path: Path) -> None:
        demo = read_demo_file(DEMO_FILE)
        with patch.multiple(comfy.sd1_clip, SD1Tokenizer=ShapeWorldTokenizer, SD1ClipModel=ShapeWorldText):
            self.clip = load_clip(demo)
        self.model, self.vae = load_flow(path), load_vae(demo)

    def encode(self, prompts: Sequence[str]) -> Any:
        """As a Studio does; prompts of a batch are filled up to the longest of them, and to SHORTEST, as in training."""
        lengths = [len(self.clip.tokenize(prompt)["l"][0]) for prompt in prompts]
        parts = [
            self.clip.encode_from_tokens(
                self.clip.tokenize(prompt, min_length=max(SHORTEST, *lengths)), return_pooled=True
            )
            for prompt in prompts
        ]
        return [[torch.cat([cond for cond, _ in parts]), {"pooled_output": torch.cat([pooled for _, pooled in parts])}]]
