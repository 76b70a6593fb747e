"""The networks of the demo model in training: ComfyUI's UNetModel and CLIP text model at small sizes."""

from typing import Any  # noqa: I001

import lab  # makes comfy importable
import comfy.ldm.modules.attention as comfy_attention
import torch
from comfy.clip_model import CLIPTextModel_
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.ops import disable_weight_init
from torch import Tensor, nn

# The finest level has no residual block going down and takes its keys from the prompt alone: at 32x32 its
# self-attention would cost as much as the rest of the network together.
UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 64,
    "num_res_blocks": [0, 1, 1],
    "channel_mult": [1, 2, 2],
    "transformer_depth": [1, 1],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1] * 5,
    "context_dim": 128,
    "use_spatial_transformer": True,
    "legacy": False,
    "use_linear_in_transformer": False,
    "num_heads": -1,
    "num_head_channels": 64,
    "disable_self_attentions": [True, False, False],
}
CLIP = {
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "hidden_act": "quick_gelu",
    "max_position_embeddings": 77,
    "eos_token_id": 49407,
}


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None, **_: Any) -> Tensor:
    """q (B, n, C), k and v (B, m, C), no mask -> (B, n, C). A GPU has torch's fused attention."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    if lab.DEVICE.type != "cpu":
        return nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    # Written out: its backward pass in half precision is faster on a CPU than that of torch's fused attention.
    weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1).to(v.dtype)
    return (weights @ v).transpose(1, 2).flatten(2)


def unet(config: dict[str, Any] = UNET) -> UNetModel:
    comfy_attention.optimized_attention = attention  # in the training process alone
    model = UNetModel(**config, dtype=torch.float32, operations=disable_weight_init)
    lab.initialise(model)
    for name, layer in model.named_modules():
        # The last layer of every branch starts at zero, as in the paper that introduced this UNet.
        if name.endswith(("out_layers.3", "proj_out")) or name == "out.2":
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model.requires_grad_(True).train()


class TextEncoder(nn.Module):
    """CLIP's text model over the rows of the world's words: ids (B, 77) in the reduced vocabulary -> hidden states.

    Same layers and names as ComfyUI's CLIPTextModel_; only the embedding has few rows, and the forward pass leaves its
    input as it is, since backpropagation needs it.
    """

    def __init__(self, rows: int, config: dict[str, Any] = CLIP) -> None:
        super().__init__()
        text = CLIPTextModel_(config, torch.float32, None, disable_weight_init)
        width = config["hidden_size"]
        text.embeddings.token_embedding = nn.Embedding(rows, width)
        lab.initialise(text)
        nn.init.normal_(text.embeddings.token_embedding.weight, std=0.3)
        nn.init.normal_(text.embeddings.position_embedding.weight, std=0.1)
        self.text_model = text.requires_grad_(True)
        self.register_buffer("causal", torch.full((77, 77), -1e9).triu_(1), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        text = self.text_model
        x = text.embeddings.token_embedding(ids) + text.embeddings.position_embedding.weight
        for layer in text.encoder.layers:
            h = layer.layer_norm1(x)
            a = layer.self_attn
            q, k, v = (p(h).unflatten(-1, (a.heads, -1)).transpose(1, 2) for p in (a.q_proj, a.k_proj, a.v_proj))
            o = ((q * q.shape[-1] ** -0.5) @ k.mT + self.causal.to(q.dtype)).softmax(-1).to(v.dtype) @ v
            x = x + a.out_proj(o.transpose(1, 2).flatten(2))
            x = x + layer.mlp(layer.layer_norm2(x))
        return text.final_layer_norm(x)
