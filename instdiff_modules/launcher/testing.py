"""What the tests need beside ComfyUI: Playwright, browsers, node, the newest frontend, what checks the code. What cannot be had is left out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .browser import NO_FIREFOX, NONE_FOUND, find_browser, find_firefox, install_browser, install_firefox
from .errors import Stopped
from .frontend import fetch_frontend, newest_frontend
from .linters import prepare_linters
from .steps import Steps, one_at_a_time

PLAYWRIGHT = "playwright>=1.50"  # the Python package alone: the browser is the system's
# Packages that some tests alone need: what for, and which tests are left out without them.
EXTRAS = (
    ("ray>=2.40", "Ray, for the evaluation on a cluster", "the evaluation's test with Ray"),
    ("pyarrow>=14", "pyarrow, for benchmarks in Parquet files", "the evaluation's tests with Parquet files"),
)
NETWORK = "check the network."


def prepare_tools(home: Path, python: Path, steps: Steps) -> tuple[dict[str, str], list[str]]:
    """Install what is missing: (changes of the tests' environment, which tests are left out and why)."""
    with one_at_a_time(home, steps.say):
        driver = playwright_driver(python, steps)
        left_out = _browser_tests(home, python, driver, steps)
        changes: dict[str, str] = {}
        if driver is not None:  # it brings a node of its own: the same on every machine
            changes["PATH"] = os.pathsep.join((str(driver), os.environ.get("PATH", "")))
        elif shutil.which("node") is None:
            left_out.append("the tests of web/js, because there is no node")
        left_out += prepare_linters(home, python, steps)
        left_out += prepare_extras(python, steps)
    return changes, left_out


def workers(cores: int) -> tuple[list[str], dict[str, str]]:
    """Four processes share the tests where there are two cores, since two of them have the browser's, which mostly wait: (pytest's
    arguments, environment)."""
    if cores < 2:
        return [], {}
    # one thread each, the servers too: threads that wait for a core would only slow each other down
    return ["-n", "4"], {"OMP_NUM_THREADS": "1"}  # tests/support/sharing.py says which tests stay together


def playwright_driver(python: Path, steps: Steps) -> Path | None:
    """The folder of Playwright's driver, with its node; Playwright is installed if it is not there. None: it cannot be."""
    code = (
        "import importlib.util as u; s = u.find_spec('playwright'); print(s.submodule_search_locations[0] if s else '')"
    )
    for missing in (True, False):
        folder = steps.ask([python, "-I", "-c", code], "start again.")
        if folder:
            return Path(folder) / "driver"
        if missing:
            try:
                steps.run("Playwright, to drive a browser", [*pip_install(python), PLAYWRIGHT], NETWORK)
            except Stopped:
                return None
    return None


def prepare_extras(python: Path, steps: Steps) -> list[str]:
    """EXTRAS; the tests that are left out, and why."""
    left_out = []
    for package, purpose, tests in EXTRAS:
        name = package.partition(">")[0]
        code = f"import importlib.util as u; print(u.find_spec({name!r}) is not None)"
        try:
            if steps.ask([python, "-I", "-c", code], "start again.") != "True":
                # no source: where there is no wheel, nobody wants to build it
                steps.run(purpose, [*pip_install(python), "--only-binary", ":all:", package], NETWORK)
        except Stopped:
            left_out.append(f"{tests}, because pip could not install it (see {steps.log})")
    return left_out


def pip_install(python: Path) -> list[str | Path]:
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    return [python, "-I", "-m", "pip", "install", *options]


def last_line(left_out: list[str]) -> str:
    """What the test command says at its end."""
    return f"Skipped: {'; '.join(left_out)}."


def _browser_tests(home: Path, python: Path, driver: Path | None, steps: Steps) -> list[str]:
    if driver is None:
        return [f"the browser tests, because Playwright could not be installed (see {steps.log})"]
    if find_browser() is None and install_browser(steps) is None:
        return [f"the browser tests, because {NONE_FOUND}"]
    left_out = []
    if find_firefox() is None and install_firefox(steps) is None:
        left_out.append(f"the test in Firefox, because {NO_FIREFOX}")
    if fetch_frontend(home, steps, python):
        return left_out
    newest = newest_frontend(home)
    if newest is None:
        return [*left_out, "the browser tests with the newest frontend, because PyPI did not give it"]
    steps.say(f"  PyPI does not answer; the newest frontend here is {'.'.join(map(str, newest[0]))}")
    return left_out
