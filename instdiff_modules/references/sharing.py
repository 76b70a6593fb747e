"""Reference attention: what the tokens of a picture take from those of a reference, in every self-attention of a UNet.

First the references run through the UNet alone, and their keys and values are kept (`Recorder`). Then each token of the
picture that lies in the location of an instance looks at them, too (`Sharing`). All others keep what they had, bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .blocks import BlockKey, block_of
from .places import Plan, Share

Patches = Mapping[str, Sequence[Any]]
Attention = Callable[[Tensor, Tensor, Tensor, int, Mapping[str, Any]], Tensor]  # q, k, v, heads, extra options


class KeysValues(NamedTuple):
    """Of one reference in one self-attention: (1, tokens, channels) each."""

    keys: Tensor
    values: Tensor


class Recorder:
    """The patch that keeps the keys and values of what runs through the UNet. insides: of each item, see `opaque_tokens`."""

    def __init__(self, attentions: Mapping[BlockKey, Any], insides: Sequence[Tensor | None]) -> None:
        self.attentions, self.insides = attentions, insides
        self.kept: list[dict[BlockKey, KeysValues]] = [{} for _ in insides]

    @property
    def patches(self) -> dict[str, list[Any]]:
        """For the references' own run; torch.compile passes by, since which tokens take part differs from block to block."""
        return {"attn1_patch": [torch.compiler.disable(self._keep)]}

    def _keep(self, n: Tensor, context: Tensor, value: Tensor, options: Mapping[str, Any]) -> tuple[Tensor, ...]:
        block = block_of(options)
        if block in self.attentions:
            attention, shape = self.attentions[block], options["activations_shape"][-2:]
            keys, values = attention.to_k(n), attention.to_v(n)
            for i, inside in enumerate(self.insides):
                tokens = slice(None) if inside is None else opaque_tokens(inside, *shape).to(n.device)
                self.kept[i][block] = KeysValues(keys[i : i + 1, tokens], values[i : i + 1, tokens])
        return n, context, value


def opaque_tokens(inside: Tensor, height: int, width: int) -> Tensor:
    """The tokens of a level that show what a cut-out picture shows. inside (H, W) in 0..1: its opacity; at least one token."""
    shares = torch.nn.functional.adaptive_avg_pool2d(inside[None], (height, width)).flatten()
    return (shares >= min(0.5, float(shares.max()))).nonzero()[:, 0]


class Sharing:
    """The patches of one model call. plans: of each item, None where it takes nothing; kept: of each reference, by its number."""

    def __init__(
        self,
        attentions: Mapping[BlockKey, Any],
        kept: Sequence[Mapping[BlockKey, KeysValues]],
        plans: Sequence[Plan | None],
        attend: Attention,
    ) -> None:
        self.attentions, self.kept, self.attend = attentions, kept, attend
        self.items: dict[Plan, list[int]] = {}
        for item, plan in enumerate(plans):
            if plan is not None:
                self.items.setdefault(plan, []).append(item)
        self.blocks = 0  # that took part
        self._seen: Tensor | None = None

    def around(self, patches: Patches) -> dict[str, Sequence[Any]]:
        """ComfyUI's patches with these: before the others and after them, so that neither needs to know of the other."""
        return {
            **patches,
            "attn1_patch": [torch.compiler.disable(self._look), *patches.get("attn1_patch", ())],
            "attn1_output_patch": [*patches.get("attn1_output_patch", ()), torch.compiler.disable(self._share)],
        }

    def _look(self, n: Tensor, context: Tensor, value: Tensor, _: Mapping[str, Any]) -> tuple[Tensor, ...]:
        self._seen = n
        return n, context, value

    def _share(self, out: Tensor, options: Mapping[str, Any]) -> Tensor:
        """out (items, tokens, channels): what the self-attention gave -> the same shape."""
        own, self._seen = self._seen, None
        block, shape = block_of(options), options["activations_shape"][-2:]
        if own is None or block not in self.attentions or own.shape[1] != shape[0] * shape[1] or out.shape != own.shape:
            return out
        self.blocks += 1
        result = out.clone()
        for plan, items in self.items.items():
            shares = plan.shares(*shape)
            if shares:
                result[items] = self._taken(block, own[items], result[items], shares, options)
        return result

    def _taken(
        self, block: BlockKey, own: Tensor, out: Tensor, shares: Sequence[Share], options: Mapping[str, Any]
    ) -> Tensor:
        """own: what went into the self-attention of some items, out: what came out; the shares from back to front."""
        attention = self.attentions[block]
        joint = any(share.strength < 2 for share in shares)
        keys, values = (attention.to_k(own), attention.to_v(own)) if joint else (own, own)
        for share in shares:
            tokens, strength = share.tokens.to(own.device), share.strength
            theirs = [one.expand(len(own), -1, -1).to(own) for one in self.kept[share.reference][block]]
            query = attention.to_q(own[:, tokens])

            def attended(k: Tensor, v: Tensor, query: Tensor = query) -> Tensor:
                return attention.to_out(self.attend(query, k, v, attention.heads, options))

            taken = out[:, tokens]
            if strength < 2:
                both = attended(torch.cat((keys, theirs[0]), 1), torch.cat((values, theirs[1]), 1))
                taken = torch.lerp(taken, both, min(strength, 1.0))
            if strength > 1:
                taken = torch.lerp(taken, attended(*theirs), strength - 1)
            out[:, tokens] = torch.lerp(out[:, tokens], taken, share.weights.to(own))
        return out
