"""The weights that sit inside the UNet: fusers of its transformer blocks and ScaleU's gains, under their official names."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from .fuser import Fuser

Block = tuple[str, int]  # ComfyUI's name of a UNet block: ("input", 1), ("middle", 0), ("output", 3), ...
Place = tuple[str, int, int]  # of a fuser: its block, and the number of the transformer block in that one's stack


def block_of(path: str) -> Block:
    """Official place of a transformer ("input_blocks.1.1", "middle_block.1", "output_blocks.3.1") -> ComfyUI's block."""
    part, *rest = path.split(".")
    return (part.split("_")[0], int(rest[0]) if part != "middle_block" else 0)


class UNetAdapter(nn.Module):
    """Fusers of transformer blocks and the parameters of ScaleU for all decoder blocks.

    fuser_dims maps the official place to the width of its visual tokens; decoder_channels lists the main features'
    channels of every decoder block; depths: the place -> how many blocks of its stack have a fuser, from the first on; 1 where
    it says nothing. state_dict() has the authors' key names, so checkpoints load without renaming.
    """

    def __init__(
        self,
        fuser_dims: Mapping[str, int],
        decoder_channels: Sequence[int],
        token_dim: int,
        *,
        operations: Any,
        device: Any = None,
        dtype: Any = None,
        depths: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        kw = {"device": device, "dtype": dtype}
        self.token_dim = token_dim
        self.fuser_dims = {block_of(path): dim for path, dim in fuser_dims.items()}
        self.depths = {block_of(path): (depths or {}).get(path, 1) for path in fuser_dims}
        self.paths: dict[Place, str] = {}
        for path, dim in fuser_dims.items():
            block = block_of(path)
            for number in range(self.depths[block]):
                self.paths[(*block, number)] = name = f"{path}.transformer_blocks.{number}.fuser"
                _place(self, name, Fuser(dim, token_dim, operations=operations, **kw))
        self._fusers: dict[Place, Fuser] = {}
        self.decoder_channels = tuple(decoder_channels)
        for i, channels in enumerate(decoder_channels):
            setattr(self, f"scaleu_b_{i}", nn.Parameter(torch.empty(channels, **kw), requires_grad=False))
            setattr(self, f"scaleu_s_{i}", nn.Parameter(torch.empty(1, **kw), requires_grad=False))

    def fuser(self, block: Block, number: int = 0) -> Fuser | None:
        """The fuser of the transformer block with this number in a block's stack, or None where the checkpoint has none."""
        return self.fusers().get((*block, number))

    def fusers(self) -> Mapping[Place, Fuser]:
        """All of them, by place."""
        if not self._fusers:
            found = {place: self.get_submodule(path) for place, path in self.paths.items()}
            self._fusers.update({place: fuser for place, fuser in found.items() if isinstance(fuser, Fuser)})
        return self._fusers

    def gates(self) -> Mapping[Place, tuple[float, float]]:
        """tanh of every fuser's two gates, by place: constants of the weights. Each is read off the device once."""

        def value(alpha: torch.Tensor) -> float:
            return float(torch.tanh(alpha.detach().float()))

        return {place: (value(fuser.alpha_attn), value(fuser.alpha_dense)) for place, fuser in self.fusers().items()}

    def scaleu(self, index: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(b, s) of decoder block `index`, or None beyond the last."""
        if index >= len(self.decoder_channels):
            return None
        return getattr(self, f"scaleu_b_{index}"), getattr(self, f"scaleu_s_{index}")


def _place(root: nn.Module, path: str, module: nn.Module) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        if parent not in root._modules:
            root.add_module(parent, nn.Module())
        root = root.get_submodule(parent)
    root.add_module(name, module)
