"""Fingers and pens, and a whole layout drawn as a person draws it."""

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.document import parse_layout
from support.browser import ComfyPage
from support.editor import Editor

# Four instances that share edges and corners, as in the authors' first demo.
SCENE = {
    "a small waterfall in the woods": (0, 358, 512, 511),
    "a gray cat on a rock": (0, 51, 179, 281),
    "a yellow robin on the rock": (179, 102, 332, 255),
    "a brown dog on the rock": (332, 102, 511, 357),
}


class Fingers:
    """Touches through the browser's own input, so that pointer events come as from a screen."""

    def __init__(self, comfy: ComfyPage) -> None:
        self.session = comfy.context.new_cdp_session(comfy.page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})


def test_one_finger_draws(comfy: ComfyPage, editor: Editor) -> None:
    editor.tool("b")
    fingers = Fingers(comfy)
    fingers.send("Start", editor.at(0.2, 0.2))
    for step in (0.4, 0.5, 0.6):
        fingers.send("Move", editor.at(step, step))
    fingers.send("End")
    comfy.settle()
    assert [one["box"] for one in editor.instances] == [pytest.approx([0.2, 0.2, 0.6, 0.6], abs=0.01)]


def test_two_fingers_zoom_and_pan_and_drop_what_one_of_them_began(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.4, 0.4), (0.6, 0.6)], "a fox")
    before = editor.text
    left, right = editor.at(0.4, 0.5), editor.at(0.6, 0.5)
    editor.tool("b")
    fingers = Fingers(comfy)
    fingers.send("Start", left)
    fingers.send("Start", left, right)
    for spread in (20, 40, 60):
        fingers.send("Move", (left[0] - spread, left[1] + 10), (right[0] + spread, right[1] + 10))
    fingers.send("End")
    comfy.settle()
    wide = editor.at(0.6, 0.5)[0] - editor.at(0.4, 0.5)[0]
    assert wide / (right[0] - left[0]) == pytest.approx((right[0] - left[0] + 120) / (right[0] - left[0]), rel=0.05)
    assert editor.text == before and editor.session["zoom"] is not None
    editor.focus()
    editor.press("0")
    assert editor.session["zoom"] is None


def pen(editor: Editor, y: float, pressures: list[float], end: str = "tip") -> None:
    """A stroke of a pen from 0.3 to 0.7, with these pressures on its way."""
    script = """(root, [y, pressures, end]) => { const canvas = root.querySelector(".ie-canvas"), { toClient } = root.__instdiff;
      canvas.setPointerCapture = () => {};
      const [button, buttons] = end === "eraser" ? [5, 32] : [0, 1];
      const send = (type, x, pressure, more) => { const [clientX, clientY] = toClient(x, y);
        canvas.dispatchEvent(new PointerEvent(type, { clientX, clientY, pressure, pointerType: "pen", pointerId: 7, bubbles: true, ...more })); };
      const at = (i) => 0.3 + (0.4 * i) / (pressures.length - 1);
      send("pointerdown", at(0), pressures[0], { button, buttons });
      pressures.forEach((pressure, i) => i && send("pointermove", at(i), pressure, { button: -1, buttons }));
      send("pointerup", 0.7, 0, { button, buttons: 0 });
      delete canvas.setPointerCapture; }"""
    editor.root().evaluate(script, [y, pressures, end])
    editor.comfy.settle()


def painted(editor: Editor) -> np.ndarray:
    """The first instance's mask, 512x512."""
    mask = parse_layout(editor.text).instances[0].mask
    assert mask is not None
    return decode_mask(mask)


def test_a_pen_draws_by_its_pressure_and_erases_with_its_other_end(comfy: ComfyPage, editor: Editor) -> None:
    thin = 32 * (0.3 + 0.7 * 0.2)
    editor.tool("m")
    pen(editor, 0.2, [1, 1])
    pen(editor, 0.5, [0.2, 0.2])
    pen(editor, 0.8, [0.2, 1])
    editor.act("pressure")
    comfy.screenshot(f"pressure-{comfy.renderer}")
    pen(editor, 0.35, [0.2, 0.2])
    rows = [painted(editor)[round(y * 512) - 30 : round(y * 512) + 30] for y in (0.2, 0.5, 0.8, 0.35)]
    widths = [int(part[:, 256].sum()) for part in rows]
    assert widths[:2] == pytest.approx([32, thin], abs=2) and widths[3] == pytest.approx(32, abs=2), "switched off"
    along = rows[2][:, 160:350:10].sum(0)
    assert (np.diff(along) >= 0).all() and np.diff(along).max() <= 3, "it grows on the way, without steps"
    assert widths[2] == pytest.approx((thin + 32) / 2, abs=2)

    # with any tool chosen, which stays chosen
    editor.tool("o")
    pen(editor, 0.5, [1, 1], "eraser")
    assert not painted(editor)[226:286, 150:360].any() and painted(editor)[80:120].any()
    assert editor.session["tool"] == "ellipse" and len(editor.instances) == 1


def test_a_scene_of_four_from_scratch_with_drags_and_typing_alone(comfy: ComfyPage, editor: Editor) -> None:
    editor.tool("b")
    editor.press("b")  # twice: it stays
    for prompt, (x0, y0, x1, y1) in SCENE.items():
        editor.drag(x0 / 512, y0 / 512, x1 / 512, y1 / 512)
        comfy.frames(2)
        comfy.page.keyboard.type(prompt)
    comfy.page.keyboard.press("Escape")
    comfy.settle()
    assert [one["prompt"] for one in editor.instances] == list(SCENE)
    for one, corners in zip(editor.instances, SCENE.values(), strict=True):
        assert [round(v * 512) for v in one["box"]] == pytest.approx(corners, abs=3)
    assert all(one["visible"] and not one["locked"] for one in editor.instances), (
        "typing went into the fields, not to the shortcuts"
    )
