"""Use a ComfyUI that is already installed: its program, its Python and its models, nothing changed in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..commands.names import shown, whole_path
from ..layout.json_text import load_json
from .errors import Stopped
from .install import OLDEST, PACK, Runtime
from .machine import OLDEST_PYTHON
from .server import models_config
from .steps import Steps

# What our requirements.txt brings that ComfyUI itself does not: module -> requirement
OURS = {"skimage": "scikit-image>=0.20", "pycocotools": "pycocotools>=2.0.6"}
# A portable ComfyUI for Windows keeps its Python beside it; others have a virtual environment inside or beside.
MOST_READ = 65536  # bytes
PYTHON_SECONDS = 30.0
REMEDY = "say which Python runs this ComfyUI: --python EXE."
ASK_VERSION = "import sys; print('Python %d.%d' % sys.version_info[:2])"
ASK_TORCH = """
import importlib.util as u, json
said = {"missing": [m for m in %r if u.find_spec(m) is None]}
try:
    import torch
    said["torch"] = torch.__version__
    said["gpu"] = bool(torch.cuda.is_available() or torch.backends.mps.is_available())
except Exception:
    pass
print(json.dumps(said))
"""
PLACES = ("venv", ".venv", "../python_embeded", "../venv", "../.venv", "../.conda")


def use(path: Path, python: Path | None, home: Path, steps: Steps) -> tuple[Runtime, tuple[str | Path, ...]]:
    """The runtime for an installation and the server arguments that show its models.

    The server runs on our own base folder, so outputs, settings and other custom nodes of the
    installation stay out of it. Only our two packages are added to its Python if they are missing.
    """
    comfyui = find_comfyui(whole_path(path).resolve())
    check_version(comfyui)
    python = find_python(comfyui, python)
    check_python(python, steps)
    version, gpu, missing = ask_torch(python, steps)
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
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_READ).decode("utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"""__version__\s*=\s*["'](\d{1,6}(?:\.\d{1,6}){0,3})(?!\d)""", text)
    if found is None:
        raise Stopped(
            f"{comfyui} does not say its version: {file.name} is missing or damaged. InstDiff needs ComfyUI {OLDEST} or newer. "
            f"What to do: update or repair it, or leave --comfyui out."
        )
    if tuple(map(int, found[1].split("."))) < tuple(map(int, OLDEST.split("."))):
        raise Stopped(
            f"{comfyui} is ComfyUI {found[1]}, but InstDiff needs {OLDEST} or newer. What to do: update it, or leave --comfyui out."
        )


def check_python(python: Path, steps: Steps) -> None:
    """Stop if this is not a Python that can run the pack."""
    try:
        said = steps.ask([python, "-I", "-S", "-c", ASK_VERSION], REMEDY, PYTHON_SECONDS)
    except Stopped as problem:  # whatever another program says to a question for Python explains nothing
        raise Stopped(f"{python} does not run as Python does: asked for its version, it gives none. What to do: {REMEDY}") from problem  # fmt: skip
    found = re.fullmatch(r"Python (\d{1,4})\.(\d{1,4})", said)
    if found is None:
        raise Stopped(f"--python {python} is not Python: it answered {shown(said)}. What to do: {REMEDY}")
    version = int(found[1]), int(found[2])
    if version < OLDEST_PYTHON:
        raise Stopped(
            f"{python} is Python {version[0]}.{version[1]}, but InstDiff needs {'.'.join(map(str, OLDEST_PYTHON))} or newer. "
            f"What to do: {REMEDY}"
        )


def ask_torch(python: Path, steps: Steps) -> tuple[str, bool, list[str]]:
    """The version of its torch, whether that has a GPU, and which modules of ours are missing. Stops if there is no torch."""
    said = steps.ask([python, "-W", "ignore", "-c", ASK_TORCH % list(OURS)], REMEDY)
    try:
        answer = load_json(said.splitlines()[-1] if said else "", "Its answer")
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("missing"), list):
        raise Stopped(f"{python} does not say which PyTorch it has: it answered {shown(said)}. What to do: {REMEDY}")
    if not isinstance(answer.get("torch"), str):
        raise Stopped(f"{python} has no PyTorch that loads, so it cannot run ComfyUI. What to do: {REMEDY}")
    return answer["torch"], answer.get("gpu") is True, [module for module in OURS if module in answer["missing"]]


def find_python(comfyui: Path, given: Path | None) -> Path:
    """The interpreter of an installation: the given one, or one in the usual places."""
    if given is not None:
        given = whole_path(given)
        if not given.is_file() or not os.access(given, os.X_OK):
            raise Stopped(f"--python {given} is not a program. Give the Python that runs this ComfyUI.")
        return given.absolute()  # not resolved: a link in a virtual environment is what makes it one
    for place in PLACES:
        for program in ("bin/python", "Scripts/python.exe", "python.exe"):
            if (comfyui / place / program).is_file():
                return (comfyui / place / program).absolute()
    raise Stopped(
        f"No Python was found for {comfyui} (looked for {', '.join(PLACES)}). Say which one runs it: --python EXE"
    )
