"""Puts tests/ (not the repository, whose `nodes` would hide ComfyUI's) on sys.path and loads the pack as `instdiff`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.pack import load_pack  # noqa: E402  (needs the path above)

load_pack()
