"""The gestures and keys that illustrators bring along: double click, copies by Alt, the menu of the right button, boxes without a mouse."""

import json

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
    assert editor.session["hover"] != editor.instances[0]["id"], "with Alt released the pointer is still at the copy"
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


GRAPH_MENUS = """() => [...document.querySelectorAll('.litecontextmenu, .p-contextmenu, .p-popover, [role="menu"]')]
  .filter((one) => one.offsetParent && !one.closest('.instdiff-editor')).length"""


def test_the_right_button_opens_the_menu_of_what_is_there(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.1, 0.1), (0.7, 0.7)], "an eagle")
    editor.draw("b", [(0.2, 0.2), (0.4, 0.4)], "its head")
    editor.draw("b", [(0.8, 0.1), (0.95, 0.3)], "a rock")
    eagle, head, rock = (one["id"] for one in editor.instances)
    order = lambda: [one["id"] for one in editor.instances]  # noqa: E731

    def menu(x: float, y: float) -> list[str]:
        comfy.page.mouse.click(*editor.at(x, y), button="right")
        items = editor.root().query_selector_all('.ie-menu[role="menu"] [role="menuitem"]:not(:disabled)')
        assert items and comfy.run(GRAPH_MENUS) == 0 and editor.focused().startswith("button menu-")
        return [one.get_attribute("data-act").removeprefix("menu-") for one in items]

    acts = menu(0.3, 0.3)
    assert editor.session["selection"] == [head]
    assert {
        "edit-here",
        "copy",
        "paste",
        "duplicate",
        "front",
        "back",
        "toggle-visible",
        "toggle-locked",
        "part",
        "toMask",
        "delete",
    } <= set(acts)
    comfy.screenshot(f"menu-instance-{comfy.renderer}")
    editor.act("menu-part")
    assert editor.instances[1]["parent"] == eagle
    assert "ungroup" in menu(0.3, 0.3)
    editor.act("menu-ungroup")
    assert "parent" not in editor.instances[1]
    menu(0.3, 0.3)
    editor.act("menu-toMask")
    assert "mask" in editor.instances[1] and "box" not in editor.instances[1]
    menu(0.3, 0.3)
    editor.act("menu-toBox")
    assert editor.instances[1]["box"] == near(0.2, 0.2, 0.4, 0.4) and "mask" not in editor.instances[1]
    menu(0.3, 0.3)
    editor.act("menu-back")
    assert order() == [head, eagle, rock]
    menu(0.6, 0.6)
    editor.act("menu-edit-here")
    comfy.page.keyboard.type(" flying")
    comfy.press("Enter")
    assert editor.instances[1]["prompt"] == "an eagle flying"
    menu(0.9, 0.2)
    editor.act("menu-toggle-locked")
    assert editor.instances[2]["locked"] and "toggle-locked" in menu(0.9, 0.2)
    comfy.press("Escape")
    assert editor.root().query_selector(".ie-menu") is None and editor.focused() == "div"
    menu(0.9, 0.2)
    editor.act("menu-toggle-locked")
    menu(0.9, 0.2)
    editor.act("menu-copy")
    comfy.page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('a rock')")
    acts = menu(0.5, 0.9)
    assert {"new-instance", "paste", "select-all", "undo", "zoom-fit"} <= set(acts) and "delete" not in acts
    comfy.screenshot(f"menu-canvas-{comfy.renderer}")
    editor.act("menu-paste")
    comfy.page.wait_for_function("root => root.__instdiff.store.doc.instances.length === 4", arg=editor.root())
    menu(0.5, 0.9)
    editor.act("menu-new-instance")
    comfy.page.keyboard.type("moss")
    comfy.press("Escape")
    moss = editor.instances[-1]
    assert moss["prompt"] == "moss" and (moss["box"][0] + moss["box"][2]) / 2 == pytest.approx(0.5, abs=0.01)
    editor.control("prompt").click(button="right")
    assert comfy.run(GRAPH_MENUS) == 0 and editor.root().query_selector(".ie-menu") is None, (
        "a text field has the browser's own"
    )
    comfy.press("Escape")
    editor.focus()
    # by keys: of the selection, then of the canvas
    comfy.press("Shift+F10")
    assert editor.focused() == "button menu-edit-here"
    comfy.press("End", "Enter")
    assert len(editor.instances) == 4 and comfy.nodes() == [editor.node]
    comfy.press("ContextMenu", "ArrowDown", "ArrowUp")
    assert editor.focused() == "button menu-new-instance" and comfy.run(GRAPH_MENUS) == 0
    comfy.press("Escape")


