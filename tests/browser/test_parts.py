"""Parts in the editor: grouped by key and by menu, moved and resized with their parent, undone, saved and sent."""

import json

import pytest
from support.browser import ComfyPage
from support.editor import Editor, add_editor

EAGLE, HEAD, ROCK = [0.1, 0.3, 0.5, 0.7], [0.2, 0.2, 0.3, 0.4], [0.6, 0.6, 0.9, 0.9]
CLOSE = 0.006


def document(parent: str = "") -> str:
    part = {"parent": parent} if parent else {}
    instances = [
        {"id": "eagle", "prompt": "an eagle", "box": EAGLE}, {"id": "rock", "prompt": "a rock", "box": ROCK},
        {"id": "head", "prompt": "an eagle's head, turned left", "box": HEAD, "point": [0.25, 0.3], **part},
    ]  # fmt: skip
    return json.dumps({"version": 1, "width": 512, "height": 512, "prompt": "", "instances": instances})


def found(editor: Editor) -> dict[str, dict]:
    return {instance["id"]: instance for instance in editor.instances}


def near(box, dx: float = 0, dy: float = 0):
    return pytest.approx([v + (dy if i % 2 else dx) for i, v in enumerate(box)], abs=CLOSE)


def loaded(editor: Editor, text: str) -> Editor:
    editor.do("({ store }) => store.setSession({ tool: 'select', selection: [] })")
    editor.load(text)
    editor.page.evaluate(
        "id => { app.canvas.graph.getNodeById(id).properties.instdiff_view = { snap: false }; }", editor.node
    )
    editor.focus()
    return editor


@pytest.fixture
def whole(comfy: ComfyPage, editor: Editor) -> Editor:
    """An eagle whose head is a part of it, beside a rock."""
    return loaded(editor, document("eagle"))


def test_a_dragged_parent_takes_its_parts_along_and_undo_brings_both_back(comfy: ComfyPage, whole: Editor) -> None:
    before = whole.text
    whole.drag(0.4, 0.6, 0.6, 0.65)
    moved = found(whole)
    assert moved["eagle"]["box"] == near(EAGLE, 0.2, 0.05) and moved["head"]["box"] == near(HEAD, 0.2, 0.05)
    assert (
        moved["head"]["point"] == near([0.25, 0.3], 0.2, 0.05)
        and moved["rock"]["box"] == ROCK
        and whole.session["selection"] == ["eagle"]
    )
    after = whole.text
    comfy.press("Control+z")
    comfy.settle()
    assert whole.ready().text == before
    comfy.press("Control+y")
    comfy.settle()
    assert whole.ready().text == after


def test_handles_lie_around_the_whole_and_stretch_the_parts(whole: Editor) -> None:
    whole.click(0.4, 0.6)
    whole.drag(0.5, 0.2, 0.9, 0.45)  # the corner of eagle and head together: twice as wide, half as high
    assert found(whole)["eagle"]["box"] == near([0.1, 0.5, 0.9, 0.7]) and found(whole)["head"]["box"] == near(
        [0.3, 0.45, 0.5, 0.55]
    )


def test_the_whole_stops_at_the_border_with_its_shape(whole: Editor) -> None:
    whole.drag(0.4, 0.6, 0.4, 0.1)
    assert found(whole)["eagle"]["box"] == near(EAGLE, 0, -0.2) and found(whole)["head"]["box"] == near(HEAD, 0, -0.2)


def test_a_part_moves_alone(whole: Editor) -> None:
    whole.drag(0.22, 0.25, 0.32, 0.25)
    assert found(whole)["head"]["box"] == near(HEAD, 0.1) and found(whole)["eagle"]["box"] == EAGLE


def test_arrows_and_delete_take_the_parts_too(whole: Editor) -> None:
    whole.click(0.4, 0.6)
    whole.press("Shift+ArrowRight")
    assert found(whole)["head"]["box"] == near(HEAD, 10 / 512) and found(whole)["eagle"]["box"] == near(EAGLE, 10 / 512)
    whole.press("Delete")
    assert list(found(whole)) == ["rock"]


def test_a_key_groups_and_takes_apart_and_the_graph_makes_no_group(comfy: ComfyPage, editor: Editor) -> None:
    loaded(editor, document())
    editor.click(0.4, 0.6)
    editor.click(0.22, 0.25, "Shift")
    editor.press("Control+g")
    assert found(editor)["head"]["parent"] == "eagle" and "parent" not in found(editor)["eagle"]
    assert comfy.run("() => app.canvas.graph._groups.length") == 0 and comfy.nodes() == [editor.node]
    editor.press("Control+Shift+g")
    assert "parent" not in found(editor)["head"]


def test_the_menu_of_the_details_offers_what_can_be_a_whole(comfy: ComfyPage, whole: Editor) -> None:
    whole.do("({ store }) => store.setSession({ selection: ['head'], tab: 'inspector' })")
    comfy.frames(2)
    menu = whole.control("parent")
    assert menu.evaluate("one => one.value") == "eagle"
    menu.select_option("rock")
    assert found(whole)["head"]["parent"] == "rock"
    whole.do("({ store }) => store.setSession({ selection: ['rock'] })")
    comfy.frames(2)
    options = whole.control("parent").evaluate("one => [...one.options].map((option) => option.value)")
    assert options == ["", "eagle"], "neither itself nor its own part"


def test_the_list_says_what_is_a_part(comfy: ComfyPage, whole: Editor) -> None:
    script = "root => [...root.querySelectorAll('.ie-row')].map((row) => row.querySelector('.ie-tie:not([hidden])')?.title ?? '')"
    assert whole.root().evaluate(script) == ["Part of 1", "", ""]
    whole.do("({ store }) => store.dispatch({ type: 'reorder', ids: ['rock'], to: 0 })")
    comfy.frames(2)
    assert whole.root().evaluate(script) == ["Part of 2", "", ""]


def test_a_copied_whole_has_parts_of_its_own_in_another_node(comfy: ComfyPage) -> None:
    one, two = add_editor(comfy, 0, 0, (600, 680)), add_editor(comfy, 640, 0, (600, 680))
    loaded(one, document("eagle"))
    loaded(two, document())
    one.do("({ store }) => store.setSession({ selection: ['eagle'] })")
    one.focus()
    comfy.press("Control+c")
    two.focus()
    comfy.press("Control+v")
    eagle, head = two.instances[3:]
    assert (eagle["prompt"], head["prompt"]) == ("an eagle", "an eagle's head, turned left") and head[
        "parent"
    ] == eagle["id"] != "eagle"


def test_parts_are_saved_and_sent(comfy: ComfyPage, whole: Editor) -> None:
    whole.drag(0.4, 0.6, 0.5, 0.6)
    text = whole.text
    assert json.loads(whole.sent)["instances"][2]["parent"] == "eagle" and whole.sent == text
    [node] = comfy.run("() => app.rootGraph.serialize()")["nodes"]
    assert text in node["widgets_values"]  # what a reload brings back: test_graph.py


def test_a_layout_without_parts_is_kept_to_the_letter(editor: Editor) -> None:
    editor.load(document())
    assert editor.text == document()
    editor.do("({ store }) => store.dispatch({ type: 'setPrompt', prompt: 'x' })")
    assert "parent" not in editor.text
