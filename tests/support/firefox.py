"""A stock Firefox that Playwright drives."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # without Playwright the tests are skipped, not broken
    from playwright.sync_api import Browser, Playwright

BETWEEN = Path(__file__).with_name("firefox_bidi.py")


@contextmanager
def firefox_running(driver: Playwright, program: Path, folder: Path) -> Iterator[Browser]:
    """Start it; `folder` gets the script that Playwright takes for Firefox's program. Skips where the two do not understand each other:
    what they speak still changes from version to version."""
    from playwright.sync_api import Error

    start = folder / "firefox"
    start.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(BETWEEN), str(program)])} "$@"\n')
    start.chmod(0o755)
    try:
        running = driver.firefox.launch(channel="moz-firefox", executable_path=start)
    except Error as error:
        pytest.skip(f"this Playwright cannot start {program}: {error.message.splitlines()[0]}")
    try:
        try:
            page = running.new_page()
            page.mouse.move(1, 1)
            page.close()
        except Error as error:
            pytest.skip(f"this Playwright cannot drive Firefox {running.version}: {error.message.splitlines()[0]}")
        yield running
    finally:
        running.close()
