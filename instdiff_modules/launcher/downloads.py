"""How large an installation is, and how far it has come: what pip will download, and what lies on the disk."""

from __future__ import annotations

import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..layout.json_text import read_json
from .errors import Stopped
from .steps import Steps

ASK_SECONDS = 10.0  # for one file's size
MOST_REPORT = 2**27  # bytes
PARALLEL = 8
RESOLVE_SECONDS = 180.0


class Size(NamedTuple):
    """What pip will download: how many packages, and their bytes, 0 if not all of them are known."""

    packages: int
    total: int


def size_of(python: Path, arguments: Sequence[str | Path], steps: Steps) -> Size | None:
    """Ask pip what an installation would bring, and the index how large that is. None where they do not tell: that stops nothing."""
    with tempfile.TemporaryDirectory(prefix="instdiff-plan-") as folder:
        report = Path(folder) / "report.json"
        options = ["--dry-run", "--quiet", "--no-input", "--disable-pip-version-check", "--report", report]
        options += ["--retries", "0", "--timeout", f"{ASK_SECONDS:.0f}"]
        try:
            steps.ask([python, "-I", "-m", "pip", "install", *options, *arguments], "", RESOLVE_SECONDS)
            found = read_json(report, limit=MOST_REPORT)
        except (Stopped, ValueError):  # an older pip, no network: the installation itself will say so
            return None
    urls = [address(entry) for entry in found.get("install", ())] if isinstance(found, dict) else []
    return Size(len(urls), total(urls))


def address(entry: Any) -> str:
    """Where pip's report says that a package comes from; empty if it does not."""
    info = entry.get("download_info") if isinstance(entry, dict) else None
    url = info.get("url") if isinstance(info, dict) else None
    return url if isinstance(url, str) else ""


def total(urls: Iterable[str]) -> int:
    """Bytes of all these files together; 0 if one of them is not told."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        sizes = list(pool.map(content_length, urls))
    return sum(sizes) if all(sizes) else 0


def content_length(url: str) -> int:
    """Bytes of a file on the web, or in a folder of packages; 0 if that does not say."""
    if urlsplit(url).scheme not in ("http", "https", "file"):
        return 0
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=ASK_SECONDS) as answer:
            length = answer.headers.get("Content-Length") or ""
    except (urllib.error.URLError, OSError, ValueError):
        return 0
    return int(length) if length.isdecimal() and len(length) < 16 else 0


def bytes_in(folder: Path) -> int:
    """Of all files in a folder, which may change meanwhile; links are not followed."""
    return sum(_bytes_of(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def _bytes_of(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:  # gone already
        return 0


def words(size: float) -> str:
    """ "20 kB", "214 MB", "1.9 GB"."""
    if size < 999.5e3:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.0f} MB" if size < 999.5e6 else f"{size / 1e9:.1f} GB"


class Growth:
    """A line on how far pip has come: first what it downloaded into `temp`, then what it installed into `target`."""

    def __init__(self, temp: Path, target: Path, expected: int) -> None:
        self.temp, self.target, self.expected = temp, target, expected
        self.before = bytes_in(target)
        self.most = 0

    def __call__(self) -> str:
        self.most = max(self.most, bytes_in(self.temp))
        installed = bytes_in(self.target) - self.before
        if installed > 1e6:
            return f"{words(installed)} installed"
        if self.expected:
            return f"{words(min(self.most, self.expected))} of {words(self.expected)} downloaded"
        return f"{words(self.most)} downloaded"
