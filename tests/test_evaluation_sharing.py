"""Pictures shared among servers: what happens when one dies, comes back, fails, refuses, or when the person stops it."""

import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from instdiff.instdiff_modules.evaluation.server import ServerLost, Stop, answers, paint
from instdiff.instdiff_modules.evaluation.sharing import LOSSES, Painter, Sharing
from instdiff.instdiff_modules.launcher.client import GraphFailed, GraphRefused

NAMES = tuple(f"p{i}" for i in range(8))


class Bench:
    """Servers made of functions, and what they and the sharing did."""

    def __init__(self, patience: float = 0.05) -> None:
        self.asked: list[tuple[str, str]] = []
        self.kept: list[str] = []
        self.said: list[str] = []
        self.sharing = Sharing(NAMES, lambda name, png: self.kept.append(name), self.said.append, patience)

    def painter(self, name: str, paint=lambda picture: None, answers=lambda: False, seconds: float = 0.01) -> Painter:
        def painted(picture: str, stopped) -> bytes:
            self.asked.append((name, picture))
            time.sleep(seconds)
            paint(picture)
            return b"png"

        return Painter(name, painted, answers)


def raising(error: Exception, when=lambda picture: True):
    def paint(picture: str) -> None:
        if when(picture):
            raise error

    return paint


def test_every_picture_is_painted_once_and_all_servers_work():
    bench, both, met = Bench(), threading.Barrier(2), threading.local()

    def meet(picture: str) -> None:  # so that a busy machine cannot give all the work to one
        if not hasattr(met, "done"):
            both.wait(60)
            met.done = True

    outcome = bench.sharing.run([bench.painter("a", meet), bench.painter("b", meet)])
    assert (outcome.made, outcome.failed, outcome.left) == (8, {}, ()) and sorted(bench.kept) == sorted(NAMES)
    assert Counter(picture for _, picture in bench.asked) == dict.fromkeys(NAMES, 1) and {
        name for name, _ in bench.asked
    } == {"a", "b"}
    assert bench.said[-1].startswith("8 of 8")


def test_a_server_that_dies_costs_the_picture_in_flight_and_no_more():
    bench, calls, dead = Bench(), [], threading.Event()

    def dies(picture: str) -> None:
        calls.append(picture)
        if len(calls) == 2:
            dead.set()
            raise ServerLost("a is gone")

    outcome = bench.sharing.run([bench.painter("a", dies), bench.painter("b", lambda picture: dead.wait(60))])
    assert outcome.made == 8 and not outcome.failed and len(calls) == 2
    assert Counter(picture for _, picture in bench.asked) == {**dict.fromkeys(NAMES, 1), calls[1]: 2}
    assert any("a is given up" in line for line in bench.said)


def test_a_server_that_comes_back_goes_on():
    bench, away = Bench(patience=60), iter([True])
    back = threading.Event()

    def once(picture: str) -> None:
        if next(away, False):
            threading.Timer(0.6, back.set).start()
            raise ServerLost("a is gone")

    assert bench.sharing.run([bench.painter("a", once, back.is_set)]).made == 8
    assert any("a answers again" in line for line in bench.said) and len(bench.asked) == 9


def test_without_any_server_left_the_rest_is_told():
    bench = Bench()
    outcome = bench.sharing.run([bench.painter("a", raising(ServerLost("a is gone"), lambda picture: picture == "p3"))])
    assert outcome.made == 3 and outcome.left == NAMES[3:]


def test_a_picture_that_takes_servers_with_it_is_set_aside():
    bench = Bench(patience=60)
    outcome = bench.sharing.run(
        [bench.painter("a", raising(ServerLost("a is gone"), lambda picture: picture == "p3"), lambda: True)]
    )
    assert outcome.made == 7 and list(outcome.failed) == ["p3"] and f"{LOSSES} servers went" in outcome.failed["p3"]


def test_a_picture_that_fails_is_told_and_the_others_are_made():
    bench = Bench()
    outcome = bench.sharing.run(
        [bench.painter("a", raising(GraphFailed("out of memory"), lambda picture: picture == "p5"))]
    )
    assert outcome.made == 7 and outcome.failed == {"p5": "a: out of memory"}


def test_if_nothing_but_failures_comes_it_stops():
    bench = Bench()
    with pytest.raises(RuntimeError, match="The first 3 pictures all failed, the last on a: no such file"):
        bench.sharing.run([bench.painter("a", raising(GraphFailed("no such file")))])
    assert len(bench.asked) == 3


