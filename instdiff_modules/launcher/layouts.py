"""A layout file for a run: read as the node will read it, and within what the demo's model takes, before anything starts."""

from __future__ import annotations

import struct
from pathlib import Path

from ..layout.json_text import load_json
from .errors import Stopped
from .install import PACK, Runtime
from .steps import Steps

DEMO_MODEL = PACK / "instdiff_modules" / "shapeworld" / "demo_model.safetensors"
MOST_HEADER = 2**24  # bytes


def checked_layout(path: Path, text: str, first: int | None, slots: int | None, runtime: Runtime, steps: Steps) -> str:
    """The text to run, with the first `first` instances alone if that is given. Stops for a file that is no layout, and for
    one with more instances than `slots` (None: not known)."""
    code = f"import sys; sys.path.insert(0, {str(PACK)!r}); from instdiff_modules.importers.first import main; main(sys.argv[1:])"
    command = [runtime.python, "-I", "-c", code, path.expanduser().resolve(), *([] if first is None else [first])]
    said = steps.ask([str(part) for part in command], f"start again; if it fails again, {path} may be at fault.")
    try:
        answer = load_json(said.splitlines()[-1] if said else "", "The answer about the layout", 2**28)
    except ValueError as problem:
        raise Stopped(f"{path} could not be looked at. What to do: start again.") from problem
    if "problem" in answer:
        raise Stopped(f"{path}: {answer['problem']}")
    if slots is not None and answer["most"] > slots:
        raise Stopped(
            f"{path} has {answer['most']} instances, but the demo's model takes at most {slots}. What to do: draw the first "
            f"ones with --first {slots}, or put real weights in place (see README.md) and give --workflow."
        )
    return text if first is None else answer["text"]


def demo_slots(path: Path = DEMO_MODEL) -> int | None:
    """How many instances the demo's model takes; None if its file does not say, which the node then tells."""
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = load_json(file.read(min(size, MOST_HEADER)), path.name)
        slots = load_json(header["__metadata__"]["config"], path.name)["instdiff"]["slots"]
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return slots if isinstance(slots, int) else None
