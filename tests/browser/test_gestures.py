"""What a hand expects of a canvas: what a press does, what has the focus afterwards, what never reaches the graph."""

import pytest
from support.browser import EDITOR, ComfyPage
from support.editor import Editor

CLOSE = 0.006


def near(*values: float):
    return pytest.approx(values, abs=CLOSE)


def middle_drag(editor: Editor, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the middle button, between places of the page."""
    mouse = editor.page.mouse
    mouse.move(*start)
    mouse.down(button="middle")
    mouse.move(*end, steps=4)
    mouse.up(button="middle")
    editor.comfy.frames(2)


def test_after_every_tool_the_prompt_has_the_focus(comfy: ComfyPage, editor: Editor) -> None:
    """Words that hold every shortcut's letter land in the field, and nothing else happens."""
    words = "blue flags help me vex Zoe"

    def typed() -> None:
        comfy.frames(2)
        assert editor.focused() == "textarea prompt"
        editor.page.keyboard.type(words)
        editor.press("Escape")
        assert editor.instances[-1]["prompt"] == words
        editor.press("Escape")

    corners = [(0.2, 0.1), (0.4, 0.1), (0.3, 0.3)]
    for close in ("first corner", "double click"):
        editor.tool("g")
        for corner in corners:
            editor.click(*corner)
            comfy.settle(450)  # else two clicks are a double click
        if close == "first corner":
            editor.click(*corners[0])
        else:
            editor.click(0.22, 0.28, clicks=2)
        typed()
    for key, points in {"b": [(0.6, 0.1), (0.9, 0.3)], "p": [(0.5, 0.5)], "s": [(0.1, 0.9), (0.4, 0.8)]}.items():
        editor.tool(key)
        editor.stroke(points) if len(points) > 1 else editor.click(*points[0])
        assert editor.session["tool"] == "select"
        typed()
    editor.tool("m")
    editor.drag(0.6, 0.6, 0.9, 0.6)
    editor.drag(0.6, 0.7, 0.9, 0.7)  # goes on with the same mask, whose prompt is still empty
    assert len(editor.instances) == 6
    typed()
    assert len(editor.instances) == 6 and editor.session["popout"] is False
    assert all(one["visible"] and not one["locked"] for one in editor.instances)


def test_the_first_drag_draws_and_then_drags_move(comfy: ComfyPage, editor: Editor) -> None:
    editor.drag(0.1, 0.1, 0.4, 0.4)
    assert editor.instances[0]["box"] == near(0.1, 0.1, 0.4, 0.4) and editor.focused() == "textarea prompt"
    editor.drag(0.2, 0.2, 0.4, 0.2)
    assert [one["box"] for one in editor.instances] == [near(0.3, 0.1, 0.6, 0.4)]
    editor.tool("b")
    editor.drag(0.4, 0.2, 0.3, 0.2)  # inside what is selected, Box moves it as well
    assert [one["box"] for one in editor.instances] == [near(0.2, 0.1, 0.5, 0.4)]
    editor.page.keyboard.down("Control")
    editor.drag(0.3, 0.2, 0.4, 0.3)
    editor.page.keyboard.up("Control")
    assert editor.instances[1]["box"] == near(0.3, 0.2, 0.4, 0.3) and editor.session["tool"] == "select"
    editor.act("tool-box")
    editor.act("tool-box")
    editor.drag(0.6, 0.6, 0.7, 0.7)
    editor.drag(0.8, 0.6, 0.9, 0.7)
    assert len(editor.instances) == 4 and editor.session["tool"] == "box", "chosen twice, it stays"
    editor.act("tool-select")
    editor.drag(0.55, 0.55, 0.95, 0.75)
    assert len(editor.instances) == 4 and len(editor.session["selection"]) == 2, "else Select marks an area"


def test_an_empty_prompt_leaves_undo_and_delete_to_the_layout(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(editor.text.replace("512", "640"))  # a step of its own: the node's coming is none
    editor.drag(0.1, 0.1, 0.4, 0.4)
    assert editor.focused() == "textarea prompt"
    comfy.press("Control+z")
    comfy.settle()
    assert editor.ready().instances == []
    comfy.press("Control+y")
    comfy.settle()
    assert len(editor.ready().instances) == 1
    editor.draw("b", [(0.5, 0.5), (0.8, 0.8)])
    editor.do("({ store, perform }) => perform('focus-prompt')")
    comfy.press("Delete")
    comfy.settle()
    assert [one["box"] for one in editor.instances] == [near(0.1, 0.1, 0.4, 0.4)] and comfy.nodes() == [editor.node]
    editor.draw("p", [(0.6, 0.6)])
    editor.do("({ store, perform }) => perform('focus-prompt')")
    comfy.page.keyboard.type("ab")
    comfy.press("Backspace", "Backspace", "Backspace")
    assert len(editor.instances) == 2, "one Backspace too many takes nothing"
    comfy.page.keyboard.type("a owl")
    comfy.press("Home", "Delete", "Delete")
    comfy.press("Escape")
    assert editor.instances[-1]["prompt"] == "owl"


def test_the_middle_button_pans_the_layout_and_keys_stay_with_it(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.1, 0.1), (0.4, 0.4)], "a fox")
    editor.draw("b", [(0.5, 0.5), (0.9, 0.9)], "an owl")
    comfy.click_title(editor.node)  # the node is what the graph would delete
    offset = comfy.run("() => [...app.canvas.ds.offset]")
    x, y = editor.at(0.5, 0.5)
    middle_drag(editor, (x, y), (x + 60, y + 40))
    assert comfy.run("() => [...app.canvas.ds.offset]") == offset, "the graph stays"
    assert editor.session["pan"] == pytest.approx([60, 40], abs=1.5)
    comfy.press("Control+a", "Delete")
    assert comfy.nodes() == [editor.node] and editor.instances == []
    toolbar = editor.root().query_selector(".ie-toolbar").bounding_box()
    edge = (toolbar["x"] + toolbar["width"] - 4, toolbar["y"] + 4)
    middle_drag(editor, edge, (edge[0] - 50, edge[1] + 30))
    comfy.press("Delete")
    assert comfy.nodes() == [editor.node] and comfy.run("() => [...app.canvas.ds.offset]") == offset


