"""Pictures shared among servers: each takes the next one as soon as it is free; one that dies costs the picture in flight."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import NamedTuple

from ..launcher.client import GraphFailed, GraphInterrupted
from .server import ServerLost, Stop

Stopped = Callable[[], bool]
LOSSES = 3  # servers that may go while they paint one picture, before it is set aside
HOPELESS = 3  # pictures that fail before any is made: the fault is in the workflow then


class Painter(NamedTuple):
    """A server. paint: name of a picture and what says when to stop -> PNG file, or the errors of `server.paint`.
    answers: whether it is there (again)."""

    name: str
    paint: Callable[[str, Stopped], bytes]
    answers: Callable[[], bool]


class Outcome(NamedTuple):
    """made: number of pictures. failed: why others are not, by name. left: those nobody was left to paint."""

    made: int
    failed: Mapping[str, str]
    left: tuple[str, ...]


class Sharing:
    """The work of one run. `keep(name, png)` stores a picture, `say(line)` tells what happens; both are called by one thread at a time."""

    def __init__(
        self, names: Iterable[str], keep: Callable[[str, bytes], None], say: Callable[[str], None], patience: float = 60
    ) -> None:
        """patience: seconds that a server may be away before it is given up."""
        self.waiting, self.keep, self.say, self.patience = deque(names), keep, say, patience
        self.total, self.made, self.failed = len(self.waiting), 0, {}
        self.losses: dict[str, int] = {}
        self.in_flight = 0
        self.stopping = False
        self.changed = threading.Condition()
        self.started = time.monotonic()

    def run(self, painters: Sequence[Painter]) -> Outcome:
        """Paint everything. Raises GraphRefused for a workflow that no server takes, ValueError for one that gives no picture of
        the right size, RuntimeError if nothing but failures comes, and what `keep` raises. Ctrl+C takes the pictures in flight back."""
        with ThreadPoolExecutor(len(painters)) as pool:
            works = [pool.submit(self._work, painter) for painter in painters]
            try:
                while wait(works, 0.2, FIRST_EXCEPTION).not_done and not self.stopping:
                    pass  # in small steps, so that Ctrl+C works on Windows too
            except BaseException:
                self.stopping = True
                raise
        for work in works:
            work.result()
        return Outcome(self.made, dict(self.failed), tuple(self.waiting))

    def _work(self, painter: Painter) -> None:
        try:
            while (name := self._next()) is not None:
                if not self._paint(painter, name) and not self._back(painter):
                    return
        except BaseException:
            self.stopping = True
            raise

    def _next(self) -> str | None:
        """The next picture; None if all are done. While others are in flight it waits: one of them may come back."""
        with self.changed:
            while not self.waiting and self.in_flight and not self.stopping:
                self.changed.wait(0.2)
            if not self.waiting or self.stopping:
                return None
            self.in_flight += 1
            return self.waiting.popleft()

    def _paint(self, painter: Painter, name: str) -> bool:
        """False if the server is lost."""
        lost = reason = None
        picture = None
        try:
            picture = painter.paint(name, lambda: self.stopping)
        except ServerLost as error:
            lost = error
        except (GraphFailed, GraphInterrupted) as error:
            reason = f"{painter.name}: {error.message or type(error).__name__}"
        except Stop:
            pass
        finally:
            with self.changed:
                self.in_flight -= 1
                if picture is not None:
                    self._keep(name, picture)
                elif reason is not None:
                    self._fail(name, reason)
                else:
                    self._put_back(painter, name, lost)
                self.changed.notify_all()
        return lost is None

    def _keep(self, name: str, picture: bytes) -> None:
        self.keep(name, picture)
        self.made += 1
        each = (time.monotonic() - self.started) / self.made
        left = self.total - self.made - len(self.failed)
        self.say(f"{self.made} of {self.total}: {name}, {each:.1f} s each, about {each * left / 60:.0f} min left")

    def _fail(self, name: str, reason: str) -> None:
        self.failed[name] = reason
        self.say(f"{name} failed on {reason}")
        if not self.made and len(self.failed) >= min(HOPELESS, self.total):
            raise RuntimeError(f"The first {len(self.failed)} pictures all failed, the last on {reason}")

    def _put_back(self, painter: Painter, name: str, lost: ServerLost | None) -> None:
        self.waiting.appendleft(name)
        if lost is None:
            return
        self.losses[name] = self.losses.get(name, 0) + 1
        self.say(f"{lost}; {name} goes to another server, or waits for this one")
        if self.losses[name] >= LOSSES:
            self.waiting.popleft()
            self._fail(name, f"{painter.name}: {LOSSES} servers went while they painted it, the last: {lost}")

    def _back(self, painter: Painter) -> bool:
        """Wait for a lost server; False if it is given up or nothing is left to do."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            with self.changed:
                if self.stopping or (not self.waiting and not self.in_flight):
                    return False
                self.changed.wait(min(1.0, self.patience / 10))
            if painter.answers():
                self.say(f"{painter.name} answers again")
                return True
        self.say(f"{painter.name} is given up")
        return False
