"""The Layout Editor in four combinations: the frontend that the pinned ComfyUI names and the newest one, each with its
classic canvas and with Nodes 2.0. One server per frontend, one page per combination.

In the whole suite each test meets both frontends and both renderers in two of the combinations, and the next test in the other two; where
its file is named on the command line, it runs in all four."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from instdiff.instdiff_modules.launcher.browser import NONE_FOUND, find_browser
from instdiff.instdiff_modules.launcher.frontend import newest_frontend
from support.browser import ComfyPage
from support.editor import Editor, add_editor
from support.environment import home
from support.server import ComfyServer, start_server

if TYPE_CHECKING:  # without Playwright the tests are skipped
    from playwright.sync_api import Browser, Playwright

HERE = Path(__file__).parent
FAILED = pytest.StashKey[bool]()
PAIRS = ({("pinned", "classic"), ("newest", "nodes2")}, {("pinned", "nodes2"), ("newest", "classic")})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """These tests come last: while Playwright runs, no other code can start an event loop in this thread. Those marked `alone` run only
    where their file is named: the suite has another test of the same kind, and no time for both."""
    named = {Path(argument.split("::", 1)[0]).resolve() for argument in config.args}
    ours = [item for item in items if HERE in item.path.parents]
    unnamed = [item for item in ours if item.path.resolve() not in named]
    spared = [item for item in unnamed if item.get_closest_marker("alone")] + in_the_other_pair(unnamed)
    for item in ours:
        item.add_marker(pytest.mark.comfy)
    left_out = set(spared)
    items[:] = [item for item in items if HERE not in item.path.parents] + [one for one in ours if one not in left_out]
    config.hook.pytest_deselected(items=spared)


def in_the_other_pair(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of the tests that would run in all four combinations the two runs that are left out, in turns."""
    turns: dict[tuple[object, ...], int] = {}
    found = []
    for item in items:
        values = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        chosen = [mark for mark in item.iter_markers("parametrize") if "frontend" in mark.args[0]]
        if chosen or not {"frontend", "shared_page"} <= values.keys():
            continue
        combination = (values.pop("frontend"), values.pop("shared_page"))
        turn = turns.setdefault((item.path, item.originalname, repr(sorted(values.items()))), len(turns))
        if combination not in PAIRS[turn % 2]:
            found.append(item)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed, for the picture that is taken then."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def driver() -> Iterator["Playwright"]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(driver: "Playwright") -> Iterator["Browser"]:
    program = find_browser()
    if program is None:
        pytest.skip(NONE_FOUND)
    running = driver.chromium.launch(executable_path=program)
    yield running
    running.close()


@pytest.fixture(scope="session", params=["pinned", "newest"])
def frontend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, browser: "Browser"
) -> Iterator[ComfyServer]:
    """A server with one of the frontends."""
    extra: tuple[str, ...] = ()
    if request.param == "newest":
        newest = newest_frontend(home())
        if newest is None:
            pytest.skip("the newest frontend was not fetched; quickstart.py test does it")
        extra = ("--front-end-root", str(newest[1]))
    with start_server(
        tmp_path_factory.mktemp(f"{request.param}-frontend"),
        extra=extra,
        nodes=["stand_in_segment.py", "kept_frontend.py"],
    ) as server:
        yield server


@pytest.fixture(scope="session", params=["classic", "nodes2"])
def shared_page(request: pytest.FixtureRequest, browser: "Browser", frontend: ComfyServer) -> Iterator[ComfyPage]:
    page = ComfyPage(browser, frontend, request.param)
    yield page
    page.close()


@pytest.fixture
def comfy(request: pytest.FixtureRequest, shared_page: ComfyPage) -> Iterator[ComfyPage]:
    """The page with an empty graph. Errors of our scripts fail the test."""
    shared_page.new_graph()
    yield shared_page
    if request.node.stash.get(FAILED, False):
        shared_page.screenshot(f"failed-{request.node.name}")
    problems, shared_page.problems = shared_page.problems, []
    assert not problems, "\n".join(problems)


@pytest.fixture
def editor(comfy: ComfyPage) -> Editor:
    """A Layout Editor on an empty graph."""
    return add_editor(comfy)