@pytest.mark.parametrize(
    "error",
    [GraphRefused("no such node"), ValueError("64x64, expected 512x512"), KeyError("a mistake of ours")],
    ids=str,
)
def test_a_workflow_that_cannot_be_stops_everything_at_once(error: Exception):
    bench, told, busy = Bench(), [], threading.Event()

    def waiting(picture: str, stop) -> bytes:
        busy.set()
        while not stop():
            time.sleep(0.01)
        told.append(picture)
        raise Stop

    def wrong(picture: str) -> None:
        busy.wait(60)
        raise error

    with pytest.raises(type(error)):
        bench.sharing.run([bench.painter("a", wrong), Painter("b", waiting, lambda: True)])
    assert len(bench.asked) == len(told) == 1, "the other server is told to stop, and nothing new is begun"


def test_a_full_disk_stops_it_too():
    bench = Bench()

    def full(name: str, png: bytes) -> None:
        raise OSError("no space left")

    bench.sharing.keep = full
    with pytest.raises(OSError, match="no space left"):
        bench.sharing.run([bench.painter("a")])


def test_whoever_stops_it_gets_the_pictures_in_flight_taken_back(monkeypatch: pytest.MonkeyPatch):
    bench, started, stopped = Bench(), [], []

    def slow(picture: str, stop) -> bytes:
        started.append(picture)
        while not stop():
            time.sleep(0.01)
        stopped.append(picture)
        raise Stop

    def interrupt(*_: object) -> None:
        while len(started) < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr("instdiff.instdiff_modules.evaluation.sharing.wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.sharing.run([Painter("a", slow, lambda: True), Painter("b", slow, lambda: True)])
    assert sorted(stopped) == ["p0", "p1"] and not bench.kept


# What a dying server, or what stands before it, may say


class Dying(http.server.BaseHTTPRequestHandler):
    """Answers as `server.says` has it for the path: status, text, and the length that it claims the text has."""

    def do_GET(self) -> None:
        status, text, length = self.server.says.get(self.path[1:].split("/")[0].partition("?")[0], (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dying() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dying) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def said(text: bytes, status: int = 200, missing: int = 0) -> tuple[int, bytes, int]:
    return status, text, len(text) + missing


QUEUED = said(b'{"prompt_id": "p"}')


@pytest.mark.parametrize("says", [
    {"prompt": said(b"<html>Bad Gateway</html>", 502)},
    {"prompt": said(b'{"prompt_id": "p', missing=10)},
    {"prompt": QUEUED, "history": said(b"<html>starting</html>")},
    {"prompt": QUEUED, "history": said(b"{}"), "queue": said(b'{"queue_running": [], "queue_pending": []}')},
    {"prompt": QUEUED, "history": said(b'{"p": {"outputs": {"9": {"images": [{"filename": "a.png"}]}}}}'), "view": said(b"\x89PNG", missing=5)},
], ids=["a proxy", "half an answer", "no JSON", "forgotten", "half a picture"])  # fmt: skip
def test_whatever_a_dying_server_says_it_counts_as_lost(dying, says: dict):
    dying.says = says
    with pytest.raises(ServerLost):
        paint(f"http://127.0.0.1:{dying.server_port}", {"9": {"class_type": "X", "inputs": {}}}, "9", 64, 5)


def test_a_server_answers_only_if_it_is_one(dying):
    url = f"http://127.0.0.1:{dying.server_port}"
    for says, there in (
        ({"system_stats": said(b'{"system": {"comfyui_version": "0.30.0"}}')}, True),
        ({"system_stats": said(b'{"status": "another program"}')}, False),
        ({"system_stats": said(b"<html>")}, False),
        ({"system_stats": said(b"{", missing=9)}, False),
        ({}, False),
    ):
        dying.says = says
        assert answers(url) is there
    assert not answers("http://127.0.0.1:9")


def test_a_picture_that_is_none_is_the_workflows_fault(dying):
    dying.says = {
        "prompt": QUEUED,
        "history": said(b'{"p": {"outputs": {"9": {"images": [{"filename": "a.webp"}]}}}}'),
        "view": said(b"RIFF"),
    }
    with pytest.raises(ValueError, match="no PNG file, expected 64x64"):
        paint(f"http://127.0.0.1:{dying.server_port}", {"9": {"class_type": "X", "inputs": {}}}, "9", 64, 5)
