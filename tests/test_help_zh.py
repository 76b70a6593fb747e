"""The help pages in Chinese, web/docs/<node id>/zh.md: each says what the English page says, block by block.

ComfyUI's help panel shows web/docs/<node id>/<locale>.md, and without one web/docs/<node id>.md. It takes pictures from web/docs in both
cases, so a Chinese page names them as the English one does. Prose is free; numbers, names, code, messages and pictures are compared.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from support.locales import read
from support.node_js import exported, needs_node
from support.pack import ROOT

DOCS = ROOT / "web" / "docs"
ENGLISH, CHINESE = read("en"), read("zh")
NODES = sorted(CHINESE)
TITLES = {ENGLISH[node]["display_name"]: CHINESE[node]["display_name"] for node in NODES}
SAME_DEFAULTS = {"none": "无", "empty": "空", "on": "开启", "off": "关闭"}  # menus keep their English values


class Block(NamedTuple):
    kind: str  # "# " to "### ", "- ", "1. ", "row", "code" or "text"
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The page in parts; lines that continue a paragraph or an item belong to it. Marks of what a bench writes are left out."""
    page = re.sub(r"^<!-- .*? -->$", "", page, flags=re.M)
    for chunk in re.split(r"(^```.*?^```$)", page, flags=re.M | re.S):
        if chunk.startswith("```"):
            yield Block("code", chunk)
            continue
        for part in re.split(r"\n\s*\n|\n(?=[-|#]|\d+\. )", chunk.strip()):
            begin = re.match(r"#+ |- |\d+\. |\||", part.strip())
            kind = {"|": "row", "": "text"}.get(begin[0], begin[0]) if begin else "text"
            if part.strip():
                yield Block(kind, " ".join(part.split()))


def pages(node: str) -> tuple[list[Block], list[Block]]:
    texts = ((DOCS / f"{node}.md").read_text("utf-8"), (DOCS / node / "zh.md").read_text("utf-8"))
    english, chinese = (list(blocks(text)) for text in texts)
    return english, chinese


def pairs(node: str) -> list[tuple[Block, Block]]:
    return list(zip(*pages(node), strict=True))


def words_of(node: str, kind: str) -> Iterator[tuple[str, str]]:
    """English name, Chinese name of the node's inputs or outputs."""
    for key, there in ENGLISH[node].get(kind, {}).items():
        yield (key if kind == "inputs" else there["name"]), CHINESE[node][kind][key]["name"]


NAMES: dict[str, set[str]] = {}  # name of an input or output -> what locales/zh calls it, here or there
for one in NODES:
    for kind in ("inputs", "outputs"):
        for name, there in words_of(one, kind):
            NAMES.setdefault(name, set()).add(there)


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def without_code(text: str) -> str:
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)


def bold(text: str) -> list[str]:
    return re.findall(r"\*\*(.+?)\*\*", without_code(text))


def italic(text: str) -> list[str]:
    return re.findall(r"(?<!\*)\*([^*\s](?:[^*]*[^*\s])?)\*(?!\*)", re.sub(r"\*\*.+?\*\*", "", without_code(text)))


def missing(wanted: Iterable[str], given: Iterable[str]) -> list[str]:
    return sorted((Counter(wanted) - Counter(given)).elements())


def test_every_page_is_there_in_chinese_and_none_besides() -> None:
    assert {path.parent.name for path in DOCS.glob("*/*.md")} == {path.stem for path in DOCS.glob("*.md")} == set(NODES)
    assert {path.name for path in DOCS.glob("*/*")} == {"zh.md"}


@pytest.mark.parametrize("node", NODES)
def test_the_pages_have_the_same_parts(node: str) -> None:
    english, chinese = pages(node)
    assert [one.kind for one in chinese] == [one.kind for one in english]
    assert chinese[0].text == f"# {CHINESE[node]['display_name']}"
    for there, here in pairs(node):
        if there.kind == "row":
            assert here.text.count(" | ") == there.text.count(" | "), here.text
        assert re.findall(r"\]\(([^)]+)\)", here.text) == re.findall(r"\]\(([^)]+)\)", there.text), "pictures and links"
        assert not re.search(r"[\u4e00-\u9fff，。；：、] [\u4e00-\u9fff]", here.text) or there.kind == "code", (
            f"a line break or a space between Chinese words: {here.text}"
        )


