"""Prove on every family that Apply Layout steers the regions and nothing else; a minute on one CPU core, no weights.

    python tests/bench/regions.py

Writes regions.json beside this file and the table in web/about/models.md.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

from bench import write_pages
from support.region_models import MODELS
from support.region_proof import proof

HERE = Path(__file__).resolve().parent


def main() -> None:
    found = {}
    for name in MODELS:
        found[name] = proof(name)._asdict()
        sys.stderr.write(f"{name}: {found[name]}\n")
    result = {"families": found, "command": "python tests/bench/regions.py"}
    (HERE / "regions.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_pages.write()


if __name__ == "__main__":
    main()
