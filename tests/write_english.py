"""Write locales/en/nodeDefs.json from the nodes' schemas: `python tests/write_english.py`, after a name or tooltip changed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.environment import prepare

prepare(__file__)

from support.locales import english, path, write  # noqa: E402  (needs ComfyUI)

write("en", english())
sys.stdout.write(f"{path('en')}: {len(english())} nodes. Now change the other languages in the same places.\n")
