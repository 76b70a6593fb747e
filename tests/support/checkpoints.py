"""Weights files for tests in every layout that people have, with the keys and the nesting of the real ones."""

import sys
import types
import typing
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from support.checkpoint_keys import Sizes, diffusers_name, transformer_widths
from torch import Tensor


def random_tensors(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Different numbers under every key, the same in every run."""
    return {key: _random(key, shape).to(dtype) for key, shape in shapes.items()}


def meta_tensors(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Shapes and dtypes without data."""
    return {key: torch.empty(shape, dtype=dtype, device="meta") for key, shape in shapes.items()}


def official_content(tensors: Mapping[str, Tensor], ema: bool = True, config: Any = None) -> dict[str, Any]:
    """The authors' file as a dictionary; `model` holds other numbers than `ema`, as after training."""
    content: dict[str, Any] = {"model": {key: value * 2 for key, value in tensors.items()} if ema else dict(tensors)}
    if ema:
        content["ema"] = dict(tensors)
    return content | {
        "autoencoder": {
            "encoder.conv_in.weight": torch.zeros(8, 3, 3, 3),
            "decoder.conv_in.weight": torch.zeros(8, 4, 3, 3),
        },
        "text_encoder": {"transformer.text_model.final_layer_norm.weight": torch.zeros(8)},
        "diffusion": {"betas": torch.linspace(0.00085, 0.012, 1000, dtype=torch.float64)},
        "opt": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 5e-5, "params": [0]}]},
        "scheduler": {"last_epoch": 3, "lr_lambdas": [None]},
        "iters": 3,
        "config_dict": config,
    }


def split_contents(
    tensors: Mapping[str, Tensor], index: Callable[[int], Any] = str, lists: bool = False
) -> dict[str, Any]:
    """File name -> content of the three files of logtd/ComfyUI-InstanceDiffusion; lists=True for bare lists in order."""
    fusers: dict[str, Any] = {"input_blocks": {}, "middle_block": {}, "output_blocks": {}}
    for place in transformer_widths(Sizes()):
        part, number = place.split(".")[:2]
        prefix = f"{place}.transformer_blocks.0.fuser."
        state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        params = {
            "context_dim": state["linear.weight"].shape[1],
            "n_heads": 8,
            "d_head": state["linear.weight"].shape[0] // 8,
        }
        fusers[part][index(int(number))] = {"params": params, "state": state}
    scaleu = {index(i): {"scaleu_b": tensors[f"scaleu_b_{i}"], "scaleu_s": tensors[f"scaleu_s_{i}"]} for i in range(12)}
    if lists:
        fusers, scaleu = {part: list(blocks.values()) for part, blocks in fusers.items()}, list(scaleu.values())
    net = "position_net."
    position_net = {key.removeprefix(net): value for key, value in tensors.items() if key.startswith(net)}
    return {"fusers.ckpt": fusers, "position_net.ckpt": position_net, "scaleu.ckpt": scaleu}


def diffusers_content(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The UNet of the diffusers port: standard diffusers names, fusers inside them."""
    return {diffusers_name(key): value for key, value in tensors.items()}


def save_torch(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def save_split(folder: Path, tensors: Mapping[str, Tensor], **options: Any) -> list[Path]:
    return [save_torch(folder / name, content) for name, content in split_contents(tensors, **options).items()]


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> Path:
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata=metadata or None)
    return path


@contextmanager
def omegaconf_like() -> Iterator[Any]:
    """A configuration object that pickles as OmegaConf's does; its package cannot be imported afterwards."""
    names = ("omegaconf", "omegaconf.dictconfig", "omegaconf.listconfig", "omegaconf.nodes", "omegaconf.base")
    saved = {name: sys.modules.get(name) for name in names}
    for name in names:
        sys.modules[name] = types.ModuleType(name)

    def make(module: str, name: str, **state: Any) -> Any:
        cls = getattr(sys.modules[module], name, None) or type(name, (), {"__module__": module, "__qualname__": name})
        setattr(sys.modules[module], name, cls)
        made = cls()
        made.__dict__.update(state)
        return made

    def node(value: Any) -> Any:
        return make(
            "omegaconf.nodes",
            "AnyNode",
            _val=value,
            _parent=None,
            _metadata=make("omegaconf.base", "Metadata", ref_type=typing.Any, optional=True),
        )

    cache = defaultdict(dict, {"resolver": {}})
    metadata = make(
        "omegaconf.base",
        "ContainerMetadata",
        ref_type=typing.Any,
        object_type=dict,
        key_type=typing.Union[int, str],  # noqa: UP007 (what a pickle of it holds)
        resolver_cache=cache,
    )
    names_list = make("omegaconf.listconfig", "ListConfig", _metadata=metadata, _content=[node("a"), node(2)])
    try:
        yield make(
            "omegaconf.dictconfig",
            "DictConfig",
            _metadata=metadata,
            _parent=None,
            _content={"lr": node(5e-5), "names": names_list},
        )
    finally:
        for name, module in saved.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def assert_same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """The same keys, and bit for bit the same tensors."""
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0, msg=key)


def refused(paths: Path | list[Path], *pieces: str) -> str:
    """Reading fails with one sentence that has all the pieces; returns it."""
    from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint

    with pytest.raises(ValueError) as caught:
        read_checkpoint(paths if isinstance(paths, list) else [paths])
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    for piece in pieces:
        assert piece in text
    return text


def _random(key: str, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))
