"""Reading the golden manifests: stored tensors, generated inputs and the parameter fill rule of their README."""

import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

SLOTS = 30
# Trailing shape of one slot of each grounding input.
SLOT_SHAPES = {
    "boxes": (4,),
    "masks": (),
    "points": (2,),
    "text_embeddings": (768,),
    "scribbles": (40,),
    "polygons": (512,),
    "segs": (512, 512),
}


def load_manifest(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A caseN_*.json and the tensors beside it."""
    manifest = json.loads(path.read_text())
    return manifest, load_file(path.with_suffix(".safetensors"))


def _uniform(key: str, shape: Iterable[int]) -> np.ndarray:
    shape = tuple(shape)
    u = np.random.RandomState(zlib.crc32(key.encode("utf-8"))).random_sample(math.prod(shape))
    return ((u * 2 - 1) * math.sqrt(3)).reshape(shape)


def generated(entry: Mapping[str, Any]) -> Tensor:
    """Input rule: {"generate": "inp", "seed", "name", "shape"} -> float32."""
    return torch.from_numpy(_uniform(f"{entry['seed']}:input:{entry['name']}", entry["shape"]).astype(np.float32))


def fill(seed: int, name: str, shape: Iterable[int]) -> Tensor:
    """Fill rule: the value of an official parameter as a function of seed, name and shape, float32."""
    shape = tuple(shape)
    v = _uniform(f"{seed}:{name}", shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf in ("alpha_attn", "alpha_dense"):
        v = 0.5 + 0.25 * v
    elif leaf.startswith("scaleu_b_"):
        v = 0.4 * v
    elif leaf.startswith("scaleu_s_"):
        v = 0.6 * v
    elif leaf.startswith("null_"):
        v = 0.5 * v
    elif leaf == "pos_embedding":
        v = 0.1 * v
    elif leaf == "gamma":
        v = 0.3 + 0.1 * v
    elif leaf == "bias":
        v = 0.05 * v
    elif leaf == "weight" and len(shape) == 1:
        v = 1 + 0.1 * v
    elif leaf == "weight":
        if any(part in name for part in (".fuser.attn.to_q.", ".fuser.attn.to_k.", "linears_list.")):
            gain = 2.0
        elif any(part in name for part in (".fuser.attn.to_v.", ".fuser.attn.to_out.")):
            gain = 1.5
        else:
            gain = 1.0
        v = gain * v / math.sqrt(math.prod(shape[1:]))
    else:
        raise ValueError(f"The fill rule has no entry for {name}.")
    return torch.from_numpy(np.asarray(v, dtype=np.float64).astype(np.float32))


def filled_like(module: torch.nn.Module, seed: int, prefix: str = "") -> None:
    """Fill every parameter of a module whose keys, behind the prefix, are official names."""
    module.load_state_dict({k: fill(seed, prefix + k, v.shape) for k, v in module.state_dict().items()})


def value(entry: Any, tensors: Mapping[str, Tensor], key: str = "") -> Tensor:
    """The tensor that a manifest entry stands for, padded to 30 slots where the note says so."""
    if "generate" in entry:
        return generated(entry)
    if "zeros" in entry:
        return torch.zeros(entry["zeros"])
    stored = tensors[entry["tensor"]]
    if "slot_index_batch_slot" in entry:
        full = torch.zeros(entry["unpacked_shape"])
        for row, (batch, slot) in zip(unpack(stored), entry["slot_index_batch_slot"], strict=True):
            full[batch, slot] = row
        return full
    if stored.dtype == torch.uint8 and "packbits" in str(entry.get("note", "")):
        return unpack(stored)
    if "remaining slots are zeros" in str(entry.get("note", "")):
        full = torch.zeros(stored.shape[0], SLOTS, *stored.shape[2:])
        full[:, : stored.shape[1]] = stored
        return full
    return stored


def recorded(tokens: Tensor, entry: Mapping[str, Any]) -> Tensor:
    """Of tokens (B, N, C) those that an entry holds: all, or what its note says ("every 4th visual token: y[:, ::4]")."""
    found = re.search(r"\bevery (\d+)(?:st|nd|rd|th) visual token\b", str(entry.get("note", "")))
    return tokens[:, :: int(found[1])] if found else tokens


def unpack(bits: Tensor) -> Tensor:
    """numpy packbits along the last axis -> float 0/1."""
    return torch.from_numpy(np.unpackbits(bits.numpy(), axis=-1).astype(np.float32))


def grounding_arguments(inputs: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor | None]:
    """The authors' grounding inputs by name (boxes, masks, points, text_embeddings, scribbles, polygons, segs)."""
    if "boxes" not in inputs:  # the null input
        return {name: torch.zeros(1, SLOTS, *shape) for name, shape in SLOT_SHAPES.items()}
    return {name: None if inputs[name].get("none") else value(inputs[name], tensors) for name in SLOT_SHAPES}
