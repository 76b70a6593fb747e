"""A new user's first ten minutes: install and demo, `serve`, the template that opens, Run, three shapes drawn, one moved, the layout kept,
another template, its score.

What is read and seen at each station lies in the folder `walk` of the screenshots.
"""

import itertools
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from instdiff.instdiff_modules.launcher.install import FIRST_TEMPLATE
from instdiff.instdiff_modules.launcher.server import free_port
from support.browser import ComfyPage, screenshots
from support.editor import Editor
from support.newcomer import Newcomer, NewcomersPage, address_of
from support.pack import ROOT
from support.waiting import wait

if TYPE_CHECKING:  # without Playwright the tests are skipped
    from playwright.sync_api import Browser

SHAPES = (
    ("a yellow circle", (0.08, 0.08), (0.42, 0.42)), ("a red heart", (0.56, 0.1), (0.92, 0.46)),
    ("a striped blue square", (0.3, 0.54), (0.7, 0.92)),
)  # fmt: skip
CAPTION = "a yellow circle, a red heart and a striped blue square on a white background"
SECOND = "13 Compare methods"  # its scores tell what only the layout can do
SAID = "() => app.canvas.graph._nodes.filter(({ type }) => type === 'PreviewAny').map(({ widgets }) => widgets.map((one) => one.value).join(' ')).join(' ')"
PICTURE = """() => app.canvas.graph._nodes.filter(({ type }) => type === "SaveImage").every((node) => node.imgs?.length
  || document.querySelector(`[data-node-id="${node.id}"] img`)?.complete)"""


class Stations:
    """What a newcomer reads and sees, in the order in which it happens: texts and pictures in one folder."""

    def __init__(self, name: str) -> None:
        self.folder = screenshots() / "walk" / name
        self.folder.mkdir(parents=True, exist_ok=True)  # what is there already is written anew
        self._number = itertools.count(1)

    def path(self, what: str) -> Path:
        return self.folder / f"{next(self._number):02}-{what}"

    def read(self, what: str, text: str) -> None:
        self.path(f"{what}.txt").write_text(text, encoding="utf-8")

    def seen(self, what: str, comfy: ComfyPage) -> None:
        comfy.frames(3)
        comfy.page.screenshot(path=self.path(f"{what}.png"))


def editor_of(comfy: ComfyPage) -> Editor:
    """The one Layout Editor of the template that is open."""
    [node] = comfy.nodes()
    return Editor(comfy, node).ready()


def run(comfy: ComfyPage) -> dict[str, Any]:
    """Press Run and wait for the picture on the page."""
    known = set(comfy.server.client.get("/history"))
    comfy.page.get_by_test_id("queue-button").first.click()
    _, entry = comfy.finished(known, 240)
    assert entry["status"]["status_str"] == "success", entry["status"]
    comfy.page.wait_for_function(PICTURE, timeout=60_000)
    return entry


def open_template(comfy: ComfyPage, name: str) -> None:
    """From ComfyUI's own list, where the pack has its row."""
    comfy.command("Comfy.BrowseTemplates")
    comfy.page.get_by_role("dialog").get_by_text("instdiff", exact=True).first.click()
    card = comfy.page.get_by_test_id(f"template-workflow-{name}")
    card.scroll_into_view_if_needed()
    box = card.bounding_box()
    # Playwright's own click waits for the page as if it went elsewhere, too long while a large graph is loaded
    comfy.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    comfy.shows(ROOT / "workflows" / f"{name}.json")


def install_and_demo(newcomer: Newcomer, stations: Stations) -> None:
    said = newcomer.demo()
    stations.read("install and demo", said)
    assert "Installing" not in said, "it was installed before"
    assert "step 20 of 20" in said and "Score 1.00: 6 of 6 passed." in said
    assert said.endswith("To draw your own in the browser: python3 quickstart.py serve\n"), "what comes next"
    [picture] = re.findall(r"^Picture: (.+)$", said, re.MULTILINE)
    shutil.copy(picture, stations.path("demo.png"))


def walk(comfy: ComfyPage, stations: Stations) -> None:
    page = comfy.page
    comfy.shows(ROOT / "workflows" / "01-Start-here.json")
    editor = editor_of(comfy)
    wait(
        editor, "root.__instdiff.store.session.words.includes('heart')"
    )  # what the demo model knows; the page settles which session it is
    assert len(editor.instances) == 6
    stations.seen("opened", comfy)
    run(comfy)
    assert "Score 1.00" in comfy.run(SAID)
    stations.seen("ran", comfy)

    editor.focus()
    editor.press("Control+a", "Delete")
    assert editor.instances == []
    stations.seen("empty", comfy)
    for prompt, start, end in SHAPES:
        page.keyboard.down("Control")  # as the note says
        editor.stroke([start, end])
        page.keyboard.up("Control")
        page.keyboard.type(prompt)  # the prompt has the focus
        editor.press("Escape", "Escape")
    assert [one["prompt"] for one in editor.instances] == [prompt for prompt, *_ in SHAPES]
    stations.seen("drawn", comfy)
    editor.control("global-prompt").fill(CAPTION)
    editor.focus()
    run(comfy)
    assert "Score 1.00" in comfy.run(SAID)
    stations.seen("first picture", comfy)

    before = editor.instances[0]["box"]
    editor.click(0.25, 0.25)
    editor.drag(0.25, 0.25, 0.3, 0.27)
    assert editor.instances[0]["box"] != before and len(editor.instances) == 3
    run(comfy)
    stations.seen("moved", comfy)

    editor.act("library")
    page.keyboard.type("three shapes")
    editor.press("Enter")
    wait(editor, "root.querySelector('.ie-said').textContent.includes('Saved “three shapes”')")
    stations.seen("kept", comfy)
    editor.press("Escape")

    open_template(comfy, SECOND)
    wait(editor_of(comfy), "root.__instdiff.store.session.selection.length === 0")  # that was of the workflow before
    stations.seen("another template", comfy)
    outputs = run(comfy)["outputs"]
    assert len(outputs["15"]["images"]) == 2, "a score for each of the two methods"
    stations.seen("scored", comfy)


@pytest.mark.parametrize("frontend, renderer", [("pinned", "classic")])
def test_a_first_walk(frontend: str, renderer: str, browser: "Browser", tmp_path: Path) -> None:
    stations, newcomer, port = Stations(f"{frontend}-{renderer}"), Newcomer(tmp_path, frontend), free_port()
    if frontend == "pinned":  # whose frontend it is makes no difference to a picture without a browser
        install_and_demo(newcomer, stations)
    with newcomer.served(port) as (server, said):
        stations.read("serve", "".join(said))
        address = address_of(said)
        assert address == f"http://127.0.0.1:{port}/{FIRST_TEMPLATE}" == said[-1].split()[-1], "what the browser gets"
        comfy = NewcomersPage(browser, server, renderer, address)
        try:
            walk(comfy, stations)
        finally:
            stations.read("console", "\n".join(comfy.errors))
            comfy.close()
        assert not comfy.problems, "\n".join(comfy.problems)
    assert said[-1] == "Stopping ComfyUI.\n"


@pytest.mark.alone
@pytest.mark.parametrize("frontend, renderer", [("pinned", "nodes2"), ("newest", "classic"), ("newest", "nodes2")])
def test_a_first_walk_where_the_others_are_met(
    frontend: str, renderer: str, browser: "Browser", tmp_path: Path
) -> None:
    """The other combinations; a walk takes most of a minute."""
    test_a_first_walk(frontend, renderer, browser, tmp_path)
