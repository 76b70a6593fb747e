"""Use a ComfyUI that is already installed: its program, its Python and its models, nothing changed in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .errors import Stopped
from .install import OLDEST, PACK, Runtime
from .server import models_config
from .steps import Steps

# What our requirements.txt brings that ComfyUI itself does not: module -> requirement
OURS = {"skimage": "scikit-image>=0.20", "pycocotools": "pycocotools>=2.0.6"}
# A portable ComfyUI for Windows keeps its Python beside it; others have a virtual environment inside or beside.
PLACES = ("venv", ".venv", "../python_embeded", "../venv", "../.venv", "../.conda")


def use(path: Path, python: Path | None, home: Path, steps: Steps) -> tuple[Runtime, tuple[str | Path, ...]]:
    """The runtime for an installation and the server arguments that show its models.

    The server runs on our own base folder, so outputs, settings and other custom nodes of the
    installation stay out of it. Only our two packages are added to its Python if they are missing.
    """
    comfyui = find_comfyui(path.expanduser().resolve())
    check_version(comfyui)
    python = find_python(comfyui, python)
    code = (
        "import importlib.util as u, json, torch;"
        f"print(json.dumps([torch.__version__, torch.cuda.is_available() or torch.backends.mps.is_available(),"
        f"[m for m in {list(OURS)} if u.find_spec(m) is None]]))"
    )
    remedy = f"if {python} is not the Python that runs this ComfyUI, say which one it is: --python EXE"
    version, gpu, missing = json.loads(steps.ask([python, "-c", code], remedy).splitlines()[-1])
    if missing:
        wanted = [OURS[module] for module in missing]
        keep = home / "existing-torch.txt"
        keep.parent.mkdir(parents=True, exist_ok=True)
        keep.write_text(f"torch=={version}\n")  # nothing may exchange the torch that is there
        steps.run(
            f"{' and '.join(wanted)} for {python}",
            [python, "-m", "pip", "install", "--no-input", "--progress-bar", "off", *wanted, "-c", keep],
            f"install them yourself: {python} -m pip install -r {PACK / 'requirements.txt'}",
        )
    config = models_config(comfyui / "models", home / "existing-models.yaml")
    return Runtime(python, comfyui, gpu), ("--extra-model-paths-config", config)


def find_comfyui(path: Path) -> Path:
    """The folder with main.py: `path` itself, or the ComfyUI folder in it (portable, desktop)."""
    for folder in (path, path / "ComfyUI"):
        if (folder / "main.py").is_file() and (folder / "comfy").is_dir():
            return folder
    raise Stopped(f"There is no ComfyUI in {path} (no main.py beside a folder comfy). Give the folder that has them.")


def check_version(comfyui: Path) -> None:
    """Stop if the installation is older than what the pack supports."""
    file = comfyui / "comfyui_version.py"
    found = re.search(r'"(\d+(?:\.\d+)*)', file.read_text() if file.is_file() else "")
    version = found[1] if found else "0"
    if tuple(map(int, version.split("."))) < tuple(map(int, OLDEST.split("."))):
        raise Stopped(
            f"{comfyui} is ComfyUI {version if found else 'of unknown, old version'}, but InstDiff needs {OLDEST} or newer. "
            f"What to do: update it, or leave --comfyui out."
        )


def find_python(comfyui: Path, given: Path | None) -> Path:
    """The interpreter of an installation: the given one, or one in the usual places."""
    if given is not None:
        if not given.is_file():
            raise Stopped(f"--python {given} is not a file. Give the Python program that runs this ComfyUI.")
        return given.absolute()  # not resolved: a link in a virtual environment is what makes it one
    for place in PLACES:
        for program in ("bin/python", "Scripts/python.exe", "python.exe"):
            if (comfyui / place / program).is_file():
                return (comfyui / place / program).absolute()
    raise Stopped(
        f"No Python was found for {comfyui} (looked for {', '.join(PLACES)}). Say which one runs it: --python EXE"
    )
