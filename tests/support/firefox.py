"""A stock Firefox that Playwright drives."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:  # without Playwright the tests are skipped, not broken
    from playwright.sync_api import Browser, Playwright

BETWEEN = Path(__file__).with_name("firefox_bidi.py")
DRIVEN = (
    153  # from this version on it must work; what Playwright speaks with older ones changes from version to version
)


@contextmanager
def firefox_running(driver: Playwright, program: Path, folder: Path) -> Iterator[Browser]:
    """Start it; `folder` gets the script that Playwright takes for Firefox's program. Where the two do not understand each other, an older
    Firefox is a reason to skip, and DRIVEN or a newer one is a failure."""
    from playwright.sync_api import Error

    start = folder / "firefox"
    start.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(BETWEEN), str(program)])} "$@"\n')
    start.chmod(0o755)
    try:
        running = driver.firefox.launch(channel="moz-firefox", executable_path=start)
    except Error as error:
        give_up(program, f"this Playwright cannot start {program}: {error.message.splitlines()[0]}")
    try:
        try:
            page = running.new_page()
            page.mouse.move(1, 1)
            page.close()
        except Error as error:
            give_up(program, f"this Playwright cannot drive Firefox {running.version}: {error.message.splitlines()[0]}")
        yield running
    finally:
        running.close()


def give_up(program: Path, why: str) -> NoReturn:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    version = re.search(r"\d+", said)
    if version and int(version[0]) >= DRIVEN:
        pytest.fail(why)
    pytest.skip(f"{why}; from Firefox {DRIVEN} on it can")
