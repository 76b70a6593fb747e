"""Processes that quickstart starts: they end with it, however it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from . import guard
from .environment import clean_environment

SCRIPT = Path(guard.__file__)


def start(
    command: Sequence[str | Path],
    output: IO[bytes] | IO[str],
    errors: IO[bytes] | None = None,
    cwd: Path | None = None,
    temp: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A command behind the guard, in a session of its own: Ctrl+C reaches only us, and we then end it in good order.

    temp: where it keeps temporary files, if not in the usual place.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(SCRIPT), *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if errors is None else errors,
        cwd=cwd,
        env=clean_environment(temp),
        creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
        start_new_session=sys.platform != "win32",
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a started command and whatever it started; harmless when it has ended already."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(guard.GRACE + 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
