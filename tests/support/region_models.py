"""A tiny model of every family that Apply Layout steers: ComfyUI's own classes with random weights, and texts for them."""

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import comfy.ldm.anima.model
import comfy.supported_models
import torch
from comfy.ldm.anima.model import LLMAdapter
from support.reduced_model import patcher, unet_config
from torch import Tensor

WIDE = 32
FLUX = {
    "image_model": "flux", "in_channels": 16, "out_channels": 16, "patch_size": 2, "vec_in_dim": 8, "context_in_dim": WIDE,
    "hidden_size": WIDE, "mlp_ratio": 2.0, "num_heads": 2, "depth": 2, "depth_single_blocks": 2, "axes_dim": [4, 6, 6],
    "theta": 10000, "qkv_bias": True, "guidance_embed": True, "txt_ids_dims": [],
}  # fmt: skip
CHROMA = {
    **{k: v for k, v in FLUX.items() if k not in ("image_model", "guidance_embed")}, "image_model": "chroma",
    "in_channels": 64, "out_channels": 64, "in_dim": 64, "out_dim": WIDE, "hidden_dim": WIDE, "n_layers": 2,
}  # fmt: skip
QWEN = {
    "image_model": "qwen_image", "patch_size": 2, "in_channels": 64, "out_channels": 16, "num_layers": 2,
    "attention_head_dim": 16, "num_attention_heads": 2, "joint_attention_dim": WIDE, "axes_dims_rope": [4, 6, 6],
}  # fmt: skip
SD3 = {
    "input_size": None, "patch_size": 2, "in_channels": 16, "depth": 2, "num_blocks": 3, "mlp_ratio": 2.0,
    "adm_in_channels": 8, "pos_embed_max_size": 64, "num_patches": 4096, "pos_embed_scaling_factor": None, "qk_norm": "rms",
    "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": WIDE, "out_features": 128}},
}  # fmt: skip
LUMINA = {
    "image_model": "lumina2", "patch_size": 2, "in_channels": 16, "dim": WIDE, "n_layers": 2, "n_refiner_layers": 2,
    "n_heads": 2, "n_kv_heads": 2, "multiple_of": 16, "ffn_dim_multiplier": 1.0, "qk_norm": True, "cap_feat_dim": WIDE,
    "axes_dims": [4, 6, 6], "axes_lens": [300, 512, 512],
}  # fmt: skip
Z_IMAGE = {
    **LUMINA, "dim": 256, "n_heads": 8, "n_kv_heads": 8, "axes_dims": [8, 12, 12], "z_image_modulation": True,
    "pad_tokens_multiple": 32, "time_scale": 1000.0,
}  # fmt: skip
COSMOS = {
    "image_model": "cosmos_predict2", "max_img_h": 240, "max_img_w": 240, "max_frames": 128, "in_channels": 16,
    "out_channels": 16, "patch_spatial": 2, "patch_temporal": 1, "concat_padding_mask": True, "model_channels": WIDE,
    "num_blocks": 2, "num_heads": 2, "crossattn_emb_channels": WIDE, "pos_emb_cls": "rope3d", "use_adaln_lora": True,
    "adaln_lora_dim": 16, "rope_enable_fps_modulation": False,
}  # fmt: skip
HUNYUAN = {
    "image_model": "hunyuan_video", "in_channels": 16, "out_channels": 16, "vec_in_dim": 8, "context_in_dim": WIDE,
    "hidden_size": WIDE, "mlp_ratio": 2.0, "num_heads": 2, "depth": 2, "depth_single_blocks": 2, "axes_dim": [4, 6, 6],
    "theta": 256, "patch_size": [1, 2, 2], "qkv_bias": True, "guidance_embed": True, "byt5": False, "meanflow": False,
    "use_cond_type_embedding": False, "vision_in_dim": None, "meanflow_sum": False,
}  # fmt: skip
WAN = {
    "image_model": "wan2.1", "model_type": "t2v", "patch_size": (1, 2, 2), "text_len": 512, "in_dim": 16, "dim": 48,
    "ffn_dim": 64, "freq_dim": 32, "text_dim": WIDE, "out_dim": 16, "num_heads": 2, "num_layers": 2,
}  # fmt: skip
KREA = {
    "image_model": "krea2", "features": WIDE, "tdim": 32, "txtdim": 16, "heads": 2, "kvheads": 1, "multiplier": 1, "layers": 2,
    "patch": 2, "channels": 16, "txtlayers": 2, "txtheads": 2, "txtkvheads": 2,
}  # fmt: skip
IDEOGRAM = {
    "image_model": "ideogram4", "in_channels": 128, "num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 16,
    "intermediate_size": 48, "adaln_dim": 16, "llm_features_dim": WIDE, "rope_theta": 10000, "mrope_section": (4, 2, 2),
}  # fmt: skip
SDXL = {
    "channel_mult": [1, 2], "num_res_blocks": [1, 1], "transformer_depth": [0, 2], "transformer_depth_middle": 1,
    "transformer_depth_output": [0, 0, 1, 1], "context_dim": WIDE, "adm_in_channels": 8 + 6 * 256, "num_classes": "sequential",
    "use_linear_in_transformer": True,
}  # fmt: skip
SD15 = {
    "channel_mult": [1, 2], "num_res_blocks": [1, 1], "transformer_depth": [1, 1], "transformer_depth_middle": 1,
    "transformer_depth_output": [1, 1, 1, 1], "context_dim": WIDE,
}  # fmt: skip


