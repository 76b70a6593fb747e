"""Selecting, moving, resizing and arranging; every finished action is one step of the graph's history."""

import json
from collections.abc import Sequence

import pytest
from support.browser import ComfyPage
from support.editor import Editor

FOX, OWL, ROCK = [0.1, 0.1, 0.3, 0.3], [0.5, 0.2, 0.7, 0.5], [0.2, 0.6, 0.6, 0.9]
CLOSE = 0.006


def layout(*boxes: Sequence[float], width: int = 512, height: int = 512, **fields) -> str:
    instances = [{"id": f"i{n}", "prompt": f"thing {n}", "box": list(box), **fields} for n, box in enumerate(boxes, 1)]
    return json.dumps({"version": 1, "width": width, "height": height, "prompt": "", "instances": instances})


def boxes(editor: Editor) -> list[list[float]]:
    return [instance["box"] for instance in editor.instances]


def moved(box: Sequence[float], dx: float, dy: float):
    return pytest.approx([box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy], abs=CLOSE)


def selection(editor: Editor) -> list[str]:
    return sorted(editor.session["selection"])


@pytest.fixture
def three(comfy: ComfyPage, editor: Editor) -> Editor:
    """An editor with three boxes, nothing selected, no snapping, and the select tool."""
    editor.do("({ store }) => store.setSession({ tool: 'select', selection: [] })")
    editor.load(layout(FOX, OWL, ROCK))
    comfy.page.evaluate(
        "id => { app.canvas.graph.getNodeById(id).properties.instdiff_view = { snap: false }; }", editor.node
    )
    editor.focus()
    return editor


def test_click_drag_moves(three: Editor) -> None:
    three.drag(0.2, 0.2, 0.45, 0.4)
    assert boxes(three)[0] == moved(FOX, 0.25, 0.2) and boxes(three)[1:] == [OWL, ROCK]
    assert selection(three) == ["i1"]


def test_what_is_dragged_stays_on_the_canvas(three: Editor) -> None:
    three.drag(0.2, 0.2, 0.95, -0.05)
    x0, y0, x1, y1 = boxes(three)[0]
    assert 0 <= x0 < x1 <= 1 and y0 == 0 and (x1 - x0, y1 - y0) == pytest.approx((0.2, 0.2), abs=CLOSE)


@pytest.mark.parametrize("grip, to, expected", [
    ((0.7, 0.5), (0.9, 0.6), [0.5, 0.2, 0.9, 0.6]), ((0.5, 0.2), (0.4, 0.1), [0.4, 0.1, 0.7, 0.5]),
    ((0.6, 0.2), (0.65, 0.3), [0.5, 0.3, 0.7, 0.5]), ((0.5, 0.35), (0.6, 0.9), [0.6, 0.2, 0.7, 0.5]),
], ids=["bottom right", "top left", "top", "left"])  # fmt: skip
def test_handles_resize(three: Editor, grip, to, expected) -> None:
    three.click(0.6, 0.35)
    three.drag(*grip, *to)
    assert boxes(three)[1] == pytest.approx(expected, abs=CLOSE) and boxes(three)[0] == FOX


def test_arrows_nudge_by_pixels(three: Editor) -> None:
    three.click(0.2, 0.2)
    three.press("ArrowRight", "ArrowRight", "Shift+ArrowDown")
    assert boxes(three)[0] == pytest.approx([0.1 + 2 / 512, 0.1 + 10 / 512, 0.3 + 2 / 512, 0.3 + 10 / 512], abs=2e-5)


def test_a_marquee_and_shift_select_several_which_move_and_resize_together(three: Editor) -> None:
    three.drag(0.02, 0.02, 0.75, 0.55)
    assert selection(three) == ["i1", "i2"]
    three.click(0.4, 0.75, "Shift")
    assert selection(three) == ["i1", "i2", "i3"]
    three.click(0.4, 0.75, "Shift")
    three.drag(0.6, 0.35, 0.7, 0.4)
    assert boxes(three)[:2] == [moved(FOX, 0.1, 0.05), moved(OWL, 0.1, 0.05)] and boxes(three)[2] == ROCK
    three.drag(0.8, 0.55, 0.5, 0.35)  # the corner of both: half as large
    fox, owl, _ = boxes(three)
    assert fox == pytest.approx([0.2, 0.15, 0.3, 0.25], abs=0.01) and owl[2:] == pytest.approx([0.5, 0.35], abs=0.01)


