"""Turning and mirroring: the round handle, keys, the number field, the menu."""

import math

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.document import parse_layout
from support.browser import ComfyPage
from support.editor import Editor

TWO = pytest.mark.parametrize("frontend, shared_page", [("pinned", "classic"), ("newest", "nodes2")], indirect=True)
CENTRE = (0.5, 0.5)
AWAY = 26  # CSS pixels from the selection to its round handle


def bar(editor: Editor) -> np.ndarray:
    """The first instance's mask."""
    mask = parse_layout(editor.text).instances[0].mask
    assert mask is not None
    return decode_mask(mask)


def lean(mask: np.ndarray) -> float:
    """Degrees from the horizontal along which a mask lies, clockwise."""
    y, x = np.nonzero(mask)
    (a, b), (_, d) = np.cov(x, y)
    return math.degrees(0.5 * math.atan2(2 * b, a - d))


def turn(editor: Editor, top: float, degrees: float, *held: str, drop: bool = True) -> None:
    """Drag the round handle above a selection around CENTRE, whose upper edge is at `top`."""
    (cx, cy), (_, edge) = editor.at(*CENTRE), editor.at(0.5, top)
    radius = cy - edge + AWAY
    mouse = editor.page.mouse
    mouse.move(cx, cy - radius)
    mouse.down()
    for key in held:
        editor.page.keyboard.down(key)
    for part in (0.3, 0.7, 1):
        angle = math.radians(degrees * part)
        mouse.move(cx + radius * math.sin(angle), cy - radius * math.cos(angle))
    editor.comfy.frames(2)
    if drop:
        mouse.up()
    for key in held:
        editor.page.keyboard.up(key)
    editor.comfy.frames(2)


@TWO
def test_a_selection_is_turned_by_its_handle_in_one_step(comfy: ComfyPage, editor: Editor) -> None:
    editor.do("({ store }) => store.setSession({ brush: 64 })")
    editor.draw("m", [(0.25, 0.5), (0.75, 0.5)], "a bar")
    editor.tool("v")
    editor.click(*CENTRE)
    painted = bar(editor)
    top = 0.5 - 32 / 512
    turn(editor, top, 37)
    assert lean(bar(editor)) == pytest.approx(37, abs=1.5)
    assert bar(editor).sum() == pytest.approx(painted.sum(), rel=0.01)
    comfy.press("Control+z")
    editor.ready()
    assert (bar(editor) == painted).all(), "one step"
    turn(editor, top, 52, "Shift", drop=False)
    comfy.screenshot(f"turning-{comfy.renderer}")
    comfy.press("Escape")
    editor.page.mouse.up()
    assert (bar(editor) == painted).all()
    turn(editor, top, 52, "Shift")
    assert lean(bar(editor)) == pytest.approx(45, abs=1), "steps of 15 degrees"

    # by keys and by number, with several chosen
    editor.draw("s", [(0.1, 0.1), (0.2, 0.1)])
    comfy.press("Control+a", "r")
    assert lean(bar(editor)) == pytest.approx(-45, abs=1)
    before, line = bar(editor), editor.instances[1]["scribble"]
    comfy.press("r", "r", "r", "r")
    assert (before & bar(editor)).sum() > 0.98 * before.sum(), "four quarters"
    assert np.ravel(editor.instances[1]["scribble"]) == pytest.approx(np.ravel(line), abs=0.002)
    comfy.press("Shift+h", "Shift+v", "Shift+r", "Shift+r")
    assert lean(bar(editor)) == pytest.approx(-45, abs=1)
    editor.do("({ store }) => store.setSession({ selection: [store.doc.instances[0].id] })")
    field = editor.control("turn-by")
    field.fill("90/2")
    field.press("Enter")
    assert lean(bar(editor)) == pytest.approx(0, abs=1) and field.input_value() == "0"
    comfy.screenshot(f"turn-by-{comfy.renderer}")


@TWO
def test_a_turned_box_becomes_a_mask_and_says_so(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.3, 0.4), (0.7, 0.6)], "a flag")
    editor.draw("b", [(0.02, 0.01), (0.3, 0.2)], "the sun")
    editor.click(*CENTRE)
    turn(editor, 0.4, 90, "Shift")
    assert editor.instances[0]["box"] == pytest.approx([0.4, 0.3, 0.6, 0.7], abs=0.004), "a quarter leaves it a box"
    assert editor.session["notice"] is None
    turn(editor, 0.3, 30)
    flag = editor.instances[0]
    assert "box" not in flag and lean(bar(editor)) == pytest.approx(-60, abs=1) and flag["prompt"] == "a flag"
    assert editor.session["notice"]["text"].startswith("Boxes stay upright: turned, the box is a mask now. Ctrl+Z")
    comfy.press("Control+z")
    editor.ready()
    assert "mask" not in editor.instances[0]
    # where there is no room above, the handle is below; the menu of the right button turns, too
    editor.click(0.1, 0.1)
    comfy.frames(2)
    comfy.screenshot(f"turn-handle-{comfy.renderer}")
    editor.page.mouse.click(*editor.at(0.1, 0.1), button="right")
    editor.act("menu-turn-right")
    assert editor.instances[1]["box"] == pytest.approx([0.065, 0.0, 0.255, 0.28], abs=0.006), "held on the canvas"
