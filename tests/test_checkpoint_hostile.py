"""Weights files made to stall or to fill the memory are answered at once, in one short sentence."""

import json
import os
import pickle
import resource
import socket
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint, write_checkpoint
from support.checkpoint_keys import instdiff_shapes
from support.checkpoints import assert_same, random_tensors, refused, save_tensors, save_torch, split_contents

PROTOCOL = b"\x80\x02"
SECONDS, MEGABYTES = 2, 500


@pytest.fixture(scope="module")
def ours() -> dict[str, torch.Tensor]:
    return random_tensors(instdiff_shapes())


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    start, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - start < SECONDS + 2  # making the file counts, too
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024 < MEGABYTES


def refused_soon(path: Path, *pieces: str) -> str:
    start = time.process_time()
    text = refused(path, *pieces)
    assert time.process_time() - start < SECONDS and len(text) < 300
    assert "NoneType" not in text and "Error" not in text
    return text


def zipped(path: Path, data: bytes | Any, packing: int = zipfile.ZIP_STORED, **entries: bytes) -> Path:
    data = data if isinstance(data, bytes) else pickle.dumps(data, 2)
    with zipfile.ZipFile(path, "w", packing, compresslevel=1) as archive:
        for name, content in {"data.pkl": data, "version": b"3\n", "byteorder": b"little", **entries}.items():
            archive.writestr(f"a/{name}", content)
    return path


def safetensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
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


# Pickles

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


# Tensors that are not what they say

ODD = {
    "sparse": lambda: torch.eye(8).to_sparse(), "csr": lambda: torch.eye(8).to_sparse_csr(), "meta": lambda: torch.empty(10**12, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([torch.zeros(2)]), "quantised": lambda: torch.quantize_per_tensor(torch.zeros(8), 1.0, 0, torch.qint8),
    "8 GB": lambda: torch.zeros(1).expand(2 * 10**9), "60 GB": lambda: torch.zeros(1).expand(15 * 10**9),
    "complex": lambda: torch.zeros(8, dtype=torch.complex64), "float8": lambda: torch.zeros(8).to(torch.float8_e4m3fn),
    "conjugate": lambda: torch.zeros(8, dtype=torch.complex64).conj().imag, "a number": lambda: 3, "nothing": lambda: None,
    "text": lambda: "x", "empty": lambda: torch.zeros(0), "a number alone": lambda: torch.tensor(1.0),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # torch's own, about kinds of tensors that it is to lose
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_a_tensor_of_another_kind_is_named(tmp_path, ours, name, legacy):
    odd, save = ODD[name](), {"_use_new_zipfile_serialization": not legacy}
    text = refused_soon(save_torch(tmp_path / "a.pth", ours | {"scaleu_b_3": odd}, **save), "a.pth", "scaleu_b_3")
    assert name not in ("sparse", "meta", "nested", "quantised") or f"is a {name} tensor" in text
    assert "GB" not in name or f"claims {'7.5' if name == '8 GB' else '55.9'} GB of which 4 bytes are stored" in text
    key = "input_blocks.1.1.transformer_blocks.0.fuser.linear.bias"
    refused_soon(save_torch(tmp_path / "b.pth", ours | {key: odd}, **save), "b.pth")
    refused_soon(save_torch(tmp_path / "c.pth", {"ema": odd, "model": odd, "state_dict": odd}, **save), "c.pth")
    refused_soon(save_torch(tmp_path / "d.pth", odd, **save), "d.pth")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ODD if name != "text"])
@pytest.mark.parametrize("part", ["input_blocks", "middle_block", "output_blocks"])
def test_fusers_of_a_wrong_type_are_named(tmp_path, ours, part, name):
    odd, fusers = ODD[name](), split_contents(ours)["fusers.ckpt"]
    index = next(iter(fusers[part]))
    for content in (
        odd,
        [odd],
        {index: odd},
        {index: {"state": odd}},
        {"x": {}},
        {0: {}, "x": {}},
        {10**9: {}},
        {index * 90: fusers[part][index]},
    ):
        refused_soon(save_torch(tmp_path / "fusers.ckpt", fusers | {part: content}), "fusers.ckpt")


def test_a_tensor_whose_data_is_not_there_is_named(tmp_path, ours):
    source = save_torch(tmp_path / "a.pth", ours)
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(tmp_path / "b.pth", "w") as target:
        for entry in archive.infolist():
            if not entry.filename.endswith("/data/7"):
                target.writestr(entry.filename, archive.read(entry))
    refused_soon(tmp_path / "b.pth", "has no data in the file")


