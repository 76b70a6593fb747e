"""quickstart.py's command line before anything is installed: what it accepts, says and writes."""

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from instdiff.instdiff_modules.commands.names import whole_path
from instdiff.instdiff_modules.launcher import graph, install, server
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.launcher.progress import Progress
from instdiff.instdiff_modules.metrics.folder import find_pairs
from support.pack import ROOT


def quickstart(*args: object) -> subprocess.CompletedProcess[str]:
    """Run quickstart.py itself; only with arguments that stop it before it installs anything."""
    command = [sys.executable, str(ROOT / "quickstart.py"), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_command() -> None:
    said = quickstart("--help")
    assert said.returncode == 0
    assert all(word in said.stdout for word in ("serve", "run --layout FILE", "test", "--comfyui", "--home"))


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("dance",), "invalid choice: 'dance'"),
        (("run",), "--layout"),
        (
            ("run", "--layout", "x.json", "--seed", "-1"),
            "--seed: expected a whole number in 0..18446744073709551615, got -1",
        ),
        (("--python", "python3"), "needs --comfyui as well"),
        (("--home", ROOT / "here"), "inside the pack"),
    ],
)
def test_wrong_arguments_end_with_a_sentence_and_no_traceback(args: tuple[object, ...], sentence: str) -> None:
    said = quickstart(*args)
    assert said.returncode != 0
    assert sentence in said.stderr and "Traceback" not in said.stderr
    assert not (ROOT / "here").exists()


def test_a_comfyui_that_is_not_there_is_named_and_nothing_is_installed(tmp_path: Path) -> None:
    said = quickstart("--comfyui", tmp_path / "nowhere", "--home", tmp_path / "home")
    assert said.returncode == 1
    assert "There is no ComfyUI in" in said.stderr and "Traceback" not in said.stderr
    assert not list((tmp_path / "home").glob("venv*"))


def test_progress_names_nodes_by_title_and_counts_steps() -> None:
    said: list[str] = []
    with Progress(
        {"3": {"class_type": "KSampler", "_meta": {"title": "Draw"}}}, said.append, io.StringIO()
    ) as progress:
        progress("executing", {"node": "3"})
        progress("progress", {"value": 1, "max": 2})
        progress("progress", {"value": 2, "max": 2})
        progress("executing", {"node": None})
    assert said == ["  Draw", "    step 2 of 2"]


def load_quickstart() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quickstart_of_tests", ROOT / "quickstart.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT))
    return module


def test_pictures_are_numbered_in_their_folder_and_the_one_alone_has_its_layout_beside_it(tmp_path: Path) -> None:
    program = load_quickstart()
    for number in (1, 2):  # whatever number ComfyUI's own folder has reached
        path = program.write_picture(b"x", tmp_path, Path("instdiff_00041_.png"))
        assert path == tmp_path / f"instdiff_0000{number}.png"
    shipped = graph.read_graph(graph.DEMO.read_text(encoding="utf-8"), "demo.json")
    assert shipped[graph.ALONE]["inputs"]["images"] == shipped["10"]["inputs"]["image"], "the picture that is scored"
    alone = program.write_alone(b"y", graph.layout_text(shipped), path)
    assert alone.name == "instdiff_00001.png"
    (pair,) = find_pairs(alone.parent, alone.parent)
    assert pair.picture == alone and json.loads(pair.layout.read_text())["width"] == 256


def test_a_name_that_begins_with_a_tilde_and_is_no_users_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~nobody-here.json").write_text("{}", encoding="utf-8")
    assert load_quickstart().read(Path("~nobody-here.json")) == "{}"
    said = quickstart("run", "--layout", "~nobody-here/layout.json", "--home", "~nobody-here")
    assert "layout.json cannot be read" in said.stderr and "Traceback" not in said.stderr
    assert whole_path(Path("~/a")) == Path.home() / "a"


def test_what_follows_two_dashes_goes_to_the_python_of_comfyui(tmp_path: Path) -> None:
    program = load_quickstart()
    options = program.arguments(["python", "--", "-c", "import instdiff_modules, sys; sys.exit(7)"])
    assert program.python(options, install.Runtime(Path(sys.executable), tmp_path, False)) == 7


def test_a_start_that_takes_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    (tmp_path / "main.py").write_text("import time; time.sleep(1)")
    monkeypatch.setattr(server, "HEARTBEAT_SECONDS", 0.1)
    runtime = install.Runtime(Path(sys.executable), tmp_path, False)
    with pytest.raises(Stopped, match="ended while it started"):
        server.Server(runtime, tmp_path, tmp_path / "server.log", say=said.append).start()
    assert said and "still starting" in said[0]
