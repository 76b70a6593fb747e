"""Reading torch's pickled files without running anything that is in them.

torch's weights-only unpickler rebuilds tensors and plain containers and refuses every other class. The authors' file
also holds its training configuration (an OmegaConf object), which we need not have installed to read the weights: each
class that the file names and torch does not know is replaced by an inert stand-in, which is neither imported nor run.
"""

import _compat_pickle
import builtins
import pickle
import pickletools
import re
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

# No weights file has a reason to name these. The stand-ins would make them harmless; a person should still be told.
_REFUSED_MODULES = frozenset(
    "os posix nt sys subprocess shutil socket pty runpy code codeop importlib ctypes pickle marshal webbrowser".split()
)
_OLD_BUILTIN_TYPES = frozenset(("long", "unicode", "basestring"))  # Python 2's
_TORCH = re.compile(
    r"torch\.(\w+|(_utils|_tensor|storage|serialization|cuda)\.\w+|nn\.parameter\.Parameter)|"
    r"collections\.(OrderedDict|Counter)|_codecs\.encode|builtins\.(bytearray|set|complex)"
)
_PICKLES_OF_LEGACY_FILE = 4  # magic number, protocol, system, object
# What the unpickler and its parts raise on damaged input.
_DAMAGE = (
    RuntimeError,
    pickle.UnpicklingError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    EOFError,
    OSError,
    MemoryError,
    NotImplementedError,
)


class _Inert:
    """Stands for any object that we have no use for: made from anything, keeps nothing, does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def load_pickle(path: Path) -> Any:
    """The object in a file made by torch.save, tensors mapped from the file where its format allows (zip, since 1.6).

    Raises ValueError if the file is damaged, or names functions that a weights file does not need.
    """
    try:
        names, mappable = _scan(path)
    except (zipfile.BadZipFile, *_DAMAGE) as error:
        raise ValueError(
            f"{path.name} cannot be read as a torch file ({_short(error)}): expected a complete checkpoint; it is damaged or incomplete, download it again."
        ) from error
    refused = sorted(name for name in names if _is_refused(name))
    if refused:
        raise ValueError(
            f"{path.name} tries to run {refused[0]}, which no weights file needs: nothing was executed or loaded; "
            "get the file from its authors."
        )
    # torch goes by the suffix here (and only a path can be mapped); we go by what is in the file.
    mappable = mappable and path.suffix.lower() != ".safetensors"
    known = {_full_name(known) for known in torch.serialization.get_safe_globals()}
    try:
        with torch.serialization.safe_globals([_stand_in(name) for name in names if name not in known]):
            if mappable:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            with path.open("rb") as file:
                return torch.load(file, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise ValueError(
            f"{path.name} cannot be read as a torch file ({_short(error)}): expected tensors in plain dictionaries."
        ) from error


def _scan(path: Path) -> tuple[set[str], bool]:
    """Dotted names of all classes and functions that torch would not rebuild itself, and whether mmap will do."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                raise ValueError("the end of its zip archive is missing")
            file.seek(0)
            return set().union(*(_unknown_names(file) for _ in range(_PICKLES_OF_LEGACY_FILE))), False
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        pickles = [entry for entry in entries if entry.filename.split("/")[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError(f"it is a zip archive with {len(pickles)} data.pkl, expected 1")
        with archive.open(pickles[0]) as file:
            return _unknown_names(file), all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)


def _unknown_names(file: IO[bytes]) -> set[str]:
    names = set()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
            raise ValueError(f"its pickle uses {opcode.name}, which torch.save does not write")
        if opcode.name == "GLOBAL":
            module, name = str(argument).split(" ", 1)
            if (module, name) in _compat_pickle.NAME_MAPPING:  # Python 2's names, as torch maps them
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            names.add(f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{name}")
    return {name for name in names if not _is_torch(name)}


def _is_torch(name: str) -> bool:
    """Names that torch.load decides about, as it always does: tensors and what they are made of."""
    return _TORCH.fullmatch(name) is not None


def _is_refused(name: str) -> bool:
    module, _, member = name.rpartition(".")
    if module == "builtins":
        return not isinstance(getattr(builtins, member, None), type) and member not in _OLD_BUILTIN_TYPES
    return module.split(".")[0] in _REFUSED_MODULES


def _stand_in(name: str) -> type:
    """An inert class that torch's unpickler takes for the class of that full name."""
    module, _, member = name.rpartition(".")
    body: dict[str, Any] = {"__module__": module, "__qualname__": member}
    if name == "collections.defaultdict":
        body["__new__"] = lambda *_: {}  # the unpickler goes on to fill it, which it only does with plain dicts
    return type(member, (_Inert,), body)


def _full_name(known: Any) -> str:
    if isinstance(known, tuple):
        return known[1]
    return f"{getattr(known, '__module__', '')}.{getattr(known, '__qualname__', '')}"


def _short(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text[:150]}" if text else type(error).__name__
