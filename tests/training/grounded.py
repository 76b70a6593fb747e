"""The pack's own networks around the frozen base, as in training: tokens once per batch, fusers and ScaleU as patches."""

from collections.abc import Mapping
from typing import Any

import heads
import lab
import models
import torch
import torch.nn.functional as F
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs
from instdiff.instdiff_modules.networks.adapter import UNetAdapter
from instdiff.instdiff_modules.networks.scaleu import gains, scaleu
from instdiff.instdiff_modules.networks.unifusion import SEGMENT_TOKENS, UniFusion
from torch import Tensor, nn

SLOTS, MID = 30, 96
DEPTHS, DIMS = (1, 1, 2, 1), (16, 32, 48, 64)
WIDTH = models.CLIP["hidden_size"]
# Where models.UNET has transformers, and the channels that enter each of its five decoder blocks.
FUSERS = {
    "input_blocks.2.1": 128,
    "input_blocks.4.1": 128,
    "middle_block.1": 128,
    "output_blocks.0.1": 128,
    "output_blocks.1.1": 128,
    "output_blocks.2.1": 128,
    "output_blocks.3.1": 128,
    "output_blocks.4.1": 64,
}
DECODER = (128,) * 5
BLIND = ("input", 2)  # too near to the input to know places


class Tokenizer(UniFusion):
    """UniFusion for batches of which the first pictures have masks: `segs` are theirs alone, so that no value has to be read from the device."""

    def segment_features(self, segs: Tensor, seg_mask: Tensor) -> Tensor:
        """Masks (b, N, 512, 512), b <= B, and presence (B,) -> (B, 64, segment_dim)."""
        present = seg_mask[:, None, None].to(self.null_seg_feature)
        absent = (1 - present) * self.null_seg_feature + self.pos_embedding
        if not len(segs):
            return absent
        grid = self.convnext_tiny_backbone(self.in_conv(segs))
        seen = grid.reshape(len(segs), self.segment_dim, SEGMENT_TOKENS).transpose(1, 2)
        return absent + present * F.pad(seen, (0, 0, 0, 0, 0, len(seg_mask) - len(segs)))


class Grounding(nn.Module):
    """UniFusion and the adapter, started as the paper does: at first the base draws as if they were not there."""

    def __init__(self) -> None:
        super().__init__()
        self.position_net = Tokenizer(SLOTS, WIDTH, MID, WIDTH, depths=DEPTHS, dims=DIMS, operations=nn)
        self.adapter = UNetAdapter(FUSERS, DECODER, WIDTH, operations=nn)
        lab.initialise(self)
        net = self.position_net
        for name, parameter in net.named_parameters():
            if name.startswith("null_") or name.endswith("gamma"):
                nn.init.constant_(parameter, 0.0 if name.startswith("null_") else 0.5)
        nn.init.normal_(net.pos_embedding, std=0.02)
        for name, parameter in self.adapter.named_parameters():
            if name.startswith("scaleu") or name.endswith(("attn.to_out.0.weight", "ff.net.2.weight")):
                nn.init.zeros_(parameter)
            elif name.endswith(("alpha_attn", "alpha_dense")):
                nn.init.constant_(
                    parameter, 0.5
                )  # with output layers at zero: faster than gates at zero, as silent at first
        self.requires_grad_(True)

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the key names of the authors' file."""
        return {
            **self.adapter.state_dict(),
            **{f"position_net.{k}": v for k, v in self.position_net.state_dict().items()},
        }

    def load_official_state_dict(self, weights: dict[str, Tensor]) -> None:
        prefix = "position_net."
        self.position_net.load_state_dict(
            {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        )
        self.adapter.load_state_dict({k: v for k, v in weights.items() if not k.startswith(prefix)})

    def tokens(self, inputs: GroundingInputs) -> Tensor:
        return self.position_net(inputs)

    def patches(
        self, tokens: Tensor, attended: list[Tensor] | None = None, hidden: Mapping[int, Tensor] | None = None
    ) -> dict[str, list[Any]]:
        """Transformer options' patches that fuse `tokens` (B, T, width) into the UNet's blocks.

        To `attended` every fuser appends how much of each visual token's attention goes to each slot, (B, n, SLOTS), the mean
        of its heads and the sum of the formats. hidden: by n, the log of what is seen of each slot's instance, (B, n, SLOTS).
        """

        def biased(scores: Tensor) -> Tensor:
            if hidden is None:
                return scores
            n = scores.shape[-2]
            return scores + F.pad(hidden[n].repeat(1, 1, 4), (n, scores.shape[-1] - n - 4 * SLOTS)).to(scores)[:, None]

        def watched(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: None = None) -> Tensor:
            q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
            weights = biased((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1)
            n = q.shape[-2]
            attended.append(weights[..., n : n + 4 * SLOTS].mean(1).unflatten(-1, (4, SLOTS)).sum(-2))
            return (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)

        def plain(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: None = None) -> Tensor:
            q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
            weights = biased((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1).to(v.dtype)
            return (weights @ v).transpose(1, 2).flatten(2)

        def fuse(x: Tensor, options: Mapping[str, Any]) -> Tensor:
            fuser = self.adapter.fuser(options["block"])
            attention = models.attention if attended is None or options["block"] == BLIND else watched
            if attention is not watched and hidden is not None:
                attention = plain
            gates = torch.tanh(fuser.alpha_attn), torch.tanh(fuser.alpha_dense)
            return fuser(x, fuser.key_values(tokens), options["n_heads"], attention, gates)

        def scale(h: Tensor, skip: Tensor, options: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
            return scaleu(h, skip, gains(*self.adapter.scaleu(options["block"][1]), h))

        return {"middle_patch": [fuse], "output_block_patch": [scale]}


def attention_error(attended: list[Tensor], cover: Tensor) -> Tensor:
    """How far the fusers' attention is from the picture: cover (B, SLOTS, h, w) is the share of each pixel that each slot's instance fills.

    Where an instance is, half of the attention is enough, the other half is free; where none is, none may draw attention.
    """
    errors = []
    for given in attended:
        share = given.float()
        want = F.adaptive_avg_pool2d(cover, heads.grid(share.shape[1], cover.shape[-2:])).flatten(2).mT
        pull = -(want * (2 * share + 1e-4).clamp(max=1).log()).sum(-1)
        push = -(1 - want.sum(-1)).clamp(min=0) * (1 - share.sum(-1)).clamp(min=1e-4).log()
        errors.append((pull + push).mean())
    return torch.stack(errors).mean()
