"""The demo model's file, and what its header says without reading the weights. Standard library only."""

import struct
from pathlib import Path

from ..layout.json_text import load_json

DEMO_MODEL = Path(__file__).with_name("demo_model.safetensors")
MOST_HEADER = 2**24  # bytes


def demo_slots(path: Path = DEMO_MODEL) -> int | None:
    """How many instances the demo's model takes; None if its file does not say a number above 0, which the node then tells."""
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = load_json(file.read(min(size, MOST_HEADER)), path.name)
        slots = load_json(header["__metadata__"]["config"], path.name)["instdiff"]["slots"]
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return slots if type(slots) is int and slots > 0 else None
