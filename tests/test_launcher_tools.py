"""What `quickstart.py test` looks for beside ComfyUI: browsers, node, the newest frontend; and what it says of what is missing."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from instdiff.instdiff_modules.launcher import browser, frontend, linters, testing
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.launcher.steps import Steps

linux_only = pytest.mark.skipif(sys.platform == "win32", reason="makes programs of shell scripts")


def program(path: Path, says: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def steps(folder: Path) -> Steps:
    return Steps(folder / "logs" / "install.log", lambda line: None)


@linux_only
def test_the_first_browser_that_works_is_taken(tmp_path: Path) -> None:
    path = {"PATH": str(tmp_path)}
    assert browser.find_browser("linux", path) is None
    edge = program(tmp_path / "microsoft-edge")
    assert browser.find_browser("linux", path) == edge
    program(tmp_path / "chromium", "echo install the snap; exit 1")
    assert browser.find_browser("linux", path) == edge
    chrome = program(tmp_path / "google-chrome")
    assert browser.find_browser("linux", path) == chrome
    assert browser.find_browser("linux", {**path, "CHROME": str(edge)}) == edge


@linux_only
def test_firefox_is_taken_where_it_works_and_can_be_driven(tmp_path: Path) -> None:
    path = {"PATH": str(tmp_path)}
    assert browser.find_firefox("linux", path) is None
    program(tmp_path / "firefox", "echo install the snap; exit 1")
    assert browser.find_firefox("linux", path) is None
    esr = program(tmp_path / "firefox-esr")
    assert browser.find_firefox("linux", path) == esr
    assert browser.find_firefox("linux", {**path, "FIREFOX": str(tmp_path / "firefox")}) == tmp_path / "firefox"
    assert browser.find_firefox("win32", path) is None


@linux_only
@pytest.mark.parametrize("variable, find", [("CHROME", browser.find_browser), ("FIREFOX", browser.find_firefox)])
def test_a_variable_that_names_no_browser_is_told(variable: str, find: Callable[..., Path | None]) -> None:
    with pytest.raises(Stopped, match=f"{variable} names /no/browser"):
        find("linux", {variable: "/no/browser"})


def test_the_usual_places_of_windows(tmp_path: Path) -> None:
    assert browser.find_browser("win32", {"ProgramFiles": str(tmp_path), "PATH": ""}) is None
    edge = tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    edge.parent.mkdir(parents=True)
    edge.touch()
    assert browser.find_browser("win32", {"ProgramFiles": str(tmp_path), "PATH": ""}) == edge


@linux_only
@pytest.mark.parametrize("system, root", [("darwin", True), ("linux", False)])
def test_nothing_is_installed_without_the_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, root: bool
) -> None:
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setenv("PATH", str(program(tmp_path / "apt-get").parent))
    assert browser.install_browser(steps(tmp_path), system) is None
    assert browser.install_firefox(steps(tmp_path), system) is None


@linux_only
@pytest.mark.parametrize(
    "package, install_it", [("chromium", browser.install_browser), ("firefox-esr", browser.install_firefox)]
)
def test_debians_browser_is_installed_after_an_update_of_the_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, install_it: Callable[[Steps], Path | None]
) -> None:
    program_of_it, calls = tmp_path / "bin" / package, tmp_path / "calls"
    program(tmp_path / "bin" / "apt-get", f"""echo "$DEBIAN_FRONTEND $*" >> {calls}
case "$*" in
  *update*) exit 0 ;;
  *) [ "$(wc -l < {calls})" -gt 1 ] || exit 100; printf '#!/bin/sh\\n' > {program_of_it}; chmod +x {program_of_it} ;;
