"""Layers of our networks for ComfyUI: cast where the numbers' type or place differ from the input's, and only there.

ComfyUI's manual_cast prepares a cast for every layer in every call, though most need none. The
UNet's own type is not known when our weights are loaded, so a choice once and for all (pick_operations) cannot be made.
"""

from typing import Any

import comfy.ops
from torch import Tensor


class _CastWhereNeeded:
    """Mixed into a layer of ComfyUI's, which moves and patches the weights by its own rules where `comfy_cast_weights` says so."""

    weight: Any

    def forward(self: Any, x: Tensor) -> Tensor:
        if self.weight is None or self.weight.dtype != x.dtype or self.weight.device != x.device:
            return self.forward_comfy_cast_weights(x)
        return super().forward(x)  # pyright: ignore[reportAttributeAccessIssue]  (the layer's)


class cast_where_needed(comfy.ops.disable_weight_init):
    """The operations that our networks take."""

    class Linear(_CastWhereNeeded, comfy.ops.disable_weight_init.Linear):
        pass

    class LayerNorm(_CastWhereNeeded, comfy.ops.disable_weight_init.LayerNorm):
        pass

    class Conv2d(_CastWhereNeeded, comfy.ops.disable_weight_init.Conv2d):
        pass
