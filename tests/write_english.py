"""Write what is made from the code: `python tests/write_english.py`, after a name, a tooltip or a kind of data changed.

locales/en/nodeDefs.json from the nodes' schemas, and the table of kinds in the help page of Instances from JSON.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.environment import prepare

prepare(__file__)

from support.kinds import HELP, write_help  # noqa: E402
from support.locales import english, path, write  # noqa: E402  (needs ComfyUI)

write("en", english())
write_help()
sys.stdout.write(f"{HELP.name}: the table of kinds.\n")
sys.stdout.write(f"{path('en')}: {len(english())} nodes. Now change the other languages in the same places.\n")
