"""Several workers share the tests: each page of the browser is one worker's, and nothing else comes after it."""

import re
from types import SimpleNamespace

import pytest
from support.pack import ROOT

pytest.importorskip("xdist")
from support.sharing import FIRST, SERVED, ByWhatIsShared, has_a_browser, page, served

FILES = ["tests/test_a.py", "tests/comfy/test_demo_model.py", "tests/test_b.py", "tests/test_c.py"]
PAGES = ["firefox", "newest", "newest classic", "newest nodes2", "pinned classic", "pinned nodes2"]


def test_what_goes_first_exists() -> None:
    assert all((ROOT / "tests" / name).is_file() for name in FIRST if name != SERVED)


def test_what_uses_the_server_stays_together() -> None:
    plan = object.__new__(ByWhatIsShared)
    scopes = [
        plan._split_scope(f"tests/comfy/{name}.py::test_x")
        for name in ("test_versions", "test_templates", "test_errors")
    ]
    assert scopes == [f"tests/{SERVED}", f"tests/{SERVED}", "tests/comfy/test_errors.py"]
    fixture = re.compile(r"^def .*\b(any_server|oldest_server|server)\b", re.M)
    for path in sorted((ROOT / "tests" / "comfy").glob("test_*.py")):
        assert served(path.relative_to(ROOT).as_posix()) >= bool(fixture.search(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize(
    "test, expected",
    [
        ("test_editing.py::test_x[classic-pinned-top left]", "pinned classic"),
        ("test_smoke.py::test_x[nodes2-newest]", "newest nodes2"),
        ("test_languages.py::test_x[newest]", "newest"),
        ("test_firefox.py::test_x[pinned]", "firefox"),
        ("../test_house.py::test_x[tests/browser/test_files.py]", ""),
    ],
)
def test_a_test_of_the_browser_goes_by_its_page(test: str, expected: str) -> None:
    assert page(f"tests/browser/{test}".replace("browser/../", "")) == expected


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("pages", [PAGES, []])
def test_every_piece_is_done_once_and_nothing_but_pages_after_a_page(workers: int, pages: list[str]) -> None:
    plan = object.__new__(ByWhatIsShared)
    nodes = [SimpleNamespace(gateway=SimpleNamespace(id=f"gw{i}")) for i in range(workers)]
    plan.numnodes, plan.workqueue = workers, dict.fromkeys([*FILES, *pages])
    done: dict[str, dict[str, None]] = {node.gateway.id: {} for node in nodes}
    plan.assigned_work = _ByName(done)
    going = list(nodes)
    while going:
        node = going.pop(0)
        if (scope := plan._next(node)) is not None:
            del plan.workqueue[scope]
            done[node.gateway.id][scope] = None
            going.append(node)
    orders = {name: list(scopes) for name, scopes in done.items()}
    assert sorted(scope for order in orders.values() for scope in order) == sorted([*FILES, *pages])
    for name, order in orders.items():
        kinds = [scope.endswith(".py") for scope in order]
        assert kinds == sorted(kinds, reverse=True), "files, then pages"
        assert not (pages and has_a_browser(name, workers)) or not any(kinds)
    assert orders["gw0"][0] == "tests/comfy/test_demo_model.py"


class _ByName(dict):
    """What a scheduler keeps of its nodes, for stand-ins that cannot be keys."""

    def __getitem__(self, node: SimpleNamespace) -> dict[str, None]:
        return super().__getitem__(node.gateway.id)
