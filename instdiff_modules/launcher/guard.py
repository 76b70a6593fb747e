"""Runs a command that must not outlive quickstart: `python guard.py COMMAND ...`.

Its input is a pipe that quickstart holds. When the pipe closes, because quickstart is done with the command or was killed, the
command gets GRACE seconds to end, and then it and everything that it started are killed. Runs as a script by itself, with the
standard library alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

GRACE = 2.0  # seconds
PR_SET_PDEATHSIG = 1  # of Linux
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


def dies_with_its_parent() -> Callable[[], None] | None:
    """What a child has to call before its program starts, so that the system kills it when this process ends; Linux alone."""
    parent = os.getpid()

    def prepare() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended in between
                os._exit(1)

    return None if LIBC is None else prepare


def main(command: list[str]) -> int:
    """The command's exit code; where it was ended by a signal, this process ends by the same."""
    # Whoever started us decides about Ctrl+C. Not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=dies_with_its_parent())  # noqa: PLW1509 (one thread)
    except OSError as problem:
        sys.stderr.write(f"{command[0]} could not start: {problem.strerror}\n")
        return 127
    ending = threading.Event()
    threading.Thread(target=_end_with_the_pipe, args=(child, ending), daemon=True).start()
    # In a thread, because this one is in the middle of waiting for the child.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_end, args=(child, ending), daemon=True).start())
    code = child.wait()
    if sys.platform == "win32":
        return code
    if ending.is_set() and os.getpgrp() == os.getpid():  # we lead a group of our own: all in it is the command's
        os.killpg(0, signal.SIGKILL)  # what it had started, and this process
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _end_with_the_pipe(child: subprocess.Popen[bytes], ending: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    _end(child, ending)


def _end(child: subprocess.Popen[bytes], ending: threading.Event) -> None:
    ending.set()
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False)
        return
    child.terminate()
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
