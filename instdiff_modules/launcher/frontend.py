"""ComfyUI's newest frontend, beside the one that the pinned ComfyUI brings: the editor has to work in both."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

from .errors import Stopped
from .state import remove
from .steps import Steps

PACKAGE = "comfyui-frontend-package"
INSIDE = "comfyui_frontend_package/static/"
Version = tuple[int, ...]


def newest_frontend(home: Path) -> tuple[Version, Path] | None:
    """(version, folder for --front-end-root) of the newest frontend that was fetched; None if there is none."""
    found = ((_version(path.name), path) for path in home.glob("frontend-*") if (path / "index.html").is_file())
    return max(found, default=None)


def fetch_frontend(home: Path, steps: Steps, python: Path) -> bool:
    """Get PyPI's newest frontend; False if PyPI could not be asked. One that is here already is not fetched again."""
    downloads = home / "downloads"
    command = [python, "-I", "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
    try:
        steps.run(
            "the newest frontend of ComfyUI from PyPI",
            [*command, "--retries", "1", "--progress-bar", "off", "--dest", downloads, PACKAGE],
            "check the network.",
        )
    except Stopped:
        return False
    wheels = sorted(
        downloads.glob(f"{PACKAGE.replace('-', '_')}-*.whl"), key=lambda path: _version(path.name.split("-")[1])
    )
    if not wheels:
        return False
    try:
        _unpack(wheels[-1], home / f"frontend-{wheels[-1].name.split('-')[1]}")
    except zipfile.BadZipFile:  # cut off: it is fetched again the next time
        wheels[-1].unlink()
        return False
    return True


def _unpack(wheel: Path, folder: Path) -> None:
    """The wheel's static files without their source maps; the folder appears only when it is complete."""
    if (folder / "index.html").is_file():
        return
    remove(folder)
    unfinished = folder.with_name(f"unfinished-{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            if name.startswith(INSIDE) and not name.endswith(("/", ".map")) and ".." not in Path(name).parts:
                path = unfinished / name.removeprefix(INSIDE)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files.read(name))
    unfinished.rename(folder)


def _version(name: str) -> Version:
    """The numbers in "1.58.1" or "frontend-1.58.1"."""
    return tuple(int(number) for number in re.findall(r"\d+", name))
