"""Linear heads that make the base's features say where they are and what the picture will be there.

Trained with the base and thrown away with it; stage two keeps them frozen and asks them what its fusers have achieved.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Visual tokens between self- and cross-attention, where the fusers will act, and their channels.
PLACES = {  # input_2 is too near to the input to know more than its border
    "input_4": 128,
    "middle_0": 128,
    "output_0": 128,
    "output_1": 128,
    "output_2": 128,
    "output_3": 128,
    "output_4": 64,
}
# What leaves the blocks with a fuser: input blocks, and what enters each decoder block.
CLEAN = {"input_2": 128, "input_4": 128, **{f"output_{i}": 128 for i in range(5)}}
WAVES = (
    0.5,
    1.0,
    2.0,
)  # periods of sine and cosine over a side, beside x and y themselves: products of them compare a token with a box


def grid(count: int, latent: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of `count` visual tokens of a latent (h, w)."""
    rows = round((count * latent[0] / latent[1]) ** 0.5)
    return rows, count // rows


def places(rows: int, columns: int, device: torch.device) -> Tensor:
    """(rows * columns, 2 + 4 * len(WAVES)): x and y in -1..1 and their waves, row by row."""
    across, down = (torch.linspace(-1, 1, count, device=device) for count in (columns, rows))
    xy = torch.stack((across.repeat(rows), down[:, None].expand(rows, columns).flatten()), -1)
    return torch.cat([xy, *(f(torch.pi * wave * xy) for wave in WAVES for f in (torch.sin, torch.cos))], -1)


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.places = nn.ModuleDict({block: nn.Linear(width, 2 + 4 * len(WAVES)) for block, width in PLACES.items()})
        self.clean = nn.ModuleDict({block: nn.Linear(width, 4) for block, width in CLEAN.items()})

    def patches(self, places: list[Tensor] | None, clean: list[Tensor]) -> dict[str, list[Any]]:
        """Transformer options' patches that append to `places` (B, n, features) and to `clean` (B, 4, h, w) and change nothing."""

        def read_places(h: Tensor, options: dict[str, Any]) -> Tensor:
            block = "{}_{}".format(*options["block"])
            if block in PLACES:
                places.append(self.places[block](h))
            return h

        def read(h: Tensor, options: dict[str, Any]) -> Tensor:
            block = "{}_{}".format(*options["block"])
            if block in CLEAN:
                clean.append(self.clean[block](h.movedim(1, -1)).movedim(-1, 1))
            return h

        def read_skip(h: Tensor, skip: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
            return read(h, options), skip

        found: dict[str, list[Any]] = {"input_block_patch": [read], "output_block_patch": [read_skip]}
        return found if places is None else {**found, "middle_patch": [read_places]}


def place_error(read: list[Tensor], latent: tuple[int, int]) -> Tensor:
    """Mean squared error of the places that the heads read from a picture with a latent (h, w)."""
    errors = [(p.float() - places(*grid(p.shape[1], latent), p.device)).square().mean() for p in read]
    return torch.stack(errors).mean()


def clean_error(read: list[Tensor], x: Tensor) -> Tensor:
    """Mean squared error of the clean latents that the heads read, each at its size; x (B, 4, H, W) the true ones."""
    return torch.stack([(r.float() - F.adaptive_avg_pool2d(x, r.shape[-2:])).square().mean() for r in read]).mean()
