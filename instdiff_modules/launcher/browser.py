"""A Chromium, Chrome or Edge for the browser tests, and a Firefox: those that are here, or Debian's where we may install them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .errors import Stopped
from .steps import Steps

COMMANDS = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
)
MAC = ("Google Chrome", "Chromium", "Microsoft Edge")
WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
    "Chromium/Application/chrome.exe",
)
FIREFOX = ("firefox-esr", "firefox")
NO_FIREFOX = "no Firefox was found; install one, or set FIREFOX to the path of its program"
NONE_FOUND = "no Chromium, Chrome or Edge was found; install one, or set CHROME to the path of its program"


def find_browser(system: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The program to start, None if there is none. CHROME, a path or a command, goes before all others."""
    chosen = _chosen("CHROME", environ)
    return chosen or next((path for path in _places(system, environ) if path.is_file() and _works(path, system)), None)


def find_firefox(system: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Path | None:
    """A Firefox to start, None if there is none (nor on Windows, where the tests have no way to drive it). FIREFOX, a path or a command,
    goes before all others."""
    if system == "win32":
        return None
    places = [found for name in FIREFOX if (found := shutil.which(name, path=environ.get("PATH")))]
    if system == "darwin":
        places.append("/Applications/Firefox.app/Contents/MacOS/firefox")
    found = (path for path in map(Path, places) if path.is_file() and _works(path, system))
    return _chosen("FIREFOX", environ) or next(found, None)


def install_browser(steps: Steps, system: str = sys.platform) -> Path | None:
    """Debian's Chromium where we are root and have apt; the program, None if that did not give one."""
    # without a font pages have no letters, and the package only recommends one
    if not _install("Chromium", ("chromium", "fonts-liberation"), steps, system):
        return None
    return find_browser(system, {"PATH": os.environ.get("PATH", "")})


def install_firefox(steps: Steps, system: str = sys.platform) -> Path | None:
    """Debian's Firefox where we are root and have apt; the program, None if that did not give one."""
    if not _install("Firefox", ("firefox-esr", "fonts-liberation"), steps, system):
        return None
    return find_firefox(system, {"PATH": os.environ.get("PATH", "")})


def _install(name: str, packages: Sequence[str], steps: Steps, system: str) -> bool:
    if not system.startswith("linux") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")
    install = (*apt, "install", "--no-install-recommends", *packages)
    try:
        try:
            steps.run(f"{name} from the system's packages", install, f"install {name} yourself.")
        except Stopped:  # lists of packages that are missing or old
            steps.run("the system's lists of packages", (*apt, "update"), "check the network.")
            steps.run(f"{name} from the system's packages", install, f"install {name} yourself.")
    except Stopped:
        return False
    return True


def _chosen(variable: str, environ: Mapping[str, str]) -> Path | None:
    chosen = environ.get(variable)
    if not chosen:
        return None
    path = shutil.which(chosen)
    if path is None:
        raise Stopped(f"{variable} names {chosen}, which is not a program. What to do: correct or unset {variable}.")
    return Path(path)


def _places(system: str, environ: Mapping[str, str]) -> Iterator[Path]:
    if system == "win32":
        roots = (environ.get(name) for name in ("ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"))
        yield from (Path(root) / program for root in roots if root for program in WINDOWS)
    elif system == "darwin":
        for folder in (Path("/Applications"), Path.home() / "Applications"):
            yield from (folder / f"{name}.app" / "Contents" / "MacOS" / name for name in MAC)
    yield from (Path(found) for found in (shutil.which(name, path=environ.get("PATH")) for name in COMMANDS) if found)


def _works(path: Path, system: str) -> bool:
    """Ubuntu has a /usr/bin/chromium-browser that only says where to get one. Elsewhere there are no such dummies."""
    if not system.startswith("linux"):
        return True
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
