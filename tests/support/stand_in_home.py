"""A quickstart home in which everything but ComfyUI's answers is a stand-in: pip that only takes its time, a server that paints at once."""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from instdiff.instdiff_modules.launcher import install
from instdiff.instdiff_modules.launcher.machine import detect, torch_plan

SERVER = Path(__file__).with_name("stand_in_comfyui.py")
PYTHON = """#!/bin/sh
case "$*" in
  *"-m pip"*) sleep {pip}; exit {code} ;;
  *"known.version"*) echo 2.13.0 ;;
  *"import torch"*) echo False ;;
  *) exec {python} "$@" ;;
esac
"""


def make_home(home: Path, pip: float = 0.05, code: int = 0) -> Path:
    """The environment's Python; `ready(home)` is where quickstart writes that everything is installed. pip: seconds of a step."""
    machine = detect()
    name = torch_plan(machine, False).name
    venv = home / f"venv-py{machine.python[0]}{machine.python[1]}-{name}"
    python = program(venv / "bin" / "python", PYTHON.format(pip=pip, code=code, python=sys.executable))
    (venv / "complete").touch()
    (home / "torch-plan.json").write_text(json.dumps({"machine": repr(machine), "index": False}))
    make_comfyui(home / f"comfyui-{install.NEWEST}")
    return python


def make_comfyui(folder: Path) -> Path:
    (folder / "comfy").mkdir(parents=True)
    for file in ("requirements.txt", "server.py"):
        (folder / file).touch()
    (folder / "main.py").write_text(SERVER.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "comfyui_version.py").write_text(f'__version__ = "{install.NEWEST}"\n')
    return folder


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def ready(python: Path) -> Path:
    return python.parents[1] / "instdiff-ready.json"


def processes(words: str) -> dict[int, str]:
    """Running processes whose command line holds the words, without this one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                gone = (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            except (OSError, IndexError):
                continue
            if words in line and not gone:
                found[int(entry.name)] = line
    return found


def wait_until(true, seconds: float = 10) -> bool:
    """Whether true() becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
