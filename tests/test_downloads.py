"""How large the first installation is, and how far it has come: from pip's own plan and from what lies on the disk."""

import io
import re
import sys
import zipfile
from pathlib import Path

import pytest
from instdiff.instdiff_modules.launcher import downloads, install, steps
from instdiff.instdiff_modules.launcher.downloads import Growth, Size, size_of, words
from instdiff.instdiff_modules.launcher.steps import Steps
from support.stand_in_home import make_home

PYTHON = Path(sys.executable)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def quiet(folder: Path, said: list[str] | None = None, screen: Screen | None = None) -> Steps:
    return Steps(folder / "logs" / "install.log", ([] if said is None else said).append, screen)


def wheel(folder: Path, name: str, needs: str = "") -> Path:
    """A package that holds nothing but its description."""
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


def test_pip_says_what_it_will_bring_and_the_files_how_large_they_are(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    files = [wheel(shop, "instdiff_test_one", "Requires-Dist: instdiff_test_two\n"), wheel(shop, "instdiff_test_two")]
    found = size_of(PYTHON, ["--no-index", "--find-links", shop, "instdiff_test_one"], quiet(tmp_path))
    assert found == Size(2, sum(file.stat().st_size for file in files))
    assert size_of(PYTHON, ["--no-index", "instdiff_test_one"], quiet(tmp_path)) is None, (
        "what pip cannot plan stops nothing"
    )


@pytest.mark.parametrize(
    "entry",
    [None, {}, {"download_info": 3}, {"download_info": {"url": 3}}, {"download_info": {"url": "ftp://a/b"}}],
    ids=str,
)
def test_what_a_report_does_not_tell_is_not_guessed(entry: object) -> None:
    assert downloads.total([downloads.address(entry)]) == 0


def test_progress_is_told_by_size(tmp_path: Path) -> None:
    temp, target = tmp_path / "temp", tmp_path / "target"
    for folder in (temp, target):
        folder.mkdir()
        (folder / "there").write_bytes(b"x" * 1000)
    growth = Growth(temp, target, 40_000_000)
    (temp / "wheel").write_bytes(b"x" * 20_000_000)
    assert growth() == "20 MB of 40 MB downloaded"
    (temp / "wheel").unlink()
    assert growth() == "20 MB of 40 MB downloaded", "pip tidies up"
    (target / "library").write_bytes(b"x" * 30_000_000)
    assert growth() == "30 MB installed"
    assert [words(size) for size in (0, 20e3, 999.6e3, 214e6, 999.6e6, 1.94e9)] == [
        "0 kB",
        "20 kB",
        "1 MB",
        "214 MB",
        "1.0 GB",
        "1.9 GB",
    ]


def test_a_terminal_sees_a_line_that_moves_and_a_log_plain_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MOVE_SECONDS", 0.1)
    monkeypatch.setattr(steps, "HEARTBEAT_SECONDS", 0.1)
    command = [sys.executable, "-c", "import os, time; print(os.environ['TMPDIR']); time.sleep(0.6)"]
    screen, said = Screen(), []
    quiet(tmp_path, said, screen).run("a step", command, "", lambda: "20 MB of 40 MB downloaded", tmp_path)
    assert said == ["  a step ..."] and "\r    20 MB of 40 MB downloaded (" in screen.getvalue()
    assert screen.getvalue().endswith(" \r"), "the line is gone when the step is done"
    quiet(tmp_path, said).run("another", command, "", lambda: "20 MB of 40 MB downloaded", tmp_path)
    assert re.fullmatch(
        r"    20 MB of 40 MB downloaded, \d+ s \(details: .*install\.log\)", said[-1]
    ) and "\r" not in "".join(said)
    assert str(tmp_path) in (tmp_path / "logs" / "install.log").read_text().splitlines()


def test_an_installation_says_its_size_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "cpu_index_answers", lambda: False)
    monkeypatch.setattr(install, "size_of", lambda *_: Size(3, 214_000_000))
    make_home(tmp_path)
    said: list[str] = []
    install.make_runtime(tmp_path, quiet(tmp_path, said))
    assert re.search(r"needs, (about 2 GB|several GB) on the disk", said[0])
    assert sum("(3 packages, 214 MB to download) ..." in line for line in said) >= 3
    assert list((tmp_path / "downloads").iterdir()) == [], "no temporary folder stays"
