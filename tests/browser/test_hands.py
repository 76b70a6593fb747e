"""The gestures and keys that illustrators bring along: double click, copies by Alt, the menu of the right button, boxes without a mouse."""

import pytest
from support.browser import ComfyPage
from support.editor import Editor

CLOSE = 0.006


def near(*values: float):
    return pytest.approx(values, abs=CLOSE)


def boxes(editor: Editor) -> list[list[float]]:
    return [one["box"] for one in editor.instances]


def undo(comfy: ComfyPage, editor: Editor) -> None:
    editor.focus()
    comfy.press("Control+z")
    comfy.settle()
    editor.ready()


def test_a_prompt_is_edited_where_its_instance_is(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.1, 0.3), (0.5, 0.6)], "a fox")
    editor.click(0.3, 0.45, clicks=2)
    comfy.frames(2)
    assert editor.focused() == "textarea prompt-here"
    field = editor.control("prompt-here").bounding_box()
    left, top = editor.at(0.1, 0.3)
    assert abs(field["x"] - left) < 12 and abs(field["y"] - top) < 12, "it stands at the instance"
    comfy.page.keyboard.type(" in snow, vbfh")
    comfy.settle(900)
    assert editor.instances[0]["prompt"] == "a fox", "nothing is kept before the end"
    comfy.screenshot(f"prompt-in-place-{comfy.renderer}")
    comfy.press("Enter")
    assert editor.instances[0]["prompt"] == "a fox in snow, vbfh" and editor.focused() == "div"
    undo(comfy, editor)
    assert editor.instances[0]["prompt"] == "a fox", "one step"
    editor.click(0.3, 0.45)
    editor.press("F2")
    comfy.page.keyboard.type(" nonsense")
    comfy.press("Escape")
    assert editor.instances[0]["prompt"] == "a fox" and len(editor.session["selection"]) == 1
    comfy.press("F2")
    comfy.page.keyboard.type(", asleep")
    editor.click(0.8, 0.9)  # beside it
    assert editor.instances[0]["prompt"] == "a fox, asleep" and len(editor.instances) == 1
    editor.drag(0.3, 0.45, 0.4, 0.45)
    assert boxes(editor) == [near(0.2, 0.3, 0.6, 0.6)] and editor.session["editing"] is None


def test_alt_drags_copies_and_clicks_through(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.1, 0.1), (0.3, 0.3)], "a fox")
    editor.draw("b", [(0.1, 0.5), (0.3, 0.7)], "an owl")
    comfy.run("id => { app.canvas.graph.getNodeById(id).properties.instdiff_view = { snap: false }; }", editor.node)
    before = editor.text
    keyboard = comfy.page.keyboard
    keyboard.down("Alt")
    editor.drag(0.2, 0.2, 0.7, 0.3)  # it was not selected
    keyboard.up("Alt")
    assert boxes(editor) == [near(0.1, 0.1, 0.3, 0.3), near(0.1, 0.5, 0.3, 0.7), near(0.6, 0.2, 0.8, 0.4)]
    assert editor.instances[2]["prompt"] == "a fox" and editor.session["selection"] == [editor.instances[2]["id"]]
    undo(comfy, editor)
    assert editor.text == before, "one step"
    editor.press("Control+a")
    keyboard.down("Alt")
    editor.drag(0.2, 0.4, 0.6, 0.4)  # between both
    keyboard.up("Alt")
    assert len(editor.instances) == 4 and len(editor.session["selection"]) == 2
    assert boxes(editor)[3] == near(0.5, 0.5, 0.7, 0.7)
    keyboard.down("Alt")
    editor.page.mouse.move(*editor.at(0.6, 0.6))
    editor.page.mouse.down()
    editor.page.mouse.move(*editor.at(0.8, 0.8), steps=3)
    keyboard.press("Escape")
    editor.page.mouse.up()
    keyboard.up("Alt")
    assert len(editor.instances) == 4 and comfy.nodes() == [editor.node]


def test_a_box_by_keyboard_alone(comfy: ComfyPage, editor: Editor) -> None:
    editor.focus()
    comfy.press("Enter")
    [box] = boxes(editor)
    assert (box[0] + box[2]) / 2 == pytest.approx(0.5, abs=0.002) and 0.2 < box[2] - box[0] < 0.4
    comfy.press(
        "ArrowRight", "Shift+ArrowDown", "Alt+ArrowRight", "Alt+Shift+ArrowUp", "Alt+ArrowLeft", "Alt+Shift+ArrowRight"
    )
    x0, y0, x1, y1 = box
    px = 1 / 512
    assert boxes(editor)[0] == pytest.approx([x0 + px, y0 + 10 * px, x1 + 11 * px, y1], abs=3e-5)
    comfy.press("Enter")
    assert editor.focused() == "textarea prompt"
    comfy.page.keyboard.type("a fox")
    comfy.press("Escape", "n")
    comfy.press("n")
    assert len(editor.instances) == 3 and len({str(one) for one in boxes(editor)}) == 3 and editor.focused() == "div"
    order = lambda: [one["id"] for one in editor.instances]  # noqa: E731
    first, second, third = order()
    comfy.press("[")
    assert order() == [first, third, second]
    comfy.press("Shift+]")
    assert order() == [first, second, third]
    comfy.press("{", "]")
    assert order() == [first, third, second]
    assert comfy.nodes() == [editor.node] and editor.session["brush"] == 32
