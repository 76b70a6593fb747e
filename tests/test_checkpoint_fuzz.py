"""Damaged weights files of every kind: read, or refused in one short sentence of ours, soon and in little memory."""

import itertools
import pickletools
import random
import re
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint
from support.checkpoint_keys import instdiff_shapes, official_shapes
from support.checkpoints import official_content, random_tensors, save_tensors, save_torch, split_contents

CASES = 30  # of each kind
SECONDS, MEGABYTES = 2, 500
PYTHONS_WORDS = re.compile(
    r"\w+Error|NoneType|object has no|not subscriptable|not iterable|positional argument|invalid literal|out of range|unpack|codec|<class|Traceback"
)
Damage = Callable[[bytearray, random.Random], bytes]


def cut(content: bytearray, rng: random.Random) -> bytes:
    return bytes(content[: rng.randrange(len(content))])


def cut_at_the_head(content: bytearray, rng: random.Random) -> bytes:
    return bytes(content[: rng.randrange(min(300, len(content)))])


def flip(content: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 3, 30))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def flip_at_an_end(content: bytearray, rng: random.Random) -> bytes:
    part = min(2000, len(content))
    for _ in range(rng.choice((1, 4))):
        at = rng.randrange(part)
        content[at if rng.random() < 0.5 else -1 - at] = rng.randrange(256)
    return bytes(content)


def double(content: bytearray, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    part = content[start : start + rng.randrange(1, 2000)]
    return bytes(content[:start] + part + content[start:])


def leave_out(content: bytearray, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return bytes(content[:start] + content[start + rng.choice((1, 8, 500)) :])


def fill(content: bytearray, rng: random.Random) -> bytes:
    start, count = rng.randrange(len(content)), rng.choice((1, 4, 8, 300))
    content[start : start + count] = rng.choice((b"\0", b"\xff", b"\x7f", b"9", b"(", b"{")) * count
    return bytes(content)


def change_a_number(content: bytearray, rng: random.Random) -> bytes:
    """In text: any; else four bytes that look like a length."""
    numbers = list(re.finditer(rb"\d+", bytes(content[:60_000])))
    if numbers and rng.random() < 0.7:
        found = rng.choice(numbers)
        content[found.start() : found.end()] = rng.choice(
            (
                b"0",
                b"-1",
                b"1e999",
                b"NaN",
                b"1.5",
                b"9" * 30,
                b"9" * 5000,
                b"null",
                b"4294967296",
                b"2147483647",
                b"[]",
            )
        )
    else:
        at = rng.randrange(len(content) - 8)
        content[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 2**31, 2**32 - 1, len(content), 10**9)))
    return bytes(content)


WHOLE: tuple[Damage, ...] = (cut, cut_at_the_head, flip, flip_at_an_end, double, leave_out, fill, change_a_number)


