"""Run one step of an installation: quiet on the screen, everything in a log, a sentence when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import Stopped

HEARTBEAT_SECONDS = 15
LINES_SHOWN = 12


class Steps:
    """Runs commands one after another and tells `say` about each in one line."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self.log, self.say = log, say
        log.parent.mkdir(parents=True, exist_ok=True)

    def run(self, words: str, command: Sequence[str | Path], remedy: str) -> None:
        """Run a command. On failure stop with: which step, the last lines of its output, `remedy`."""
        self.say(f"  {words} ...")
        started = beat = time.monotonic()
        with self.log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"\n=== {words}\n$ {' '.join(map(str, command))}\n")
            log.flush()
            offset = log.tell()
            try:
                process = subprocess.Popen(
                    [str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, env=clean_environment()
                )
            except OSError as problem:
                raise Stopped(f"The step '{words}' could not start: {problem}. {remedy}") from problem
            try:
                while process.poll() is None:
                    time.sleep(0.2)
                    if time.monotonic() - beat > HEARTBEAT_SECONDS:
                        beat = time.monotonic()
                        self.say(f"    {beat - started:.0f} s, still at it (details: {self.log})")
            finally:
                if process.poll() is None:  # Ctrl+C in the middle
                    process.kill()
                    process.wait()
        if process.returncode:
            raise Stopped(
                f"The step '{words}' failed (exit code {process.returncode}). Its last lines:\n"
                f"{tail(self.log, LINES_SHOWN, offset)}\nFull output: {self.log}\nWhat to do: {remedy}"
            )

    def ask(self, command: Sequence[str | Path], remedy: str) -> str:
        """The output of a short command, stripped; stops with its error text if it fails."""
        try:
            answer = subprocess.run(
                [str(part) for part in command], capture_output=True, text=True, env=clean_environment(), check=False
            )
        except OSError as problem:
            raise Stopped(f"{command[0]} could not start: {problem}. What to do: {remedy}") from problem
        if answer.returncode:
            last = "\n".join(answer.stderr.strip().splitlines()[-LINES_SHOWN:])
            raise Stopped(f"{command[0]} answered with an error:\n{last}\nWhat to do: {remedy}")
        return answer.stdout.strip()


def clean_environment() -> dict[str, str]:
    """The environment for child Pythons: module paths and pip targets of another Python must not leak in."""
    drop = {"PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"}
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    # Threads that wait must sleep: on a busy CPU, spinning ones made sampling 20 times slower (measured).
    return {"OMP_WAIT_POLICY": "PASSIVE", **kept, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


@contextmanager
def one_at_a_time(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the home folder's lock; a second quickstart waits here. The system frees it if we die."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as file:
        waited = False
        while not try_lock(file):
            if not waited:
                say(f"Another quickstart is installing into {home}; waiting for it ...")
            waited = True
            time.sleep(0.5)
        yield


def try_lock(file: TextIO) -> bool:
    """Hold an open file for this process alone, until it ends or closes it; False if another one holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def tail(path: Path, lines: int, offset: int = 0) -> str:
    """The last lines of a text file, none from before `offset` bytes."""
    text = path.read_bytes()[offset:].decode("utf-8", errors="replace")
    return "\n".join(f"  | {line}" for line in text.strip().splitlines()[-lines:])


def venv_python(venv: Path) -> Path:
    """The interpreter inside a virtual environment."""
    return venv / "Scripts" / "python.exe" if sys.platform == "win32" else venv / "bin" / "python"
