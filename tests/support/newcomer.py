"""A new user of quickstart.py: a home folder of their own beside what this machine has installed, what the commands say to them, and
ComfyUI's page as it is before anybody has changed a setting."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from instdiff.instdiff_modules.launcher import install
from instdiff.instdiff_modules.launcher.frontend import newest_frontend
from instdiff.instdiff_modules.launcher.guard import dies_with_its_parent
from instdiff.instdiff_modules.launcher.steps import venv_python
from support.browser import ComfyPage
from support.environment import home as installed
from support.pack import ROOT
from support.server import ComfyServer

if TYPE_CHECKING:  # without Playwright the tests are skipped
    from playwright.sync_api import Browser

SECONDS = 300
WINDOW = {"width": 1920, "height": 945}  # a browser's on a Full HD screen
CALLED = "opened "  # how the stand-in for the browser begins its line


class Newcomer:
    """`folder` is empty. frontend: "pinned" has what quickstart installs, "newest" an own ComfyUI whose frontend was updated."""

    def __init__(self, folder: Path, frontend: str) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        ours = f"venv-py{sys.version_info[0]}{sys.version_info[1]}-*/instdiff-ready.json"
        if not (installed() / "torch-plan.json").exists() or not any(installed().glob(ours)):
            pytest.skip("quickstart.py has installed nothing for this Python")
        shutil.copy(installed() / "torch-plan.json", self.home)
        for pattern in ("venv-*", f"comfyui-{install.NEWEST}"):
            for found in installed().glob(pattern):
                (self.home / found.name).symlink_to(found)
        self.options: tuple[str, ...] = ()
        if frontend == "newest":
            comfyui = installed() / f"comfyui-{install.NEWEST}"
            self.options = ("--comfyui", str(comfyui), "--python", str(updated_python(folder / "venv")))

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "quickstart.py"), *arguments, *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env={**os.environ, "INSTDIFF_HOME": str(self.home), "BROWSER": f"echo {CALLED}%s"},
            preexec_fn=_as_in_a_terminal(),  # noqa: PLW1509 (it calls signal, prctl and nothing else)
        )

    def demo(self) -> str:
        """What `python3 quickstart.py` says."""
        process = self._start()
        said, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
        return said

    @contextmanager
    def served(self, port: int) -> Iterator[tuple[ComfyServer, list[str]]]:
        """`quickstart.py serve --port N` until Ctrl+C: (the server that it started, the lines that it says)."""
        process = self._start("serve", "--port", str(port))
        late, said = threading.Timer(SECONDS, process.kill), list[str]()
        assert process.stdout is not None
        try:
            late.start()
            for line in process.stdout:
                said.append(line)
                if line.startswith(CALLED):
                    break
            assert said and said[-1].startswith(CALLED), "".join(said)
            late.cancel()
            [base] = self.home.glob("base-*")
            runtime = install.Runtime(Path(sys.executable), installed() / f"comfyui-{install.NEWEST}", gpu=False)
            yield ComfyServer(runtime, base, self.home / "logs" / "server.log", port), said
        finally:
            late.cancel()
            process.send_signal(signal.SIGINT)  # Ctrl+C
            said += process.communicate(timeout=SECONDS)[0].splitlines(keepends=True)
        assert process.returncode == 0, "".join(said)


def _as_in_a_terminal() -> Callable[[], None]:
    """For the child: Ctrl+C is heard, even where a shell has started the tests in the background, which then ignore it."""
    guard = dies_with_its_parent()

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if guard is not None:
            guard()

    return prepare


def updated_python(folder: Path) -> Path:
    """A Python that has all that ours has, and the newest frontend instead of the one that ComfyUI asks for."""
    newest = newest_frontend(installed())
    if newest is None:
        pytest.skip("the newest frontend was not fetched; quickstart.py test does it")
    venv.EnvBuilder(symlinks=True).create(folder)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "comfyui_frontend_package").mkdir()
    (packages / "comfyui_frontend_package" / "__init__.py").touch()
    (packages / "comfyui_frontend_package" / "static").symlink_to(newest[1])
    version = ".".join(map(str, newest[0]))
    about = packages / f"comfyui_frontend_package-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: comfyui-frontend-package\nVersion: {version}\n")
    others = [path for path in sys.path if path.endswith("site-packages")]  # after our own
    (packages / "installed.pth").write_text("\n".join(others) + "\n")
    return venv_python(folder)


class NewcomersPage(ComfyPage):
    """ComfyUI with the settings that it has by itself. `errors`: all that the browser's console shows."""

    def __init__(self, browser: Browser, server: ComfyServer, renderer: str, address: str) -> None:
        self.errors: list[str] = []
        super().__init__(browser, server, renderer, address=address, window=WINDOW)

    def _set(self, settings: Mapping[str, Any]) -> None:
        if self.renderer == "nodes2":  # a profile without any setting counts as new
            self.server.client.post("/api/settings", {"Comfy.VueNodes.Enabled": True})

    def _note(self, text: str) -> None:
        self.errors.append(text)
        super()._note(text)


def address_of(said: list[str]) -> str:
    """The address to open that `serve` printed."""
    found = re.search(r"^ComfyUI is at (\S+)$", "".join(said), re.MULTILINE)
    assert found, "".join(said)
    return found[1]