def test_numbers_take_arithmetic(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.25, 0.25), (0.75, 0.5)], "a fox")
    field = editor.control("bounds-w")
    field.click()
    comfy.page.keyboard.type("512/4+10")
    comfy.settle(900)
    assert editor.instances[0]["box"] == near(0.25, 0.25, 0.75, 0.5), "half an expression is not kept"
    comfy.press("Enter")
    [box] = boxes(editor)
    assert (box[2] - box[0]) * 512 == pytest.approx(138, abs=0.1) and field.input_value() == "138"
    for typed, width in {"50%": 256, "(20+12)*2": 64}.items():
        field.fill(typed)
        comfy.press("Enter")
        [box] = boxes(editor)
        assert (box[2] - box[0]) * 512 == pytest.approx(width, abs=0.1)
    before = editor.text
    for typed, words in {
        "2 apples": "apples",
        "64/0": "zero",
        "(64": "bracket",
        "1,5": "point",
        "64*": "early",
    }.items():
        field.fill(typed)
        comfy.press("Enter")
        assert (
            editor.text == before and words in editor.session["notice"]["text"] and field.get_attribute("aria-invalid")
        )
        assert field.input_value() == typed, "it can be mended"
    comfy.screenshot(f"arithmetic-{comfy.renderer}")
    comfy.press("Tab")
    assert field.input_value() == "64" and field.get_attribute("aria-invalid") is None and editor.text == before
    field.click()
    comfy.press("ArrowUp", "Shift+ArrowUp", "ArrowDown", "Escape")
    assert editor.text == before, "Esc drops it"
    field.click()
    comfy.press("Shift+ArrowUp", "Enter")
    assert (boxes(editor)[0][2] - box[0]) * 512 == pytest.approx(74, abs=0.1)
    editor.control("canvas-width").fill("512+256")
    editor.control("canvas-height").fill("50%")
    comfy.press("Enter")
    assert (editor.document["width"], editor.document["height"]) == (768, 256)


def test_the_list_is_searched(comfy: ComfyPage, editor: Editor) -> None:
    names = ["a red fox", "a red owl", "a blue owl", "a rock", "moss", "a red star"]

    def shown() -> list[str]:
        rows = editor.root().query_selector_all(".ie-row")
        return [row.query_selector("textarea").input_value() for row in rows if row.is_visible()]

    def named(count: int) -> str:
        items = [
            {"id": f"i{n}", "prompt": name, "box": [0.1 * n, 0.1, 0.1 * n + 0.08, 0.2]}
            for n, name in enumerate(names[:count])
        ]
        return json.dumps({"version": 1, "width": 512, "height": 512, "prompt": "", "instances": items})

    editor.load(named(5))
    assert not editor.root().query_selector('[data-act="search"]').is_visible()
    editor.load(named(6))
    editor.focus()
    comfy.press("/")
    assert editor.focused() == "input search"
    comfy.page.keyboard.type("owl red")
    assert shown() == ["a red owl"] and len(editor.instances) == 6 and editor.session["tool"] == "select"
    editor.control("search").fill("red")
    assert shown() == ["a red star", "a red owl", "a red fox"]
    comfy.screenshot(f"search-{comfy.renderer}")
    comfy.press("Enter")
    assert editor.session["selection"] == ["i0", "i1", "i5"] and editor.focused() == "div"
    comfy.press("h")
    assert [one["visible"] for one in editor.instances] == [False, False, True, True, True, False]
    # dragged above the first of the rows that are shown, it comes right in front of that one
    editor.do("({ store }) => store.setSession({ selection: [] })")
    comfy.frames(2)
    grips = [one.bounding_box() for one in editor.root().query_selector_all('[data-act="reorder"]') if one.is_visible()]
    comfy.page.mouse.move(grips[2]["x"] + 5, grips[2]["y"] + 8)
    comfy.page.mouse.down()
    comfy.page.mouse.move(grips[1]["x"] + 5, grips[1]["y"] + 4, steps=4)
    comfy.page.mouse.up()
    assert [one["id"] for one in editor.instances] == ["i1", "i0", "i2", "i3", "i4", "i5"]
    editor.draw("b", [(0.3, 0.5), (0.6, 0.9)], "a tree")
    assert editor.session["search"] == "" and len(shown()) == 7, "what is drawn is shown"
    editor.control("search").click()
    comfy.page.keyboard.type("nothing has this")
    assert shown() == []
    comfy.press("Escape")
    assert len(shown()) == 7 and editor.focused() == "div" and comfy.nodes() == [editor.node]


def test_the_help_lists_keys_and_gestures(comfy: ComfyPage, editor: Editor) -> None:
    editor.focus()
    comfy.press("?")
    sheet = editor.root().query_selector(".ie-sheet")
    words = sheet.inner_text()
    for each in ("Alt+drag", "Shift+wheel", "Ctrl+Enter", "Shift+[", "Double click", "Lasso", "Menu", "512/2+10"):
        assert each in words, each
    comfy.screenshot(f"help-{comfy.renderer}")
    comfy.press("Escape")
    assert not sheet.is_visible()
