"""Command lines whose mistakes are one sentence: numbers within limits, paths that can be."""

from __future__ import annotations

import argparse
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .names import name_problem, shown

SEEDS = 2**64 - 1  # the highest that ComfyUI's samplers take
MAX_JOBS = 10_000
MAX_SECONDS = 10_000_000.0
LONGEST = 280  # characters of a sentence


class Usage(ValueError):
    """The command line cannot be used; the message is one sentence."""


class Parser(argparse.ArgumentParser):
    """Raises Usage instead of printing the usage and ending the program. Options are not abbreviated."""

    def __init__(self, *args: object, **given: object) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **given})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        words = " ".join(message.split()).removeprefix("argument ")
        raise Usage(shown(words, LONGEST).rstrip(".") + f". See {self.prog} --help.")


def any_letters(stream: object) -> None:
    """Let a stream of text write paths with letters that its console lacks: with marks in their place."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def whole(low: int, high: int) -> Callable[[str], int]:
    """An option's type: a whole number in low..high."""

    def read(text: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number in {low}..{high}, got {shown(text)}")
        return int(text)

    return read


def number(low: float, high: float, above: bool = False) -> Callable[[str], float]:
    """An option's type: a number in low..high, or, with `above`, greater than low."""
    words = f"a number above {low:g} and up to {high:g}" if above else f"a number in {low:g}..{high:g}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high or (above and value == low):  # NaN is in no range
            raise argparse.ArgumentTypeError(f"expected {words}, got {shown(text)}")
        return value

    return read


def file_path(text: str) -> Path:
    """An option's type: a name that a file or folder can have."""
    problem = name_problem(text, path=True)
    if problem:
        raise argparse.ArgumentTypeError(f"{shown(text)} {problem}")
    return Path(text)
