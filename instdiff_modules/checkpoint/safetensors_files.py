"""The safetensors format: the length of a header (8 bytes), the header (JSON), the numbers of one tensor after the other."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..layout.json_text import load_json
from ..layout.plain_files import shown_name
from .stored import MAX_DIMENSIONS, Stored, Stretch, shown_bytes, stored

LENGTH = 8  # bytes before the header
MAX_HEADER_BYTES = 4 * 2**20  # 40,000 tensors
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool, "C64": torch.complex64,
}  # fmt: skip
_METADATA = "__metadata__"


@dataclass(frozen=True)
class Safetensors:
    """tensors by their names, in the file's order; metadata: text to text."""

    tensors: Mapping[str, Stored]
    metadata: Mapping[str, str]


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with `head` is one: a length that can be true, then an object of JSON.

    Any other kind's first bytes are some header's length, too, so its first bytes alone say nothing. A header that is
    longer than the file, but not absurdly so, is that of a file that was cut off.
    """
    return head[LENGTH : LENGTH + 1] == b"{" and _length(head) < max(size, 2**32)


def open_safetensors(path: Path, size: int) -> Safetensors:
    """Raises ValueError, naming the file, if its header cannot be read or does not fit what follows it."""
    try:
        with path.open("rb") as file:
            head = file.read(LENGTH)
            length = _length(head)
            if length > size - LENGTH:
                raise ValueError(f"its header of {shown_bytes(length)} ends behind the file")
            if length > MAX_HEADER_BYTES:
                raise ValueError(
                    f"its header has {shown_bytes(length)}, at most {MAX_HEADER_BYTES // 2**20} MB are read"
                )
            header = load_json(file.read(length).rstrip(b" \0"), "its header", MAX_HEADER_BYTES)
        return _read(path, size, header, LENGTH + length)
    except (ValueError, OSError) as error:
        words = (str(error) if isinstance(error, ValueError) else str(error.strerror)).rstrip(".")
        raise ValueError(
            f"{shown_name(path)} cannot be read as a safetensors file ({words[:150]}): it is damaged or incomplete, download it again."
        ) from error


def _read(path: Path, size: int, header: Any, begin: int) -> Safetensors:
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is not text")
    ends: list[tuple[int, int]] = []
    tensors = {}
    for name, entry in header.items():
        dtype, shape, first, last = _entry(entry)
        if last > size - begin or (
            isinstance(dtype, torch.dtype) and math.prod(shape) * dtype.itemsize != last - first
        ):
            raise ValueError("the places of its tensors do not fit their shapes or the file")
        ends.append((first, last))
        tensors[name] = stored(shape, dtype, Stretch(path, size, begin + first, last - first))
    ends.sort()
    if [first for first, _ in ends] + [size - begin] != [0] + [last for _, last in ends]:
        raise ValueError("its tensors overlap or leave gaps, or the file ends elsewhere")
    return Safetensors(tensors, metadata)


def _entry(entry: Any) -> tuple[torch.dtype | str, list[int], int, int]:
    """dtype, shape, and the bytes from first to last."""
    if isinstance(entry, dict):
        dtype: Any = entry.get("dtype")
        shape: Any = entry.get("shape")
        places: Any = entry.get("data_offsets")
        if (
            isinstance(dtype, str)
            and _are_whole(shape)
            and len(shape) <= MAX_DIMENSIONS
            and _are_whole(places)
            and len(places) == 2
            and places[0] <= places[1]
        ):
            return _DTYPES.get(dtype, dtype[:40]), shape, places[0], places[1]
    raise ValueError("its header describes no tensors")


def _are_whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**62 for value in values)


def _length(head: bytes) -> int:
    return int.from_bytes(head[:LENGTH], "little")
