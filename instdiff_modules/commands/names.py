"""Names of files: which can be, and how one is shown in a sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, as Linux, macOS and Windows have them


def name_problem(name: str, path: bool = False) -> str:
    """Why no file can have this name, in words that follow it; empty if one can. path: folders may stand before it."""
    if not name.strip():
        return "is an empty name: give the name of a file or folder"
    if "\0" in name:
        return "holds a null byte, which no name of a file can have"
    size = len(os.fsencode(name) if _encodes(name) else name.encode("utf-8", "replace"))
    longest = max(len(part.encode("utf-8", "replace")) for part in re.split(r"[/\\]" if path else "$^", name))
    if longest > LONGEST_NAME or size > LONGEST_PATH:
        return f"is too long for the name of a file (at most {LONGEST_NAME} bytes)"
    if not _encodes(name):
        return "holds a broken character, which no name of a file can have"
    return ""


def picture_name_problem(name: str) -> str:
    """The same for the name of a picture, without its ending, that files of a run are named after on any system."""
    problem = name_problem(name)
    if problem:
        return problem
    if re.search(r'[/\\<>:"|?*\x00-\x1f\x7f\u2028\u2029]', name) or name.strip(". ") != name:
        return "holds a character that the name of a file cannot have everywhere"
    if len(name.encode("utf-8")) > LONGEST_NAME - 40:  # endings, and what stands there until a file is whole
        return f"is too long for the name of a file (at most {LONGEST_NAME - 40} bytes)"
    return ""


def whole_path(path: Path) -> Path:
    """With the home folder in place of ~ or ~somebody. Of nobody: as it is, as shells leave it; so a file may be called ~layout.json."""
    return Path(os.path.expanduser(path))


def shown(value: object, length: int = 60) -> str:
    """Text of a person, or any value, as it may stand in a sentence: one line, shortened in its middle."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > length:
        head, tail = length * 2 // 3, length // 4
        text = f"{text[:head]}...{text[-tail:]}"
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split())) or "''"


def _encodes(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True
