"""Small files in which quickstart remembers what is done. One that is broken counts as not there, and is written again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..layout.json_text import read_json

MOST_READ = 2**20  # bytes


def read_state(path: Path) -> dict[str, Any]:
    """A file that we wrote; empty if it is not there, was cut off or holds something else."""
    try:
        state = read_json(path, limit=MOST_READ)
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """The whole file or none, whatever stands in its place."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    unfinished.write_text(json.dumps(state), encoding="utf-8")
    if path.is_dir():
        remove(path)
    unfinished.replace(path)


def remove(path: Path) -> None:
    """A file, a link or a folder of ours, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
