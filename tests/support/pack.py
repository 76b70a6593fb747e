"""Loads the pack under the alias `instdiff`, without putting its root on sys.path (its nodes/ would hide ComfyUI's own)."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
ALIAS = "instdiff"


def load_pack() -> ModuleType:
    """The pack's front door as module `instdiff`; its rooms are then importable as `instdiff.nodes`, ..."""
    if ALIAS in sys.modules:
        return sys.modules[ALIAS]
    spec = importlib.util.spec_from_file_location(ALIAS, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules[ALIAS] = module
    spec.loader.exec_module(module)
    return module
