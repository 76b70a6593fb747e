"""The main paths of the editor in a stock Firefox, in both renderers: one page, one walk.

What Firefox alone does: without selected text its events of the clipboard go to the body, not to what has the focus.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from instdiff.instdiff_modules.launcher.browser import NO_FIREFOX, find_firefox
from instdiff.instdiff_modules.launcher.install import FIRST_TEMPLATE
from PIL import Image
from support.browser import ComfyPage
from support.editor import Editor, drop, pixel
from support.firefox import firefox_running
from support.pack import ROOT
from support.server import ComfyServer
from support.studio_page import StudioPage
from support.waiting import wait

if TYPE_CHECKING:  # without Playwright the tests are skipped, not broken
    from playwright.sync_api import Browser, Playwright

CAPTION = "a red circle and a blue square on a white background"
MOON = json.dumps(
    {"version": 1, "width": 512, "height": 512, "instances": [{"prompt": "a pink moon", "box": [0.2, 0.2, 0.6, 0.6]}]}
)
STEPS = """steps => { const samplers = app.canvas.graph._nodes.filter(({ type }) => type === "InstDiffKSampler");
  for (const { widgets } of samplers) widgets.find(({ name }) => name === "steps").value = steps; return samplers.length; }"""
SEEN = "root.querySelector('.ie-thumb img').naturalWidth > 0"
PICTURE = """() => app.canvas.graph._nodes.filter(({ type }) => type === "SaveImage").every(({ id }) =>
  document.querySelector(`[data-node-id="${id}"] img`)?.naturalWidth > 0)"""


@pytest.fixture(scope="module")
def firefox(driver: "Playwright", tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    program = find_firefox()
    if program is None:
        pytest.skip(NO_FIREFOX)
    with firefox_running(driver, program, tmp_path_factory.mktemp("firefox")) as running:
        yield running


def draw_and_change(editor: Editor) -> None:
    """Box, brush, point, move, undo, redo, the clipboard, Alt+drag, wheel; a box and a mask are left."""
    page, comfy = editor.page, editor.comfy
    editor.focus()
    editor.press("Control+a", "Delete")
    assert editor.instances == []
    editor.tool("b")
    editor.drag(0.1, 0.1, 0.45, 0.45)
    assert editor.focused() == "textarea prompt"
    page.keyboard.type("a red circle")
    editor.press("Escape", "Escape")
    (first,) = editor.instances
    assert first["prompt"] == "a red circle" and first["box"] == pytest.approx([0.1, 0.1, 0.45, 0.45], abs=0.01)
    editor.drag(0.25, 0.25, 0.3, 0.25)
    assert editor.instances[0]["box"] == pytest.approx([0.15, 0.1, 0.5, 0.45], abs=0.01)
    editor.draw("m", [(0.6, 0.6), (0.85, 0.6), (0.85, 0.85), (0.6, 0.85)], "a blue square")
    editor.draw("p", [(0.8, 0.2)], "a star")
    assert [one["prompt"] for one in editor.instances] == ["a red circle", "a blue square", "a star"]
    assert editor.instances[1]["mask"] and editor.instances[2]["point"] == pytest.approx([0.8, 0.2], abs=0.01)

    drawn = editor.text
    editor.press("Delete")
    gone = editor.text
    for keys, after in (("Control+z", drawn), ("Control+y", gone)):
        editor.press(keys)
        comfy.settle()
        editor.ready()
        assert editor.text == after

    count = len(comfy.run("() => app.canvas.graph._nodes.map(({ id }) => id)"))
    editor.focus()
    editor.press("v", "Control+a", "Control+c", "Control+v")
    assert len(editor.instances) == 4
    editor.press("Control+x")
    assert len(editor.instances) == 2
    editor.press("Control+v")
    assert len(editor.instances) == 4
    editor.press("Delete", "Escape")
    page.keyboard.down("Alt")
    editor.drag(0.25, 0.25, 0.6, 0.25)
    page.keyboard.up("Alt")
    assert len(editor.instances) == 3
    editor.press("Delete")
    assert len(editor.instances) == 2
    assert len(comfy.run("() => app.canvas.graph._nodes.map(({ id }) => id)")) == count, "the graph took a key"

    page.mouse.move(*editor.at(0.5, 0.5))
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"id => ({editor.FIND})(id).__instdiff.store.session.zoom > 0", arg=editor.node)
    editor.do("({ store }) => store.setSession({ zoom: null, pan: [0, 0] })")


def files_and_library(editor: Editor) -> None:
    """The layout is kept under a name, a dropped one takes its place, a dropped picture lies behind it, and the kept one comes back."""
    card = "[...root.querySelectorAll('[data-act=open-saved]')].find((one) => one.textContent === 'two shapes')"
    before = editor.text
    editor.act("library")
    editor.page.keyboard.type("two shapes")
    editor.press("Enter")
    wait(editor, card)
    editor.press("Escape")
    drop(editor, "layout.json", "application/json", MOON.encode())
    editor.act("import-replace")
    wait(editor, "root.__instdiff.store.doc.instances[0].prompt === 'a pink moon'")
    file = io.BytesIO()
    Image.new("RGB", (256, 256), (0, 200, 0)).save(file, "PNG")
    drop(editor, "green.png", "image/png", file.getvalue())
    wait(editor, "root.__instdiff.store.session.picture?.width === 256")
    editor.comfy.frames(3)
    red, green, blue = pixel(editor, 0.1, 0.9)
    assert green > max(red, blue) + 40
    editor.act("view-menu")
    editor.act("background-none")
    editor.press("Escape")
    editor.act("library")
    wait(editor, card)
    editor.root().evaluate_handle(f"root => {card}").as_element().click()
    editor.act("import-replace")
    wait(editor, "root.__instdiff.store.doc.instances.length === 2")
    assert editor.instances == json.loads(before)["instances"]


@pytest.mark.parametrize("frontend", ["pinned", pytest.param("newest", marks=pytest.mark.alone)], indirect=True)
def test_the_main_paths_in_firefox(frontend: ComfyServer, firefox: "Browser", tmp_path: Path) -> None:
    comfy = ComfyPage(firefox, frontend, "classic", address=f"{frontend.url}/{FIRST_TEMPLATE}")
    page, said = comfy.page, list[str]()
    try:
        comfy.shows(ROOT / "workflows" / "01-Start-here.json")
        assert comfy.run(STEPS, 4) == 1
        editor = Editor(comfy, comfy.nodes()[0]).ready()
        # from here on not even ComfyUI has an error to tell
        page.on("console", lambda message: message.type == "error" and said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        draw_and_change(editor)
        files_and_library(editor)
        editor.control("global-prompt").fill(CAPTION)
        studio = StudioPage(editor).open()
        studio.run()
        studio.wait(SEEN)
        page.screenshot(path=tmp_path / "classic.png")
        studio.close()

        comfy.set_renderer("nodes2")
        draw_and_change(editor.ready())
        known = set(frontend.client.get("/history"))
        page.get_by_test_id("queue-button").first.click()
        _, entry = comfy.finished(known, 120)
        assert entry["status"]["status_str"] == "success", entry["status"]
        page.wait_for_function(PICTURE)
        page.screenshot(path=tmp_path / "nodes2.png")
    except BaseException:
        comfy.screenshot("failed-firefox")
        raise
    finally:
        comfy.close()
    assert not said + comfy.problems, "\n".join(said + comfy.problems)
