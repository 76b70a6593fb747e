"""Thousands of damaged inputs for every reader: each gives a layout or one sentence, soon, and never Python's own words.

Both languages read 4,000 more, in tests/test_js.py; weights files and commands have fuzzes of their own.
"""

import json
import random
import re
import time
import warnings

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.importers.any_boxes import read_boxes
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.regions import read_masks
from instdiff.instdiff_modules.language.answer import read_answer
from instdiff.instdiff_modules.layout.frames import as_frames
from support.damage import damaged_cases, damaged_text
from support.pack import ROOT

SECONDS = 5  # of processor time; nearly all take milliseconds
PYTHON = re.compile(
    r"Traceback|NoneType|object (?:has|is|does|cannot)|not (?:subscriptable|iterable|callable|hashable)|unhashable|unsupported operand|out of range|"
    r"invalid literal|could not convert|unexpected keyword|positional argument|too many values|not enough values|\w+Error\b|<class |codec can't",
)
ANSWERS = sorted((ROOT / "tests" / "data" / "answers").glob("*.txt"))
COUPLED = "a meadow COUPLE MASK(0.1 0.5, 0.2 0.9) a red fox AND an owl :0.5 AREA(0 0.5, 0 1)"
YOLO = "0 0.5 0.5 0.2 0.3 0.9\n16 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n"


def answered(read, *given, **named):
    """Whether it was read; what refuses it is one sentence."""
    begin = time.process_time()
    try:
        frames = as_frames(read(*given, **named))
    except ValueError as error:
        said = str(error)
        assert 10 < len(said) < 300 and "\n" not in said and said.endswith((".", "?")), (given, said)
        assert not PYTHON.search(said), (given, said)
        frames = None
    assert time.process_time() - begin < SECONDS, given
    return frames is not None


def counted(results):
    read = list(results)
    assert 0.1 < sum(read) / len(read) < 0.95  # else the damage is too light or too heavy to show anything
    return len(read)


def test_damaged_texts_of_every_kind():
    texts = [json.dumps(text) for text, _ in damaged_cases(60, 5)] + [text for text, _ in damaged_cases(60, 5)]
    texts += [COUPLED, YOLO]
    given = (damaged_text(texts[seed % len(texts)], seed) for seed in range(1200))
    assert counted(answered(read_frames, text, "", (512, 256), "left, top, right, bottom") for text in given) == 1200


def test_damaged_answers_of_language_models():
    texts = [path.read_text(encoding="utf-8") for path in ANSWERS]

    def layout(text):
        return read_answer(text, "fractions (0..1)", "left top right bottom", 512, 512).layout

    given = (damaged_text(texts[seed % len(texts)], seed) for seed in range(1800))
    assert counted(answered(lambda text: (layout(text),), text) for text in given) == 1800


def test_damaged_values_on_the_wires_of_boxes():
    kinds = (tuple, np.array, torch.tensor, lambda v: torch.tensor(v, dtype=torch.float16), lambda v: v)

    def wired(value, chance):
        """Rows of numbers as tensors, arrays or tuples, single ones as numpy scalars: what nodes hand on."""
        if isinstance(value, dict):
            return {k: wired(v, chance) for k, v in value.items()}
        if isinstance(value, list) and value and all(type(v) in (int, float) and abs(v) < 1e30 for v in value):
            return chance.choice(kinds)(value)
        if isinstance(value, list):
            return [wired(v, chance) for v in value]
        return np.float32(value) if type(value) is float and abs(value) < 1e30 and chance.random() < 0.3 else value

    def results():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for seed, (text, _) in enumerate(damaged_cases(1500, 6)):
                value = wired(json.loads(text), random.Random(seed))
                yield answered(read_boxes, value, (640, 480), order="left, top, right, bottom")

    assert counted(results()) == 1500


def test_odd_values_on_the_wires_of_masks():
    chance = random.Random(7)
    shapes = [(), (0,), (5,), (4, 6), (0, 4, 6), (2, 4, 6), (2, 4, 6, 1), (2, 1, 4, 6), (2, 3, 4, 6), (1, 2, 4, 6, 1)]
    kinds = [torch.float32, torch.float16, torch.bool, torch.uint8, torch.int64, torch.complex64, torch.bfloat16]

    def one():
        made = torch.rand(chance.choice(shapes)) > chance.choice((0.0, 0.5, 1.0))
        made = made.to(chance.choice(kinds))
        if made.is_floating_point() and made.numel() and chance.random() < 0.3:
            made.view(-1)[0] = chance.choice((float("nan"), float("inf"), -3.0))
        return made.float().numpy() if made.dtype != torch.complex64 and chance.random() < 0.3 else made

    def odd():
        segment = (one(), one(), 0.5, [0, 0, 6, 4], [0, 0, 6, 4], "cat", None)
        return chance.choice((one(), [one(), one()], ((4, 6), [segment]), ((4, 6), []), [], None, "x", 3, {"a": one()}, [None]))

    results = [answered(read_masks, odd()) for _ in range(500)]
    assert 0.1 < sum(results) / len(results) < 0.95
