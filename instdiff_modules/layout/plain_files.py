"""What is asked of a file before it is opened: that it can be there, is one, and is of a size. Standard library only."""

import os
import stat
from pathlib import Path

MAX_NAME = 50  # characters of a foreign name in a sentence
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def shown_name(path: str | os.PathLike[str]) -> str:
    """A file's name as it may stand in a sentence: one line, not too long."""
    text = str(path)
    name = Path(text).name or text
    name = "".join(c if c.isprintable() else "?" for c in name)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME // 2]}...{name[-MAX_NAME // 3 :]}"


def file_size(path: str | os.PathLike[str], expected: str) -> int:
    """Bytes of a plain file. ValueError, saying what was `expected`, for what is not there or is no file.

    Folders, pipes, sockets and devices are refused before they are opened: reading one may never end.
    """
    name = shown_name(path)
    if "\0" in str(path):
        raise ValueError(f"{name} is not a name that a file can have: expected {expected}.")
    try:
        found = os.stat(path)
    except UnicodeError as error:  # half a character
        raise ValueError(f"{name} is not a name that a file can have: expected {expected}.") from error
    except OSError as error:
        raise ValueError(f"{name} cannot be read ({error.strerror}): expected {expected}.") from error
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(found.st_mode)), "not a file")
        raise ValueError(f"{name} cannot be read (it is {kind}): expected {expected}.")
    return found.st_size
