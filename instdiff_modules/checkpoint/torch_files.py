"""torch's two kinds of file, zip (since 1.6) and legacy: where the pickle is in them, and where each storage lies.

Nothing in a file is run: `pickle_machine` reads the pickles, `torch_objects` says what their objects are.
"""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ..layout.fields import shorten
from ..layout.plain_files import shown_name
from .pickle_machine import Damage, PickleMachine
from .stored import Stretch, shown_bytes
from .torch_objects import TorchObjects, is_refused, modern_name

ZIP = b"PK\x03\x04"
MAX_PICKLE_BYTES = 32 * 2**20
MAX_DIRECTORY_BYTES = 2 * 2**20  # of a zip archive: 20,000 storages
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how a legacy file begins
_END, _END_64, _LOCAL = b"PK\x05\x06", b"PK\x06\x06", struct.Struct("<4s22x2H")
_DAMAGE = (
    Damage,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,  # of zipfile: a way of packing that it does not know
    RuntimeError,  # of zipfile: an encrypted entry
    UnicodeError,
    OverflowError,
)


def open_torch(path: Path, size: int) -> Any:
    """The object in a file made by torch.save, its tensors as `Stored`. size: of the file, in bytes.

    Raises ValueError if the file is damaged, breaks a limit, or names functions that a weights file does not need.
    """
    try:
        with path.open("rb") as file:
            content, machine = _open_zip(path, size) if file.read(4) == ZIP else _open_legacy(path, size)
    except _DAMAGE as error:
        words = str(error) if isinstance(error, Damage) else "its parts do not fit together"
        raise ValueError(
            f"{shown_name(path)} cannot be read as a torch file ({words}): expected a complete checkpoint; it is damaged or incomplete, download it again."
        ) from error
    refused = sorted(name for name in map(modern_name, machine.names) if is_refused(name))
    if refused:
        raise ValueError(
            f"{shown_name(path)} tries to run {shorten(refused[0], 40)[1:-1]}, which no weights file needs: nothing was executed or loaded; "
            "get the file from its authors."
        )
    return content


def _open_zip(path: Path, size: int) -> tuple[Any, PickleMachine]:
    _check_directory(path, size)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [entry for entry in archive.infolist() if entry.filename.split("/")[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise Damage(f"it is a zip archive with {len(pickles)} data.pkl, expected 1")
        folder = pickles[0].filename.removesuffix("data.pkl")
        order = entries.get(f"{folder}byteorder")
        if order is not None and _unpacked(archive, order, 100).strip() != b"little":
            raise Damage("its numbers are stored in big-endian order")
        data = _unpacked(archive, pickles[0], MAX_PICKLE_BYTES)
    places: dict[str, Stretch | None] = {}

    def find(key: str, nbytes: int) -> Stretch | None:
        entry = entries.get(f"{folder}data/{key}")
        if entry is None:
            return None
        return places.setdefault(key, _place(path, size, entry, min(nbytes, entry.file_size)))

    machine = PickleMachine(data, TorchObjects(find))
    return machine.read(), machine


def _check_directory(path: Path, size: int) -> None:
    """The list of what is in a zip archive, looked at before it is read: it is there, and not of a length that stalls."""
    with path.open("rb") as file:
        file.seek(max(size - 2**16 - 200, 0))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise Damage("the end of its zip archive is missing")
    lengths = [struct.unpack_from("<I", tail, at + 12)[0]]
    large = tail.rfind(_END_64, 0, at)
    if large >= 0 and len(tail) >= large + 56:
        lengths = [length for length in lengths if length != 0xFFFFFFFF]
        lengths.append(struct.unpack_from("<Q", tail, large + 40)[0])
    if max(lengths) > MAX_DIRECTORY_BYTES:
        raise Damage(f"the directory of its zip archive has {shown_bytes(max(lengths))}, at most 2 MB are read")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    name = shorten(entry.filename.split("/")[-1], 40)[1:-1]
    if entry.file_size > limit:
        raise Damage(f"its {name} has {shown_bytes(entry.file_size)} unpacked, at most {shown_bytes(limit)} are read")
    _check_packing(entry)
    with archive.open(entry) as file:
        return file.read(limit + 1)


def _check_packing(entry: zipfile.ZipInfo) -> None:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
        raise Damage("it is packed in a way that torch does not write")


def _place(path: Path, size: int, entry: zipfile.ZipInfo, nbytes: int) -> Stretch | None:
    """Where the bytes of an entry begin. torch does not always write checksums, so entries are read past zipfile."""
    _check_packing(entry)
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        mark, *lengths = _LOCAL.unpack(file.read(_LOCAL.size))
    begin = entry.header_offset + _LOCAL.size + sum(lengths)
    if mark != ZIP or begin + entry.compress_size > size:
        raise Damage("its parts do not fit together")
    if entry.compress_type != zipfile.ZIP_STORED:
        return Stretch(path, size, begin, nbytes, entry.compress_size)
    return Stretch(path, size, begin, min(nbytes, entry.compress_size))


def _open_legacy(path: Path, size: int) -> tuple[Any, PickleMachine]:
    """Four pickles (a magic number, a protocol, the machine, the object), a list of keys, then each storage's numbers."""
    with path.open("rb") as file:
        data = file.read(MAX_PICKLE_BYTES)
    places: dict[str, Stretch] = {}

    def find(key: str, nbytes: int) -> Stretch:
        return places.setdefault(key, Stretch(path, size, size, nbytes))

    objects = TorchObjects(find)
    machine = PickleMachine(data, objects)
    if machine.read() != _MAGIC:
        raise Damage("it is a pickle, but none that torch.save wrote")
    if machine.read() != _PROTOCOL:
        raise Damage("it is of another version of torch's format")
    system = machine.read()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Damage("its numbers are stored in big-endian order")
    content, keys = machine.read(), machine.read()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Damage("its parts do not fit together")
    at = machine.at
    with path.open("rb") as file:
        for key in dict.fromkeys(keys):
            if key not in objects.storages:
                raise Damage("its parts do not fit together")
            file.seek(at)
            count = struct.unpack("<q", file.read(8))[0]
            storage, place = objects.storages[key], places[key]
            if count != storage.count or at + 8 + place.nbytes > size:
                raise Damage("its numbers end too early")
            place.offset = at + 8
            at += 8 + place.nbytes
    return content, machine
