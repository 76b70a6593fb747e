"""Opening a weights file by its first bytes, and writing one."""

import os
import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, dtype

from ..layout.plain_files import file_size, shown_name
from .safetensors_files import is_safetensors, open_safetensors
from .shapes import PLACE, fuser_places
from .torch_files import ZIP, open_torch

FORMAT = "instdiff"
VERSION = "1"
PLACES = "fusers"  # metadata: where the model has fusers, by spaces
_PICKLE = b"\x80"
_SHARD = re.compile(r"(.*-)(\d{5})(-of-)(\d{5})(\.\w+)")
_SHOWN_NAMES = 80  # characters of the names of several files in a sentence


def open_weights(path: Path) -> Any:
    """The dictionary in a safetensors or torch file, its tensors as `Stored`: named, but not read yet.

    Raises ValueError, naming the file, if it is not there, is not such a file, or is damaged.
    """
    size = file_size(path, "a weights file")
    head = _head(path)
    name = shown_name(path)
    if not head:
        raise ValueError(f"{name} is empty (0 bytes): expected a weights file; download it again.")
    if is_safetensors(head, size):
        opened = open_safetensors(path, size)
        version = opened.metadata.get("version", "none")
        if opened.metadata.get("format") == FORMAT and version != VERSION:
            raise ValueError(
                f"{name} is an InstDiff file of version {shown_name(version)}, expected version {VERSION}: update InstDiff."
            )
        return opened.tensors
    if head.startswith((ZIP, _PICKLE)):
        return open_torch(path, size)
    raise ValueError(
        f"{name} is {_guess(head)} ({size} bytes): expected a .safetensors or torch file; download it again."
    )


def with_shards(paths: Sequence[Path]) -> list[Path]:
    """The same files, and for one shard of a file that was split into numbered ones all its siblings.

    Raises ValueError if a sibling is not there, or the numbers in the name cannot be true.
    """
    found: dict[Path, None] = {}
    for path in paths:
        match = _SHARD.fullmatch(path.name)
        siblings = [path]
        if match:
            index, count = int(match[2]), int(match[4])
            if not 1 <= index <= count:
                raise ValueError(
                    f"{shown_name(path)} is named as part {index} of {count} of a split file: give it another name if it is whole, "
                    "or download all parts under their own names."
                )
            siblings = []
            for i in range(1, count + 1):
                siblings.append(path.with_name(f"{match[1]}{i:05}{match[3]}{match[4]}{match[5]}"))
                if not siblings[-1].exists():
                    raise ValueError(
                        f"{shown_name(path)} is one of {count} files, and {shown_name(siblings[-1])} is not beside it: download all."
                    )
        found.update(dict.fromkeys(siblings))
    return list(found)


def shown_names(paths: Sequence[Path]) -> str:
    """The names of files as they may stand in a sentence: one line, not too long."""
    names = " + ".join(map(shown_name, paths))
    return names if len(names) <= _SHOWN_NAMES else f"{shown_name(paths[0])} and {len(paths) - 1} more"


def saved_places(path: Path) -> list[str] | None:
    """Official places of the fusers of a file of `write_checkpoint`, which `open_weights` could read; None of any other."""
    size = file_size(path, "a weights file")
    if not is_safetensors(_head(path), size):
        return None
    metadata = open_safetensors(path, size).metadata
    if metadata.get("format") != FORMAT or PLACES not in metadata:
        return None
    return [place for place in metadata[PLACES].split() if re.fullmatch(PLACE, place)]


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


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise ValueError(
            f"{shown_name(path)} cannot be read ({error.strerror}): expected a weights file that this user may read."
        ) from error


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


def _name(kind: dtype) -> str:
    return str(kind).removeprefix("torch.")