@pytest.mark.parametrize("node", NODES)
def test_numbers_code_names_and_messages_are_those_of_the_english_page(node: str) -> None:
    trouble = False
    for there, here in pairs(node):
        if there.kind == "code":
            same = sorted(re.findall(r"[^\s\u4e00-\u9fff]+", there.text)) == sorted(here.text.split())
            assert same or "-->" in there.text, here.text  # a graph has the nodes' names
            continue
        if there.kind.startswith("#"):
            trouble = there.text == "## What goes wrong"
        number = r"(?<![A-Za-z0-9.])\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?"
        assert not missing(re.findall(number, there.text), re.findall(number, here.text)), here.text
        given = code(here.text)
        for span in code(there.text):
            found = next((name for name in [*sorted(NAMES.get(span, ())), span] if name in given), None)
            assert found, f"`{span}` is not in: {here.text}"
            given.remove(found)
        assert not given, f"{given} are not in: {there.text}"
        assert len(bold(here.text)) == len(bold(there.text)), here.text
        assert not missing([TITLES[one] for one in bold(there.text) if one in TITLES], bold(here.text)), here.text
        assert not missing(italic(here.text), italic(there.text)), here.text
        if trouble and there.kind == "- ":  # messages come in English
            message = re.match(r"- (?:\*[^*]+\*(?:, | \/ )?)*", there.text)
            assert message and not missing(italic(message[0]), italic(here.text)), here.text


@pytest.mark.parametrize("node", NODES)
def test_the_inputs_have_the_names_and_defaults_that_the_node_shows(node: str) -> None:
    inputs, heading, seen = dict(words_of(node, "inputs")), "", []
    for there, here in pairs(node):
        if there.kind.startswith("#"):
            heading = there.text
        item = re.match(r"- `(\w+)` \((?:.*?; default (.+?)|.+?)\): ", there.text)
        if heading == "## Inputs" and item:
            seen.append(item[1])
            name = re.escape(f"- {inputs[item[1]]} `{item[1]}`")
            translated = re.match(name + r"（(?:.*?；默认 ?(.+?)|.+?)）：", here.text)
            assert translated, here.text
            assert translated[1] in {item[2], SAME_DEFAULTS.get(item[2])} or " " in item[2], here.text
    assert seen == list(inputs)


def test_headings_are_translated_in_one_way() -> None:
    both_ways: dict[str, set[str]] = {}
    for node in NODES:
        for there, here in pairs(node)[1:]:
            if there.kind.startswith("#"):
                both_ways.setdefault(there.text, set()).add(here.text)
                both_ways.setdefault(here.text, set()).add(there.text.rstrip("s"))  # Output, Outputs
    assert not {heading: others for heading, others in both_ways.items() if len(others) > 1}


@pytest.mark.parametrize("node", NODES)
def test_emphasis_begins_and_ends_where_markdown_sees_it(node: str) -> None:
    """`**“...”**的` would show its stars: a closing star behind punctuation needs punctuation or a space after it."""
    for _, here in pairs(node):
        if here.kind == "code":
            continue
        text = re.sub(r"`[^`]*`", "x", here.text)
        for span in re.finditer(r"(\*\*?)(?=[^*\s])([^*]+?)\1", text):
            before, after = text[: span.start()][-1:], text[span.end() :][:1]
            assert re.match(r"\w", span[2][0]) or not re.match(r"\w", before), here.text
            assert re.match(r"\w", span[2][-1]) or not re.match(r"\w", after), here.text
        assert "*" not in re.sub(r"(\*\*?)(?=[^*\s])([^*]+?)\1", "", text).replace("CFG-Zero*", "")


@needs_node
def test_words_of_the_editor_are_those_that_it_shows() -> None:
    """What the English page prints in italics and the editor shows, the Chinese page quotes as the editor shows it."""
    shown = dict(both(*(exported(f"web/js/text/{name}.js", name) for name in ("en", "zh"))))
    for there, here in pairs("InstDiffLayoutEditor"):
        for word in italic(there.text):
            assert word not in shown or f"“{shown[word]}”" in here.text, (word, here.text)


def both(english: Any, chinese: Any) -> Iterator[tuple[str, str]]:
    """Each text of a table of words and what stands in its place in the other one."""
    if isinstance(english, str):
        yield english, chinese
    elif isinstance(english, dict):
        for key, value in english.items():
            yield from both(value, chinese[key])
