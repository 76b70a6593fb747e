"""The editor among other nodes: copies, subgraphs, reloads, the other renderer. The layout is never lost."""

import json

import numpy as np
import pytest
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.shapeworld.demo_header import demo_slots
from support.browser import EDITOR, ComfyPage
from support.editor import Editor, add_editor

BOX = {
    "version": 1,
    "width": 512,
    "height": 512,
    "prompt": "",
    "instances": [{"id": "fox", "prompt": "a fox", "box": [0.1, 0.2, 0.5, 0.9]}],
}
TEXT = layout_to_json(parse_layout(BOX))


def test_a_copied_node_has_a_layout_of_its_own(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(TEXT)
    comfy.select(editor.node)
    comfy.press("Control+c")
    comfy.page.mouse.move(1100, 600)
    comfy.press("Control+v")
    comfy.settle()
    [copy] = [Editor(comfy, node) for node in comfy.nodes() if node != editor.node]
    assert copy.ready().text == TEXT
    copy.do("({ store }) => store.dispatch({ type: 'remove', ids: ['fox'] })")
    assert copy.instances == [] and editor.text == TEXT
    assert comfy.prompt()[str(editor.node)]["inputs"]["layout"] == TEXT


def test_instances_are_pasted_into_another_node(comfy: ComfyPage) -> None:
    one, two = add_editor(comfy, 0, 0, (600, 680)), add_editor(comfy, 640, 0, (600, 680))
    one.load(TEXT)
    one.focus()
    comfy.press("Control+a", "Control+c")
    two.focus()
    comfy.press("Control+v")
    assert [i["prompt"] for i in two.instances] == ["a fox"] and two.instances[0]["box"] == BOX["instances"][0]["box"]
    assert one.text == TEXT and len(comfy.nodes()) == 2, "the graph copied nothing"
    clipboard = comfy.run("() => navigator.clipboard.readText()")
    assert parse_layout(clipboard).instances[0].prompt == "a fox"


def test_a_reload_brings_everything_back(comfy: ComfyPage, editor: Editor) -> None:
    part = {"id": "tail", "prompt": "its tail", "box": [0.1, 0.2, 0.2, 0.3], "parent": "fox"}
    editor.load(json.dumps({**BOX, "instances": [*BOX["instances"], part]}))
    editor.draw("b", [(0.55, 0.1), (0.9, 0.6)], "an owl")
    editor.draw("m", [(0.6, 0.7), (0.9, 0.7)], "a log")
    text = editor.text
    assert [i.get("parent") for i in editor.instances] == [None, "fox", None, None]
    comfy.settle(900)  # the page saves half a second later
    comfy.reload()
    again = Editor(comfy, editor.node).ready()
    assert again.text == text and again.sent == text


def test_a_saved_workflow_holds_the_text(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(TEXT)
    workflow = comfy.run("() => app.rootGraph.serialize()")
    [node] = [node for node in workflow["nodes"] if node["type"] == EDITOR]
    assert TEXT in node["widgets_values"]
    comfy.run("async workflow => { await app.loadGraphData(workflow); }", workflow)
    assert Editor(comfy, node["id"]).ready().text == TEXT


def test_in_a_subgraph_it_is_edited_and_reaches_the_server(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(TEXT)
    show = comfy.add("InstDiffPreview", 1000, 0)
    comfy.link(editor.node, 0, show, "instances")
    comfy.select(editor.node)
    comfy.command("Comfy.Graph.ConvertToSubgraph")
    comfy.settle()
    assert comfy.nodes() == []
    graph, _ = comfy.queue()
    [inner] = [node for node in graph.values() if node["class_type"] == EDITOR]
    assert inner["inputs"]["layout"] == TEXT

    comfy.enter_subgraph()
    inside = Editor(comfy, comfy.nodes()[0]).ready()
    inside.draw("b", [(0.6, 0.1), (0.9, 0.3)], "an owl")
    text = inside.text
    assert [i["prompt"] for i in inside.instances] == ["a fox", "an owl"]
    graph, _ = comfy.queue()
    assert [node["inputs"]["layout"] for node in graph.values() if node["class_type"] == EDITOR] == [text]
    comfy.leave_subgraph()
    comfy.enter_subgraph()
    assert Editor(comfy, comfy.nodes()[0]).ready().text == text
    comfy.leave_subgraph()


def test_switching_the_renderer_keeps_it(comfy: ComfyPage, editor: Editor) -> None:
    own = comfy.renderer
    editor.draw("b", [(0.1, 0.1), (0.5, 0.6)], "a fox")
    text = editor.text
    try:
        comfy.set_renderer("classic" if own == "nodes2" else "nodes2")
        editor.ready()
        assert editor.text == text
        editor.draw("p", [(0.7, 0.3)], "a star")
        assert [i["prompt"] for i in editor.instances] == ["a fox", "a star"]
    finally:
        comfy.set_renderer(own)
    editor.ready()
    editor.draw("p", [(0.8, 0.8)], "a stone")
    assert [i["prompt"] for i in editor.instances] == ["a fox", "a star", "a stone"]
    assert editor.sent == editor.text


def test_the_number_of_instances_is_that_of_the_connected_weights(comfy: ComfyPage, editor: Editor) -> None:
    assert editor.session["slots"] == 30 and editor.session["words"] == []
    most = demo_slots()
    combine, apply = comfy.add("InstDiffSelect", 1000, 0), comfy.add("InstDiffApply", 1300, 0)
    loader = comfy.add("InstDiffLoadDemoModel", 1000, 400)
    comfy.link(combine, 0, apply, "instances")
    comfy.link(loader, 3, apply, "instdiff_model")
    comfy.link(editor.node, 0, combine, "instances")
    assert editor.session["slots"] == most and "heart" in editor.session["words"]
    many = [{"id": str(i), "prompt": f"thing {i}", "point": [0.9 * i / most, 0.5]} for i in range(most + 1)]
    editor.do("({ store }, doc) => store.dispatch({ type: 'replace', doc: { ...store.doc, instances: doc } })",
              [{**one, "strength": 1, "start": 0, "end": 1, "color": "", "visible": True, "locked": False} for one in many])  # fmt: skip
    comfy.settle(350)
    assert f"the model reads {most}" in editor.root().query_selector(".ie-general").text_content()
    other = comfy.add("InstDiffLoadModel", 1000, 700)
    comfy.link(other, 0, apply, "instdiff_model")
    editor.do("({ store }) => store.dispatch({ type: 'setPrompt', prompt: 'many things' })")
    comfy.settle(350)
    assert editor.session["slots"] == 30 and editor.session["words"] == []
    assert editor.root().query_selector(".ie-general").is_visible() == (most + 1 > 30)


@pytest.mark.parametrize("frontend, shared_page", [("pinned", "classic"), ("newest", "nodes2")], indirect=True)
def test_the_size_that_the_graph_paints_is_said_and_taken_in_one_click(comfy: ComfyPage, editor: Editor) -> None:
    apply, loader = comfy.add("InstDiffApply", 1000, 0), comfy.add("InstDiffLoadDemoModel", 900, 400)
    empty, sampler = comfy.add("InstDiffEmptyLatent", 1300, 300), comfy.add("KSampler", 1300, 0)
    for source, output, target, name in (
        (editor.node, 0, apply, "instances"), (loader, 3, apply, "instdiff_model"), (apply, 0, sampler, "model"),
        (editor.node, 0, empty, "instances"), (loader, 0, empty, "model"), (empty, 0, sampler, "latent_image"),
    ):  # fmt: skip
        comfy.link(source, output, target, name)

    def says() -> str:
        """The line below width and height, once the pointer has come back from the graph."""
        editor.root().dispatch_event("pointerenter")
        comfy.frames(2)
        line = editor.root().query_selector(".ie-painted")
        return line.query_selector("span").text_content() if line.is_visible() else ""

    assert says() == "The graph paints 256 × 256." and editor.document["width"] == 512
    comfy.screenshot(f"painted-{comfy.renderer}")
    editor.act("canvas-painted")
    comfy.frames(2)
    assert (editor.document["width"], editor.document["height"], says()) == (256, 256, "")
    other = comfy.add("EmptyLatentImage", 1300, 500, values={"width": 512, "height": 768})
    comfy.link(other, 0, sampler, "latent_image")
    assert says() == "The graph paints 512 × 768: another shape than the canvas."
    for output, name in ((1, "width"), (2, "height")):
        comfy.link(editor.node, output, other, name)
    assert says() == "", "the canvas decides"


def test_the_weights_are_found_through_the_borders_of_subgraphs(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(TEXT)
    apply, loader = comfy.add("InstDiffApply", 1300, 0), comfy.add("InstDiffLoadDemoModel", 1000, 400)
    comfy.link(loader, 3, apply, "instdiff_model")
    comfy.link(editor.node, 0, apply, "instances")

    def found(editor: Editor) -> bool:
        """Whether the demo model's words are known after the next change."""
        editor.do("({ store }) => { store.setSession({ words: [] });"
                  "store.dispatch({ type: 'setPrompt', prompt: `${store.doc.prompt} fox` }); }")  # fmt: skip
        return "heart" in editor.session["words"]

    def wrap(*nodes: int) -> None:
        comfy.select(*nodes)
        comfy.command("Comfy.Graph.ConvertToSubgraph")
        comfy.page.wait_for_function("() => app.canvas.graph._nodes.some((one) => one.isSubgraphNode?.())")

    assert found(editor)
    wrap(loader)
    assert found(editor.ready()), "the weights come out of a subgraph"
    wrap(apply)
    assert found(editor.ready()), "and are used in another"
    wrap(editor.node)
    script = """editor => { const holder = app.canvas.graph._nodes.find(({ subgraph }) => subgraph?._nodes.some(({ type }) => type === editor));
      app.canvas.openSubgraph(holder.subgraph, holder); }"""
    comfy.run(script, EDITOR)
    comfy.settle()
    comfy.look(90, 140)
    assert found(Editor(comfy, comfy.nodes()[0]).ready()), "and the layout comes out of a third"
    comfy.leave_subgraph()


def test_bypass_and_back(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(TEXT)
    comfy.select(editor.node)
    for mode in (4, 0):
        comfy.command("Comfy.Canvas.ToggleSelectedNodes.Bypass")
        assert comfy.run("id => app.canvas.graph.getNodeById(id).mode", editor.node) == mode
    assert editor.ready().text == TEXT and editor.sent == TEXT


def test_a_text_that_cannot_be_read_is_kept_and_can_be_mended(comfy: ComfyPage, editor: Editor) -> None:
    broken = TEXT.replace('"box"', '"box')
    editor.load(broken)
    assert editor.text == broken == editor.sent
    assert editor.control("error-text").input_value() == broken
    comfy.screenshot("unreadable")
    editor.focus()
    editor.press("Control+v", "Delete", "b")
    assert editor.text == broken
    workflow = comfy.run("() => app.rootGraph.serialize()")
    comfy.run("async workflow => { await app.loadGraphData(workflow); }", workflow)
    editor.ready(canvas=False)
    assert editor.text == broken
    _, entry = comfy.queue()
    assert entry["status"]["status_str"] == "error"
    # the page marks the node then, and a click meanwhile may meet nothing
    comfy.page.wait_for_function("() => app.lastExecutionError")
    comfy.frames(3)
    assert editor.text == broken
    editor.control("error-text").fill(TEXT)
    editor.act("error-retry")
    editor.ready()
    assert editor.text == TEXT and editor.instances


def test_queueing_while_a_prompt_is_typed_sends_what_was_typed(comfy: ComfyPage, editor: Editor) -> None:
    editor.tool("b")
    editor.drag(0.1, 0.1, 0.5, 0.5)
    comfy.page.keyboard.type("a fox")
    known = set(comfy.server.client.get("/history"))
    comfy.press("Control+Enter")
    graph, _ = comfy.finished(known)
    assert json.loads(graph[str(editor.node)]["inputs"]["layout"])["instances"][0]["prompt"] == "a fox"


def test_the_wheel_zooms_the_layout_only_where_one_works(comfy: ComfyPage, editor: Editor) -> None:
    comfy.click_empty()
    comfy.page.mouse.move(*editor.at(0.5, 0.5))
    before = comfy.run("() => app.canvas.ds.scale")
    comfy.page.mouse.wheel(0, -200)
    comfy.settle()
    assert comfy.run("() => app.canvas.ds.scale") > before and editor.session["zoom"] is None
    comfy.look(90, 140)
    editor.focus()
    comfy.page.mouse.move(*editor.at(0.5, 0.5))
    graph = comfy.run("() => app.canvas.ds.scale")
    at = editor.at(0.5, 0.5)
    comfy.page.mouse.wheel(0, -300)
    comfy.settle()
    assert editor.session["zoom"] and comfy.run("() => app.canvas.ds.scale") == graph
    assert max(abs(a - b) for a, b in zip(editor.at(0.5, 0.5), at, strict=True)) < 2, "it zooms towards the pointer"


def test_pointers_are_right_at_any_zoom_of_the_graph(comfy: ComfyPage, editor: Editor) -> None:
    comfy.look(120, 150, 0.6)
    editor.draw("b", [(0.2, 0.3), (0.6, 0.7)])
    comfy.look(90, 140, 1)
    assert all(abs(a - b) < 0.01 for a, b in zip(editor.instances[0]["box"], (0.2, 0.3, 0.6, 0.7), strict=True))


def test_the_full_window_and_back(comfy: ComfyPage, editor: Editor) -> None:
    editor.focus()
    small = editor.at(1, 1)[0] - editor.at(0, 0)[0]
    editor.press("f")
    comfy.settle()
    assert editor.at(1, 1)[0] - editor.at(0, 0)[0] > small
    editor.draw("b", [(0.2, 0.2), (0.6, 0.6)], "a fox")
    comfy.screenshot("full-window")
    editor.press("f")
    comfy.settle()
    assert editor.ready().instances[0]["prompt"] == "a fox" and editor.sent == editor.text


def test_removed_nodes_leave_nothing_behind(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(TEXT)
    comfy.select(editor.node)
    comfy.click_title(editor.node)
    comfy.press("Delete")
    comfy.settle()
    assert comfy.nodes() == [] and comfy.page.query_selector(".instdiff-editor") is None
    comfy.press("Control+z")
    comfy.settle()
    assert Editor(comfy, comfy.nodes()[0]).ready().text == TEXT


def test_a_score_reads_as_text_in_the_page(comfy: ComfyPage) -> None:
    comfy.server.put_input("gray.png", np.full((64, 64, 3), 200, np.uint8))
    picture = comfy.add("LoadImage", 0, 0, values={"image": "gray.png"})
    layout = comfy.add("InstDiffFromJSON", 0, 400, values={"text": TEXT})
    score = comfy.add("InstDiffLayoutScore", 400, 0, values={"detector": "shape world"})
    shown = comfy.add("PreviewAny", 800, 0)
    comfy.link(picture, 0, score, "image")
    comfy.link(layout, 0, score, "instances")
    comfy.link(score, 1, shown, "source")
    comfy.queue()
    words = comfy.run(
        "id => app.canvas.graph.getNodeById(id).widgets.map((one) => one.value).find((v) => v?.length)", shown
    )
    words = "".join(words)
    assert words.startswith("Score 0.00: 0 of 1 passed.") and "- 1 (a fox): FAIL" in words
    assert not set("*|#") & set(words)
