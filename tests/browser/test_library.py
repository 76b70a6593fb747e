"""The library of layouts: what one begins with, what one keeps under a name."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import ComfyPage
from support.editor import Editor, add_editor
from support.waiting import wait


@pytest.fixture
def folder(comfy: ComfyPage) -> Iterator[Path]:
    """Where the layouts of the page's person lie; empty."""
    place = comfy.server.base / "user" / "default" / "instdiff" / "layouts"
    shutil.rmtree(place, ignore_errors=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def cards(editor: Editor) -> list[str]:
    script = "root => [...root.querySelectorAll('[data-act=open-saved] span')].map((one) => one.textContent)"
    return editor.root().evaluate(script)


def test_a_composition_is_opened_as_one_step_and_added_to_what_is_there(comfy: ComfyPage, editor: Editor) -> None:
    editor.do("({ store }) => store.dispatch({ type: 'setCanvas', width: 768, height: 512 })")
    editor.act("library")
    comfy.screenshot(f"library-begin-{comfy.renderer}")
    editor.act("begin-portrait")
    assert [(one["prompt"], one.get("parent")) for one in editor.instances] == [
        ("a woman with curly hair", None), ("a straw hat", "i1"), ("round glasses", "i1"), ("a red scarf", "i1"),
    ]  # fmt: skip
    assert (editor.document["width"], editor.document["height"]) == (768, 512) and "woman" in editor.document["prompt"]
    editor.act("library")
    editor.act("begin-pair")
    editor.act("import-add")
    wait(editor, "root.__instdiff.store.doc.instances.length === 6")
    editor.press("Control+z")
    editor.ready()
    assert len(editor.instances) == 4
    editor.press("Control+z")
    editor.ready()
    assert not editor.instances


def test_layouts_are_kept_under_names(comfy: ComfyPage, folder: Path) -> None:
    editor = add_editor(comfy, size=(700, 650))  # a new node's own size
    folder.mkdir(parents=True)
    (folder / "broken.json").write_text('{"version": 1', encoding="utf-8")
    editor.draw("b", [(0.1, 0.1), (0.5, 0.6)], "a red fox")
    editor.act("library")
    wait(
        editor,
        "root.querySelector('.ie-broken')?.textContent.includes('“broken” cannot be read: The layout is not valid JSON')",
    )
    editor.page.keyboard.type('狐狸: a/b "1"')
    editor.press("Enter")
    wait(editor, "root.querySelectorAll('[data-act=open-saved]').length === 1")
    wait(editor, "root.querySelector('.ie-said').textContent.startsWith('Saved “狐狸')")
    sheet = editor.root().query_selector(".ie-library .ie-sheet")
    assert sheet.evaluate("sheet => sheet.scrollTop") == 0, "without scrolling"
    inside = """root => { const [card, sheet] = [".ie-card [data-act=open-saved]", ".ie-library .ie-sheet"]
      .map((one) => root.querySelector(one).getBoundingClientRect()); return card.top >= sheet.top && card.bottom <= sheet.bottom + 1; }"""
    assert editor.root().evaluate(inside), "the kept layout is in sight"
    assert cards(editor) == ['狐狸: a/b "1"'] and (folder / "狐狸=3A a=2Fb =221=22.json").is_file()
    editor.press("Escape")
    assert editor.root().query_selector(".ie-library") is None

    # the same name again: asked; then another name
    editor.draw("b", [(0.6, 0.6), (0.9, 0.9)], "an owl")
    editor.act("library")
    editor.page.keyboard.type('狐狸: a/b "1"')
    editor.act("library-save")
    editor.page.wait_for_selector('[data-act="overwrite-do"]')
    editor.act("overwrite-do")
    wait(editor, "root.querySelector('[data-act=open-saved]')?.title.includes('2 instances')")
    editor.control("open-saved").hover()
    editor.act("library-rename")
    editor.page.keyboard.type("two")
    editor.press("Enter")
    wait(editor, "root.querySelector('[data-act=open-saved] span')?.textContent === 'two'")
    comfy.screenshot(f"library-{comfy.renderer}")

    # opened in place of an empty canvas, then deleted, after a question
    editor.press("Escape")
    editor.load('{"version": 1, "width": 512, "height": 512, "instances": []}')
    editor.act("library")
    wait(editor, "root.querySelector('[data-act=open-saved]')")
    editor.act("open-saved")
    assert [one["prompt"] for one in editor.instances] == ["a red fox", "an owl"]
    editor.act("library")
    wait(editor, "root.querySelector('[data-act=open-saved]')")
    editor.control("open-saved").hover()
    editor.act("library-remove")
    editor.act("remove-do")
    wait(editor, "!root.querySelector('[data-act=open-saved]')")
    assert sorted(file.name for file in folder.iterdir()) == ["broken.json"]
    editor.press("Escape")
