"""The networks that are trained, around a frozen UNet with ComfyUI's forward."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint.formats import part_of
from ..checkpoint.shapes import InstDiffConfig
from ..grounding.inputs import GroundingInputs
from ..layout.instance import Box
from ..networks.adapter import UNetAdapter
from ..networks.scaleu import gains, scaleu
from ..networks.unifusion import UniFusion
from ..sampling.attention_mask import MaskedAttention, additive_mask

PREFIX = "position_net."
PARTS = {"tokenizer": "position_net", "fusers": "fuser", "scaleu": "scaleu"}
Boxes = Sequence[Sequence[Box | None]]  # of every layout of a batch, by slot; None where the slot has none


class Grounded(nn.Module):
    """Tokenizer, fusers and ScaleU in float32, in which the parts named in `parts` are trained, and the base that they steer.

    The base is no part of this module: its weights are neither saved nor trained nor shared between processes.
    """

    def __init__(self, config: InstDiffConfig, base: nn.Module, parts: Sequence[str] = tuple(PARTS)) -> None:
        super().__init__()
        self.config = config
        self.position_net = UniFusion(
            config.slots,
            config.text_dim,
            config.mid_dim,
            config.out_dim,
            depths=config.depths,
            dims=config.dims,
            operations=nn,
        )
        self.adapter = UNetAdapter(
            config.fuser_dims, config.decoder_channels, config.out_dim, operations=nn, depths=config.fuser_depths
        )
        chosen = {PARTS[part] for part in parts}
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(_part(name) in chosen)
        self._base = (base.requires_grad_(False),)  # in a tuple, so that it is no part of this module

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        context: Tensor,
        inputs: GroundingInputs,
        masked: MaskedAttention | None = None,
        boxes: Boxes | None = None,
        vector: Tensor | None = None,
    ) -> Tensor:
        """x (B, C, h, w) at time steps t (B,), caption (B, tokens, width), B layouts -> the base's answer, shaped as x.

        masked with boxes: visual tokens see their own instance alone. vector (B, n): what an SDXL UNet takes beside the caption.
        """
        tokens = self.position_net(inputs)
        masks = None if masked is None or boxes is None else _Masks(masked, boxes, self.config.slots, x.shape[-2:])

        def fuse(h: Tensor, options: Mapping[str, Any]) -> Tensor:
            fuser = self.adapter.fuser(options["block"], options.get("block_index", 0))
            if fuser is None:
                return h
            gates = torch.tanh(fuser.alpha_attn.float()), torch.tanh(fuser.alpha_dense.float())
            mask = None if masks is None else masks.of(h)
            return fuser(h, fuser.key_values(tokens), options["n_heads"], attention, gates, mask)

        def scale(h: Tensor, skip: Tensor, options: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
            pair = self.adapter.scaleu(options["block"][1])
            return (h, skip) if pair is None else scaleu(h, skip, gains(*pair, h))

        patches = {"middle_patch": [fuse], "output_block_patch": [scale]}
        dtype = next(self.base.parameters()).dtype  # a frozen base may be in half precision
        beside = {} if vector is None else {"y": vector.to(dtype)}
        return self.base(x.to(dtype), t, context.to(dtype), transformer_options={"patches": patches}, **beside)

    @property
    def base(self) -> nn.Module:
        return self._base[0]

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def official(self, weights: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """All weights under the authors' names, each with memory of its own. weights: of these names, others than its own."""
        kept = {name: parameter.detach() for name, parameter in self.named_parameters()}
        kept |= dict(weights or {})
        out = {}
        for name, value in kept.items():
            out |= official_names(name, value)
        return {name: value.clone() for name, value in out.items()}

    def load_official(self, weights: Mapping[str, Tensor]) -> None:
        self.position_net.load_state_dict(
            {k.removeprefix(PREFIX): v for k, v in weights.items() if k.startswith(PREFIX)}
        )
        self.adapter.load_state_dict({k: v for k, v in weights.items() if not k.startswith(PREFIX)})


def official_names(name: str, value: Tensor) -> dict[str, Tensor]:
    """A parameter of Grounded under its official name; the joined projection of a fuser is three of them."""
    name = name.removeprefix("adapter.")
    if not name.endswith(".to_qkv.weight"):
        return {name: value}
    stem = name.removesuffix("qkv.weight")
    return {f"{stem}{letter}.weight": part for letter, part in zip("qkv", value.chunk(3), strict=True)}


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    """Softmax attention with a gradient. q (B, n, C), k and v (B, m, C), mask additive (B, n, m)."""
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    mask = None if mask is None else mask.unsqueeze(1).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


@torch.no_grad()
def start(net: Grounded, generator: torch.Generator) -> None:
    """The first weights of a training from nothing, as the authors' but for the mask backbone, which they take from ImageNet.

    Gates, ScaleU and null features are zero, so the base draws as it did.
    """
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            bound = (module.weight[0].numel()) ** -0.5
            module.weight.uniform_(-bound, bound, generator=generator)
            if module.bias is not None:
                module.bias.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.LayerNorm):
            module.weight.fill_(1)
            module.bias.zero_()
    for name, parameter in net.named_parameters():
        leaf = name.rpartition(".")[2]
        if leaf.startswith(("null_", "scaleu_", "alpha_")):
            parameter.zero_()
        elif leaf == "gamma":
            parameter.fill_(1e-6)
        elif leaf == "pos_embedding":
            parameter.normal_(std=0.02, generator=generator)


def fill_missing_gradients(parameters: Iterator[nn.Parameter] | Sequence[nn.Parameter]) -> None:
    """Zeros where a part took no part in the step: the optimizer's moments then decay, as if it had."""
    for parameter in parameters:
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


def _part(name: str) -> str:
    return part_of(name.removeprefix("adapter."))


class _Masks:
    """The additive masks of one call, made once for each number of visual tokens."""

    def __init__(self, masked: MaskedAttention, boxes: Boxes, slots: int, latent: Sequence[int]) -> None:
        self.masked, self.boxes, self.slots, self.latent = masked, boxes, slots, tuple(latent)
        self._made: dict[int, Tensor | None] = {}
        self._finest: int | None = None

    def of(self, h: Tensor) -> Tensor | None:
        """(B, n, n + tokens) for visual tokens (B, n, C), or None where nothing is masked. The first that is asked for is of the finest level."""
        n = h.shape[1]
        self._finest = self._finest or n
        if n not in self._made:
            pairs = [self.masked.allowed(one, self.slots, n, self.latent, self._finest) for one in self.boxes]
            like = next((pair for pair in pairs if pair is not None), None)
            self._made[n] = (
                None
                if like is None
                else additive_mask(
                    torch.stack([torch.ones_like(like) if pair is None else pair for pair in pairs]).to(h.device),
                    h.dtype,
                )
            )
        return self._made[n]
