"""Rules of the house that a reader would otherwise have to watch over: imports, sizes, what is not written."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pack import ROOT

COMFY = {"comfy", "comfy_api", "comfy_extras", "comfy_execution", "folder_paths", "nodes", "latent_preview", "server"}
LAUNCHER = sorted((ROOT / "instdiff_modules" / "launcher").rglob("*.py"))
MODULES = sorted({*(ROOT / "instdiff_modules").rglob("*.py")} - {*LAUNCHER})
NODES = sorted((ROOT / "nodes").rglob("*.py"))
PACKAGE = [ROOT / "__init__.py", *MODULES, *NODES, *LAUNCHER]
EVERY_FILE = [*PACKAGE, ROOT / "quickstart.py", *sorted((ROOT / "tests").rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """Top-level names of every absolute import in a file, inside functions too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 10 and len(NODES) > 5 and len(LAUNCHER) > 5


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_instdiff_modules_never_import_comfyui(path: Path) -> None:
    assert not COMFY & set(imported(path))


# What the launcher starts with, on a Python without any package.
PLAIN = [*LAUNCHER, ROOT / "quickstart.py", *(ROOT / "instdiff_modules" / "commands").glob("*.py")]
PLAIN += [
    ROOT / "instdiff_modules" / "layout" / name
    for name in ("__init__.py", "json_text.py", "plain_files.py", "units.py")
]
PLAIN += [
    ROOT / "instdiff_modules" / "shapeworld" / name
    for name in ("__init__.py", "vocabulary.py", "known_words.py", "canvases.py", "demo_header.py")
]


@pytest.mark.parametrize("path", PLAIN, ids=name_of)
def test_the_launcher_needs_the_standard_library_alone(path: Path) -> None:
    assert set(imported(path)) <= set(sys.stdlib_module_names) | {"instdiff_modules"}


def test_instdiff_modules_and_the_front_door_import_where_there_is_no_comfyui() -> None:
    code = f"""
import importlib, importlib.util, sys
class NoComfy:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {COMFY!r}:
            raise ModuleNotFoundError("ComfyUI is not here: " + name, name=name)
sys.meta_path.insert(0, NoComfy())
root = {str(ROOT)!r}
spec = importlib.util.spec_from_file_location("instdiff", root + "/__init__.py", submodule_search_locations=[root])
sys.modules["instdiff"] = pack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)
assert callable(pack.comfy_entrypoint)
for name in {[name_of(p).removesuffix(".py").replace("/", ".") for p in MODULES if p.name != "__init__.py"]!r}:
    importlib.import_module("instdiff." + name)
"""
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_no_print_no_sys_path_no_catch_all(path: Path) -> None:
    for node in ast.walk(tree(path)):
        where = f"{name_of(path)}:{getattr(node, 'lineno', '?')}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{where} prints; log or return it"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("sys", "path"), f"{where} touches sys.path"
        if isinstance(node, ast.ExceptHandler):
            caught = [n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)] if node.type else ["everything"]
            # BaseException with a bare raise at its end only tidies up
            tidies = caught == ["BaseException"] and isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            assert tidies or not {"everything", "Exception", "BaseException"} & set(caught), f"{where} catches too much"


@pytest.mark.parametrize("path", MODULES + NODES, ids=name_of)
def test_no_device_is_written_down(path: Path) -> None:
    for node in ast.walk(tree(path)):
        where = f"{name_of(path)}:{getattr(node, 'lineno', '?')}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.fullmatch(r"cuda(:\d+)?|mps", node.value), f"{where} names a device"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in ("cuda", "half"), f"{where} calls .{node.func.attr}()"


@pytest.mark.parametrize("path", EVERY_FILE, ids=name_of)
def test_files_stay_short_and_finished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    limit = 500 if path.name.startswith("test_") else 300
    assert text.count("\n") <= limit
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text) or path.name == "test_house.py"


def test_every_nodes_file_that_has_nodes_is_collected() -> None:
    with_nodes = {
        path.stem
        for path in NODES
        for node in tree(path).body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "NODES" for t in node.targets)
    }
    collected = {
        alias.name
        for node in tree(ROOT / "nodes" / "__init__.py").body
        if isinstance(node, ast.ImportFrom) and node.level and node.module is None
        for alias in node.names
    }
    assert collected == with_nodes


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_no_field_of_a_named_tuple_hides_a_method_of_tuples(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("NamedTuple") for base in node.bases):
            fields = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            assert not fields & {"count", "index"}, f"{name_of(path)}:{node.lineno}"


def requirement_names(lines: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", line)[0].lower() for line in (raw.partition("#")[0].strip() for raw in lines) if line}


def test_what_is_imported_is_required_and_torch_is_left_alone() -> None:
    package_of = {"PIL": "pillow", "skimage": "scikit-image"}
    standard = set(sys.stdlib_module_names) | COMFY
    used = {package_of.get(name, name) for path in MODULES + NODES for name in imported(path) if name not in standard}
    required = requirement_names((ROOT / "requirements.txt").read_text().splitlines())
    optional = {
        "torch",
        "aiohttp",
        "yaml",
        "pyarrow",
        "ray",
    }  # the first three are ComfyUI's own; the others are for data sets and clusters, and their absence is a sentence
    assert used - optional == required
    project = re.search(r"^dependencies = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)[1]
    assert requirement_names(re.findall(r'"([^"]+)"', project)) == required


def test_the_web_folder_is_named_once() -> None:
    comfy_table = (ROOT / "pyproject.toml").read_text().partition("[tool.comfy]")[2].partition("\n[")[0]
    assert not re.search(r"^web\s*=", comfy_table, re.M)
    assert 'WEB_DIRECTORY = "./web"' in (ROOT / "__init__.py").read_text()


# Earlier rooms know nothing of later ones.
ROOMS = ["commands",
         "layout", "geometry", "importers", "exporters", "language", "plausibility", "preview", "grounding", "networks", "checkpoint", "sampling", "regions",
         "shapeworld", "metrics", "launcher", "evaluation", "training"]  # fmt: skip


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name in ROOMS], ids=name_of)
def test_imports_point_one_way_through_the_rooms(path: Path) -> None:
    allowed = ROOMS[: ROOMS.index(path.parent.name)]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            assert node.module.partition(".")[0] in allowed, f"{name_of(path)}:{node.lineno} imports a later room"
