"""What a training must not lose: its state, written whole or not at all, and the lock that keeps a second one away."""

import logging
import os
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

_log = logging.getLogger(__name__)
_STEP = re.compile(r"step-(\d+)\.pt")


class States:
    """State files of one training in `folder`, step-00001000.pt and so on, of which the last `keep` stay."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, max(keep, 1)

    def steps(self) -> list[int]:
        """Steps of which there is a state, oldest first."""
        names = (match for path in self.folder.glob("step-*.pt") if (match := _STEP.fullmatch(path.name)))
        return sorted(int(match[1]) for match in names)

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08}.pt"

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Beside the older ones, of which then the oldest go. A process that dies at any moment leaves whole files alone.

        ValueError where it cannot be written; the older states are then as they were.
        """
        with whole_file(self.path(step), f"the state of step {step}") as unfinished:
            torch.save({**state, "step": step}, unfinished)
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink(missing_ok=True)

    def forget(self, beyond: int) -> None:
        """Remove the states of later steps than this."""
        for step in self.steps():
            if step > beyond:
                self.path(step).unlink(missing_ok=True)

    def newest(self) -> dict[str, Any] | None:
        """The newest state that can be read, None if there is none. A damaged one is passed over with a warning."""
        for unfinished in self.folder.glob(".*.part"):
            unfinished.unlink(missing_ok=True)
        states = (self._read(step) for step in reversed(self.steps()))
        return next((state for state in states if state is not None), None)

    def _read(self, step: int) -> dict[str, Any] | None:
        try:
            return torch.load(self.path(step), map_location="cpu", weights_only=True)
        except (
            OSError,
            RuntimeError,
            EOFError,
            KeyError,
            ValueError,
            pickle.UnpicklingError,
            zipfile.BadZipFile,
        ) as error:
            kind = type(error).__name__
            _log.warning("%s cannot be read (%s); the state before it is taken.", self.path(step).name, kind)
            return None


@contextmanager
def whole_file(path: Path, what: str) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all is written and on the disk. ValueError if the disk does not take it."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        with unfinished.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # torch says RuntimeError for a full disk
        unfinished.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or "the disk may be full"
        raise ValueError(
            f"{path} cannot be written: {reason}. What was saved before {what} is kept; make room and start again."
        ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep another process from training into the same folder. The lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ".lock").open("a+b")
    try:
        _lock(file)
    except OSError as error:
        file.close()
        raise ValueError(
            f"Another training writes to {folder}. Wait for it, stop it, or choose another output_name."
        ) from error
    try:
        yield
    finally:
        file.close()


def _lock(file: Any) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