def swap_steps(data: bytearray, rng: random.Random) -> bytes:
    """A pickle with opcodes exchanged, repeated, left out or replaced, each whole."""
    places = [position for _, _, position in pickletools.genops(bytes(data))] + [len(data)]
    steps = [bytes(data[a:b]) for a, b in itertools.pairwise(places)]
    for _ in range(rng.choice((1, 1, 2, 10))):
        at, other = rng.randrange(len(steps)), rng.randrange(len(steps))
        kind = rng.randrange(4)
        if kind == 0:
            steps[at], steps[other] = steps[other], steps[at]
        elif kind == 1:
            steps[at] = steps[other]
        elif kind == 2:
            steps[at] = b""
        else:
            steps[at] = rng.choice(
                (
                    b"N",
                    b"]",
                    b"}",
                    b")",
                    b"(",
                    b"0",
                    b"2",
                    b"R",
                    b"b",
                    b"Q",
                    b"t",
                    b"u",
                    b"e",
                    b"\x81",
                    b"K\xff",
                    b"J\xff\xff\xff\xff",
                    b".",
                )
            )
    return b"".join(steps)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("kinds")
    shapes = instdiff_shapes()
    ours = random_tensors(shapes)
    whole = save_torch(folder / "zip.pth", ours)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(folder / "packed.pth", "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    (folder / "split").mkdir()
    return {
        "zip": whole,
        "packed": folder / "packed.pth",
        "legacy": save_torch(folder / "legacy.pth", ours, _use_new_zipfile_serialization=False),
        "protocol 4": save_torch(folder / "four.pth", ours, pickle_protocol=4),
        "authors": save_torch(folder / "authors.pth", official_content(random_tensors(official_shapes()))),
        "fusers": save_torch(folder / "fusers.ckpt", split_contents(ours)["fusers.ckpt"]),
        "safetensors": save_tensors(
            folder / "a.safetensors", ours, format="instdiff", version="1", fusers="middle_block.1"
        ),
    }


def answered(path: Path, what: str) -> bool:
    """Whether it was read; fails for any other answer than a sentence of ours."""
    start = time.process_time()
    try:
        read_checkpoint([path])
    except ValueError as error:
        text = str(error)
        assert "\n" not in text and text.isprintable() and len(text) < 300 and path.name in text, f"{what}: {text}"
        assert not PYTHONS_WORDS.search(text), f"{what}: {text}"
        return False
    finally:
        assert time.process_time() - start < SECONDS, what
    return True


KINDS = ("zip", "packed", "legacy", "protocol 4", "authors", "fusers", "safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused_in_a_sentence(kinds, tmp_path, kind):
    rng = random.Random(f"files {kind}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    content = kinds[kind].read_bytes()
    path = tmp_path / kinds[kind].name
    read = 0
    for case in range(CASES):
        damage = WHOLE[case % len(WHOLE)]
        path.write_bytes(damage(bytearray(content), rng))
        read += answered(path, f"{kind}, case {case}: {damage.__name__}")
    assert read < CASES / 2
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024 < MEGABYTES


@pytest.mark.parametrize("kind", ["zip", "protocol 4", "fusers"])
def test_damaged_pickles_in_sound_archives_are_read_or_refused_in_a_sentence(kinds, tmp_path, kind):
    rng = random.Random(f"pickles {kind}")
    with zipfile.ZipFile(kinds[kind]) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    (name,) = (name for name in entries if name.endswith("data.pkl"))
    path = tmp_path / kinds[kind].name
    for case in range(CASES):
        damage = swap_steps if case % 2 else WHOLE[case // 2 % len(WHOLE)]
        changed = {**entries, name: damage(bytearray(entries[name]), rng)}
        with zipfile.ZipFile(path, "w") as archive:
            for entry, data in changed.items():
                archive.writestr(entry, data)
        answered(path, f"{kind}, case {case}: {damage.__name__}")


def test_safetensors_with_damaged_headers_are_read_or_refused_in_a_sentence(kinds, tmp_path):
    rng = random.Random("headers")
    content = kinds["safetensors"].read_bytes()
    length = int.from_bytes(content[:8], "little")
    path = tmp_path / "a.safetensors"
    for case in range(2 * CASES):
        damage = WHOLE[case % len(WHOLE)] if case % 2 else change_a_number
        header = damage(bytearray(content[8 : 8 + length]), rng)
        path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
        answered(path, f"case {case}: {damage.__name__}")


def test_a_legacy_file_cut_anywhere_is_refused(kinds, tmp_path):
    """Not one length makes half a model."""
    content = kinds["legacy"].read_bytes()
    path = tmp_path / "legacy.pth"
    rng = random.Random("lengths")
    for length in [
        *range(1, 60),
        *(rng.randrange(60, len(content)) for _ in range(60)),
        *range(len(content) - 20, len(content)),
    ]:
        path.write_bytes(content[:length])
        assert not answered(path, f"{length} bytes")


def test_shared_storages_of_all_kinds_are_read(tmp_path):
    """Tensors may lie in one storage, as slices do; they come back with memory of their own."""
    shapes = instdiff_shapes()
    flat = torch.randn(sum(torch.Size(shape).numel() for shape in shapes.values()))
    parts = flat.split([torch.Size(shape).numel() for shape in shapes.values()])
    content = {key: part.view(shape) for (key, shape), part in zip(shapes.items(), parts, strict=True)}
    for legacy in (False, True):
        read = read_checkpoint(
            [save_torch(tmp_path / "a.pth", content, _use_new_zipfile_serialization=not legacy)]
        ).tensors
        assert all(
            torch.equal(read[key], value) and read[key].untyped_storage().nbytes() == value.nbytes
            for key, value in content.items()
        )
