"""Every kind of location is drawn with the mouse, named at once, and reaches the server as it was drawn."""

import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from support.browser import ComfyPage
from support.editor import Editor

CLOSE = 0.006  # three pixels of the layout


def close(*values: float):
    return pytest.approx(values, abs=CLOSE)


def mask_of(editor: Editor, index: int = -1):
    """The mask of an instance as (height, width) bool."""
    return decode_mask(parse_layout(editor.text).instances[index].mask)


def test_a_box_in_one_drag_with_the_prompt_focused_straight_after(editor: Editor) -> None:
    editor.tool("b")
    editor.drag(0.11, 0.2, 0.47, 0.83)
    assert editor.focused() == "textarea prompt"
    editor.page.keyboard.type("a (red:1.2) fox, embedding:fur")
    editor.press("Enter")
    editor.page.keyboard.type("in snow")
    editor.press("Escape")
    [fox] = editor.instances
    assert fox["box"] == close(0.11, 0.2, 0.47, 0.83)
    assert all(round(v, 5) == v for v in fox["box"])
    assert fox["prompt"] == "a (red:1.2) fox, embedding:fur\nin snow"
    assert editor.sent == editor.text


def test_a_box_drawn_to_the_upper_left_and_a_square(editor: Editor) -> None:
    editor.draw("b", [(0.6, 0.7), (0.3, 0.2)])
    assert editor.instances[0]["box"] == close(0.3, 0.2, 0.6, 0.7)
    editor.tool("b")
    editor.page.keyboard.down("Shift")
    editor.drag(0.65, 0.75, 0.85, 0.8)
    editor.page.keyboard.up("Shift")
    x0, y0, x1, y1 = editor.instances[1]["box"]
    assert x1 - x0 == pytest.approx(y1 - y0, abs=0.001) and x1 - x0 == pytest.approx(0.2, abs=0.02)


def test_a_mask_with_brush_and_eraser(editor: Editor) -> None:
    editor.draw("m", [(0.2, 0.5), (0.8, 0.5)], "a wall")
    painted = mask_of(editor)
    assert painted.shape == (512, 512)
    assert painted[256, 110:400].all() and not painted[200].any()
    assert painted[:, 256].sum() == pytest.approx(32, abs=3), "the brush is 32 pixels wide"
    editor.tool("e")
    editor.press("]", "]")
    editor.drag(0.5, 0.3, 0.5, 0.7)
    erased = mask_of(editor)
    assert len(editor.instances) == 1 and not erased[256, 240:270].any() and erased[256, 120:200].all()


def test_a_second_stroke_goes_on_with_the_same_mask(editor: Editor) -> None:
    editor.tool("m")
    editor.drag(0.2, 0.2, 0.8, 0.2)
    editor.focus()
    editor.drag(0.2, 0.8, 0.8, 0.8)
    assert len(editor.instances) == 1
    assert mask_of(editor)[[102, 409], 256].all()


def test_a_polygon_closed_by_enter(editor: Editor) -> None:
    editor.tool("g")
    for corner in ((0.2, 0.2), (0.8, 0.2), (0.5, 0.8)):
        editor.click(*corner)
    editor.press("Enter")
    inside = mask_of(editor)
    assert inside[200, 256] and not inside[350, 110] and editor.focused() == "textarea prompt"


def test_a_point_and_a_scribble(editor: Editor) -> None:
    editor.draw("p", [(0.3, 0.7)], "a star")
    editor.draw("s", [(0.2, 0.3), (0.5, 0.25), (0.8, 0.6)], "a path")
    star, path = editor.instances
    assert star["point"] == close(0.3, 0.7) and set(star) & {"box", "mask", "scribble"} == set()
    assert path["scribble"][0] == close(0.2, 0.3) and path["scribble"][-1] == close(0.8, 0.6)
    assert (star["prompt"], path["prompt"]) == ("a star", "a path")


def test_one_instance_takes_several_locations(editor: Editor) -> None:
    editor.draw("b", [(0.2, 0.2), (0.8, 0.8)], "a cat")
    editor.act("target")
    editor.tool("p")
    editor.click(0.5, 0.4)
    editor.tool("s")
    editor.drag(0.3, 0.6, 0.7, 0.6)
    editor.tool("m")
    editor.drag(0.4, 0.5, 0.6, 0.5)
    editor.act("target")
    [cat] = editor.instances
    assert cat["prompt"] == "a cat" and all(cat[kind] for kind in ("box", "point", "scribble", "mask"))


def test_the_caption_and_the_canvas(editor: Editor) -> None:
    editor.control("global-prompt").fill("two cats, (best quality:1.3)")
    editor.control("canvas-width").fill("768")
    editor.press("Tab")
    editor.comfy.frames(2)
    document = editor.document
    assert (document["prompt"], document["width"], document["height"]) == ("two cats, (best quality:1.3)", 768, 512)
    (left, top), (right, bottom) = editor.at(0, 0), editor.at(1, 1)
    assert (right - left) / (bottom - top) == pytest.approx(1.5, abs=0.02), "the canvas has the shape of the picture"
    editor.draw("b", [(0.1, 0.1), (0.9, 0.4)])
    assert editor.instances[0]["box"] == close(0.1, 0.1, 0.9, 0.4)


def test_the_caption_follows_the_instances_when_it_is_told_to(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.1, 0.1), (0.4, 0.4)], "a red star")
    editor.draw("b", [(0.5, 0.5), (0.9, 0.9)], "striped blue circle")
    assert editor.control("caption-add").inner_text() == "Add 2 missing"
    editor.act("caption-add")
    assert editor.document["prompt"] == "a red star, striped blue circle"
    assert not editor.root().query_selector('[data-act="caption-add"]').is_visible()

    def rename(words: str) -> None:
        row = editor.control("prompt")  # the front-most
        row.fill(words)
        editor.press("Escape")
        comfy.frames(2)

    rename("checkered pink heart")
    assert editor.control("caption-add").get_attribute("title") == "checkered pink heart"
    editor.control("caption-from").select_option("instances")
    comfy.frames(2)
    assert editor.document["prompt"] == "a red star, checkered pink heart"
    rename("a green moon")
    assert editor.document["prompt"] == "a red star, a green moon" == editor.control("global-prompt").input_value()
    comfy.screenshot(f"caption-{comfy.renderer}")
    editor.control("global-prompt").fill("mine")
    editor.press("Escape")
    comfy.frames(2)
    assert editor.document["prompt"] == "mine" and editor.control("caption-from").input_value() == ""


def test_what_the_server_gets_is_what_was_drawn_byte_for_byte(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.05, 0.3), (0.45, 0.9)], "a “ginger” cat — 猫, \\(fluffy\\)")
    editor.draw("m", [(0.6, 0.4), (0.9, 0.6)], "a dog")
    editor.draw("p", [(0.5, 0.15)], "a robin")
    editor.draw("s", [(0.1, 0.1), (0.4, 0.2), (0.9, 0.1)], "a branch")
    drawn = editor.text
    graph, entry = comfy.queue()
    assert graph[str(editor.node)]["inputs"]["layout"] == drawn == editor.text
    assert entry["status"]["status_str"] == "success"
    written = layout_to_json(parse_layout(drawn))
    assert written.replace(".0,", ",") == drawn.replace(".0,", ","), (
        "both languages write the same document, but for 1.0 and 1"
    )
    comfy.screenshot("all-kinds")
