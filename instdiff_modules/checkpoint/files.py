"""Opening a weights file by its first bytes, and writing one."""

import os
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .pickles import load_pickle
from .shapes import fuser_places

FORMAT = "instdiff"
VERSION = "1"
PLACES = "fusers"  # metadata: where the model has fusers, by spaces
_HEADER = 8  # bytes of a safetensors file before its JSON
_SHARD = re.compile(r"(.*-)(\d{5})(-of-)(\d{5})(\.\w+)")


def open_weights(path: Path) -> Any:
    """The dictionary in a safetensors or torch file; tensors are views of the mapped file where the format allows.

    Raises ValueError, naming the file, if it is not there, is not such a file, or is damaged.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ValueError(
            f"{path.name} cannot be read ({error.strerror}): expected a weights file at {path}."
        ) from error
    if not head:
        raise ValueError(f"{path.name} is empty (0 bytes): expected a weights file; download it again.")
    if head[:4] == b"PK\x03\x04" or head[:1] == b"\x80":
        return load_pickle(path)
    if head[_HEADER : _HEADER + 1] == b"{":
        return _open_safetensors(path)
    raise ValueError(
        f"{path.name} is {_guess(head)} ({size} bytes): expected a .safetensors or torch file; download it again."
    )


def with_shards(paths: list[Path]) -> list[Path]:
    """The same files, and for one shard of a file that was split into numbered ones all its siblings.

    Raises ValueError if a sibling is not there.
    """
    found: dict[Path, None] = {}
    for path in paths:
        match = _SHARD.fullmatch(path.name)
        siblings = [path]
        if match:
            count = int(match[4])
            siblings = [path.with_name(f"{match[1]}{i:05}{match[3]}{match[4]}{match[5]}") for i in range(1, count + 1)]
            missing = [sibling.name for sibling in siblings if not sibling.exists()]
            if missing:
                raise ValueError(
                    f"{path.name} is one of {count} files, and {missing[0]} is not beside it: download all."
                )
        found.update(dict.fromkeys(siblings))
    return list(found)


def saved_places(path: Path) -> list[str] | None:
    """Official places of the fusers of a file of `write_checkpoint`, which `open_weights` could read; None of any other."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError:  # a torch file
        return None
    return metadata[PLACES].split() if metadata.get("format") == FORMAT and PLACES in metadata else None


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors under their official names as one safetensors file, whole or not at all.

    `metadata` (text to text, for instance `source`) is stored with the format's name, its version, the dtype and the
    places of the fusers: of a file of ours, what is missing is known, whatever UNet it is for.
    Folders are made as needed; an existing file is replaced. Raises OSError as writing files does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: tensor.detach().to("cpu").contiguous() for key, tensor in tensors.items()}
    dtypes = Counter(_name(tensor.dtype) for tensor in kept.values())
    dtype = next(iter(dtypes)) if len(dtypes) == 1 else "mixed"
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        own = {"format": FORMAT, "version": VERSION, "dtype": dtype, PLACES: " ".join(fuser_places(kept))}
        save_file(kept, unfinished, metadata={**metadata, **own})
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path.name} cannot be read as a safetensors file ({error}): it is damaged or incomplete, download it again."
        ) from error
    if metadata.get("format") == FORMAT and metadata.get("version") != VERSION:
        raise ValueError(
            f"{path.name} is an InstDiff file of version {metadata.get('version')}, expected version {VERSION}: update InstDiff."
        )
    return tensors


def _guess(head: bytes) -> str:
    text = head.lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not the file it points to"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page"
    if head[257:262] == b"ustar":
        return "a tar archive (torch's format before 2018)"
    if head[:4] == b"GGUF":
        return "a GGUF file"
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "a text file" if printable > 0.95 * len(head) else "of no known kind"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
