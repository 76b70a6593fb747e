"""A small flow transformer for the shape world: ComfyUI's Lumina 2 class, captions alone, around the shipped text encoder and VAE."""

from itertools import pairwise  # noqa: I001
from typing import Any

import lab  # makes comfy importable
import comfy.ldm.lumina.model as lumina
import comfy.model_management
import torch
from comfy.ops import disable_weight_init
from torch import Tensor, nn

CONFIG: dict[str, Any] = {
    "image_model": "lumina2", "patch_size": 2, "in_channels": 4, "dim": 256, "n_layers": 6, "n_refiner_layers": 1, "n_heads": 4,
    "n_kv_heads": 4, "multiple_of": 32, "ffn_dim_multiplier": 2.0, "qk_norm": True, "cap_feat_dim": 128, "axes_dims": [16, 24, 24],
    "axes_lens": [300, 512, 512], "time_scale": 1000.0, "rope_theta": 100.0,
}  # fmt: skip
SHIFT = 3.0  # of a sampler's steps: more where only the prompt can tell what the picture shows
TAUGHT_SHIFT = 2.0  # of the training: what only the prompt can tell is learned first, forms, at less noise, take longer


def attention(
    q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None, skip_reshape: bool = True, **_: Any
) -> Tensor:
    """q, k, v (B, heads, n, C / heads), no mask -> (B, n, C). Written out: models.attention says why."""
    if lab.DEVICE.type != "cpu":
        return nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1).to(v.dtype)
    return (weights @ v).transpose(1, 2).flatten(2)


def rotated(q: Tensor, k: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """ComfyUI's apply_rope, (B, n, heads, C) and matrices (1, n, 1, C / 2, 2, 2), in a form that a compiler makes one loop of."""
    cos, sin = turns[..., 0, 0], turns[..., 1, 0]
    out = []
    for x in (q, k):
        one, other = x.float().unflatten(-1, (-1, 2)).unbind(-1)
        out.append(torch.stack((one * cos - other * sin, one * sin + other * cos), -1).flatten(-2).type_as(x))
    return tuple(out)


class Layers(disable_weight_init):
    class RMSNorm(disable_weight_init.RMSNorm):
        def forward(self, x: Tensor) -> Tensor:
            """In the precision of x, for which torch has a fused kernel."""
            return nn.functional.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Network(lumina.NextDiT):
    def unpatchify(
        self, x: Tensor, img_size: list[tuple[int, int]], cap_size: list[int], return_tensor: bool = False
    ) -> Tensor:
        """The same picture by picture would be a thousand small operations in each step."""
        (height, width), p = img_size[0], self.patch_size
        x = x[:, cap_size[0] :].unflatten(1, (height // p, width // p)).unflatten(-1, (p, p, -1))
        return x.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def network() -> Network:
    """Ready to be trained: in this process alone ComfyUI's layers take the ways that have a gradient."""
    lumina.optimized_attention_masked, lumina.apply_rope = attention, rotated
    comfy.model_management.in_training = True
    model = Network(**CONFIG, dtype=torch.float32, operations=Layers)
    lab.initialise(model)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.RMSNorm):
            nn.init.ones_(layer.weight)
        if "adaLN_modulation" in name and isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
            if layer.bias.numel() == 4 * CONFIG["dim"]:  # gates open a little: with both at zero nothing would learn
                layer.bias.data.view(4, -1)[1::2] = 0.3
    nn.init.zeros_(model.final_layer.linear.weight)
    return model.requires_grad_(True).train()


class Flow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        """x (B, 4, h, w), sigma (B,), context (B, n, 128) -> velocity: noise - picture."""
        return self.net._forward(x, sigma, context, context.shape[1], transformer_options={})


def shifted(u: Tensor, shift: float = SHIFT) -> Tensor:
    return shift * u / (1 + (shift - 1) * u)


def draw_sigmas(count: int, device: torch.device) -> Tensor:
    """Noise levels (count,) in 0..1, drawn as a sampler with TAUGHT_SHIFT visits them: one in each of `count` equal parts."""
    u = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    return shifted(u, TAUGHT_SHIFT)


def noised(x: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    s = sigma[:, None, None, None]
    return (1 - s) * x + s * noise


@torch.no_grad()
def sample(velocity: Any, noise: Tensor, steps: int = 20) -> Tensor:
    """Euler: velocity(x, sigma (B,)) -> guided velocity; noise (B, 4, h, w) -> latents."""
    sigmas, x = shifted(torch.linspace(1, 0, steps + 1, device=noise.device)), noise
    for now, after in pairwise(sigmas):
        x = x + (after - now) * velocity(x, now.expand(len(x)))
    return x
