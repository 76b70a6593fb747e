"""What the visual tokens may see of the grounding tokens, at every level of the UNet: masked attention, and depth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..grounding.bank import GROUPS, TokenBank, TokenSet
from ..layout.instance import Instance
from ..networks.fuser import Attention
from ..networks.unifusion import SEGMENT_TOKENS
from .attention_mask import MaskedAttention, additive_mask, level_size
from .occlusion import seen

LEAST = 1e-4  # of what is seen of an instance that is hidden entirely: a bias of -9.2


class Bias(NamedTuple):
    """Of some visual queries (`rows`) on all keys: additive, (rows, n + 4 slots + 64). The `others` see everything."""

    rows: Tensor
    others: Tensor
    mask: Tensor


class LayoutMasks:
    """The masks of one token bank's layouts; `clear` at the end of a run. depth: whether instances hide those behind them."""

    def __init__(self, bank: TokenBank, masked: MaskedAttention | None = None, depth: bool = False) -> None:
        self.bank, self.masked, self.depth = bank, masked, depth
        self._allowed: dict[Any, Tensor | None] = {}
        self._biases: dict[Any, Bias | None] = {}
        self._last: tuple[Tensor, Tensor] | None = None
        self._finest: int | None = None

    def attention(
        self,
        attention: Attention,
        token_sets: Sequence[TokenSet],
        x: Tensor,
        options: Mapping[str, Any],
        finest: int | None = None,
    ) -> Attention:
        """Attention in which the items of each token set see only what that set allows; those without masks need none.

        finest: visual tokens of the finest level with a fuser.
        """
        self._finest = finest
        groups: dict[TokenSet, list[int]] = {}
        for item, token_set in enumerate(token_sets):
            groups.setdefault(token_set, []).append(item)
        size = tuple(options["original_shape"][-2:])
        masks = {token_set: self._mask((token_set, x.shape[1], size, x.device), x.dtype) for token_set in groups}
        if all(mask is None for mask in masks.values()):
            return attention

        def run(q: Tensor, k: Tensor, v: Tensor, heads: int, _: Tensor | None) -> Tensor:
            out = torch.empty_like(q)
            for token_set, items in groups.items():
                out[items] = _masked(attention, masks[token_set], q[items], k[items], v[items], heads)
            return out

        return run

    def _mask(self, key: tuple, dtype: torch.dtype) -> Tensor | Bias | None:
        """For all queries (n, n + 4 slots + 64), for some, or for none. key: token set, n, latent size and device."""
        bias = self._bias(key) if self.depth else None
        allowed = self._pairs(key) if self.masked is not None else None
        if allowed is None:
            return bias and bias._replace(mask=bias.mask.to(dtype))
        # Only the last one is kept: the blocks of a level follow each other, and at 1024x1024 each takes half a gigabyte.
        if self._last is None or self._last[0] is not allowed or self._last[1].dtype != dtype:
            self._last = None
            mask = additive_mask(allowed, dtype)
            if bias is not None:
                mask[bias.rows] += bias.mask.to(dtype)
            self._last = (allowed, mask)
        return self._last[1]

    def _pairs(self, key: tuple) -> Tensor | None:
        known = *key, self._finest  # other nodes may shrink the UNet's levels for some of the steps
        if known not in self._allowed:
            token_set, tokens, size, device = key
            assert self.masked is not None
            pairs = self.masked.allowed(self.bank.boxes(token_set), self.bank.slots, tokens, size, self._finest)
            self._allowed[known] = None if pairs is None else pairs.to(device)
        return self._allowed[known]

    def _bias(self, key: tuple) -> Bias | None:
        if key not in self._biases:
            token_set, tokens, size, device = key
            bias = depth_bias(self.bank.instances(token_set), self.bank.slots, tokens, size)
            self._biases[key] = bias and Bias(*(part.to(device) for part in bias))
        return self._biases[key]

    def clear(self) -> None:
        self._allowed.clear()
        self._biases.clear()
        self._last = None


def depth_bias(instances: Sequence[Instance], slots: int, tokens: int, latent_hw: Sequence[int]) -> Bias | None:
    """The log of what is seen of each instance, on its keys, for the queries where any is hidden; None: nowhere.

    tokens: visual ones, of a level of the UNet. latent_hw: height and width of the whole latent.
    """
    size = level_size(tokens, latent_hw)
    if size is None or len(instances) < 2:
        return None
    through = seen(instances, *size).flatten(1)  # (n, tokens)
    hidden = (through < 1).any(0)
    if not hidden.any():
        return None
    rows, others = (which.nonzero()[:, 0] for which in (hidden, ~hidden))
    mask = torch.zeros(len(rows), tokens + GROUPS * slots + SEGMENT_TOKENS)
    for first in range(tokens, tokens + GROUPS * slots, slots):
        mask[:, first : first + len(instances)] = through[:, rows].T.clamp(min=LEAST).log()
    return Bias(rows, others, mask)


def _masked(attention: Attention, mask: Tensor | Bias | None, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """q (B, n, C), k and v (B, m, C) -> (B, n, C). Queries that see everything are computed without a mask, which is faster."""
    if mask is None:
        return attention(q, k, v, heads, None)
    if isinstance(mask, Tensor):
        return attention(q, k, v, heads, mask[None].expand(len(q), -1, -1))
    out = torch.empty_like(q)
    out[:, mask.rows] = attention(q[:, mask.rows], k, v, heads, mask.mask[None].expand(len(q), -1, -1))
    if len(mask.others):
        out[:, mask.others] = attention(q[:, mask.others], k, v, heads, None)
    return out
