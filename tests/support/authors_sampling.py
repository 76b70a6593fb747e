"""Behaviour of the authors' sampler that we hold to be mistakes, kept for comparison with their code.

The nodes never use these: they exist so that `tests/parity.py` can show that everything else is equal.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from instdiff.instdiff_modules.layout.instance import Box
from torch import Tensor


def crop_and_paste_transposed(branches: Tensor, boxes: Sequence[Box]) -> Tensor:
    """The reference's crop-and-paste: x runs along the height, edges are truncated, later instances overwrite.

    branches (1 + n, B, C, H, W); the boxes are those of the first image, used for all.
    """
    out, size = branches[0].clone(), branches.shape[-2]
    for latent, (x0, y0, x1, y1) in zip(branches[1:], boxes):
        rows, columns = slice(int(x0 * size), int(x1 * size)), slice(int(y0 * size), int(y1 * size))
        out[..., rows, columns] = latent[..., rows, columns]
    return out


def last_branch(branches: Tensor) -> Tensor:
    """With every step spent in the branches the reference returns the last instance's latent, not the merged one."""
    return branches[-1]


class RestoreFirstConv:
    """restore_first_conv_from_SD: from the first step without fusers on, another first convolution is used, for good.

    The authors trained with that layer frozen, so on a user's SD1.5 model there is nothing to restore.
    Attach `remember` around the UNet's forward and the object itself as `input_block_patch`; the object replaces the
    output of block 0 where `active` says so, one flag per batch item.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias
        self.active: Sequence[bool] = ()
        self._x: Tensor | None = None

    def remember(self, x: Tensor, active: Sequence[bool]) -> None:
        self._x, self.active = x, active

    def __call__(self, h: Tensor, options: dict) -> Tensor:
        if options["block"] != ("input", 0) or not any(self.active):
            return h
        chosen = torch.tensor(self.active, device=h.device)[:, None, None, None]
        return torch.where(chosen, F.conv2d(self._x, self.weight, self.bias, padding=1).to(h), h)
