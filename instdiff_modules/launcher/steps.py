"""Run one step of an installation: quiet on the screen, everything in a log, a sentence when it fails."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from ..commands.problems import full_disk
from . import children
from .errors import Stopped

HEARTBEAT_SECONDS = 15
MOVE_SECONDS = 1.0  # between two states of a line that can be rewritten
ASK_SECONDS = 300.0  # the first import of torch from a slow disk
MOST_SAID = 2**28  # bytes: a layout may have 32 MB
LINES_SHOWN = 12
LINE = 60  # characters of a line that moves
NO_ROOM = ("No space left on device", "Disk quota exceeded", "There is not enough space on the disk")


class Steps:
    """Runs commands one after another and tells `say` about each in one line; `screen` shows how far one has come, if it is a terminal."""

    def __init__(self, log: Path, say: Callable[[str], None], screen: TextIO | None = None) -> None:
        self.log, self.say = log, say
        self.screen = screen if screen is not None and screen.isatty() else None
        log.parent.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        words: str,
        command: Sequence[str | Path],
        remedy: str,
        progress: Callable[[], str] | None = None,
        temp: Path | None = None,
    ) -> None:
        """Run a command. On failure stop with: which step, the last lines of its output, `remedy`.

        progress: a few words on how far it has come, asked now and then; temp: its folder for temporary files.
        """
        self.say(f"  {words} ...")
        started = beat = time.monotonic()
        pause = MOVE_SECONDS if self.screen and progress else HEARTBEAT_SECONDS
        with self.log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"\n=== {words}\n$ {' '.join(map(str, command))}\n")
            log.flush()
            offset = log.tell()
            process = children.start(command, log, temp=temp)
            try:
                while process.poll() is None:
                    time.sleep(0.05)
                    if time.monotonic() - beat > pause:
                        beat = time.monotonic()
                        self._tell(beat - started, progress)
            finally:  # Ctrl+C in the middle
                children.end(process)
                if self.screen and progress:
                    self.screen.write("\r" + " " * LINE + "\r")
        if process.returncode:
            said = tail(self.log, 200, offset)
            full = self.log.parent if any(word in said for word in NO_ROOM) else full_disk(self.log.parent)
            if full is not None:
                remedy = (
                    f"the disk of {full} is full (or that of {tempfile.gettempdir()}): make room, then start again."
                )
            raise Stopped(
                f"The step '{words}' failed ({exit_words(process.returncode)}). Its last lines:\n"
                f"{tail(self.log, LINES_SHOWN, offset)}\nFull output: {self.log}\nWhat to do: {remedy}"
            )

    def _tell(self, seconds: float, progress: Callable[[], str] | None) -> None:
        if self.screen and progress:
            self.screen.write(f"\r    {progress()} ({seconds:.0f} s)".ljust(LINE))
            self.screen.flush()
        else:
            self.say(f"    {progress() if progress else 'still at it'}, {seconds:.0f} s (details: {self.log})")

    def ask(self, command: Sequence[str | Path], remedy: str, seconds: float = ASK_SECONDS) -> str:
        """The output of a short command, stripped; stops if it fails, takes longer than `seconds` or never ends to talk."""
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            process, deadline = children.start(command, said, errors), time.monotonic() + seconds
            try:
                while process.poll() is None:
                    late = time.monotonic() > deadline
                    if late or any(os.fstat(file.fileno()).st_size > MOST_SAID for file in (said, errors)):
                        what = f"did not answer within {seconds:.0f} s" if late else "does not stop writing"
                        raise Stopped(f"{command[0]} {what}. What to do: {remedy}")
                    time.sleep(0.02)
            finally:
                children.end(process)
            out, problems = (_text(file) for file in (said, errors))
        if process.returncode:
            last = "\n".join(f"  | {line[:300]}" for line in problems.splitlines()[-LINES_SHOWN:])
            raise Stopped(
                f"{command[0]} ended with an error ({exit_words(process.returncode)}):\n{last}\nWhat to do: {remedy}"
            )
        return out


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_SAID).decode("utf-8", errors="replace").strip()


def exit_words(code: int) -> str:
    """How a process ended, for people."""
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


@contextmanager
def one_at_a_time(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the home folder's lock; a second quickstart waits here. The system frees it if we die."""
    home.mkdir(parents=True, exist_ok=True)
    with lock_file(home / "lock") as file:
        waited = False
        while not try_lock(file):
            if not waited:
                say(f"Another quickstart is installing into {home}; waiting for it ...")
            waited = True
            time.sleep(0.5)
        yield


def lock_file(path: Path) -> TextIO:
    """A file to hold as a lock, made if it is not there. Stopped if a folder stands in its place, which may be anybody's."""
    if path.is_dir():
        raise Stopped(f"{path} is a folder, where a lock file has to be. Remove it, or choose another folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a")


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
    """The last lines of a text file, none from before `offset` bytes; empty if it cannot be read."""
    try:
        text = path.read_bytes()[offset:].decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(f"  | {line}" for line in text.strip().splitlines()[-lines:])


def venv_python(venv: Path) -> Path:
    """The interpreter inside a virtual environment."""
    return venv / "Scripts" / "python.exe" if sys.platform == "win32" else venv / "bin" / "python"