def test_many_tensors_of_one_packed_storage_are_not_unpacked_one_by_one(tmp_path, ours):
    """A storage of 30 MB, packed to 30 KB, of which each of 500 tensors wants the end."""
    big = torch.zeros(8 * 10**6)
    content = {key: big[-value.numel() :].view(value.shape) for key, value in ours.items()}
    with (
        zipfile.ZipFile(save_torch(tmp_path / "a.pth", content)) as archive,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in archive.infolist():
            target.writestr(entry.filename, archive.read(entry))
    refused_soon(tmp_path / "b.pth", "far more than it stores")
    assert_same(read_checkpoint([tmp_path / "a.pth"]).tensors, content)


# Names and kinds of files


@pytest.mark.parametrize(
    "name", ["m-00000-of-00000.pth", "m-00003-of-00002.pth", "m-00000-of-00002.safetensors", "m-00001-of-99999.pth"]
)
def test_numbers_of_shards_that_cannot_be_true(tmp_path, ours, name):
    refused_soon(save_torch(tmp_path / name, ours), name, f" of {int(name[11:16])} ")


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


def test_foreign_names_leave_a_sentence_short(tmp_path, ours):
    """Long names of files and keys, every kind of complaint in which they stand."""
    long, spoilt = "n" * 240, ours["scaleu_b_3"] * float("nan")
    key = "input_blocks.1.1.transformer_blocks.0.fuser." + "\n\u202e" * 60
    sd = {f"model.diffusion_model.input_blocks.1.1.{'x' * 300}{i}": torch.zeros(1) for i in range(9)}
    linear = "position_net.convnext_tiny_backbone.downsample_layers.0.0.weight"
    for content in (
        sd, sd | {"position_net." + "y" * 400: torch.zeros(1)}, ours | {key: torch.zeros(1), "scaleu_b_3": spoilt},
        ours | {linear: torch.zeros(65536, 65536, 0, 1)},
        ours | {linear: torch.zeros(8, 3, 4, 5)}, ours | {linear: torch.eye(8).to_sparse()}, ours | {linear: torch.zeros(8, 3, 4, 4, dtype=torch.int32)},
        {"input_blocks": {long * 9: {}}}, {k: v for k, v in ours.items() if "output" not in k}, {k: v for k, v in ours.items() if k != linear},
        {}, {long: {long: 3}},
        ours | {f"output_blocks.{i}.1.transformer_blocks.0.attn1.to_q.weight": torch.zeros(1) for i in range(12, 40)},
    ):  # fmt: skip
        refused_soon(save_torch(tmp_path / f"{long}.pth", content), "nnnn")
        refused_soon(save_torch(tmp_path / f"{long}.pth", content, _use_new_zipfile_serialization=False), "nnnn")
    (tmp_path / f"{long}.pth").write_bytes(b"what")
    refused_soon(tmp_path / f"{long}.pth", "nnnn")
    paths = [save_torch(tmp_path / f"{long}{i}.pth", part) for i, part in enumerate(split_contents(ours).values())]
    text = refused([paths[0], paths[1], paths[1].rename(tmp_path / f"{long}4.pth")][:2], "nnnn")
    assert len(text) < 300
    assert_same(read_checkpoint([paths[0], tmp_path / f"{long}4.pth", paths[2]]).tensors, ours)


# safetensors

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


def test_sizes_beyond_any_model_are_refused_before_a_network_is_built(tmp_path, ours):
    wide = ours | {"position_net.linears_list.0.2.weight": torch.zeros(10**6, 1, dtype=torch.float16)}
    refused_soon(save_tensors(tmp_path / "a.safetensors", wide), "linears_list.0.2.weight", "far beyond any model")
    gain = torch.zeros(1)
    stage = "position_net.convnext_tiny_backbone.stages"
    for more in (
        {f"scaleu_b_{i}": gain for i in range(5000)},
        {f"{stage}.0.{i}.gamma": gain for i in range(5000)},
        {f"{stage}.{i}.0.gamma": gain for i in range(5000)},
        {f"output_blocks.{i}.1.transformer_blocks.0.fuser.alpha_attn": gain for i in range(3, 5000)},
    ):
        refused_soon(save_torch(tmp_path / "a.pth", more | ours), "a.pth")


def test_places_that_a_file_of_ours_claims_are_held_against_it(tmp_path, ours):
    fuser = {key.partition("fuser.")[2]: value for key, value in ours.items() if key.startswith("input_blocks.1.1.")}
    many = {
        f"input_blocks.{i}.1.transformer_blocks.0.fuser.{leaf}": value.clone()
        for i in range(1, 30)
        for leaf, value in fuser.items()
    }
    for tensors, fusers in (
        (ours, ""), (ours, "x y \n z"), (ours, "input_blocks.99.1"), (ours, "middle_block.1 " * 10**5), (ours, "input_blocks.999999999.1 " * 1000),
        (many | ours, "middle_block.1"), (many | ours, "input_blocks.2.1"),
        ({key: value for key, value in ours.items() if "middle" not in key}, "input_blocks.1.1"),
    ):  # fmt: skip
        path = save_tensors(tmp_path / "a.safetensors", tensors, format="instdiff", version="1", fusers=fusers)
        try:
            assert set(read_checkpoint([path]).tensors) >= set(ours)
        except ValueError as error:
            assert "a.safetensors" in str(error) and len(str(error)) < 300 and str(error).isprintable()


# The beginning of a file

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


def test_what_we_write_is_read_whatever_its_header_s_length(tmp_path, ours):
    residues = set()
    for length in range(0, 256, 8):
        path = tmp_path / "a.safetensors"
        write_checkpoint(path, ours, {"source": "x" * length})
        residues.add(path.read_bytes()[0])
        if path.read_bytes()[0] % 64 == 0:
            assert_same(read_checkpoint([path]).tensors, ours)
    assert residues == set(range(0, 256, 8))
