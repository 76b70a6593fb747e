"""The frozen model that is trained around: what the trainer asks of it, and the sizes that the networks around it must have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..checkpoint.shapes import InstDiffConfig

LATENT_CHANNELS, DOWNSCALE = 4, 8


class Sizes(NamedTuple):
    """Width and height in pixels: of the picture as it is on the disk, of the corner at which it was cut, and of what is trained on."""

    original: tuple[int, int]
    corner: tuple[int, int]
    target: tuple[int, int]


Vector = Callable[[Tensor, Sizes], Tensor]


@dataclass
class Base:
    """A UNet with ComfyUI's forward and blocks, and its encoders.

    prediction: "eps" or "v". alphas: (1000,) cumulative products of its noise schedule. encode_text: a text -> what
    cross-attention sees (tokens, width) and the pooled feature (text_dim,), float32 on the CPU. encode_picture: (H, W, 3) in 0..1
    -> the latent as the UNet takes it, (4, H / 8, W / 8), float32 on the CPU; decode_latent goes back. text_key, picture_key: say which encoders these
    are; what was cached of others is not taken. vector: a caption's pooled feature and the picture's sizes -> what an SDXL UNet takes beside
    the prompt, (n,) float32 on the CPU; None for UNets that take nothing.
    """

    unet: nn.Module
    prediction: str
    alphas: Tensor
    text_dim: int
    encode_text: Callable[[str], tuple[Tensor, Tensor]]
    encode_picture: Callable[[Tensor], Tensor]
    decode_latent: Callable[[Tensor], Tensor]
    text_key: str
    picture_key: str
    device: torch.device
    vector: Vector | None = None

    def forget_encoders(self, pictures: bool = True) -> None:
        """Once everything is cached: their memory is the trainer's. pictures: none will be drawn, so the VAE may go too."""
        self.encode_text = _forgotten
        if pictures:
            self.encode_picture = self.decode_latent = _forgotten


def sizes(
    unet: nn.Module, text_dim: int, slots: int, mid_dim: int, every_block: bool = False, **backbone: Any
) -> InstDiffConfig:
    """Fusers for every transformer of a UNet with ComfyUI's blocks, ScaleU for all decoder blocks.

    Each transformer has a fuser in its first block; every_block: in all of them (SDXL's have up to ten, SD1.5's one).
    ValueError for models of another family.
    """
    try:
        inputs, middle, outputs = (
            getattr(unet, f"{part}") for part in ("input_blocks", "middle_block", "output_blocks")
        )
    except AttributeError:
        raise ValueError(
            f"The base is a {type(unet).__name__}, expected the UNet of Stable Diffusion 1.5 or SDXL, of a fine-tune of them, or a small one "
            "of their kind. Choose such a checkpoint."
        ) from None
    if middle is None or _transformer(middle) is None:
        raise ValueError(
            "The base's UNet has no transformer in its middle block, as SSD-1B and Segmind Vega have none; InstDiff's layers need "
            "one there. Choose Stable Diffusion 1.5, SDXL or a fine-tune of them."
        )
    places = {f"input_blocks.{i}.1": block for i, block in enumerate(inputs)}
    places |= {"middle_block.1": middle}
    places |= {f"output_blocks.{i}.1": block for i, block in enumerate(outputs)}
    widths = {place: width for place, block in places.items() if (width := _transformer_width(block)) is not None}
    context = _context_width(places[next(iter(widths))]) if widths else 0
    entering = [middle[0].out_channels, *(block[0].out_channels for block in outputs)][:-1]
    stacks = {place: len(_transformer(places[place]).transformer_blocks) for place in widths if every_block}
    depths = {place: count for place, count in stacks.items() if count > 1}
    return InstDiffConfig(slots, text_dim, mid_dim, context, widths, tuple(entering), **backbone, fuser_depths=depths)


def _transformer(block: Sequence[nn.Module]) -> Any:
    return next((layer for layer in list(block)[1:2] if hasattr(layer, "transformer_blocks")), None)


def _transformer_width(block: Sequence[nn.Module]) -> int | None:
    transformer = _transformer(block)
    return None if transformer is None else transformer.transformer_blocks[0].attn1.to_q.weight.shape[0]


def _context_width(block: Sequence[nn.Module]) -> int:
    return _transformer(block).transformer_blocks[0].attn2.to_k.weight.shape[1]


def _forgotten(_: Any) -> Any:
    raise RuntimeError("the encoders were let go once everything was cached")
