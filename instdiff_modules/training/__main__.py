"""Train InstDiff, from the pack's folder, with the Python that runs ComfyUI:

    python -m instdiff_modules.training check DATA
    python -m instdiff_modules.training coco DATA OUT.json
    python -m instdiff_modules.training --config train.toml

INSTDIFF_COMFYUI names ComfyUI's folder where the pack does not lie in its custom_nodes.
"""

import importlib
import importlib.util
import os
import site
import sys
from pathlib import Path

import torch

from . import check, coco

PACK = Path(__file__).resolve().parents[2]
ALIAS = "instdiff"  # under its own name the pack's folder `nodes` would hide ComfyUI's


def main() -> int:
    """The exit code of the command; 2 if ComfyUI is not found."""
    without_comfyui = {"check": check.main, "coco": coco.main}  # they need no model
    if sys.argv[1:2] and sys.argv[1] in without_comfyui:
        return without_comfyui[sys.argv[1]](sys.argv[2:])
    comfyui = _comfyui()
    if comfyui is None:
        sys.stderr.write("ComfyUI is not found. Set INSTDIFF_COMFYUI to its folder, the one with main.py.\n")
        return 2
    site.addsitedir(str(comfyui))
    # ComfyUI's own arguments, before it looks for a card: it would ask for one that is not there
    comfyui_arguments = importlib.import_module("comfy.cli_args").args
    comfyui_arguments.cpu = not torch.accelerator.is_available()
    comfyui_arguments.use_pytorch_cross_attention = True  # the one for small memories has no gradient worth its time
    _load("nodes", comfyui / "nodes.py")  # started in the pack's folder, Python would find the pack's own first
    _load(ALIAS, PACK / "__init__.py", [str(PACK)])
    load_base = importlib.import_module(f"{ALIAS}.nodes.training_base").load_base
    return importlib.import_module(f"{ALIAS}.{__package__}.command").main(sys.argv[1:], load_base)


def _load(name: str, file: Path, folders: list[str] | None = None) -> None:
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    assert spec is not None and spec.loader is not None, "a Python file can be loaded"
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _comfyui() -> Path | None:
    """The folder named by the environment, else the one in whose custom_nodes the pack lies, else that of an importable one."""
    named, found = os.environ.get("INSTDIFF_COMFYUI"), importlib.util.find_spec("comfy")
    places = (
        [Path(named)]
        if named
        else [
            PACK.parents[1],
            *(Path(place).parent for place in getattr(found, "submodule_search_locations", None) or ()),
        ]
    )
    folders = (folder.resolve() for folder in places)
    return next((folder for folder in folders if (folder / "main.py").is_file() and (folder / "comfy").is_dir()), None)


if __name__ == "__main__":
    raise SystemExit(main())
