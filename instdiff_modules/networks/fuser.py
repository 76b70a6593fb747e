"""Gated self-attention that fuses grounding tokens into the UNet (paper section 3.2, GLIGEN's GatedSelfAttentionDense)."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .pooled_keys import pool_keys, weigh_keys, without_spare

# attention(q, k, v, heads, mask): q (B, n, C), k and v (B, m, C), mask additive (B, n, m) or None -> (B, n, C)
Attention = Callable[[Tensor, Tensor, Tensor, int, Tensor | None], Tensor]


class _Attention(nn.Module):
    """Projections of attention. Queries, keys and values of the visual tokens come from one matrix product.

    state_dict() has the official names to_q, to_k and to_v all the same, and they are what is loaded.
    """

    def __init__(self, dim: int, *, operations: Any, **kw: Any) -> None:
        super().__init__()
        self.to_qkv = operations.Linear(dim, 3 * dim, bias=False, **kw)
        self.to_out = nn.Sequential(operations.Linear(dim, dim, **kw), nn.Identity())
        self.register_load_state_dict_pre_hook(_join_projections)
        self.register_state_dict_post_hook(_split_projections)


_PROJECTIONS = ("to_q.weight", "to_k.weight", "to_v.weight")
_JOINED = "to_qkv.weight"


def _join_projections(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    names = [prefix + name for name in _PROJECTIONS]
    if all(name in state for name in names):
        state[prefix + _JOINED] = torch.cat([state.pop(name) for name in names])


def _split_projections(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    if (joined := state.pop(prefix + _JOINED, None)) is not None:
        state.update(zip((prefix + name for name in _PROJECTIONS), joined.chunk(3), strict=True))


class _GEGLU(nn.Module):
    def __init__(self, dim: int, inner: int, *, operations: Any, **kw: Any) -> None:
        super().__init__()
        self.proj = operations.Linear(dim, 2 * inner, **kw)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        gate = F.gelu(gate)
        # The largest tensors of a fuser: to write over one saves 3 % of its time on a CPU. Gradients would need it as it was.
        return gate * value if torch.is_grad_enabled() else gate.mul_(value)


class _FeedForward(nn.Module):
    def __init__(self, dim: int, *, operations: Any, **kw: Any) -> None:
        super().__init__()
        self.net = nn.Sequential(
            _GEGLU(dim, 4 * dim, operations=operations, **kw), nn.Identity(), operations.Linear(4 * dim, dim, **kw)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Fuser(nn.Module):
    """Visual tokens (B, n, dim) attend to themselves and to grounding tokens, behind two learned gates.

    y = x + s tanh(alpha_attn) Attention(LN([x, W g]))[:n];  y = y + s tanh(alpha_dense) FF(LN(y)).
    The grounding half of keys and values does not depend on x: `key_values` gives it once, `forward` re-uses it, and only
    visual tokens are ever queries. Nor do the gates s tanh(alpha), which `forward` takes as numbers.
    """

    def __init__(self, dim: int, token_dim: int, *, operations: Any, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        kw = {"device": device, "dtype": dtype}
        self.linear = operations.Linear(token_dim, dim, **kw)
        self.attn = _Attention(dim, operations=operations, **kw)
        self.ff = _FeedForward(dim, operations=operations, **kw)
        self.norm1 = operations.LayerNorm(dim, **kw)
        self.norm2 = operations.LayerNorm(dim, **kw)
        self.alpha_attn = nn.Parameter(torch.empty((), **kw), requires_grad=False)
        self.alpha_dense = nn.Parameter(torch.empty((), **kw), requires_grad=False)

    def key_values(self, tokens: Tensor) -> Tensor:
        """Grounding tokens (U, T, token_dim) -> their keys and values, side by side (U, T, 2 dim)."""
        joined = self.attn.to_qkv(self.norm1(self.linear(tokens)))
        return joined[..., joined.shape[-1] // 3 :].contiguous()

    def forward(
        self,
        x: Tensor,
        key_values: Tensor,
        heads: int,
        attention: Attention,
        gates: tuple[float | Tensor, float | Tensor],
        mask: Tensor | None = None,
        pooled: tuple[int, int] | None = None,
    ) -> Tensor:
        """x (B, n, dim) -> (B, n, dim).

        key_values (U, T, 2 dim), of which item i of the batch meets row i // (B / U); gates: of attention and of the
        feed-forward layer; mask additive, (B, n, n + T). pooled: height and width of the visual tokens' grid, whose keys and
        values are then the means of 2 x 2 of them; it goes without a mask.
        """
        x = _add(x, self._attend(x, key_values, heads, attention, mask, pooled), gates[0])
        return _add(x, self.ff(self.norm2(x)), gates[1])

    def _attend(
        self,
        x: Tensor,
        key_values: Tensor,
        heads: int,
        attention: Attention,
        mask: Tensor | None,
        pooled: tuple[int, int] | None,
    ) -> Tensor:
        # A function of its own, so that what it needs, the largest tensors but one, is gone before the feed-forward layer.
        dim, rows = x.shape[-1], key_values.shape[0]
        qkv = self.attn.to_qkv(self.norm1(x)).unflatten(0, (rows, -1))  # (U, B / U, n, 3 dim)
        grounding = key_values.unsqueeze(1).expand(-1, qkv.shape[1], -1, -1)  # a view
        q, visual = qkv[..., :dim].flatten(0, 1), qkv[..., dim:]
        if pooled is None:
            k, v = torch.cat((visual, grounding), dim=2).flatten(0, 1).chunk(2, dim=-1)
            return self.attn.to_out(attention(q, k, v, heads, mask))
        means, log_weights = pool_keys(visual, pooled)
        k, v = torch.cat((means, grounding), dim=2).flatten(0, 1).chunk(2, dim=-1)
        out = attention(*weigh_keys(q, k, v, heads, log_weights), heads, None)
        return self.attn.to_out(without_spare(out, heads))


def _add(x: Tensor, h: Tensor, gate: float | Tensor) -> Tensor:
    """x + gate * h, in one operation."""
    return torch.addcmul(x, h, gate.to(x)) if isinstance(gate, Tensor) else torch.add(x, h, alpha=gate)
