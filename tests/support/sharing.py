"""Which worker runs what when several share the tests (pytest-xdist).

A worker gets whole files, those that use ComfyUI's server all together, and of the browser's tests all on one page: what they share is
started once. The last wait for their page much of the time, so half of the workers have them alone, from the beginning, and the other half
keeps the processor busy meanwhile.
"""

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from support.pack import ROOT
from xdist.scheduler import LoadScopeScheduling

ENOUGH = 3  # workers; fewer do one thing after the other
BEHIND = 5  # by how much those without a browser are nicer, so that a page is answered at once
SERVED = "comfy/served.py"  # stands for all files whose tests use the server
# What takes long or waits, so that no worker has it left when the others are done.
FIRST = (
    SERVED,
    "comfy/test_demo_model.py",
    "test_stops.py",
    "test_evaluation_ray.py",
    "test_training_loop.py",
    "test_lint.py",
    "comfy/test_parity.py",
)


def page(nodeid: str) -> str:
    """The page that a test of the browser needs, by its frontend ("newest nodes2"); "firefox" has one of its own; empty for all other
    tests."""
    if nodeid.startswith("tests/browser/test_firefox.py"):
        return "firefox"
    found = re.search(r"^tests/browser/.*\[(?:.*\b(classic|nodes2)-)?.*\b(pinned|newest)\b", nodeid)
    return f"{found[2]} {found[1] or ''}".strip() if found else ""


@cache
def served(file: str) -> bool:
    """Whether tests of a file ("tests/comfy/test_x.py") use the server."""
    return file.startswith("tests/comfy/") and ": ComfyServer" in (ROOT / file).read_text(encoding="utf-8")


def has_a_browser(worker: str, workers: int) -> bool:
    """Whether a worker ("gw3") begins with the browser's tests."""
    return workers >= ENOUGH and int(worker.removeprefix("gw")) >= workers - workers // 2


def step_behind(worker: Mapping[str, Any]) -> None:
    """Called in each worker, with what pytest-xdist told it."""
    if (
        worker["workercount"] >= ENOUGH
        and not has_a_browser(worker["workerid"], worker["workercount"])
        and hasattr(os, "nice")
    ):
        os.nice(BEHIND)


class ByWhatIsShared(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return page(nodeid) or (f"tests/{SERVED}" if served(file) else file)

    def schedule(self) -> None:
        self.config.option.loadscopereorder = False  # our own order is in _next
        super().schedule()

    def _next(self, node: Any) -> str | None:
        """What a worker does next; None if nothing is left for it: while Playwright runs, no other code can start an event loop, so
        after a page there are only pages."""
        name, files = node.gateway.id, [scope for scope in self.workqueue if scope.endswith(".py")]
        pages = sorted(scope for scope in self.workqueue if scope not in files)
        had_pages = any(not scope.endswith(".py") for scope in self.assigned_work[node])
        if files and not had_pages and not (pages and has_a_browser(name, self.numnodes)):
            places = {f"tests/{file}": place for place, file in enumerate(FIRST)}
            return min(files, key=lambda file: places.get(file, len(places)))
        if pages:  # from two sides, since each frontend has a server of its own
            return pages[0] if name == f"gw{self.numnodes - 1}" else pages[-1]
        return None

    def _assign_work_unit(self, node: Any) -> None:
        scope = self._next(node)
        assert scope, "a worker is asked for only while there is something for it"
        self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        if self.workqueue and self._next(node) is None and not node.shutting_down:
            node.shutdown()  # after what it has been given already
        else:
            super()._reschedule(node)
