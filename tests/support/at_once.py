"""Within seconds and some memory, and if refused, in one short sentence."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.checkpoints import refused

SECONDS, MEGABYTES = 2, 500


@contextmanager
def at_once() -> Iterator[None]:
    start, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - start < SECONDS + 2  # making the file counts, too
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024 < MEGABYTES


def refused_soon(path: Path, *pieces: str) -> str:
    start = time.process_time()
    text = refused(path, *pieces)
    assert time.process_time() - start < SECONDS and len(text) < 300
    assert "NoneType" not in text and "Error" not in text
    return text
