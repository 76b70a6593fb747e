"""Random companions of the small SD1.5: a ControlNet, a LoRA, a GLIGEN model and an image upscaler that the stock loaders accept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file
from support.random_weights import fill
from support.sd15_shapes import SMALL, Shapes, unet_shapes

CONTROLNET = "random_controlnet.safetensors"
LORA = "random_lora.safetensors"
UPSCALER = "random_esrgan_x4.safetensors"
GLIGEN = "random_gligen.safetensors"
RANK = 4


@contextmanager
def extras(models: Path) -> Iterator[None]:
    """The files in a models folder, for as long as the `with` lasts.

    Their folders stay: ComfyUI has seen them, and asks for their times whenever it lists its nodes.
    """
    files = write_extras(models)
    try:
        yield
    finally:
        for file in files:
            file.unlink()


def write_extras(models: Path) -> list[Path]:
    """Write the files into a models folder; their paths."""
    files = {
        models / "controlnet" / CONTROLNET: controlnet(),
        models / "loras" / LORA: lora(),
        models / "upscale_models" / UPSCALER: upscaler(),
        models / "gligen" / GLIGEN: gligen(),
    }
    for path, tensors in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path)
    return list(files)


def controlnet() -> dict[str, torch.Tensor]:
    """The encoder half of the small UNet, a hint network before it, a convolution behind each of its blocks."""
    unet, _ = unet_shapes(SMALL)
    shapes: Shapes = {
        key: shape for key, shape in unet.items() if key.startswith(("time_embed", "input_blocks", "middle_block"))
    }
    channels, hint = SMALL.channels, (3, 16, 16, 32, 32, 96, 96, 256)
    for layer, (inside, outside) in enumerate(zip(hint, (*hint[1:], channels), strict=True)):
        shapes[f"input_hint_block.{2 * layer}.weight"] = (outside, inside, 3, 3)
        shapes[f"input_hint_block.{2 * layer}.bias"] = (outside,)
    blocks = {key.split(".")[1] for key in unet if key.startswith("input_blocks.")}
    for name in [*(f"zero_convs.{block}.0" for block in sorted(blocks)), "middle_block_out.0"]:
        shapes[f"{name}.weight"] = (channels, channels, 1, 1)
        shapes[f"{name}.bias"] = (channels,)
    return fill(shapes, 0, torch.float16)


def lora() -> dict[str, torch.Tensor]:
    """Low-rank changes of every attention of the UNet, and of CLIP's queries and values (kohya's names)."""
    unet, _ = unet_shapes(SMALL)
    layers = {
        "lora_unet_" + key.removesuffix(".weight").replace(".", "_"): shape
        for key, shape in unet.items()
        if key.endswith((".to_q.weight", ".to_k.weight", ".to_v.weight"))
    }
    for layer in range(12):
        for name in ("q_proj", "v_proj"):
            layers[f"lora_te_text_model_encoder_layers_{layer}_self_attn_{name}"] = (768, 768)
    tensors: dict[str, torch.Tensor] = {}
    for name, (outside, inside) in layers.items():
        tensors |= fill(
            {f"{name}.lora_up.weight": (outside, RANK), f"{name}.lora_down.weight": (RANK, inside)}, 0, torch.float16
        )
        tensors[f"{name}.alpha"] = torch.tensor(float(RANK))
    return tensors


def gligen() -> dict[str, torch.Tensor]:
    """A gated attention for each transformer block of the small UNet, and the network that reads boxes and words."""
    unet, _ = unet_shapes(SMALL)
    shapes: Shapes = {}
    for key, shape in unet.items():
        if not key.endswith("attn1.to_q.weight"):
            continue
        block, width = key.removesuffix("attn1.to_q.weight") + "fuser.", shape[0]
        shapes |= {
            f"{block}linear.weight": (width, 768),
            f"{block}linear.bias": (width,),
            f"{block}alpha_attn": (),
            f"{block}alpha_dense": (),
        }
        shapes |= {f"{block}attn.to_{name}.weight": (width, width) for name in ("q", "k", "v")}
        shapes |= {f"{block}attn.to_out.0.weight": (width, width), f"{block}attn.to_out.0.bias": (width,)}
        shapes |= {f"{block}ff.net.0.proj.weight": (8 * width, width), f"{block}ff.net.0.proj.bias": (8 * width,)}
        shapes |= {f"{block}ff.net.2.weight": (width, 4 * width), f"{block}ff.net.2.bias": (width,)}
        shapes |= {f"{block}{norm}.{part}": (width,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
    for number, (inside, outside) in {0: (768 + 64, 512), 2: (512, 512), 4: (512, 768)}.items():
        shapes |= {
            f"position_net.linears.{number}.weight": (outside, inside),
            f"position_net.linears.{number}.bias": (outside,),
        }
    shapes |= {"position_net.null_positive_feature": (768,), "position_net.null_position_feature": (64,)}
    return fill(shapes, 0, torch.float16)


def upscaler(width: int = 8) -> dict[str, torch.Tensor]:
    """An ESRGAN of one block that makes pictures four times as large."""
    growth = 32
    shapes: Shapes = {"model.0.weight": (width, 3, 3, 3)}
    for dense in ("RDB1", "RDB2", "RDB3"):
        for layer in range(5):
            shape = (width if layer == 4 else growth, width + layer * growth, 3, 3)
            shapes[f"model.1.sub.0.{dense}.conv{layer + 1}.0.weight"] = shape
    for name, outside in (("1.sub.1", width), ("3", width), ("6", width), ("8", width), ("10", 3)):
        shapes[f"model.{name}.weight"] = (outside, width, 3, 3)
    shapes |= {key.removesuffix("weight") + "bias": shape[:1] for key, shape in shapes.items()}
    tensors = fill(shapes, 0, torch.float32)
    tensors["model.10.bias"] += 0.5  # the picture's mean is grey
    return tensors
