"""Masks by lasso, ellipse and straight strokes: new ones, and more or less of the selected one."""

import math

import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.document import parse_layout
from support.browser import ComfyPage
from support.editor import Editor

LOOP = [(0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)]


def mask_of(editor: Editor, index: int = -1):
    """The mask of an instance as (height, width) bool."""
    return decode_mask(parse_layout(editor.text).instances[index].mask)


def held(editor: Editor, key: str, points: list[tuple[float, float]]) -> None:
    """A stroke with a key held."""
    editor.page.keyboard.down(key)
    editor.stroke(points)
    editor.page.keyboard.up(key)


def test_lasso_and_ellipse_make_masks_add_and_take_away(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("q", LOOP, "a pond")
    pond = mask_of(editor)
    assert pond[102, 102] and not pond[256, 256] and pond.sum() == pytest.approx((0.3 * 512) ** 2, rel=0.03)
    assert editor.session["tool"] == "select"
    editor.tool("o")
    held(editor, "Shift", [(0.5, 0.5), (0.9, 0.6)])
    assert editor.focused() == "textarea prompt"
    comfy.page.keyboard.type("a ball")
    editor.press("Escape")
    ball = mask_of(editor)
    rows, columns = ball.any(1).sum(), ball.any(0).sum()
    assert len(editor.instances) == 2 and rows == pytest.approx(columns, abs=2) and rows == pytest.approx(205, abs=4)
    assert ball.sum() == pytest.approx(math.pi * (rows / 2) ** 2, rel=0.02)
    editor.act("target")  # into the selected instance, the ball
    editor.tool("o")
    editor.drag(0.05, 0.55, 0.25, 0.95)
    assert len(editor.instances) == 2 and mask_of(editor)[384, 77]
    editor.tool("q")
    held(editor, "Alt", [(0.02, 0.5), (0.3, 0.5), (0.3, 0.98), (0.02, 0.98)])
    assert (mask_of(editor) == ball).all(), "taken away again"
    editor.act("target")
    editor.tool("o")
    held(editor, "Alt", [(0.6, 0.55), (0.7, 0.65)])
    assert len(editor.instances) == 2 and not mask_of(editor)[307, 333], "from the selected one without the switch, too"
    editor.tool("q")
    editor.page.mouse.move(*editor.at(0.2, 0.2))
    editor.page.mouse.down()
    editor.page.mouse.move(*editor.at(0.7, 0.7), steps=3)
    comfy.press("Escape")
    editor.page.mouse.up()
    assert len(editor.instances) == 2 and (mask_of(editor, 0) == pond).all(), "Esc drops what is being drawn"
    comfy.screenshot(f"regions-{comfy.renderer}")


def test_shift_click_draws_a_straight_line(comfy: ComfyPage, editor: Editor) -> None:
    editor.tool("m")
    editor.click(0.2, 0.2)
    editor.focus()
    editor.page.mouse.move(*editor.at(0.8, 0.2))
    editor.page.keyboard.down("Shift")
    comfy.screenshot(f"straight-{comfy.renderer}")
    editor.page.keyboard.up("Shift")
    editor.click(0.8, 0.2, "Shift")
    editor.click(0.8, 0.8, "Shift")
    drawn = mask_of(editor)
    assert (
        len(editor.instances) == 1 and drawn[102, 110:405].all() and drawn[110:405, 410].all() and not drawn[256, 256]
    )
    assert drawn[:, 256].sum() == pytest.approx(32, abs=2)
    editor.tool("e")
    editor.click(0.5, 0.1)
    editor.click(0.5, 0.5, "Shift")
    assert not mask_of(editor)[60:240, 256].any() and mask_of(editor)[102, 150]
    editor.press("Escape", "Escape")
    editor.tool("m")
    editor.click(0.1, 0.9, "Shift")  # another mask: no line from the first
    assert len(editor.instances) == 2 and mask_of(editor).sum() == pytest.approx(math.pi * 256, rel=0.1)
