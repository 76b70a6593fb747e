"""What other nodes put on a MODEL or CONDITIONING, for tests of ours beside them."""

from typing import Any

import comfy.controlnet
import torch
from comfy_api.torch_helpers import set_torch_compile_wrapper
from comfy_extras.nodes_torch_compile import skip_torch_compile_dict

HINT = torch.rand(1, 3, 256, 192, generator=torch.Generator().manual_seed(1))


def compiled(model: Any) -> Any:
    """As the node TorchCompileModel does it, with the backend that traces and changes nothing."""
    out = model.clone()
    set_torch_compile_wrapper(model=out, backend="eager", options={"guard_filter_fn": skip_torch_compile_dict})
    return out


class Hints(torch.nn.Module):
    """Stands for a ControlNet's network: keeps what it is shown and told, and adds its brightness to the middle of the UNet."""

    dtype = torch.float32

    def __init__(self, channels: int, shrunk: int) -> None:
        """Of the UNet's middle: its channels, and how many cells of the latent are one of it, along a side."""
        super().__init__()
        self.channels, self.shrunk = channels, shrunk
        self.shown: list[torch.Tensor] = []
        self.told: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor, hint: torch.Tensor, context: torch.Tensor, **_: Any) -> dict[str, list]:
        self.shown.append(hint)
        self.told.append(context)
        sides = [-(-side // self.shrunk) for side in x.shape[-2:]]
        small = torch.nn.functional.adaptive_avg_pool2d(hint.mean(1, keepdim=True), sides)
        return {"middle": [small.expand(len(x), self.channels, -1, -1).clone()], "output": []}


def controlled(positive: Any, hint: torch.Tensor, channels: int = 64, shrunk: int = 2) -> tuple[Any, Hints]:
    """The CONDITIONING with a ControlNet on it, as ComfyUI's node puts it there, and the network."""
    network = Hints(channels, shrunk)
    control = comfy.controlnet.ControlNet(network, load_device=torch.device("cpu")).set_cond_hint(hint, 5.0, (0.0, 1.0))
    return [[text, {**more, "control": control, "control_apply_to_uncond": True}] for text, more in positive], network
