"""ConvNeXt backbone of the mask tokenizer: the trunk without head and final norm, named as in its checkpoint."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-6


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of an image, (B, C, H, W) -> (B, C, H, W)."""

    def __new__(cls, channels: int, *, operations: Any, device: Any, dtype: Any) -> nn.Module:
        # A subclass of the given LayerNorm keeps the checkpoint's key names and ComfyUI's weight casting.
        class _ChannelNorm(operations.LayerNorm):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x.movedim(1, -1)).movedim(-1, 1)

        return _ChannelNorm(channels, eps=EPS, device=device, dtype=dtype)


class Block(nn.Module):
    """Depthwise 7x7 convolution, then a two-layer perceptron per pixel with exact GELU, scaled by gamma."""

    def __init__(self, channels: int, *, operations: Any, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        kw = {"device": device, "dtype": dtype}
        self.dwconv = operations.Conv2d(channels, channels, 7, padding=3, groups=channels, **kw)
        self.norm = operations.LayerNorm(channels, eps=EPS, **kw)
        self.pwconv1 = operations.Linear(channels, 4 * channels, **kw)
        self.pwconv2 = operations.Linear(4 * channels, channels, **kw)
        self.gamma = nn.Parameter(torch.empty(channels, **kw), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.dwconv(x).movedim(1, -1))  # BCHW -> BHWC
        h = self.pwconv2(F.gelu(self.pwconv1(h)))
        return x + (h * self.gamma.to(h)).movedim(-1, 1)


class ConvNeXt(nn.Module):
    """(B, 3, H, W) -> (B, dims[-1], H / 32, W / 32)."""

    def __init__(
        self, depths: Sequence[int], dims: Sequence[int], *, operations: Any, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        kw = {"operations": operations, "device": device, "dtype": dtype}
        conv_kw = {"device": device, "dtype": dtype}
        stem = nn.Sequential(operations.Conv2d(3, dims[0], 4, stride=4, **conv_kw), ChannelNorm(dims[0], **kw))
        downs = [
            nn.Sequential(ChannelNorm(a, **kw), operations.Conv2d(a, b, 2, stride=2, **conv_kw))
            for a, b in zip(dims[:-1], dims[1:])
        ]
        self.downsample_layers = nn.ModuleList([stem, *downs])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(dim, **kw) for _ in range(depth))) for depth, dim in zip(depths, dims)
        )

    def forward(self, x: Tensor) -> Tensor:
        for down, stage in zip(self.downsample_layers, self.stages):
            x = stage(down(x))
        return x
