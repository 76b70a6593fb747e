"""kill -9 at random moments: of quickstart, of the evaluation, of its server. Nothing is lost, done twice or left running."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from instdiff.instdiff_modules.evaluation.png import png_size
from instdiff.instdiff_modules.launcher.server import free_port
from instdiff.instdiff_modules.launcher.steps import try_lock
from support import synthetic_coco
from support.pack import ROOT
from support.stand_in_comfyui import StandIn
from support.stand_in_home import SERVER, kill, make_home, processes, ready, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
KILLS = 20
SIZE = 64
IDS = tuple(range(1, 41))
NAMES = {f"{i:012}" for i in IDS}
# Loads the evaluation once, then makes a process of its own of every line of arguments: an import takes seconds.
FORKS = """
import json, os, sys
from instdiff_modules.evaluation.__main__ import main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(main(json.loads(line)))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_quickstart_that_is_killed_leaves_nothing_running_and_its_lock_free(tmp_path: Path) -> None:
    home, chance = tmp_path / "home", random.Random(17)
    python = make_home(home)
    command = [sys.executable, str(ROOT / "quickstart.py"), "--home", str(home), "--cpu"]
    for i in range(KILLS):
        if i % 3:  # while it installs, too
            ready(python).unlink(missing_ok=True)
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(chance.uniform(0.05, 0.9))
        ended = started.poll()
        started.kill()
        assert ended in (None, 0), started.communicate()[1]
        started.communicate()
        assert wait_until(lambda: not processes(str(home))), processes(str(home))
        with (home / "lock").open("a") as lock:
            assert try_lock(lock)
        assert all(png_size(p.read_bytes()) for p in (home / "pictures").glob("*.png"))
    before = set((home / "pictures").glob("*.png"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and len({*(home / "pictures").glob("*.png")} - before) == 1, done.stderr
    assert json.loads(ready(python).read_text())["gpu"] is False and not processes(str(home))


@pytest.mark.parametrize("moment", ["start", "middle"])
def test_a_server_that_is_killed_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    home = tmp_path / "home"
    make_home(home, pip=0)
    monkeypatch.setenv("STAND_IN_SECONDS", "30")
    main_file = str(home / "comfyui-0.30.0" / "main.py")
    command = [sys.executable, str(ROOT / "quickstart.py"), "--home", str(home), "--cpu"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if moment == "middle":
        assert any("it runs on the CPU" in line for line in started.stdout)
        time.sleep(0.3)
    assert wait_until(lambda: any("guard.py" not in line for line in processes(main_file).values()), 20)
    kill(next(pid for pid, line in processes(main_file).items() if "guard.py" not in line))
    _, said = started.communicate(timeout=30)
    words = "ended while it started" if moment == "start" else "ended in the middle"
    assert started.returncode == 1 and f"{words} (killed by signal 9)" in said and "memory" in said
    assert "disk" not in said and "Traceback" not in said and not processes(str(home))


# The evaluation


class Forks:
    """Starts the evaluation in processes of its own."""

    def __init__(self, said: Path) -> None:
        self.file = said.open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKS], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.file,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def start(self, *arguments: object) -> int:
        """The process's id."""
        self.process.stdin.write(json.dumps(list(map(str, arguments))) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self) -> int:
        """The exit code of the last one."""
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    forks = Forks(tmp_path_factory.mktemp("forks") / "said.txt")
    yield forks
    forks.process.stdin.close()
    forks.process.wait(30)
    forks.process.stdout.close()
    forks.file.close()


def arguments(folder: Path, urls: str, **more: object) -> list[object]:
    annotations, captions = synthetic_coco.write(folder, IDS)
    options = {
        "annotations": annotations,
        "captions": captions,
        "format": "box",
        "size": SIZE,
        "out": folder / "out",
        "server": urls,
        **more,
    }
    return ["coco", *(part for key, value in options.items() for part in (f"--{key}", value))]


def whole(folder: Path) -> set[str]:
    """Names of the pictures of a run; each must be whole."""
    files = list((folder / "out" / "coco" / "images" / "val2017").glob("*.png"))
    assert all(png_size(path.read_bytes()) == (SIZE, SIZE) for path in files)
    return {path.stem for path in files}


def test_an_evaluation_that_is_killed_resumes_and_does_nothing_twice(tmp_path: Path, forks: Forks) -> None:
    chance = random.Random(18)
    with StandIn(seconds=0.01) as one, StandIn(seconds=0.01) as other:
        given = arguments(tmp_path, f"{one.url},{other.url}")
        for _ in range(KILLS):
            before, asked = whole(tmp_path), (len(one.taken), len(other.taken))
            pid = forks.start(*given)
            time.sleep(chance.uniform(0.02, 0.35))
            kill(pid)
            assert forks.wait() in (-9, 0), Path(forks.file.name).read_text()
            again = {f"{seed:012}" for seed in one.taken[asked[0] :] + other.taken[asked[1] :]} & before
            assert not again, "what is kept is not painted again"
        forks.start(*given)
        assert forks.wait() == 0 and whole(tmp_path) == NAMES
        times = Counter(one.seeds + other.seeds)
    assert set(times) == set(IDS) and times.total() <= len(IDS) + 2 * KILLS, "only what was in flight is painted again"


def test_a_server_that_is_killed_again_and_again_costs_what_was_in_flight(tmp_path: Path, forks: Forks) -> None:
    chance, port, log, stop = random.Random(19), free_port(), tmp_path / "painted.txt", threading.Event()
    kills: list[float] = []

    def keep_killing() -> None:
        while not stop.is_set():
            server = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SERVER), "--port", str(port)],
                env={**os.environ, "STAND_IN_LOG": str(log), "STAND_IN_SECONDS": "0.01"},
            )
            stop.wait(chance.uniform(0.2, 0.5) if len(kills) < KILLS else None)
            server.kill()
            server.wait()
            kills.append(time.monotonic())

    killer = threading.Thread(target=keep_killing, daemon=True)
    killer.start()
    given = arguments(tmp_path, f"http://127.0.0.1:{port}", patience=3)
    codes, wanted = [], len(IDS)
    while (len(kills) < KILLS or whole(tmp_path) != NAMES) and len(codes) < 40:
        if whole(tmp_path) == NAMES:  # more of them, so that all kills hit something
            wanted += 20
            for name in list(NAMES)[:20]:
                (tmp_path / "out" / "coco" / "images" / "val2017" / f"{name}.png").unlink()
        wait_until(lambda: log.exists() or kills, 10)
        forks.start(*given)
        codes.append(forks.wait())
    stop.set()
    killer.join(10)
    painted = log.read_text().split()
    assert whole(tmp_path) == NAMES and codes[-1] == 0 and set(codes) <= {0, 1, 2}, Path(forks.file.name).read_text()
    assert len(kills) > KILLS and set(painted) == {str(i) for i in IDS} and len(painted) <= wanted + len(kills)
