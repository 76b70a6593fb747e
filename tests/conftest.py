"""Puts tests/ (not the repository, whose `nodes` would hide ComfyUI's) on sys.path and loads the pack as `instdiff`."""

import gc
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.pack import load_pack

load_pack()

FILE = pytest.StashKey[Path]()  # whose tests run
COMFY = Path(__file__).with_name("comfy").resolve()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where the tests of tests/comfy sample; with cuda the others, and those that need a server, are left out",
    )


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        from support.sharing import step_behind

        step_behind(config.workerinput)
    if config.getoption("device") == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise pytest.UsageError(
                "--device cuda: this PyTorch sees no GPU. Leave the option out, or install PyTorch with CUDA."
            )


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """What is imported and collected stays: to look through it for garbage again and again would take a fifth of the start."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a GPU run what samples in this process: the tests' servers are on the CPU, and all else has no device."""
    if config.getoption("device") == "cpu":
        return
    elsewhere = ("comfy", "cpu")  # markers
    left_out = {
        item for item in items if COMFY not in item.path.parents or any(map(item.get_closest_marker, elsewhere))
    }
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What is there when a file begins is not looked through again: ComfyUI collects garbage around every sampling, which would
    take longer than the sampling, with all modules and thousands of tests in memory."""
    if item.path != item.config.stash.get(FILE, None):
        item.config.stash[FILE] = item.path
        gc.collect()
        gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from support.sharing import ByWhatIsShared

    return ByWhatIsShared(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures that tests recorded, below the results. They depend on the machine, so nothing is asserted of them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
