"""The commands beside files that are not what they expect, damaged in every way: a sentence or a result, never Python's own words."""

import ast
import copy
import io
import json
import logging
import random
import re
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instdiff.instdiff_modules.evaluation.__main__ import main as evaluation
from instdiff.instdiff_modules.metrics.__main__ import main as metrics
from instdiff.instdiff_modules.metrics.verdicts import Verdict
from PIL import Image
from support import synthetic_benchmarks, synthetic_coco
from support.evaluated import evaluated, perfect, scored

ROUNDS = 90
# What only a mistake of ours would say.
PYTHON = re.compile(
    r"Traceback|NoneType|object is not|has no attribute|out of range|unhashable|Errno|invalid literal|not subscriptable|not iterable"
    r"|unexpected keyword|must be str,|codec can't|cannot unpack|not supported between|KeyError|list index|positional argument"
)
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3.5, 2**70, -(2**40), 1e300, "", "x", "n" * 300, "a\0b", "../../up", "\n", "7", [], {}, [[]], [None], {"a": 1}, [1, 2, 3, 4], "é" * 200,
)  # fmt: skip


def damaged(value: Any, chance: random.Random) -> Any:
    """A copy with one to three places changed, taken away or doubled."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        holder, key = None, None
        place: Any = value
        while isinstance(place, (dict, list)) and place and (holder is None or chance.random() < 0.8):
            holder, key = place, chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
            place = holder[key]
        if holder is None:
            return chance.choice(ODD)
        action = chance.random()
        if action < 0.7:
            holder[key] = copy.deepcopy(chance.choice(ODD))
        elif action < 0.85 or isinstance(holder, dict):
            del holder[key]
        else:
            holder.append(copy.deepcopy(place))
    return value


def damaged_text(value: Any, chance: random.Random) -> bytes:
    """JSON of a damaged value, now and then with damage of the text itself."""
    text = json.dumps(damaged(value, chance)).encode()
    kind = chance.random()
    if kind < 0.75:
        return text
    at = chance.randrange(len(text) + 1)
    pieces = (b"\xff", b"NaN", b"[" * 5000, b"9" * 5000, b"1e999", b"\0", b'"', b"", b"{", b"-", b"\\ud800")
    return text[:at] + chance.choice(pieces) + text[at if kind < 0.9 else len(text) :]


def said(capsys, caplog, command: Callable[..., int], *arguments: object) -> str:
    """What a command says; its exit code is 0, 1 or 2, and it takes no longer than five seconds."""
    caplog.clear()
    started = time.monotonic()
    code = command([str(a) for a in arguments])
    assert code in (0, 1, 2) and time.monotonic() - started < 5
    out, error = capsys.readouterr()
    for line in [*error.splitlines(), *caplog.messages]:
        assert len(line) < 420 and not PYTHON.search(line), line
    if code == 2:
        assert len([line for line in error.strip().splitlines() if "lost their mask or themselves" not in line]) == 1, (
            error
        )
    return out + error


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path]:
    return synthetic_coco.write(tmp_path)


def test_score_and_tables_beside_damaged_files(given, tmp_path: Path, capsys, caplog) -> None:
    caplog.set_level(logging.WARNING)
    chance, folder = random.Random(5), evaluated(given, tmp_path / "out", "mask")
    predictions = perfect(folder)
    scored(folder, predictions)
    capsys.readouterr()
    names = {"categories": [{"id": n, "name": name} for n, name in synthetic_coco.CATEGORIES.items()]}
    (tmp_path / "names.json").write_text(json.dumps(names))
    layout = folder.layout_path(folder.about()["pictures"][0])
    score = (
        "score",
        folder.path,
        "--predictions",
        tmp_path / "predictions.json",
        "--categories",
        tmp_path / "names.json",
    )
    files: dict[str, tuple[Path, Any, tuple[object, ...]]] = {
        "predictions": (tmp_path / "predictions.json", predictions, score),
        "categories": (tmp_path / "names.json", names, score),
        "run": (folder.path / "run.json", json.loads((folder.path / "run.json").read_text()), score),
        "layout": (layout, json.loads(layout.read_text()), score),
        "results": (
            folder.path / "results.json",
            json.loads((folder.path / "results.json").read_text()),
            ("tables", folder.path),
        ),
    }
    for path, value, _ in files.values():
        path.write_text(json.dumps(value))
    for i in range(ROUNDS):
        path, value, command = list(files.values())[i % len(files)]
        path.write_bytes(damaged_text(value, chance))
        said(capsys, caplog, evaluation, *command)
        path.write_text(json.dumps(value))
    assert "Instance masks" in said(capsys, caplog, evaluation, *score), "and what is whole is scored"


def test_coco_beside_damaged_annotations_captions_and_workflows(given, tmp_path: Path, capsys, caplog) -> None:
    caplog.set_level(logging.WARNING)
    chance, out = random.Random(6), tmp_path / "out"
    annotations, captions = (json.loads(path.read_text()) for path in given)
    graph = {
        "1": {"class_type": "InstDiffFromJSON", "inputs": {"text": ""}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}},
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["4", 0]}},
        "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "x"}},
        "5": {"class_type": "SaveImage", "_meta": {"title": "Save"}, "inputs": {"images": ["3", 0]}},
    }
    workflow = tmp_path / "graph.json"
    values = {given[0]: annotations, given[1]: captions, workflow: graph}
    for path, value in values.items():
        path.write_text(json.dumps(value))
    for i in range(ROUNDS):
        path = list(values)[i % 3]
        path.write_bytes(damaged_text(values[path], chance))
        command = (
            "coco",
            "--annotations",
            given[0],
            "--captions",
            given[1],
            "--format",
            "colors",
            "--size",
            64,
            "--workflow",
            workflow,
        )
        said(capsys, caplog, evaluation, *command, "--out", out / str(i), "--server", "http://127.0.0.1:9")
        path.write_text(json.dumps(values[path]))
    assert not list(tmp_path.glob("*up*")) and not list(tmp_path.parent.glob("up*")), "no file left its place"


def test_benchmarks_beside_damaged_files_answers_and_layouts(tmp_path: Path, capsys, caplog) -> None:
    caplog.set_level(logging.WARNING)
    chance, out = random.Random(8), tmp_path / "out"
    rows = synthetic_benchmarks.overlay_rows() + synthetic_benchmarks.layoutsam_rows()
    for row in rows:  # as objects, so that what is inside is damaged too
        row |= {key: ast.literal_eval(row[key]) for key in row if key in ("annotation", "bbox_list", "region_captions")}
    values = (synthetic_benchmarks.mig_json(), rows[:3], rows[3:], synthetic_benchmarks.mig_json())
    for i in range(ROUNDS):
        path = tmp_path / ("hard.json" if i % 4 < 3 else "bench.yaml")  # JSON is YAML, too
        path.write_bytes(damaged_text(values[i % 4], chance))
        said(
            capsys,
            caplog,
            evaluation,
            "benchmark",
            path,
            "--size",
            64,
            "--out",
            out / str(i),
            "--server",
            "http://127.0.0.1:9",
        )
    file = synthetic_benchmarks.write(tmp_path, "hard.json")
    folder = synthetic_benchmarks.made(file, tmp_path / "run")
    names = {
        str(n): dict.fromkeys(synthetic_benchmarks.named(s), "Yes") for n, s in synthetic_benchmarks.SCENES.items()
    }
    boxes = {"769": {"circle": [[1, 2, 30, 40]]}, "7": {}, "12": {"ring": []}}
    sums = {
        f"sa_{n}.jpg": dict.fromkeys(("bbox_count", *(f"score_{m}" for m in Verdict._fields)), 2) for n in (7, 769, 12)
    }
    sam = synthetic_benchmarks.made(synthetic_benchmarks.write(tmp_path, "layoutsam.jsonl"), tmp_path / "sam")
    layout = folder.layout_path("769")
    whole, answers = layout.read_text(), tmp_path / "answers.json"
    capsys.readouterr()
    for i in range(ROUNDS):
        layout.write_text(json.dumps(damaged(json.loads(whole), chance)) if i % 2 else whole)
        answers.write_bytes(damaged_text((names, boxes, sums)[i % 3], chance))
        said(capsys, caplog, evaluation, "score", (folder, folder, sam)[i % 3].path, "--answers", answers)


def test_pictures_that_are_none_are_left_out(tmp_path: Path, capsys, caplog) -> None:
    caplog.set_level(logging.WARNING)
    chance = random.Random(7)
    layout = {
        "version": 1,
        "width": 64,
        "height": 64,
        "instances": [{"prompt": "a red star", "box": [0.1, 0.1, 0.5, 0.5]}],
    }
    sources = {}
    for kind in ("png", "jpg", "webp"):
        buffer = io.BytesIO()
        Image.fromarray(
            np.kron(np.arange(16, dtype=np.uint8).reshape(4, 4, 1) * 15, np.ones((16, 16, 3), np.uint8))
        ).save(buffer, {"jpg": "jpeg"}.get(kind, kind))
        sources[kind] = buffer.getvalue()
    (tmp_path / "good.png").write_bytes(sources["png"])
    for name, side in (("bomb", 40_000), ("large", 10_000)):
        head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        content = sources["png"][:12] + head + zlib.crc32(head).to_bytes(4, "big") + sources["png"][33:]
        (tmp_path / f"{name}.png").write_bytes(content)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.webp").touch()
    for i in range(60):
        kind = chance.choice(list(sources))
        data = bytearray(sources[kind])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(min(len(data), chance.choice((60, 10**6))))] = chance.randrange(256)
        (tmp_path / f"odd{i}.{kind}").write_bytes(data[: chance.choice((len(data), chance.randrange(len(data))))])
    for picture in list(tmp_path.iterdir()):
        picture.with_suffix(".json").write_text(json.dumps(layout))
    (tmp_path / "odd3.json").write_text("[")
    text = said(capsys, caplog, metrics, tmp_path, "--out", tmp_path / "report", "--detector", "shapeworld")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    names = {picture["name"] for picture in report["pictures"]}
    assert "success" in text and "good" in names and not {"bomb", "large", "folder", "empty", "odd3"} & names
    assert "pictures cannot be used and are left out" in caplog.text


def test_a_part_of_a_million_jobs_or_a_broken_name_is_a_sentence(tmp_path: Path, capsys, caplog) -> None:
    base = (tmp_path, "--out", tmp_path / "out", "--detector", "shapeworld")
    for more in (
        ("--jobs", 10**9),
        ("--jobs", "9" * 5000),
        ("--threshold", "nan"),
        ("--job", -1),
        ("--layouts", "a\0b"),
        ("--layouts", "n" * 300),
    ):
        assert f"{more[0]}: " in said(capsys, caplog, metrics, *base, *more)
    for path in ("a\0b", "n" * 300, "n/" * 3000, "", "\ud800"):
        assert said(capsys, caplog, evaluation, "score", path) and said(capsys, caplog, evaluation, "tables", path)