def test_escape_keeps_the_focus_while_the_pointer_is_over_the_editor(comfy: ComfyPage, editor: Editor) -> None:
    comfy.add("EmptyLatentImage", 900, 0)
    comfy.click_title(editor.node)
    editor.draw("b", [(0.1, 0.1), (0.4, 0.4)], "a fox")
    comfy.press(*["Escape"] * 6, "Control+a", "Delete")
    assert editor.instances == [] and comfy.nodes() == [editor.node] and comfy.nodes("EmptyLatentImage")
    # a control that had the focus goes away with what it did
    editor.draw("b", [(0.1, 0.1), (0.4, 0.4)], "a fox")
    editor.do("({ store }) => { const [{ id }] = store.doc.instances; store.setSession({ selection: [id] });"
              "store.dispatch({ type: 'setLocation', id, kind: 'point', value: [0.2, 0.2] }); }")  # fmt: skip
    editor.control("remove-point").click()
    comfy.frames(2)
    comfy.press("Delete")
    assert comfy.nodes() == [editor.node] and comfy.nodes("EmptyLatentImage") and editor.instances == []


def test_a_new_node_has_room_to_draw(comfy: ComfyPage) -> None:
    editor = Editor(comfy, comfy.add(EDITOR)).ready()
    width, height = comfy.run("id => [...app.canvas.graph.getNodeById(id).size]", editor.node)
    assert 680 <= width <= 760 and 640 <= height <= 720
    (left, top), (right, bottom) = editor.at(0, 0), editor.at(1, 1)
    assert min(right - left, bottom - top) >= 320
    comfy.screenshot(f"default-size-{comfy.renderer}")


def test_no_tooltip_covers_the_neighbour_while_one_draws(comfy: ComfyPage, editor: Editor) -> None:
    """Nodes 2.0 shows an input's tooltip beside its widget, which is as large as the canvas here."""
    switch = "on => app.extensionManager.setting.set('Comfy.EnableTooltips', on)"
    comfy.run(switch, True)
    try:
        comfy.click_empty()
        comfy.page.mouse.move(*editor.at(0.4, 0.4))
        comfy.page.mouse.move(*editor.at(0.5, 0.5), steps=3)
        comfy.page.wait_for_timeout(800)  # ComfyUI's delay is 500: there is nothing else to wait for
        tooltips = comfy.page.query_selector_all(".p-tooltip, .node-tooltip")
        assert [one.inner_text() for one in tooltips if one.is_visible()] == []
    finally:
        comfy.run(switch, False)
