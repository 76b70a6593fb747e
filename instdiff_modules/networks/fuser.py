"""Gated self-attention that fuses grounding tokens into the UNet (paper section 3.2, GLIGEN's GatedSelfAttentionDense)."""

from typing import Any, Callable, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# attention(q, k, v, heads, mask): q (B, n, C), k and v (B, m, C), mask additive (B, n, m) or None -> (B, n, C)
Attention = Callable[[Tensor, Tensor, Tensor, int, Optional[Tensor]], Tensor]


class _Attention(nn.Module):
    def __init__(self, dim: int, *, operations: Any, **kw: Any) -> None:
        super().__init__()
        self.to_q = operations.Linear(dim, dim, bias=False, **kw)
        self.to_k = operations.Linear(dim, dim, bias=False, **kw)
        self.to_v = operations.Linear(dim, dim, bias=False, **kw)
        self.to_out = nn.Sequential(operations.Linear(dim, dim, **kw), nn.Identity())


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
    The grounding half of keys and values does not depend on x: `keys_values` gives it once, `forward` re-uses it,
    and only the visual queries are ever computed.
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

    def keys_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Grounding tokens (B, T, token_dim) -> their keys and values, each (B, T, dim)."""
        h = self.norm1(self.linear(tokens))
        return self.attn.to_k(h), self.attn.to_v(h)

    def forward(
        self,
        x: Tensor,
        keys: Tensor,
        values: Tensor,
        heads: int,
        attention: Attention,
        scale: float = 1.0,
        mask: Optional[Tensor] = None,
    ) -> Tensor:
        """x (B, n, dim); keys, values (B, T, dim); mask additive, (B, n, n + T). Returns (B, n, dim)."""
        h = self.norm1(x)
        k = torch.cat((self.attn.to_k(h), keys), dim=1)
        v = torch.cat((self.attn.to_v(h), values), dim=1)
        h = self.attn.to_out(attention(self.attn.to_q(h), k, v, heads, mask))
        x = x + self._gate(self.alpha_attn, scale, x) * h
        return x + self._gate(self.alpha_dense, scale, x) * self.ff(self.norm2(x))

    @staticmethod
    def _gate(alpha: Tensor, scale: float, x: Tensor) -> Tensor:
        return (scale * torch.tanh(alpha.float())).to(x)
