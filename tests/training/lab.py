"""Common ground of the training scripts: ComfyUI and the pack made importable, networks built, states saved, grids drawn."""

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.environment import prepare

prepare()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor, nn  # noqa: E402

DDCONFIG = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 64,
    "ch_mult": [1, 1, 1, 1],
    "num_res_blocks": 0,
    "attn_resolutions": [],
    "dropout": 0.0,
}
DEVICE = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
torch.set_float32_matmul_precision("high")
LATENT_SCALE = 0.18215  # ComfyUI multiplies SD1.5's latents by this before the UNet sees them


def autocast() -> Any:
    """Half precision where it is safe: on a CPU with AMX it trains several times as fast, too."""
    return torch.autocast(DEVICE.type, torch.bfloat16)


def compiled(function: Any) -> Any:
    """Compiled for one size on a CPU, where it takes minutes and gains half; as it is elsewhere."""
    return torch.compile(function, dynamic=False) if DEVICE.type == "cpu" else function


def painters() -> int:
    """Processes that draw scenes for a training: none beside a CPU's."""
    return 0 if DEVICE.type == "cpu" else max(1, len(os.sched_getaffinity(0)) - 2)


def initialise(module: nn.Module, gain: float = 1.0) -> None:
    """ComfyUI's layers come with whatever was in memory: give every one the start that torch's own layers have."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, a=5**0.5)
            layer.weight.data *= gain
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, (nn.GroupNorm, nn.LayerNorm)):
            if layer.weight is not None:
                nn.init.ones_(layer.weight)
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight, std=0.02)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write beside the old state, then replace it: an interruption leaves one or the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def load_state(path: Path) -> dict[str, Any] | None:
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def averaged(state: dict[str, Any]) -> dict[str, Tensor]:
    """The averaged weights of a training state, single precision; a small state has nothing else."""
    return {key: value.float() for key, value in state.get("ema", state["model"]).items()}


class Ema:
    """Running average of a module's parameters; the share of the past grows with the steps, up to `most`."""

    def __init__(self, module: nn.Module, most: float = 0.998) -> None:
        self.most, self.steps = most, 0
        self.shadow = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def resume(self, shadow: dict[str, Tensor], steps: int) -> None:
        self.shadow, self.steps = {k: v.to(self.shadow[k]) for k, v in shadow.items()}, steps

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.steps += 1
        keep = min(self.most, (1 + self.steps) / (10 + self.steps))
        old, new = zip(
            *((self.shadow[k], v) for k, v in module.state_dict().items() if v.is_floating_point()), strict=True
        )
        torch._foreach_lerp_(list(old), [v.detach() for v in new], 1 - keep)


class Means:
    """Running means of named values, kept on the device: a training never waits for them but where they are printed."""

    def __init__(self, share: float = 0.02) -> None:
        self.share = share
        self.kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, name: str, value: Tensor) -> None:
        value = torch.stack((value.detach().float(), torch.ones_like(value, dtype=torch.float32)))
        if name not in self.kept:
            self.kept[name] = torch.zeros_like(value)
        self.kept[name].lerp_(value, self.share)

    def __str__(self) -> str:
        means = {name: value.tolist() for name, value in self.kept.items()}
        return ", ".join(f"{name} {total / count:.4f}" for name, (total, count) in means.items() if count)


def save_grid(path: Path, pictures: Tensor, columns: int) -> None:
    """pictures (n, 3, H, W) in 0..1 as one PNG."""
    n, _, height, width = pictures.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for i, picture in enumerate(pictures.float().cpu().clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()):
        r, c = divmod(i, columns)
        sheet[r * height : (r + 1) * height, c * width : (c + 1) * width] = picture
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def double(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2 H, 2 W), nearest. Equal to F.interpolate, whose compiled backward loses the gradient on a CPU."""
    b, c, h, w = x.shape
    return x[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)


def use_trainable_upsampling() -> None:
    """In this training process alone, let ComfyUI's two upsampling layers call `double`."""
    import comfy.ldm.modules.diffusionmodules.model as vae
    import comfy.ldm.modules.diffusionmodules.openaimodel as unet

    vae.interpolate_up = lambda x, scale_factor: double(x)
    unet.Upsample.forward = lambda self, x, output_shape=None: self.conv(double(x))
