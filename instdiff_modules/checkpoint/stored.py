"""Tensors as a file describes them: name, shape and place are known, the numbers stay on the disk until they are asked for.

What a file claims is held against what it stores before any memory is taken.
"""

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..layout.fields import shorten
from ..layout.plain_files import shown_name

MAX_DIMENSIONS = 16
# Of a file, tensors may ask for this often as many bytes as it has: some share their storage. Packed ones grow.
SHARED, UNPACKED, SLACK = 2, 20, 64 * 2**20


@dataclass(slots=True)
class Stretch:
    """Bytes of a file that hold one storage. offset: where they begin; nbytes: how many, unpacked; packed: how many there, if deflated."""

    path: Path
    file_size: int
    offset: int
    nbytes: int
    packed: int | None = None

    def read(self, first: int, count: int) -> Tensor:
        """uint8 (count,) of memory of its own. ValueError if the file does not hold them any more."""
        buffer = torch.empty(count, dtype=torch.uint8)
        try:
            with self.path.open("rb") as file:
                if self.packed is None:
                    file.seek(self.offset + first)
                    found = file.readinto(buffer.numpy().data)
                else:
                    file.seek(self.offset)
                    part = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(self.packed), first + count)
                    found = len(part) - first
                    if found == count:
                        buffer.copy_(torch.frombuffer(bytearray(part), dtype=torch.uint8)[first:])
        except (OSError, zlib.error) as error:
            raise ValueError(f"{shown_name(self.path)} cannot be read to its end: download it again.") from error
        if found != count:
            raise ValueError(f"{shown_name(self.path)} ends too early: it is incomplete, download it again.")
        return buffer


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file. dtype: torch's, or the name of one that is not read. offset and stride: in numbers, not bytes.

    problem: why it cannot be read, in the words that follow its name; then the rest means nothing.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype | str
    stretch: Stretch | None = None
    offset: int = 0
    stride: tuple[int, ...] = ()
    problem: str = ""

    @property
    def extent(self) -> int:
        """Bytes from its first number to its last."""
        return _extent(self.shape, self.stride) * self._width

    @property
    def cost(self) -> int:
        """Bytes that are read to have it."""
        packed = self.stretch is not None and self.stretch.packed is not None
        return self.extent + (self.offset * self._width if packed else 0)

    def load(self) -> Tensor:
        """The numbers, contiguous and in memory of their own. Only for one without a problem and of a dtype of torch's."""
        assert self.stretch is not None and isinstance(self.dtype, torch.dtype)
        numbers = self.stretch.read(self.offset * self._width, self.extent).view(self.dtype)
        found = numbers.as_strided(self.shape, self.stride)
        return found if found.numel() == numbers.numel() and found.is_contiguous() else found.contiguous().clone()

    @property
    def _width(self) -> int:
        return self.dtype.itemsize if isinstance(self.dtype, torch.dtype) else 1


def stored(
    shape: Any, dtype: torch.dtype | str, stretch: Stretch | None, offset: Any = 0, stride: Any = None
) -> Stored:
    """A tensor of these claims, with a problem if they cannot be true. stride None: one number after the other."""
    if not _are_sizes(shape) or not _are_sizes((offset,)) or (stride is not None and not _are_sizes(stride)):
        return unreadable("has a shape that no tensor has")
    shape = tuple(shape)
    stride = _contiguous(shape) if stride is None else tuple(stride)
    if len(shape) != len(stride):
        return unreadable("has a shape that no tensor has")
    if not isinstance(dtype, torch.dtype):
        return Stored(shape, dtype, stretch, offset, stride)
    if stretch is None:
        return unreadable("has no data in the file")
    claimed = max(math.prod(shape), _extent(shape, stride) + offset) * dtype.itemsize
    if claimed > stretch.nbytes:
        return unreadable(f"claims {shown_bytes(claimed)} of which {shown_bytes(stretch.nbytes)} are stored")
    return Stored(shape, dtype, stretch, offset, stride)


def unreadable(problem: str) -> Stored:
    return Stored((), "unknown", problem=problem)


def check_stored(tensors: Mapping[str, Any], source: str) -> None:
    """ValueError for a tensor with a problem, or if all of them together ask for far more than their files hold."""
    costs: Counter[Path] = Counter()
    limits: Counter[Path] = Counter()
    for key, tensor in tensors.items():
        if not isinstance(tensor, Stored):
            continue
        if tensor.problem:
            raise ValueError(
                f"{source}: {shorten(key, 80)} {tensor.problem}: expected a plain tensor; download the file again."
            )
        if tensor.stretch is not None:
            path, size = tensor.stretch.path, tensor.stretch.file_size
            costs[path] += tensor.cost
            most = size * SHARED if tensor.stretch.packed is None else size * UNPACKED
            limits[path] = max(limits[path], most + SLACK)
    for path, cost in costs.items():
        if cost > limits[path]:
            raise ValueError(
                f"{shown_name(path)} claims {shown_bytes(cost)} of weights, far more than it stores: expected tensors that hold their own data; "
                "get the file from its authors."
            )


def shown_bytes(count: int) -> str:
    for unit, size in (("TB", 2**40), ("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 1000 * 2**40 else "over 1000 TB"
    return f"{count} bytes"


def _are_sizes(values: Any) -> bool:
    return (
        isinstance(values, (tuple, list))
        and len(values) <= MAX_DIMENSIONS
        and all(type(value) is int and 0 <= value < 2**62 for value in values)
    )


def _contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    stride, step = [], 1
    for size in reversed(shape):
        stride.append(step)
        step *= max(size, 1)
    return tuple(reversed(stride))


def _extent(shape: Sequence[int], stride: Sequence[int]) -> int:
    """Numbers from the first to the last of a tensor."""
    return 0 if 0 in shape else 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
