"""What the system refuses, in a sentence: which file, why, what to do."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from .names import shown

DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
ROOM = 20 * 2**20  # bytes: a disk with less is as good as full
_WORDS = {
    errno.ENOENT: "is not there. Check the path",
    errno.ENOTDIR: "is not in a folder: a part of its path is a file. Check the path",
    errno.EISDIR: "is a folder, not a file. Give a file",
    errno.EEXIST: "is a file, not a folder. Give a folder",
    errno.EACCES: "cannot be used: the rights are missing. Change them, or choose another place",
    errno.EPERM: "cannot be used: the rights are missing. Change them, or choose another place",
    errno.EROFS: "is on a disk that cannot be written. Choose another place",
    errno.ENAMETOOLONG: "has a name that is too long. Choose a shorter one",
    errno.ELOOP: "is a link that leads back to itself. Check the path",
    errno.EMFILE: "cannot be opened: this program has too many files open. Start again",
    errno.EFBIG: "became too large for its disk. Choose another place",
}


def system_sentence(error: OSError) -> str:
    """One sentence. An error without a number is one of ours, and its message is that sentence already."""
    if error.errno is None:
        return str(error)
    name = "" if error.filename is None else shown(os.fsdecode(error.filename), 120)
    if error.errno in DISK_FULL:
        return f"The disk is full{f': {name} could not be written' if name else ''}. Make room, then start again."
    if name and error.errno in _WORDS:
        return f"{name} {_WORDS[error.errno]}."
    reason = (error.strerror or "an error of the system").lower()
    return f"{name or 'A file or connection'} cannot be used ({shown(reason)}). Check it, then start again."


def missing_package(error: ModuleNotFoundError, command: str) -> str:
    """One sentence, where a command was started with a Python that lacks a package of ComfyUI."""
    return (
        f"This Python lacks {shown(error.name or 'a package')}: use the one that runs ComfyUI. For quickstart's own: "
        f"python3 quickstart.py python -- -m {command} ..."
    )


def full_disk(*folders: Path) -> Path | None:
    """The first of the folders, or the folder of temporary files, whose disk is full; None if none is."""
    places = map(_there, (*folders, Path(tempfile.gettempdir())))
    return next((place for place in places if _is_full(place)), None)


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < ROOM or _no_entries(folder)
    except OSError:
        return False


def _there(folder: Path) -> Path:
    """The folder, or the first above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists() or place == place.parent)


def _no_entries(folder: Path) -> bool:
    """Whether the disk has room for bytes, but for no further file."""
    if not hasattr(os, "statvfs"):
        return False
    disk = os.statvfs(folder)
    return disk.f_files > 0 and disk.f_favail == 0
