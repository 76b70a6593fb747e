"""InstanceDiffusion's weights from the files that people have, checked and under the authors' key names."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..layout.fields import shorten
from ..layout.plain_files import shown_name
from .files import open_weights, saved_places, shown_names, with_shards, write_checkpoint
from .formats import EXPECTED, PARTS, collect, describe, official_names, part_of, unfused_places
from .shapes import InstDiffConfig, expected_shapes, fuser_places, read_config, shown_list
from .stored import Stored, check_stored

__all__ = ["Checkpoint", "InstDiffConfig", "expected_shapes", "read_checkpoint", "write_checkpoint"]

_log = logging.getLogger(__name__)
_KEPT_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Checkpoint:
    """Weights of fusers, tokenizer and ScaleU under their official names, in memory of their own.

    tensors: on the CPU, float32, float16 or bfloat16 as stored. source: the file names.
    """

    tensors: dict[str, Tensor]
    config: InstDiffConfig
    source: str


def read_checkpoint(paths: Sequence[Path]) -> Checkpoint:
    """Read one file with all weights, or the files among which they are split, in any order.

    One file: the authors' .pth, the diffusers port's UNet (.bin, .safetensors, or the first of its shards), our own
    .safetensors. Three files: fusers, position_net and scaleu of logtd/ComfyUI-InstanceDiffusion. Only InstDiff's own
    tensors are taken; the UNet and the rest stay on the disk. Raises ValueError with one sentence that names the file,
    what was found and what was expected.
    """
    if not paths:
        raise ValueError(
            "No weights file was given: expected one file, or the three files fusers, position_net and scaleu."
        )
    files = with_shards([Path(path) for path in paths])
    contents = {path: open_weights(path) for path in files}
    source = shown_names(files)
    tensors = assemble(contents)
    check_stored(tensors, source)
    places = saved_places(files[0]) if len(files) == 1 else None
    config = read_config({key: tuple(tensor.shape) for key, tensor in tensors.items()}, source, places)
    wanted = expected_shapes(config)
    extra = [key for key in tensors if key not in wanted]
    if extra:
        _log.warning(
            "%s: %d tensors such as '%s' are not part of InstanceDiffusion and are left out.",
            source,
            len(extra),
            shorten(extra[0], 100)[1:-1],
        )
    kept = {key: _own(key, tensors[key], source) for key in wanted}
    dtypes = Counter(str(tensor.dtype).removeprefix("torch.") for tensor in kept.values())
    _log.info("%s: %.0f million weights, %s", source, sum(t.numel() for t in kept.values()) / 1e6, _count(dtypes))
    return Checkpoint(kept, config, source)


def assemble(contents: Mapping[Path, Any]) -> dict[str, Any]:
    """InstDiff's tensors of all files together, under their official names.

    `contents` maps a file to what was read from it (tensors may be on the meta device). Raises ValueError if a file has
    nothing for us, two files hold the same tensor, or a part (fusers, tokenizer, ScaleU) is in none.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for path, content in contents.items():
        try:
            found = collect(content)
        except ValueError as error:
            raise ValueError(f"{shown_name(path)} {error}") from error
        if not found and not _is_shard_of(path, contents):
            raise ValueError(
                f"{shown_name(path)} has no InstanceDiffusion weights: expected keys like {EXPECTED}, found {describe(content)}."
            )
        twice = next((key for key in found if key in merged), None)
        if twice:
            names = shown_names([path, origin[twice]])
            raise ValueError(f"{names} both hold {shorten(twice, 80)}: expected each part once.")
        merged.update(found)
        origin.update(dict.fromkeys(found, path))
    parts = {part_of(key) for key in merged}
    names = shown_names(list(contents))
    missing = [part for part in PARTS if part not in parts]
    if missing:
        raise ValueError(_lacks(names, parts, missing, contents))
    tensors = official_names(merged)
    places = set(fuser_places(tensors))
    bare = sorted(set().union(*(unfused_places(content) for content in contents.values())) - places)
    if bare:
        raise ValueError(
            f"{names} has no fuser at {shown_list(bare)}: expected one at every transformer of the UNet that is in the file."
        )
    return tensors


def _lacks(names: str, found: set[str], missing: list[str], contents: Mapping[Path, Any]) -> str:
    lacking = " and ".join(PARTS[part] for part in missing)
    have = " and ".join(PARTS[part] for part in PARTS if part in found) or "nothing of InstanceDiffusion"
    seems = "" if len(contents) > 1 else f" ({describe(next(iter(contents.values())))})"
    return (
        f"{names} {'hold' if len(contents) > 1 else 'holds'} {have} but not {lacking}{seems}: expected all three, in one file or in "
        "fusers.ckpt, position_net.ckpt and scaleu.ckpt."
    )


def _is_shard_of(path: Path, contents: Mapping[Path, Any]) -> bool:
    """One of several files of the same split: it may hold nothing but parts of the UNet."""
    return "-of-" in path.name and len(contents) > 1


def _own(key: str, tensor: Stored, source: str) -> Tensor:
    """The numbers in memory of their own, as stored; float64 becomes float32."""
    if tensor.dtype not in (*_KEPT_DTYPES, torch.float64):
        kind = str(tensor.dtype).removeprefix("torch.")
        raise ValueError(f"{source}: {shorten(key, 80)} has dtype {kind}, expected float32, float16 or bfloat16.")
    numbers = tensor.load()
    if numbers.dtype == torch.float64:
        numbers = numbers.float()
    if not torch.isfinite(torch.stack(torch.aminmax(numbers))).all():
        raise ValueError(
            f"{source}: {shorten(key, 80)} contains NaN or infinite numbers: the file is damaged, download it again."
        )
    return numbers


def _count(dtypes: Counter[str]) -> str:
    if len(dtypes) == 1:
        return next(iter(dtypes))
    return "of mixed dtypes (" + ", ".join(f"{count} x {dtype}" for dtype, count in dtypes.items()) + ")"
