"""What the objects in torch's files are: tensors become descriptions of where they lie, everything else its name."""

import _compat_pickle
import builtins
from collections.abc import Callable
from typing import Any

import torch

from .pickle_machine import Damage, Named, Opaque
from .stored import Stored, Stretch, stored, unreadable

MAX_TENSORS = 100_000
# No weights file has a reason to name these. Nothing is run in any case; a person should still be told.
_REFUSED_MODULES = frozenset(
    "os posix nt sys subprocess shutil socket pty runpy code codeop importlib ctypes pickle marshal webbrowser".split()
)
_OLD_BUILTIN_TYPES = frozenset(("long", "unicode", "basestring"))  # Python 2's
_STORAGES = {
    "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16, "Double": torch.float64, "Long": torch.int64,
    "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8, "Bool": torch.bool,
    "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128, "QInt8": torch.int8, "QUInt8": torch.uint8,
    "QInt32": torch.int32, "Untyped": torch.uint8,
}  # fmt: skip
_KINDS = {
    "_rebuild_sparse_tensor": "sparse", "_rebuild_sparse_csr_tensor": "sparse", "_rebuild_qtensor": "quantised",
    "_rebuild_meta_tensor_no_storage": "meta", "_rebuild_nested_tensor": "nested",
}  # fmt: skip
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict")


class Storage:
    """dtype: of its numbers; count: how many; start: the number at which a view of it begins."""

    __slots__ = ("count", "dtype", "start", "stretch")

    def __init__(self, stretch: Stretch | None, dtype: torch.dtype, count: int, start: int = 0) -> None:
        self.stretch, self.dtype, self.count, self.start = stretch, dtype, count, start


class TorchObjects:
    """The builder for torch's pickles. find: key of a storage and its bytes -> where it lies; None if it is not there."""

    def __init__(self, find: Callable[[str, int], Stretch | None]) -> None:
        self.find, self.storages, self.tensors, self.pairs = find, {}, 0, 0

    def stored(self, reference: Any) -> Any:
        if not isinstance(reference, tuple) or not 5 <= len(reference) <= 6 or reference[0] != "storage":
            return Opaque("object")
        _, kind, key, _, count, *view = reference
        dtype = _STORAGES.get(kind.name.rpartition(".")[2].removesuffix("Storage")) if isinstance(kind, Named) else None
        if dtype is None or not isinstance(key, str) or len(key) > 100 or not _is_size(count):
            raise Damage("it describes a storage that torch does not know")
        known = self.storages.get(key)
        if known is None:
            if len(self.storages) >= MAX_TENSORS:
                raise Damage(f"it has more than {MAX_TENSORS:,} storages")
            known = self.storages[key] = Storage(self.find(key, count * dtype.itemsize), dtype, count)
        if (known.dtype, known.count) != (dtype, count):
            raise Damage("it describes a storage twice, each time in another way")
        if view and view[0] is not None:  # torch before 1.6: a part of another storage
            if not isinstance(view[0], tuple) or len(view[0]) != 3 or not _is_size(view[0][1]):
                raise Damage("it describes a storage that torch does not know")
            return Storage(known.stretch, dtype, count, view[0][1])
        return known

    def made(self, name: str, arguments: tuple[Any, ...]) -> Any:
        module, _, function = name.rpartition(".")
        if name in _DICTS:
            return self._dictionary(arguments)
        if name == "torch.Size":
            return arguments[0] if arguments and isinstance(arguments[0], (tuple, list)) else ()
        if module == "torch._utils" and function in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
            return arguments[0] if arguments and isinstance(arguments[0], Stored) else Opaque("Parameter")
        if module == "torch._tensor" and function == "_rebuild_from_type_v2":
            return self._of_subclass(arguments)
        return self._tensor(function, arguments) if module == "torch._utils" else Opaque(function)

    def _dictionary(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """With what it was given as pairs: Python 2 wrote ordered ones so."""
        pairs = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else []
        self.pairs += len(pairs)
        if self.pairs > MAX_TENSORS:  # one list may be given again and again
            raise Damage(f"it has more than {MAX_TENSORS:,} entries")
        return {
            pair[0]: pair[1]
            for pair in pairs
            if isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str)
        }

    def _of_subclass(self, arguments: tuple[Any, ...]) -> Any:
        """A tensor with attributes: the function that makes it, its class, the arguments, the attributes."""
        if len(arguments) < 3 or not isinstance(arguments[0], Named) or not isinstance(arguments[2], tuple):
            return Opaque("Tensor")
        return self._tensor(arguments[0].name.rpartition(".")[2], arguments[2])

    def _tensor(self, function: str, arguments: tuple[Any, ...]) -> Any:
        self.tensors += 1
        if self.tensors > MAX_TENSORS:
            raise Damage(f"it has more than {MAX_TENSORS:,} tensors")
        if function in _KINDS:
            return unreadable(f"is a {_KINDS[function]} tensor")
        if function not in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            return unreadable("is a tensor of another kind") if function.startswith("_rebuild") else Opaque(function)
        if len(arguments) < 4 or not isinstance(arguments[0], Storage):
            return unreadable("is a damaged tensor")
        storage, offset, size, stride = arguments[:4]
        dtype: Any = storage.dtype
        if function == "_rebuild_tensor_v3":
            dtype = _dtype(arguments[6]) if len(arguments) > 6 else "unknown"
        if len(arguments) > 6 and function == "_rebuild_tensor_v2" and arguments[6]:
            return unreadable("is a conjugate or negative view")
        start = offset + storage.start if _is_size(offset) else offset
        return stored(size, dtype, storage.stretch, start, stride)


def modern_name(name: str) -> str:
    """The name of a class or function in Python 3."""
    module, _, member = name.rpartition(".")
    if (module, member) in _compat_pickle.NAME_MAPPING:
        module, member = _compat_pickle.NAME_MAPPING[module, member]
    return f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{member}"


def is_refused(name: str) -> bool:
    """Whether a pickle that names this is up to something."""
    module, _, member = name.rpartition(".")
    if module == "builtins":
        return not isinstance(getattr(builtins, member, None), type) and member not in _OLD_BUILTIN_TYPES
    return module.split(".")[0] in _REFUSED_MODULES


def _dtype(value: Any) -> torch.dtype | str:
    name = value.name.rpartition(".")[2] if isinstance(value, Named) else "unknown"
    found = getattr(torch, name, None)
    return found if isinstance(found, torch.dtype) else name[:40]


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62