def test_alt_click_goes_through_what_overlaps(three: Editor) -> None:
    three.load(layout([0.1, 0.1, 0.9, 0.9], [0.2, 0.2, 0.8, 0.8], [0.3, 0.3, 0.7, 0.7]))
    seen = []
    for _ in range(4):
        three.click(0.5, 0.5, "Alt")
        seen += selection(three)
    assert sorted(seen[:3]) == ["i1", "i2", "i3"] and seen[3] == seen[0]


def test_delete_takes_the_instance_and_never_the_node(comfy: ComfyPage, three: Editor) -> None:
    three.click(0.2, 0.2)
    three.press("Delete")
    assert boxes(three) == [OWL, ROCK]
    comfy.run("() => document.activeElement.blur()")  # as the page does while it is busy
    three.press("Delete", "Delete", "Backspace")  # nothing is selected
    three.do("({ store }) => store.setSession({ selection: ['i2', 'i3'] })")
    three.press("Backspace")
    comfy.run("() => document.activeElement.blur()")
    three.press("Delete")
    assert three.instances == [] and comfy.nodes() == [three.node]


def test_undo_and_redo_one_step_each_while_tool_zoom_and_selection_stay(comfy: ComfyPage, three: Editor) -> None:
    start = three.text
    three.drag(0.2, 0.2, 0.4, 0.4)
    first = three.text
    three.press("ArrowRight")
    second = three.text
    three.press("Delete")
    third = three.text
    three.draw("b", [(0.75, 0.75), (0.95, 0.95)])
    fourth = three.text
    assert len({start, first, second, third, fourth}) == 5
    three.do("({ store }) => store.setSession({ tool: 'scribble', zoom: 1.5, selection: ['i2'] })")
    for before in (third, second, first):
        comfy.press("Control+z")
        comfy.settle()
        assert three.text == before
    session = three.ready().session
    assert (session["tool"], session["zoom"], session["selection"]) == ("scribble", 1.5, ["i2"])
    for after in (second, third, fourth):
        comfy.press("Control+y")
        comfy.settle()
        assert three.text == after
    three.ready().act("undo")
    comfy.settle()
    assert three.text == third
    three.ready().act("redo")
    comfy.settle()
    assert three.text == fourth


def test_typing_a_prompt_is_one_step(comfy: ComfyPage, three: Editor) -> None:
    start = three.text
    three.click(0.2, 0.2)
    three.press("Enter")
    assert three.focused() == "textarea prompt"
    three.page.keyboard.type(" in the morning sun")
    three.press("Escape")
    assert three.instances[0]["prompt"] == "thing 1 in the morning sun"
    three.focus()
    comfy.press("Control+z")
    comfy.settle()
    assert json.loads(three.text) == json.loads(start) or three.instances[0]["prompt"] == "thing 1"


def test_depth_by_keys_buttons_and_by_dragging_in_the_list(three: Editor) -> None:
    order = lambda: [instance["id"] for instance in three.instances]  # noqa: E731
    three.click(0.2, 0.2)
    three.press("Shift+PageUp")
    assert order() == ["i2", "i3", "i1"]
    three.press("PageDown")
    assert order() == ["i2", "i1", "i3"]
    three.act("back")
    assert order() == ["i1", "i2", "i3"]
    grips = [one.bounding_box() for one in three.root().query_selector_all('[data-act="reorder"]')]
    page, (x, y) = (
        three.page,
        (grips[2]["x"] + 5, grips[2]["y"] + 8),
    )  # the front-most stands on top: the last row is i1
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, grips[0]["y"] + 10, steps=6)
    page.mouse.move(x, grips[0]["y"] - 4, steps=2)
    page.mouse.up()
    assert order() == ["i2", "i3", "i1"]


def test_hidden_and_locked(three: Editor) -> None:
    three.click(0.2, 0.2)
    three.press("h", "l")
    assert three.instances[0]["visible"] is False and three.instances[0]["locked"] is True
    three.press("Delete", "ArrowLeft")
    assert boxes(three)[0] == FOX
    three.press("l", "h")
    assert three.instances[0]["visible"] and not three.instances[0]["locked"]


def test_align_distribute_and_exact_numbers(three: Editor) -> None:
    three.press("Control+a")
    three.act("align-left")
    assert {box[0] for box in boxes(three)} == {0.1}
    three.act("align-bottom")
    assert {box[3] for box in boxes(three)} == {0.9}
    three.press("Escape")
    three.click(0.15, 0.75)
    three.do("({ store }) => store.setSession({ selection: ['i1'] })")
    for name, value in (("x", "64"), ("y", "128"), ("w", "256"), ("h", "32")):
        three.control(f"bounds-{name}").fill(value)
        three.press("Enter")
    assert boxes(three)[0] == pytest.approx([0.125, 0.25, 0.625, 0.3125], abs=2e-5)
    three.act("unit")
    three.control("bounds-x").fill("25")
    three.press("Tab")
    assert boxes(three)[0][0] == pytest.approx(0.25, abs=2e-5)


