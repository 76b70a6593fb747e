"""Every node has a help page in web/docs, and the page names the node's inputs and their defaults as the schema does.

The schemas are read from the sources of nodes/*.py, so this runs where there is no ComfyUI.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from support.pack import ROOT

DOCS = ROOT / "web" / "docs"
NODES = ROOT / "nodes"
WIDEST_CODE = 52  # characters
Names = Mapping[str, Any]  # what a name stands for: constants, parameters, loop variables


class Input(NamedTuple):
    name: str
    default: Any  # None where the source does not spell one out


class Schema(NamedTuple):
    title: str
    inputs: list[Input]


class Source:
    """One file of nodes/ and the schemas in it."""

    def __init__(self, text: str) -> None:
        body = ast.parse(text).body
        shared = [
            Source((NODES / f"{node.module}.py").read_text(encoding="utf-8"))
            for node in body
            if isinstance(node, ast.ImportFrom) and node.level == 1 and (node.module or "").endswith("_inputs")
        ]
        self.functions = {name: node for other in shared for name, node in other.functions.items()}
        self.functions |= {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        self.constants: dict[str, Any] = {name: value for other in shared for name, value in other.constants.items()}
        for node in body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = self.value(node.value, self.constants)
        self.classes = [node for node in body if isinstance(node, ast.ClassDef)]

    def schemas(self) -> Iterator[tuple[str, Schema]]:
        """Node id -> its schema."""
        for node in self.classes:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "io.Schema":
                    keywords = {k.arg: k.value for k in call.keywords}
                    node_id, title = (ast.literal_eval(keywords[name]) for name in ("node_id", "display_name"))
                    yield node_id, Schema(title, list(self.inputs(keywords["inputs"], self.constants)))

    def inputs(self, node: ast.expr, names: Names) -> Iterator[Input]:
        """Inputs of a schema's list, through sums, comprehensions and functions of the file or of *_inputs.py; fails on anything else."""
        if isinstance(node, ast.List):
            for item in node.elts:
                yield from self.inputs(item, names)
        elif isinstance(node, ast.Starred):
            yield from self.inputs(node.value, names)
        elif isinstance(node, ast.BinOp):
            yield from self.inputs(node.left, names)
            yield from self.inputs(node.right, names)
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            loop = node.generators[0]
            for values in self.value(loop.iter, names):
                yield from self.inputs(node.elt, {**names, **bound(loop.target, values)})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Input":
            keywords = {k.arg: self.value(k.value, names) for k in node.keywords}
            yield Input(self.value(node.args[0], names), keywords.get("default"))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in self.functions:
            function = self.functions[ast.unparse(node.func)]
            arguments = zip(
                (a.arg for a in function.args.args), (self.value(a, names) for a in node.args), strict=False
            )
            returned = next(n.value for n in ast.walk(function) if isinstance(n, ast.Return))
            yield from self.inputs(returned, {**self.constants, **dict(arguments)})
        else:
            raise AssertionError(f"This test cannot read the inputs {ast.unparse(node)}: teach it.")

    def value(self, node: ast.expr, names: Names) -> Any:
        """A string, number, tuple or dict that the source spells out; None for what only running it would tell."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(self.value(item, names) for item in node.elts)
        if isinstance(node, ast.Dict):
            return {
                self.value(k, names): self.value(v, names) for k, v in zip(node.keys, node.values, strict=True) if k
            }
        if isinstance(node, ast.Subscript):
            whole, index = self.value(node.value, names), self.value(node.slice, names)
            return None if whole is None else whole[index]
        if isinstance(node, ast.JoinedStr):
            parts = (self.value(p.value if isinstance(p, ast.FormattedValue) else p, names) for p in node.values)
            return "".join(map(str, parts))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "items":
            return tuple(self.value(node.func.value, names).items())
        return None


def bound(target: ast.expr, value: Any) -> dict[str, Any]:
    """What the names of a loop stand for in one round."""
    if isinstance(target, ast.Name):
        return {target.id: value}
    return {name.id: part for name, part in zip(target.elts, value, strict=True)}


SCHEMAS = dict(
    schema for path in sorted(NODES.glob("*.py")) for schema in Source(path.read_text(encoding="utf-8")).schemas()
)
INPUTS = [(node, given) for node, schema in SCHEMAS.items() for given in schema.inputs]


def page(node: str) -> str:
    return (DOCS / f"{node}.md").read_text(encoding="utf-8")


def described(node: str) -> dict[str, str | None]:
    """Input name -> its default as the page writes it, if it does: - `name` (unit, range; default 1): advice.

    No table: in the panel's usual width, 245 pixels, its columns would lie beside the view.
    """
    section = re.search(r"^## Inputs\n(.*?)^## ", page(node), re.M | re.S)
    assert section and "\n| " not in section[1], f"{node}.md needs a section Inputs with a list"
    items = re.findall(r"^- `.+$", section[1], re.M)
    given = [re.fullmatch(r"- `(\w+)` \((?:.*?; default (.+?)|.+)\): .+", item) for item in items]
    assert None not in given, (
        f"{node}.md: expected `name` (unit, range; default 1): advice, got {items[given.index(None)]}"
    )
    return {item[1]: item[2] for item in given if item}


def test_the_schemas_were_found() -> None:
    assert len(SCHEMAS) >= 29
    assert [given.name for given in SCHEMAS["InstDiffFrames"].inputs] == [f"instances_{i}" for i in (1, 2, 3, 4)] + [
        "repeat"
    ]
    assert SCHEMAS["InstDiffMultiInstance"].inputs[1] == Input("share", 0.2)
    assert [given.name for given in SCHEMAS["InstDiffLoadModel"].inputs][2:] == ["fusers", "position_net", "scaleu"]


def test_every_node_has_a_page_and_every_page_a_node() -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == set(SCHEMAS)


@pytest.mark.parametrize("node", SCHEMAS)
def test_the_page_has_the_inputs_of_the_node_and_no_others(node: str) -> None:
    assert list(described(node)) == [given.name for given in SCHEMAS[node].inputs]


NUMBERS = [(node, i) for node, i in INPUTS if isinstance(i.default, (int, float)) and not isinstance(i.default, bool)]


@pytest.mark.parametrize(("node", "given"), NUMBERS, ids=[f"{node}-{given.name}" for node, given in NUMBERS])
def test_the_page_tells_the_default(node: str, given: Input) -> None:
    assert float(described(node)[given.name] or "nan") == given.default


@pytest.mark.parametrize("node", SCHEMAS)
def test_the_page_is_headed_by_the_name_of_the_node_and_its_pictures_exist(node: str) -> None:
    assert page(node).startswith(f"# {SCHEMAS[node].title}\n")
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page(node)):
        assert (DOCS / picture).is_file(), f"{node}.md shows {picture}"


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_a_page_leads_to_no_other_by_a_link(path: Path) -> None:
    """ComfyUI resolves links against the address of its own page, where none of ours is: pages are named in words."""
    assert not re.findall(r"(?<!!)\[[^\]]*\]\((?!https?://)[^)]*\)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("node", SCHEMAS)
def test_the_page_shows_a_graph_that_opens_and_says_what_goes_wrong(node: str) -> None:
    """The picture holds its graph, as ComfyUI's own pictures do. `python tests/write_pictures.py` takes it."""
    text = page(node)
    assert f"]({node}.png)\n\nDrag this picture onto the canvas" in text and "\n## What goes wrong\n" in text
    path = DOCS / f"{node}.png"
    assert path.stat().st_size < 60_000
    with Image.open(path) as picture:
        assert picture.width <= 1000 and max(picture.convert("L").getextrema()) > 200
        graph = json.loads(picture.text["workflow"])
    kinds = {one["id"]: one["type"] for one in graph["nodes"]}
    assert node in kinds.values() and {kind for kind in kinds.values() if kind.startswith("InstDiff")} <= set(SCHEMAS)
    assert all(source in kinds and target in kinds for _, source, _, target, _, _ in graph["links"])


@pytest.mark.parametrize("node", [node for node, schema in SCHEMAS.items() if schema.inputs])
def test_the_page_names_the_inputs_that_matter(node: str) -> None:
    [line] = re.findall(r"^What matters most: (.+)$", page(node), re.M)
    named = set(re.findall(r"`(\w+)`", line))
    assert named <= {given.name for given in SCHEMAS[node].inputs}


def test_code_fits_into_the_help_panel() -> None:
    """ComfyUI shows the pages beside the graph; what is wider there is cut off at the right."""
    wide = [
        f"{path.relative_to(DOCS)}: {line}"
        for path in (*DOCS.glob("*.md"), *DOCS.glob("*/zh.md"))
        for code in re.findall(r"^```\w*\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        for line in code.splitlines()
        if len(line) > WIDEST_CODE
    ]
    assert not wide, "\n".join(wide)
