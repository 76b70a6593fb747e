"""Run inside the virtual environment: write the demo's random checkpoints into a models folder.

    python -I write_random_weights.py MODELS_FOLDER [--full] [--seed N]

The pack is loaded under an alias, because its folder may have any name and its `nodes` must not
hide ComfyUI's module of that name.
"""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Parse the arguments, load the pack, write both files."""
    parser = argparse.ArgumentParser(description="Write seeded random checkpoints for the demo and the tests.")
    parser.add_argument("folder", type=Path, help="a ComfyUI models folder")
    parser.add_argument("--full", action="store_true", help="the size of the real model (3.2 GB), not the small one")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal files")
    options = parser.parse_args()
    pack = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        "instdiff", pack / "__init__.py", submodule_search_locations=[str(pack)]
    )
    sys.modules["instdiff"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    weights = importlib.import_module("instdiff.instdiff_modules.random_weights")
    weights.write_random_files(options.folder, options.full, options.seed)


if __name__ == "__main__":
    main()