@dataclass(frozen=True)
class Tiny:
    """supported: of comfy.supported_models. channels of a latent; video: it has a frame axis; tokens: of one prompt; patch: cells of a token."""

    supported: str
    config: dict[str, Any]
    channels: int = 16
    video: bool = False
    tokens: int = 6
    patch: int = 2
    extra: dict[str, Any] | None = None


MODELS = {
    "SD1.5": Tiny("SD15", unet_config(32, **SD15), channels=4, extra={"num_heads": 2, "num_head_channels": -1}),
    "SDXL": Tiny("SDXL", unet_config(32, **SDXL), channels=4, extra={"num_heads": 2, "num_head_channels": -1}),
    "SD3": Tiny("SD3", SD3),
    "SD3.5 medium": Tiny("SD3", {**SD3, "x_block_self_attn_layers": [0, 1]}),
    "FLUX.1": Tiny("Flux", FLUX),
    "Chroma": Tiny("Chroma", CHROMA),
    "Krea 2": Tiny("Krea2", KREA, video=True),
    "Qwen-Image": Tiny("QwenImage", QWEN, video=True),
    "Lumina2": Tiny("Lumina2", LUMINA),
    "Z-Image": Tiny("ZImage", Z_IMAGE),
    "Ideogram 4": Tiny("Ideogram4", IDEOGRAM, channels=128, patch=1),
    "Cosmos-Predict2": Tiny("CosmosT2IPredict2", COSMOS, video=True),
    "Anima": Tiny("Anima", {**COSMOS, "image_model": "anima"}, video=True),
    "HunyuanVideo": Tiny("HunyuanVideo", HUNYUAN, video=True),
    "Wan": Tiny("WAN21_T2V", WAN, video=True),
}


@cache
def tiny_model(name: str) -> Any:
    """MODEL of a family, the same weights every time."""
    tiny = MODELS[name]
    supported = getattr(comfy.supported_models, tiny.supported)
    kind = type(supported.__name__, (supported,), {"unet_extra_config": tiny.extra or {}})
    settings = kind(dict(tiny.config))
    settings.set_inference_dtype(torch.float32, None)
    with patch.object(comfy.ldm.anima.model, "LLMAdapter", _small_adapter):
        model = settings.get_model({}, "")
    network = model.diffusion_model
    network.load_state_dict({k: _filled(k, v) for k, v in network.state_dict().items()})
    return patcher(model)


def _small_adapter(**given: Any) -> LLMAdapter:
    return LLMAdapter(WIDE, WIDE, WIDE, num_layers=1, num_heads=2, **given)


def _filled(name: str, like: Tensor) -> Tensor:
    random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    if not like.is_floating_point() or "pe_embedder" in name or name.endswith(("seq", "inv_freq")):
        return like
    values = torch.randn(like.shape, generator=random)
    if like.ndim <= 1:
        return 1 + 0.1 * values if name.endswith("weight") and "bias" not in name else 0.1 * values
    return values / max(like[0].numel(), 1) ** 0.5


class TinyClip:
    """A text encoder for one of them: every word has its own random vector, whatever stands beside it."""

    def __init__(self, name: str) -> None:
        self.name, self.tiny, self.encoded = name, MODELS[name], []

    def tokenize(self, prompt: str) -> str:
        return prompt

    def clone(self) -> "TinyClip":
        return self

    def set_tokenizer_option(self, name: str, value: int) -> None:
        pass

    def encode_from_tokens_scheduled(self, prompt: str) -> list:
        self.encoded.append(prompt)
        return conditioning(self.name, prompt)


def conditioning(name: str, prompt: str, tokens: int | None = None) -> list:
    """CONDITIONING (1, tokens, width) with all that the family reads beside it."""
    tiny = MODELS[name]
    random = torch.Generator().manual_seed(zlib.crc32(prompt.encode()))
    text = torch.randn(1, tokens or tiny.tokens, WIDE, generator=random)
    options: dict[str, Any] = {"pooled_output": torch.ones(1, 8)}
    if name == "Anima":
        options["t5xxl_ids"] = torch.randint(0, 1000, (5,), generator=random)
        options["t5xxl_weights"] = torch.ones(5)
    return [[text, options]]


def noise(name: str, batch: int = 1, height: int = 16, width: int = 12, seed: int = 0) -> Tensor:
    """Latents, with a frame axis where the family has one. Not square: squares hide swapped axes."""
    tiny = MODELS[name]
    start = torch.randn(batch, tiny.channels, height, width, generator=torch.Generator().manual_seed(seed))
    return start[:, :, None] if tiny.video else start
