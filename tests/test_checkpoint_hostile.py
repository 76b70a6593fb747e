"""Weights files packed to stall or to fill the memory are answered at once, in one short sentence."""

import json
import os
import pickle
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.at_once import at_once, refused_soon
from support.checkpoints import random_tensors, refused, save_tensors

PROTOCOL = b"\x80\x02"


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    with at_once():
        yield


# Pickles


def zipped(path: Path, data: bytes | Any, packing: int = zipfile.ZIP_STORED, **entries: bytes) -> Path:
    data = data if isinstance(data, bytes) else pickle.dumps(data, 2)
    with zipfile.ZipFile(path, "w", packing, compresslevel=1) as archive:
        for name, content in {"data.pkl": data, "version": b"3\n", "byteorder": b"little", **entries}.items():
            archive.writestr(f"a/{name}", content)
    return path


def shared(levels: int, make: Callable[[Any], Any]) -> Any:
    value: Any = [1]
    for _ in range(levels):
        value = make(value)
    return value


def inside_itself(value: Any) -> Any:
    value.append(value) if isinstance(value, list) else value.update(model=value, ema=[value])
    return value


def number(value: int) -> bytes:
    return b"\x8a\x0a" + value.to_bytes(10, "little")


PICKLES = {
    "shared lists": shared(100, lambda value: [value, value]),
    "shared states": {"ema": shared(100, lambda value: {"a": value, "b": value})},
    "a list in itself": inside_itself([]),
    "a dictionary in itself": inside_itself({}),
    "5,000 lists": PROTOCOL + b"]" * 5000 + b"a" * 4999 + b".",
    "400,000 tuples": PROTOCOL + b")" + b"\x85" * 400_000 + b".",
    "100,000 dictionaries": PROTOCOL + b"}" + b"X\x03\x00\x00\x00ema}" * 100_000 + b"s" * 100_000 + b".",
    "only steps": PROTOCOL + b"N0" * 3_000_000 + b"N.",
    "no end": PROTOCOL + b"N0" * 1000,
    "300,000 keys": {f"k{i}": None for i in range(300_000)},
    "keys of one hash": PROTOCOL + b"}(" + b"".join(number(i * (2**61 - 1)) + b"N" for i in range(1, 100_000)) + b"u.",
    "one list of pairs, again and again": PROTOCOL + b"ccollections\nOrderedDict\nq\x00](" + b"](X\x01\x00\x00\x00kNe" * 30_000
    + b"e\x85q\x01" + b"h\x00h\x01R0" * 50_000 + b"N.",
    "eight gigabytes of bytes": PROTOCOL + b"cbuiltins\nbytearray\n" + number(8 * 10**9) + b"\x85R.",
    "a number of a million digits": PROTOCOL + b"L" + b"9" * 10**6 + b"L\n.",
    "a text longer than the file": PROTOCOL + b"X\xff\xff\xff\x7fabc.",
    "a negative length": PROTOCOL + b"T\xff\xff\xff\xffabc.",
    "an empty stack": PROTOCOL + b"R.", "no mark": PROTOCOL + b"t.", "no memo": PROTOCOL + b"h\x07.", "only a stop": PROTOCOL + b".",
    "an extension": PROTOCOL + b"\x82\x01.", "an odd dictionary": PROTOCOL + b"}(NNNu.", "a storage of nothing": PROTOCOL + b"NQ.",
    "a shape of texts": PROTOCOL + b"ctorch._utils\n_rebuild_tensor_v2\n(NX\x01\x00\x00\x00aNNNNtR.",
}  # fmt: skip


@pytest.mark.parametrize("name", PICKLES)
def test_a_hostile_pickle_is_answered(tmp_path, name):
    refused_soon(zipped(tmp_path / "a.pth", PICKLES[name]), "a.pth")


