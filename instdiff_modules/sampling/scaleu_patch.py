"""The callable object through which ScaleU reaches the UNet's decoder: a plain ComfyUI patch, as `fuser_patch`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..networks.adapter import UNetAdapter
from ..networks.scaleu import Gains, gains, scaleu


class ScaleUPatch:
    """`output_block_patch`: ScaleU on every decoder block, after ControlNet was added to the skip."""

    def __init__(self, patcher: Any, se: bool = False) -> None:
        """patcher.model is the UNetAdapter; se: the "SE" variant of the main features' gain."""
        self.patcher, self.se = patcher, se
        self._gains: dict[Any, Gains] = {}

    def __call__(self, h: Tensor, skip: Tensor, options: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """h (B, C, H, W) and skip (B, C', H, W) before their concatenation."""
        adapter: UNetAdapter = self.patcher.model
        parameters = adapter.scaleu(options["block"][1])
        if parameters is None:
            return h, skip
        if (
            torch.compiler.is_compiling()
        ):  # a compiled graph works the gains out itself, it could not see them forgotten
            return scaleu(h, skip, gains(*parameters, h), se=self.se)
        key = (options["block"][1], h.device, h.dtype)
        if key not in self._gains:
            main, skip_gain = gains(*parameters, h)
            self._gains[key] = Gains(main, float(skip_gain))
        return scaleu(h, skip, self._gains[key], se=self.se)

    def to(self, device_or_dtype: Any) -> "ScaleUPatch":
        return self

    def models(self) -> list[Any]:
        return [self.patcher]

    def cleanup(self) -> None:
        """Drop the gains of the run."""
        self._gains.clear()
