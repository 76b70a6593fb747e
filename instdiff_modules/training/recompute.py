"""Gradient checkpointing of a UNet with ComfyUI's blocks: what a layer computed is forgotten and computed again going back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


@contextmanager
def recomputed(unet: nn.Module) -> Iterator[None]:
    """Within this, every layer of the UNet's blocks keeps its inputs alone."""
    layers = [layer for layer in _layers(unet) if any(True for _ in layer.parameters())]
    if not layers:
        raise ValueError(
            "gradient_checkpointing needs a UNet with input_blocks, middle_block and output_blocks. Set it to false."
        )
    for layer in layers:
        layer.forward = _Forgetful(layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


class _Forgetful:
    def __init__(self, forward: Any) -> None:
        self.forward = forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # The UNet writes into its options as it goes on; going back, a layer must find them as they were.
        args = tuple(dict(arg) if isinstance(arg, dict) else arg for arg in args)
        kwargs = {name: dict(arg) if isinstance(arg, dict) else arg for name, arg in kwargs.items()}
        return checkpoint(self.forward, *args, use_reentrant=False, **kwargs)


def _layers(unet: nn.Module) -> Iterator[nn.Module]:
    for block in (
        *getattr(unet, "input_blocks", ()),
        getattr(unet, "middle_block", ()),
        *getattr(unet, "output_blocks", ()),
    ):
        yield from block
