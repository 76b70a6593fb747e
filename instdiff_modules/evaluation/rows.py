"""The rows of a data set's files: Parquet as Hugging Face keeps them, or JSON that was exported from there; and YAML. Pictures are not read."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..commands.left_out import usable
from ..layout import fields
from ..layout.json_text import load_json, read_json
from ..layout.plain_files import file_size, shown_name
from .annotations import MOST_READ

PARQUET = b"PAR1"
MOST_YAML = 2**24  # bytes: MIGC's file has 0.4 million
MOST_LITERAL = 2**18  # characters of a column that holds a Python literal
MOST_LEVELS = 20
YAML_ENDINGS = (".yaml", ".yml")


def read_document(path: Path, columns: Sequence[str]) -> Any:
    """A list of rows, or what else the file holds: an object of JSON or YAML. columns: those that are read of Parquet, where they are
    there. ValueError for what cannot be read."""
    file_size(path, "a benchmark's file")
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise ValueError(
            f"{shown_name(path)} cannot be read ({error.strerror}): expected a benchmark's file."
        ) from error
    if start.startswith(PARQUET):
        return _parquet(path, columns)
    if path.suffix.lower() in YAML_ENDINGS:
        return _yaml(path)
    return _lines(path) if _is_lines(path) else read_json(path, limit=MOST_READ)


def literal(value: Any, where: str) -> Any:
    """Lists, objects, text and numbers of a column that holds them as a Python literal; what is no text is returned as it is.

    Nothing is run. ValueError for other text, and for one that is too long or too deep.
    """
    if not isinstance(value, str):
        return value
    bare = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", value[:MOST_LITERAL])
    try:
        if len(value) <= MOST_LITERAL and _levels(bare) <= MOST_LEVELS:
            return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        pass
    raise ValueError(f"{where} must hold a list or an object as text, got {fields.shorten(value)}.")


def _levels(text: str) -> int:
    level = most = 0
    for letter in re.findall(r"[\[\](){}]", text):
        level += 1 if letter in "[({" else -1
        most = max(most, level)
    return most


def _parquet(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ValueError(
            f"{path.name} is a Parquet file, and reading it needs pyarrow, which is not installed: python -m pip install pyarrow. "
            "Or give the data set as JSON lines, as datasets' to_json writes them."
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            there = [name for name in columns if name in file.schema_arrow.names]
            return file.read(columns=there).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{path.name} cannot be read as a Parquet file: it is damaged, cut off or something else."
        ) from error


def _yaml(path: Path) -> Any:
    """Everything is text: nothing is taken for a date, a number or an object of a program."""
    try:
        import yaml
    except ImportError as error:
        raise ValueError(
            f"{path.name} is a YAML file, and reading it needs PyYAML, which is not installed: python -m pip install pyyaml."
        ) from error
    if file_size(path, "a YAML file") > MOST_YAML:
        raise ValueError(f"{path.name} is too large: at most {MOST_YAML // 2**20} MB of YAML are read.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        return yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # texts, lists and objects alone
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not text in UTF-8. Save it as UTF-8.") from error
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f" at line {mark.line + 1}"
        raise ValueError(f"{path.name} is not valid YAML: it cannot be read{place}.") from error


def _is_lines(path: Path) -> bool:
    """Whether the first line is an object by itself and another one follows, or the name says so."""
    if path.suffix.lower() == ".jsonl":
        return True
    with path.open("rb") as file:
        first = file.readline(MOST_LITERAL).strip()
        second = file.read(64).strip()
    if not (first.startswith(b"{") and first.endswith(b"}") and second.startswith(b"{")):
        return False
    try:
        return isinstance(json.loads(first), Mapping)
    except (ValueError, RecursionError):
        return False


def _lines(path: Path) -> list[Any]:
    if file_size(path, "a JSON file") > MOST_READ:
        raise ValueError(f"{path.name} is too large: at most {MOST_READ // 2**20} MB are read.")
    with path.open("rb") as file:
        lines = [line for line in file.read().splitlines() if line.strip()]
    return usable(lines, lambda line, number: load_json(line, f"Line {number}"), f"lines of {path.name}")
