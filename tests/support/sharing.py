"""Which worker runs what when several share the tests (pytest-xdist).

A worker gets whole files, and of the browser's tests all on one page: what they share is started once. They wait for their page most of the
time, so the last of three workers has nothing else, from the beginning, and the others keep the processor busy meanwhile.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from xdist.scheduler import LoadScopeScheduling

SPARED = 3  # workers of which one is spared for the browser
BEHIND = 5  # by how much the others are nicer, so that a page is answered at once
# What takes long or waits, so that no worker has it left when the others are done.
FIRST = (
    "comfy/test_demo_model.py",
    "test_stops.py",
    "test_evaluation_ray.py",
    "test_training_loop.py",
    "test_lint.py",
    "comfy/test_parity.py",
)


def page(nodeid: str) -> str:
    """The page that a test of the browser needs, by its frontend ("newest nodes2"); empty for all other tests."""
    found = re.search(r"^tests/browser/.*\[(?:.*\b(classic|nodes2)-)?.*\b(pinned|newest)\b", nodeid)
    return f"{found[2]} {found[1] or ''}".strip() if found else ""


def step_behind(worker: Mapping[str, Any]) -> None:
    """Called in each worker, with what pytest-xdist told it: all but the browser's let that one go first."""
    if worker["workercount"] >= SPARED and worker["workerid"] != last(worker["workercount"]) and hasattr(os, "nice"):
        os.nice(BEHIND)


def last(workers: int) -> str:
    """The name of the last worker."""
    return f"gw{workers - 1}"


class ByWhatIsShared(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return page(nodeid) or nodeid.partition("::")[0]

    def schedule(self) -> None:
        self.config.option.loadscopereorder = False  # our own order is in _next
        super().schedule()

    def _next(self, node: Any) -> str | None:
        """What a worker does next; None if nothing is left for it. The browser's tests come last: while Playwright runs, no other
        code can start an event loop."""
        files = [scope for scope in self.workqueue if scope.endswith(".py")]
        pages = sorted(scope for scope in self.workqueue if scope not in files)
        at_end = node.gateway.id == last(self.numnodes)
        if files and not (at_end and self.numnodes >= SPARED and any(map(page, self.collection or ()))):
            places = {f"tests/{name}": place for place, name in enumerate(FIRST)}
            return min(files, key=lambda file: places.get(file, len(places)))
        if pages:  # from two sides, since each frontend has a server of its own
            return pages[0] if at_end else pages[-1]
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
