"""Seeded random checkpoints: files of the right architecture that were never trained.

They stand in for the real weights in the tests and the benchmarks: a picture made with
them is noise, but every key, shape and dtype is what a real file has. The small size (default) is
an SD1.5 with two resolutions and one block each (sd15_shapes.py); `full` is the real thing's size.
"""

import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from support.sd15_shapes import instdiff_shapes, sd15_shapes

BASE_NAME = "instdiff_random_sd15.safetensors"
INSTDIFF_NAME = "instdiff_random.safetensors"


def sd15_state_dict(full: bool = False, seed: int = 0, dtype: torch.dtype = torch.float16) -> dict[str, torch.Tensor]:
    """A whole SD1.5 checkpoint of random weights; equal seeds give equal tensors."""
    tensors = fill(sd15_shapes(full), seed, dtype)
    ids = "cond_stage_model.transformer.text_model.embeddings.position_ids"
    tensors[ids] = torch.arange(77).unsqueeze(0)  # older files carry this buffer; it is not a weight
    _let_noise_through(tensors)
    if not full:
        # TAESD divides SD1.5's latent scale out itself; without these the decoder saturates.
        tensors["first_stage_model.vae_scale"] = torch.tensor(0.18215, dtype=dtype)
        tensors["first_stage_model.vae_shift"] = torch.tensor(0.0, dtype=dtype)
    return tensors


def instdiff_state_dict(
    full: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float16,
    mid_dim: int | None = None,
    slots: int = 30,
) -> dict[str, torch.Tensor]:
    """InstDiff's own weights (fuser, position_net, scaleu) for the UNet of the same size."""
    return fill(instdiff_shapes(full, mid_dim, slots), seed, dtype)


def fill(shapes: Mapping[str, tuple[int, ...]], seed: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Fill every shape. A tensor depends on (seed, key, shape) only, never on the order of the keys."""
    return {key: _random(key, shape, seed).to(dtype) for key, shape in shapes.items()}


def write_random_files(folder: Path, full: bool = False, seed: int = 0) -> tuple[Path, Path]:
    """Write `checkpoints/` and `instdiff/` files under a models folder and return both paths.

    A file appears under its name only when it is complete.
    """
    base = folder / "checkpoints" / BASE_NAME
    instdiff = folder / "instdiff" / INSTDIFF_NAME
    for path, tensors in ((base, sd15_state_dict(full, seed)), (instdiff, instdiff_state_dict(full, seed))):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        save_file(tensors, unfinished, metadata={"note": "random weights, pictures are noise", "seed": str(seed)})
        unfinished.replace(path)
    return base, instdiff


def _let_noise_through(tensors: dict[str, torch.Tensor]) -> None:
    """Make the UNet's prediction mostly its own input, as a trained one's is, plus a random part.

    The prediction is the noise; were it all random, sampling would remove no noise and end
    at 15 times the size of any real latent. The input z travels in the first eight channels of the
    first convolution's skip, as +z and -z: past the last block, through the last norm (one group of
    ten channels) and, lifted by 8 to where SiLU is straight, into the last convolution.
    """
    unet = {key.removeprefix("model.diffusion_model."): tensor for key, tensor in tensors.items()}
    last = max(int(key.split(".")[1]) for key in unet if key.startswith("output_blocks."))
    block, transformer = f"output_blocks.{last}.0", f"output_blocks.{last}.1"
    signs = torch.cat((torch.eye(4), -torch.eye(4), torch.zeros(2, 4)))
    quiet = ["input_blocks.0.0", f"{block}.out_layers.3", f"{block}.skip_connection", f"{transformer}.proj_out"]
    for name in quiet:
        unet[f"{name}.weight"][:10] = 0
        unet[f"{name}.bias"][:10] = 0
    channels = unet["out.0.weight"].shape[0]
    unet["input_blocks.0.0.weight"][:10, :, 1, 1] = signs.to(unet["out.2.weight"])
    unet[f"{block}.skip_connection.weight"][:10, -channels : 10 - channels, 0, 0] = torch.eye(10).to(
        unet["out.2.weight"]
    )
    unet["out.0.weight"][:10] = math.sqrt(0.8)  # of ten channels eight carry z
    unet["out.0.bias"][:10] = 8
    unet["out.2.weight"] *= 0.3
    unet["out.2.weight"][:, :10] = 0
    unet["out.2.weight"][:, :10, 1, 1] = signs.T.to(unet["out.2.weight"]) / 2


def _random(key: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Scales that keep activations near variance 1, so that nothing overflows in half precision."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{key}".encode()))
    noise = torch.randn(shape, generator=generator)
    last = key.rpartition(".")[2]
    if last.startswith("alpha_"):
        return 0.5 + 0.25 * noise.clamp(-1, 1)  # gates well open: instances visibly matter
    if last.startswith("scaleu_"):
        return 0.4 * noise
    if last.startswith("null_"):
        return 0.5 * noise
    if last == "pos_embedding":
        return 0.1 * noise
    if last == "gamma":
        return 0.3 + 0.1 * noise
    if "_embedding" in key:
        return 0.1 * noise
    if key.endswith("taesd_decoder.19.bias"):
        return torch.full(shape, 0.5)  # the picture's mean is grey: room on both sides before it clips
    if last == "bias":
        return 0.05 * noise
    if len(shape) == 1:
        return 1.0 + 0.1 * noise
    if "taesd_decoder" in key:
        noise = noise - noise.mean(dim=(1, 2, 3), keepdim=True)  # else the mean grows with each ReLU
    gain = 3.0 if key.endswith("taesd_encoder.14.weight") else 1.0
    return gain * noise / math.sqrt(math.prod(shape[1:]))