@pytest.mark.parametrize("unit", [b"N", b"]0", b"\x80\x02"])
def test_a_pickle_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path, unit):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("a/data.pkl", "w", force_zip64=True) as file:
            for _ in range(200):
                file.write(unit * (2**20 // len(unit)))
        archive.writestr("a/version", "3")
    content = bytearray(path.read_bytes())
    refused_soon(path, "200.0 MB unpacked, at most 32.0 MB")
    at = content.rfind(b"PK\x01\x02", 0, content.rfind(b"a/data.pkl"))
    content[at + 24 : at + 28] = struct.pack("<I", 1000)  # and it does not say so
    path.write_bytes(content)
    refused_soon(path, "a.pth")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_of_packing_that_torch_does_not_use_are_refused(tmp_path, packing):
    refused_soon(zipped(tmp_path / "a.pth", {"a": 1}, packing), "packed in a way")


def test_a_directory_that_would_take_long_is_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        for i in range(30_000):
            archive.writestr(f"archive/data/of/a/name/that/is/long/{i}", b"")
    refused_soon(tmp_path / "a.pth", "directory of its zip archive")


# Headers of safetensors


def safetensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HEADERS = {
    "overlapping": ({"a": ENTRY, "b": {**ENTRY, "data_offsets": [4, 12]}}, b"0" * 12), "a gap": ({"a": {**ENTRY, "data_offsets": [8, 16]}}, b"0" * 16),
    "beyond the file": ({"a": {**ENTRY, "data_offsets": [0, 10**15]}}, b"0" * 8), "more data": ({"a": ENTRY}, b"0" * 16), "less data": ({"a": ENTRY}, b"0" * 7),
    "backwards": ({"a": {**ENTRY, "data_offsets": [8, 0]}}, b"0" * 8), "negative": ({"a": {**ENTRY, "data_offsets": [-8, 0]}}, b""),
    "a giant": ({"a": {**ENTRY, "shape": [2**40, 2**40]}}, b"0" * 8), "fractions": ({"a": {**ENTRY, "shape": [2.0]}}, b"0" * 8),
    "true": ({"a": {**ENTRY, "shape": [True, 2]}}, b"0" * 8), "no shape": ({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, b"0" * 8),
    "a list": ([], b""), "a list below": ({"a": []}, b""), "metadata of numbers": ({"__metadata__": {"a": 1}}, b""),
    "metadata alone": ({"__metadata__": {"a": "1"}}, b""),
    "deep": (b'{"a":' + b"[" * 10**5, b""), "NaN": (b'{"a": NaN}', b""), "twice": (b'{"a": {}, "a": {}}', b""), "not UTF-8": (b'{"\xff": {}}', b""),
    "50 MB of spaces": (b"{" + b" " * (50 * 2**20) + b"}", b""),
    "35,000 tensors": ({f"position_net.{i}": {**ENTRY, "shape": [0], "data_offsets": [0, 0]} for i in range(35_000)}, b""),
    "1,000 dimensions": ({"a": {**ENTRY, "shape": [1] * 1000 + [2]}}, b"0" * 8), "an unknown dtype": ({"scaleu_b_0": {**ENTRY, "dtype": "X" * 900}}, b"0" * 8),
    "a key of a megabyte": ({"position_net." + "x.\n" * 300_000: ENTRY}, b"0" * 8),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_hostile_header_is_answered(tmp_path, name):
    refused_soon(safetensors(tmp_path / "a.safetensors", *HEADERS[name]), "a.safetensors")


def test_a_header_longer_than_the_file_is_not_asked_for(tmp_path):
    for length in (0, 1, 100, 2**31, 2**32 + 5, 2**63, 2**64 - 1):
        refused_soon(safetensors(tmp_path / "a.safetensors", b"{}", length=length), "a.safetensors")
    with (tmp_path / "b.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 3 * 10**9) + b"{")
        file.truncate(4 * 10**9)
    refused_soon(tmp_path / "b.safetensors", "its header has 2.8 GB")


MAGIC = {"pickle": 0x80, "zip": 0x4B50, "gzip": 0x8B1F, "text": 0x7B7B, "tar": 0x7574, "GGUF": 0x4747}


def test_any_length_of_a_header_is_read(tmp_path):
    """The first bytes of a safetensors file are the low ones of a number: they say nothing about its kind."""
    data = random_tensors({"scaleu_b_0": (8,)})
    plain = save_tensors(tmp_path / "a.safetensors", data).read_bytes()
    header = plain[8 : 8 + int.from_bytes(plain[:8], "little")].rstrip()
    for length in [*range(256, 512), *MAGIC.values()]:
        path = safetensors(tmp_path / "b.safetensors", header.ljust(length), plain[-32:])
        assert path.read_bytes()[0] == length % 256
        refused(path, "b.safetensors holds ScaleU but not the fusers")


# What is no file


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    refused_soon(tmp_path / "pipe.pth", "it is a pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.pth"))
        refused_soon(tmp_path / "s.pth", "it is a socket")
    refused_soon(Path("/dev/zero"), "it is a device")
    refused_soon(tmp_path, "it is a folder")
    refused_soon(tmp_path / "a\0b.pth", "not a name that a file can have")
    for name in ("x" * 300, "gone\n\u2028" * 30, "a\ud83d.pth"):
        refused_soon(tmp_path / name)