def test_duplicate_copy_cut_and_paste(three: Editor) -> None:
    three.click(0.2, 0.2)
    three.press("Control+d")
    assert len(boxes(three)) == 4 and boxes(three)[3] == pytest.approx([v + 16 / 512 for v in FOX], abs=1e-4)
    three.press("Control+c", "Control+v")
    assert len(boxes(three)) == 5 and len({instance["id"] for instance in three.instances}) == 5
    three.press("Control+x")
    assert len(boxes(three)) == 4


def test_edges_snap_to_other_instances(comfy: ComfyPage, three: Editor) -> None:
    comfy.page.evaluate(
        "id => { app.canvas.graph.getNodeById(id).properties.instdiff_view = { snap: true }; }", three.node
    )
    three.click(0.2, 0.2)
    three.drag(0.3, 0.2, 0.496, 0.2)  # the right edge to nearly the left edge of the other one
    assert boxes(three)[0][2] == pytest.approx(0.5, abs=1e-5)


def test_escape_drops_a_drag(three: Editor) -> None:
    before = three.text
    page = three.page
    page.mouse.move(*three.at(0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*three.at(0.5, 0.5), steps=4)
    three.press("Escape")
    page.mouse.up()
    assert three.text == before


def test_strength_and_times(three: Editor) -> None:
    three.click(0.2, 0.2)
    for name, value in (("strength", "0.5"), ("start", "0.2"), ("end", "0.8")):
        three.control(name).fill(value)
        three.press("Enter")
    fox = three.instances[0]
    assert (fox["strength"], fox["start"], fox["end"]) == (0.5, 0.2, 0.8)


def test_an_unfinished_polygon_outlives_another_tool_and_an_undo(comfy: ComfyPage, three: Editor) -> None:
    three.drag(0.2, 0.2, 0.4, 0.4)  # the step that is undone
    three.do("({ store }) => store.setSession({ selection: [] })")
    three.tool("g")
    for corner in ((0.6, 0.1), (0.9, 0.1), (0.75, 0.3)):
        three.click(*corner)
        comfy.settle(450)  # else two clicks are a double click
    three.press("b", "g")
    comfy.press("Control+z")
    comfy.settle()
    three.ready().focus()
    three.press("Enter")
    comfy.settle()
    assert "mask" in three.instances[-1]


def test_what_is_hidden_is_not_painted_and_what_is_locked_does_not_hold_the_others(
    comfy: ComfyPage, three: Editor
) -> None:
    three.draw("m", [(0.6, 0.1), (0.9, 0.1)], "a cloud")
    cloud = three.instances[-1]
    three.do("({ store }, id) => store.setSession({ selection: [id] })", cloud["id"])
    three.press("h")
    three.tool("m")
    three.drag(0.6, 0.3, 0.9, 0.3)
    comfy.settle()
    assert len(three.instances) == 5 and three.instances[3]["mask"] == cloud["mask"]
    first, second = three.instances[0]["id"], three.instances[1]["id"]
    three.do(
        "({ store }, [a, b]) => { store.dispatch({ type: 'setLocation', id: a, kind: 'box', value: [0, 0, 1, 1] });"
        "store.dispatch({ type: 'update', ids: [a], fields: { locked: true } }); store.setSession({ selection: [a, b], tool: 'select' }); }",
        [first, second],
    )
    before = three.instances[1]["box"]
    three.focus()
    three.press("ArrowRight")
    assert three.instances[1]["box"][0] > before[0] and three.instances[0]["box"] == [0, 0, 1, 1]


def test_a_box_from_the_centre_keeps_its_centre_at_the_border(comfy: ComfyPage, editor: Editor) -> None:
    editor.tool("b")
    comfy.page.keyboard.down("Alt")
    editor.drag(0.9, 0.5, 0.6, 0.6)
    comfy.page.keyboard.up("Alt")
    comfy.settle()
    assert editor.instances[0]["box"] == pytest.approx([0.8, 0.4, 1, 0.6], abs=CLOSE)


def test_ctrl_and_wheel_zoom_the_layout_and_not_the_graph(comfy: ComfyPage, editor: Editor) -> None:
    editor.focus()
    comfy.page.mouse.move(*editor.at(0.5, 0.5))
    comfy.page.keyboard.down("Control")
    comfy.page.mouse.wheel(0, -200)
    comfy.page.keyboard.up("Control")
    comfy.settle()
    assert editor.session["zoom"] is not None and comfy.run("() => app.canvas.ds.scale") == 1
