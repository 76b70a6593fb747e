"""These tests need ComfyUI: in this process (prepared here, before they are imported) or as a server."""

import functools
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from instdiff.instdiff_modules.launcher import install
from support.environment import prepare
from support.server import ComfyServer, start_server


def pytest_configure(config: pytest.Config) -> None:
    """Called before any test file here is imported, however pytest was started."""
    prepare(device=config.getoption("device"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder that use a server, so that `-m "not comfy"` leaves them out."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.comfy)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    """One server of the newest ComfyUI for all tests; they must leave its folders as they found them."""
    with start_server(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


@pytest.fixture(scope="session")
def oldest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    """One server of the oldest ComfyUI that we support."""
    with start_server(tmp_path_factory.mktemp("oldest"), install.OLDEST) as running:
        yield running


@pytest.fixture(scope="module", params=[install.OLDEST, install.NEWEST])
def any_server(request: pytest.FixtureRequest) -> ComfyServer:
    """The oldest and the newest ComfyUI, one after the other."""
    return request.getfixturevalue("oldest_server" if request.param == install.OLDEST else "server")


def pytest_sessionfinish() -> None:
    """Let go of the models kept between tests while ComfyUI's modules still stand: their __del__ needs them."""
    for kept in [thing for thing in gc.get_objects() if type(thing) is functools._lru_cache_wrapper]:
        kept.cache_clear()
    gc.collect()
