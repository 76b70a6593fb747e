"""Runs of the tiny models under regions, and attention calls as a listener hears them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import comfy.samplers
import torch
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from support.region_models import TinyClip, conditioning, tiny_model
from torch import Tensor

FOX = Instance("a", "a red fox", box=(0.0, 0.25, 0.5, 0.75))
OWL = Instance("b", "an owl", box=(0.5, 0.0, 1.0, 0.5))
OVERRIDE = "optimized_attention_override"


class Heard(NamedTuple):
    """An attention call: its output (rows, queries, channels) and numbers of queries and keys."""

    out: Tensor
    queries: int
    keys: int


def frames(*instances: Instance) -> tuple[Layout, ...]:
    return (Layout(instances, 96, 128),)


def apply(
    name: str, layouts: tuple[Layout, ...], model: Any = None, positive: Any = None, **settings: Any
) -> tuple[Any, Any]:
    """(MODEL, CONDITIONING) of the node."""
    given = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0, **settings}
    positive = conditioning(name, "a scene") if positive is None else positive
    with torch.inference_mode():
        return InstDiffApplyLayout.execute(model or tiny_model(name), TinyClip(name), positive, layouts, **given).args[
            :2
        ]


def sample(
    name: str,
    model: Any,
    positive: Any,
    start: Tensor,
    steps: int = 1,
    cfg: float = 3.0,
    negative: Any = None,
    **more: Any,
) -> Tensor:
    """Latents of ComfyUI's KSampler, on the CPU."""
    negative = conditioning(name, "bad") if negative is None else negative
    with torch.inference_mode():
        run = comfy.samplers.KSampler(model, steps, model.load_device, "euler", "simple", 1.0, model.model_options)
        latent = torch.zeros_like(start)
        return run.sample(start, positive, negative, cfg, latent, disable_pbar=True, seed=1, **more).cpu()


def plain(name: str, start: Tensor, **more: Any) -> Tensor:
    """What the model samples without a layout."""
    return sample(name, tiny_model(name), conditioning(name, "a scene"), start, **more)


def with_override(model: Any, override: Callable[..., Tensor]) -> Any:
    """A clone of the MODEL with a function around its attention, as other packs set one."""
    model = model.clone()
    model.model_options["transformer_options"][OVERRIDE] = override
    return model


def listening(model: Any, heard: list[Heard]) -> Any:
    """A clone of the MODEL whose masked attention calls are noted."""

    def override(func: Callable, *args: Any, **kwargs: Any) -> Tensor:
        out = func(*args, **kwargs)
        if (args[4] if len(args) > 4 else kwargs.get("mask")) is not None:
            heard.append(Heard(out.clone(), args[0].shape[-2], args[1].shape[-2]))
        return out

    return with_override(model, override)


def unmasked(model: Any) -> Any:
    """A clone of the MODEL whose attention never sees a mask."""

    def override(func: Callable, *args: Any, **kwargs: Any) -> Tensor:
        return func(
            *args[:4], *([None] if len(args) > 4 else []), *args[5:], **{k: v for k, v in kwargs.items() if k != "mask"}
        )

    return with_override(model, override)
