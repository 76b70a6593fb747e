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
    """Matrices, and convolutions as matrices (out, in * height * width). rate is AdamW's: updates have the same size.

    It is a number on the device, so that a recorded step sees it change.
    """

    def __init__(
        self, parameters: list[nn.Parameter], rate: Tensor, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            lr, beta = group["lr"], group["momentum"]
            members = [p for p in group["params"] if p.grad is not None]
            if not members:
                continue
            grads = [p.grad for p in members]
            for p in members:
                if "momentum" not in self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            momenta = [self.state[p]["momentum"] for p in members]
            torch._foreach_lerp_(momenta, grads, 1 - beta)
            directions = torch._foreach_lerp(grads, momenta, beta)
            torch._foreach_mul_(members, 1 - lr * group["weight_decay"])
            alike: dict[tuple[int, int], list[int]] = {}
            for i, p in enumerate(members):
                alike.setdefault((p.shape[0], p[0].numel()), []).append(i)
            for shape, at in alike.items():
                updates = orthogonal(torch.stack([directions[i].view(shape) for i in at])).to(members[0].dtype)
                updates = updates * (-0.2 * max(shape) ** 0.5 * lr)
                same = [members[i] for i in at]
                torch._foreach_add_(same, [update.view_as(p) for p, update in zip(same, updates, strict=True)])


class Pair:
    """Both optimizers as one: `rate` is the one learning rate, a number on the device; state_dict holds both."""

    def __init__(self, module: nn.Module, rate: Tensor) -> None:
        matrices, others = [], []
        for name, p in module.named_parameters():
            if p.requires_grad:
                (
                    matrices
                    if p.ndim >= 2 and min(p.shape[0], p[0].numel()) > 8 and not any(n in name for n in NO_MATRIX)
                    else others
                ).append(p)
        # A step that is recorded counts on the device.
        self._here = {"lr": rate} | ({"capturable": True} if rate.is_cuda else {})
        self.both = (
            Muon(matrices, rate),
            torch.optim.AdamW(others, betas=(0.9, 0.99), weight_decay=0.01, fused=True, **self._here),
        )

    def step(self) -> None:
        for optimizer in self.both:
            optimizer.step()

    def state_dict(self) -> list[dict]:
        return [optimizer.state_dict() for optimizer in self.both]

    def load_state_dict(self, states: list[dict]) -> None:
        for optimizer, state in zip(self.both, states, strict=True):
            optimizer.load_state_dict(state)
            for group in optimizer.param_groups:
                group["lr"] = self._here["lr"]
                if "capturable" in group:
                    group["capturable"] = self._here["lr"].is_cuda
