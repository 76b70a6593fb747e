"""A new user's first ten minutes: the demo's template, Run, three shapes drawn, one moved, the layout kept, another template, its score.

A screenshot at each station lies in the test's temporary folder.
"""

from pathlib import Path
from typing import Any

import pytest
from instdiff.instdiff_modules.launcher.install import FIRST_TEMPLATE
from support.browser import SIZE, ComfyPage
from support.editor import Editor
from support.pack import ROOT
from support.waiting import wait

SHAPES = (
    ("a yellow circle", (0.08, 0.08), (0.42, 0.42)), ("a red heart", (0.56, 0.1), (0.92, 0.46)),
    ("a striped blue square", (0.3, 0.54), (0.7, 0.92)),
)  # fmt: skip
CAPTION = "a yellow circle, a red heart and a striped blue square on a white background"
SECOND = "13 Compare methods"  # its scores tell what only the layout can do
WINDOW = {"width": 1920, "height": 945}  # a browser's on a Full HD screen
SAID = "() => app.canvas.graph._nodes.filter(({ type }) => type === 'PreviewAny').map(({ widgets }) => widgets.map((one) => one.value).join(' ')).join(' ')"
# where it does not matter how good the picture is
STEPS = """steps => { const samplers = app.canvas.graph._nodes.filter(({ type }) => type.endsWith("KSampler"));
  for (const { widgets } of samplers) widgets.find(({ name }) => name === "steps").value = steps; return samplers.length; }"""
PICTURE = """() => app.canvas.graph._nodes.filter(({ type }) => type === "SaveImage").every((node) => node.imgs?.length
  || document.querySelector(`[data-node-id="${node.id}"] img`)?.complete)"""


def editor_of(comfy: ComfyPage) -> Editor:
    """The one Layout Editor of the template that is open."""
    [node] = comfy.nodes()
    return Editor(comfy, node).ready()


def run(comfy: ComfyPage, steps: int | None = None) -> dict[str, Any]:
    """Press Run and wait for the picture on the page. steps: of its samplers, where not the template's own."""
    if steps:
        assert comfy.run(STEPS, steps)
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


def walk(comfy: ComfyPage, folder: Path) -> None:
    page, station = comfy.page, iter(range(1, 20))
    page.set_viewport_size(WINDOW)

    def seen(what: str) -> None:
        comfy.frames(3)
        page.screenshot(path=folder / f"{next(station):02}-{what}.png")

    comfy.visit(FIRST_TEMPLATE)
    comfy.shows(ROOT / "workflows" / "01-Start-here.json")
    editor = editor_of(comfy)
    wait(
        editor, "root.__instdiff.store.session.slots === 8"
    )  # what the demo model takes; the page settles which session it is
    assert "heart" in editor.session["words"]
    assert len(editor.instances) == 3
    seen("opened")
    run(comfy)
    assert "Score 1.00" in comfy.run(SAID)
    seen("demo")

    editor.focus()
    editor.press("Control+a", "Delete")
    assert editor.instances == []
    seen("empty")
    for prompt, start, end in SHAPES:
        page.keyboard.down("Control")  # as the note says
        editor.stroke([start, end])
        page.keyboard.up("Control")
        page.keyboard.type(prompt)  # the prompt has the focus
        editor.press("Escape", "Escape")
    assert [one["prompt"] for one in editor.instances] == [prompt for prompt, *_ in SHAPES]
    seen("drawn")
    editor.control("global-prompt").fill(CAPTION)
    editor.focus()
    run(comfy)
    assert "Score 1.00" in comfy.run(SAID)
    seen("first picture")

    before = editor.instances[0]["box"]
    editor.click(0.25, 0.25)
    editor.drag(0.25, 0.25, 0.3, 0.27)
    assert editor.instances[0]["box"] != before and len(editor.instances) == 3
    run(comfy, steps=4)
    seen("moved")

    editor.act("library")
    page.keyboard.type(f"three shapes, {comfy.renderer}")  # both renderers' walks have one server
    editor.press("Enter")
    wait(editor, "root.querySelector('.ie-said').textContent.includes('Saved “three shapes, ')")
    seen("kept")
    editor.press("Escape")

    open_template(comfy, SECOND)
    seen("another template")
    outputs = run(comfy, steps=4)["outputs"]
    assert len(outputs["15"]["images"]) == len(outputs["25"]["images"]) == 1, "a score for each of the two methods"
    seen("scored")


@pytest.mark.parametrize("frontend, shared_page", [("pinned", "classic"), ("newest", "nodes2")], indirect=True)
def test_a_first_walk(comfy: ComfyPage, tmp_path: Path) -> None:
    try:
        walk(comfy, tmp_path)
    finally:
        comfy.page.set_viewport_size(SIZE)


@pytest.mark.alone
@pytest.mark.parametrize("frontend, shared_page", [("pinned", "nodes2"), ("newest", "classic")], indirect=True)
def test_a_first_walk_where_the_others_are_met(comfy: ComfyPage, tmp_path: Path) -> None:
    """The other two combinations; a walk takes most of a minute."""
    test_a_first_walk(comfy, tmp_path)