esac""")  # fmt: skip
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert install_it(steps(tmp_path)) == program_of_it
    install, update, again = calls.read_text().splitlines()
    assert install == again and f"install --no-install-recommends {package}" in install and update.endswith("update")
    assert install.startswith("noninteractive ")


@linux_only
def test_a_browser_that_cannot_be_installed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin" / "apt-get", "exit 100")
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert browser.install_browser(steps(tmp_path)) is None


def wheel(folder: Path, version: str) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"comfyui_frontend_package-{version}-py3-none-any.whl", "w") as files:
        for name in ("static/index.html", "static/assets/a.js", "static/assets/a.js.map", "__init__.py"):
            files.writestr(f"comfyui_frontend_package/{name}", version)


@linux_only
def test_the_newest_frontend_is_unpacked_once_and_found(tmp_path: Path) -> None:
    quiet, python = steps(tmp_path), program(tmp_path / "python")
    assert frontend.newest_frontend(tmp_path) is None
    for version in ("1.9.0", "1.58.1", "1.10.3"):
        wheel(tmp_path / "downloads", version)
    assert frontend.fetch_frontend(tmp_path, quiet, python)
    version, folder = frontend.newest_frontend(tmp_path)
    assert version == (1, 58, 1) and folder == tmp_path / "frontend-1.58.1"
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"index.html", "a.js"}
    (folder / "index.html").write_text("kept")
    assert frontend.fetch_frontend(tmp_path, quiet, python) and (folder / "index.html").read_text() == "kept"


@linux_only
def test_without_a_network_the_frontend_that_is_here_serves_or_is_left_out(tmp_path: Path) -> None:
    said: list[str] = []
    quiet, python = Steps(tmp_path / "install.log", said.append), program(tmp_path / "python", "exit 1")
    assert not frontend.fetch_frontend(tmp_path, quiet, python)
    (tmp_path / "frontend-1.2.3").mkdir()
    (tmp_path / "frontend-1.2.3" / "index.html").touch()
    assert frontend.newest_frontend(tmp_path) == ((1, 2, 3), tmp_path / "frontend-1.2.3")


def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **found: object) -> tuple[dict[str, str], list[str]]:
    """prepare_tools on a machine of which only `found` is true."""
    monkeypatch.setattr(testing, "playwright_driver", lambda *_: found.get("driver"))
    monkeypatch.setattr(testing, "find_browser", lambda: found.get("browser"))
    monkeypatch.setattr(testing, "install_browser", lambda _: None)
    monkeypatch.setattr(testing, "find_firefox", lambda: found.get("firefox"))
    monkeypatch.setattr(testing, "install_firefox", lambda _: None)
    monkeypatch.setattr(testing, "fetch_frontend", lambda *_: found.get("frontend", False))
    monkeypatch.setattr(testing.shutil, "which", lambda _: found.get("node"))
    monkeypatch.setattr(testing, "prepare_linters", lambda *_: found.get("linters", []))
    monkeypatch.setattr(testing, "prepare_extras", lambda *_: [])
    return testing.prepare_tools(tmp_path, Path(sys.executable), steps(tmp_path))


def test_what_is_missing_is_said_in_one_line_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, left_out = tools(tmp_path, monkeypatch)
    line = testing.last_line(left_out)
    assert (
        not changes
        and "\n" not in line
        and line.startswith("Skipped: the browser tests, because Playwright could not be installed")
    )
    assert line.endswith("the tests of web/js, because there is no node.")

    changes, left_out = tools(tmp_path, monkeypatch, driver=tmp_path / "driver")
    assert changes["PATH"].startswith(str(tmp_path / "driver")) and left_out == [
        f"the browser tests, because {browser.NONE_FOUND}"
    ]

    chromium = {"driver": tmp_path / "driver", "browser": Path("/usr/bin/chromium")}
    _, left_out = tools(tmp_path, monkeypatch, **chromium)
    no_firefox = f"the test in Firefox, because {browser.NO_FIREFOX}"
    assert left_out == [
        no_firefox,
        "the browser tests with the newest frontend, because PyPI did not give it",
    ]
    assert tools(tmp_path, monkeypatch, **chromium, frontend=True)[1] == [no_firefox]
    firefox = Path("/usr/bin/firefox-esr")
    assert tools(tmp_path, monkeypatch, **chromium, frontend=True, firefox=firefox)[1] == []


@linux_only
def test_what_checks_the_code_is_installed_once_or_left_out_with_the_reason(tmp_path: Path) -> None:
    """Pythons whose pip and npm do nothing, of which only the last one's succeeds."""
    pins = " ".join(f"{name}=={version}" for name, version in sorted(linters.PACKAGES.items()))
    asked = f'case "$*" in *importlib.metadata*) echo {pins} ;; *)'
    calls, script = tmp_path / "calls", linters.eslint(tmp_path).relative_to(tmp_path / f"eslint-{linters.ESLINT}")
    neither = program(tmp_path / "neither", "exit 1")
    no_npm = program(tmp_path / "no-npm", f"{asked} exit 1 ;; esac")
    both = program(
        tmp_path / "both",
        f"{asked} echo >> {calls}; cd {tmp_path}/unfinished-*; mkdir -p {script.parent}; touch {script} ;; esac",
    )
    (line,) = linters.prepare_linters(tmp_path, neither, steps(tmp_path))
    assert line.startswith("the checks of the code itself, because ruff, pyright and node could not be installed")
    (line,) = linters.prepare_linters(tmp_path, no_npm, steps(tmp_path))
    assert line.startswith("the check of web/js by ESLint, because npm could not install it")
    assert not linters.eslint(tmp_path).exists()
    for _ in range(2):
        assert linters.prepare_linters(tmp_path, both, steps(tmp_path)) == []
    assert linters.eslint(tmp_path).is_file() and calls.read_text() == "\n"


@linux_only
def test_what_some_tests_need_is_installed_once_where_pip_has_it(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.touch()
    has = program(
        tmp_path / "has",
        f'case "$*" in *\\\'ray\\\'*) grep -q "ray>" {calls} && echo True || echo False ;; '
        f'*pyarrow\\\'*) grep -q "pyarrow>" {calls} && echo True || echo False ;; *) echo "$*" >> {calls} ;; esac',
    )
    has_not = program(tmp_path / "has-not", 'case "$*" in *find_spec*) echo False ;; *) exit 1 ;; esac')
    for _ in range(2):
        assert testing.prepare_extras(has, steps(tmp_path)) == []
    assert [line.split(" :all: ")[1] for line in calls.read_text().splitlines()] == ["ray>=2.40", "pyarrow>=14"]
    ray, parquet = testing.prepare_extras(has_not, steps(tmp_path))
    assert ray.startswith("the evaluation's test with Ray, because pip could not install it")
    assert parquet.startswith("the evaluation's tests with Parquet files, because pip could not install it")


def test_workers_share_the_tests_unless_there_is_one_core() -> None:
    assert testing.workers(1) == ([], {})
    assert testing.workers(16) == (["-n", "4"], {"OMP_NUM_THREADS": "1"})


def test_playwrights_own_node_runs_here() -> None:
    playwright = pytest.importorskip("playwright")
    node = Path(playwright.__file__).parent / "driver" / ("node.exe" if sys.platform == "win32" else "node")
    assert subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.startswith("v2")
