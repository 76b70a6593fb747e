"""UniFusion tokenizer: every location format and the instance's text become grounding tokens (paper section 3.2)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..grounding.inputs import GroundingInputs
from .convnext import ConvNeXt
from .fourier import feature_size, fourier_features

# Coordinates per instance: box corners, one point, 20 scribble points, 256 polygon points.
COORDINATES = {"position": 4, "point": 2, "scribble": 40, "polygon": 512}
SEGMENT_TOKENS = 64
SEGMENT_SIZE = 512  # the canvas on which the tokenizer was trained to see masks


class UniFusion(nn.Module):
    """GroundingInputs of B layouts with N slots -> tokens (B, 4 N + 64, out_dim).

    Token order as in the reference's UniFusion.forward: N box, N point, N scribble, N polygon tokens, then 64
    tokens of the mask image, which all instances of a layout share.
    """

    def __init__(
        self,
        slots: int,
        text_dim: int,
        mid_dim: int,
        out_dim: int,
        *,
        depths: Sequence[int] = (3, 3, 9, 3),
        dims: Sequence[int] = (96, 192, 384, 768),
        operations: Any,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        kw = {"device": device, "dtype": dtype}
        self.slots = slots
        self.segment_dim = dims[-1] * (SEGMENT_SIZE // 32) ** 2 // SEGMENT_TOKENS
        sizes = {name: feature_size(n) for name, n in COORDINATES.items()}

        def mlp(in_dim: int) -> nn.Sequential:
            return nn.Sequential(
                operations.Linear(in_dim, mid_dim, **kw),
                nn.SiLU(),
                operations.Linear(mid_dim, mid_dim, **kw),
                nn.SiLU(),
                operations.Linear(mid_dim, out_dim, **kw),
            )

        self.linears_list = nn.ModuleList([*(mlp(text_dim + size) for size in sizes.values()), mlp(self.segment_dim)])

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, **kw), requires_grad=False)

        self.null_positive_feature = parameter(text_dim)
        for name, size in sizes.items():
            setattr(self, f"null_{name}_feature", parameter(size))
        self.null_seg_feature = parameter(self.segment_dim)
        self.pos_embedding = parameter(1, SEGMENT_TOKENS, self.segment_dim)
        self.in_conv = operations.Conv2d(slots, 3, 3, padding=1, **kw)
        self.convnext_tiny_backbone = ConvNeXt(depths, dims, operations=operations, **kw)

    def forward(self, inputs: GroundingInputs) -> Tensor:
        text = _present(inputs.text, self.null_positive_feature, inputs.text_mask)
        formats = (
            (inputs.boxes, inputs.box_mask, self.null_position_feature),
            (inputs.points, inputs.point_mask, self.null_point_feature),
            (inputs.scribbles, inputs.scribble_mask, self.null_scribble_feature),
            (inputs.polygons, inputs.polygon_mask, self.null_polygon_feature),
        )
        tokens = [
            linear(torch.cat((text, _present(fourier_features(xy), null, mask)), dim=-1))
            for linear, (xy, mask, null) in zip(self.linears_list, formats)
        ]
        tokens.append(self.linears_list[4](self.segment_features(inputs.segs, inputs.seg_mask)))
        return torch.cat(tokens, dim=1)

    def segment_features(self, segs: Tensor, seg_mask: Tensor) -> Tensor:
        """Masks (B, N, H, W) in 0..1 and their presence (B,) -> (B, 64, 3072)."""
        present = seg_mask > 0
        features = torch.zeros(segs.shape[0], SEGMENT_TOKENS, self.segment_dim, dtype=segs.dtype, device=segs.device)
        if present.any():  # the backbone is nine tenths of the work, and a layout without masks needs none of it
            image = F.interpolate(segs[present], (SEGMENT_SIZE, SEGMENT_SIZE), mode="nearest")
            grid = self.convnext_tiny_backbone(self.in_conv(image))  # (b, 768, 16, 16)
            # Straight reshape, not patches: feature k of token j is channel k // 4, rows 4 (k % 4) + j // 16.
            features[present] = (
                grid.reshape(grid.shape[0], self.segment_dim, SEGMENT_TOKENS).transpose(1, 2).to(features)
            )
        return _present(features, self.null_seg_feature, seg_mask[:, None]) + self.pos_embedding.to(features)


def _present(value: Tensor, null: Tensor, mask: Tensor) -> Tensor:
    """value where mask is 1, the learned null feature where it is 0. value (B, n, d), null (d,), mask (B, n) or (B, 1)."""
    mask = mask.unsqueeze(-1).to(value)
    return value * mask + (1 - mask) * null.to(value)
