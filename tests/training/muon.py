"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal; AdamW for what is no matrix.

On this model it learns about as much from one sample as AdamW from several; see README.md for the comparison.
"""

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NO_MATRIX = ("token_embedding", "position_embedding", "pos_embedding", "input_blocks.0.0", "unet.out.2", "null_")


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """(n, a, b) -> nearest matrices with singular values about 1, by the quintic iteration in half precision."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    if tall := x.shape[-2] > x.shape[-1]:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Matrices, and convolutions as matrices (out, in * height * width). lr is AdamW's: updates have the same size."""

    def __init__(
        self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault((p.shape[0], p[0].numel()), []).append(p)
            for shape, members in alike.items():
                self._update(members, shape, group)

    def _update(self, members: list[nn.Parameter], shape: tuple[int, int], group: dict[str, float]) -> None:
        lr, beta = group["lr"], group["momentum"]
        directions = []
        for p in members:
            state = self.state[p]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(p.grad, 1 - beta)
            directions.append(p.grad.lerp(state["momentum"], beta).view(shape))
        updates = orthogonal(torch.stack(directions)).to(members[0].dtype)
        scale = 0.2 * max(shape) ** 0.5
        for p, update in zip(members, updates, strict=True):
            p.mul_(1 - lr * group["weight_decay"]).add_(update.view_as(p), alpha=-lr * scale)


class Pair:
    """Both optimizers as one: `rate` is the one learning rate, state_dict holds both."""

    def __init__(self, module: nn.Module, lr: float) -> None:
        matrices, others = [], []
        for name, p in module.named_parameters():
            if p.requires_grad:
                (
                    matrices
                    if p.ndim >= 2 and min(p.shape[0], p[0].numel()) > 8 and not any(n in name for n in NO_MATRIX)
                    else others
                ).append(p)
        self.both = (
            Muon(matrices, lr),
            torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True),
        )

    def set_rate(self, lr: float) -> None:
        for optimizer in self.both:
            for group in optimizer.param_groups:
                group["lr"] = lr

    def step(self) -> None:
        for optimizer in self.both:
            optimizer.step()

    def state_dict(self) -> list[dict]:
        return [optimizer.state_dict() for optimizer in self.both]

    def load_state_dict(self, states: list[dict]) -> None:
        for optimizer, state in zip(self.both, states, strict=True):
            optimizer.load_state_dict(state)
