"""Layouts in and out of the editor: files, the clipboard, pictures behind it, layouts that come over a wire."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.importers import read_layout
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.incoming import fingerprint
from PIL import Image
from support.browser import ComfyPage
from support.editor import Editor, drop, pixel
from support.pack import ROOT

LAYOUTS = ROOT / "tests" / "data" / "layouts" / "valid"
HYBRID = (LAYOUTS / "hybrid_wide.json").read_text(encoding="utf-8")
WIDE = parse_layout({
    "version": 1, "width": 768, "height": 512, "prompt": "a valley",
    "instances": [{"id": "fox", "prompt": "a red fox", "box": [0.125, 0.25, 0.5, 0.75]}, {"id": "owl", "prompt": "an owl", "box": [0.5, 0.125, 0.75, 0.5]}],
})  # fmt: skip
TEXT = layout_to_json(WIDE)


def menu(editor: Editor, act: str) -> None:
    editor.act("file-menu")
    editor.act(act)


def open_file(editor: Editor, path: Path) -> None:
    with editor.page.expect_file_chooser() as chooser:
        menu(editor, "open-file")
    chooser.value.set_files(path)
    editor.comfy.settle()


def saved(editor: Editor, act: str) -> bytes:
    with editor.page.expect_download() as download:
        menu(editor, act)
    return Path(download.value.path()).read_bytes()


def test_our_own_file_goes_in_and_out_unchanged(editor: Editor) -> None:
    open_file(editor, LAYOUTS / "hybrid_wide.json")
    assert parse_layout(editor.text) == parse_layout(HYBRID)
    assert saved(editor, "save-json").decode() == editor.text


@pytest.mark.parametrize("kind", ["authors", "coco", "boxes", "elements"])
def test_other_formats_go_out_and_come_back(editor: Editor, kind: str, tmp_path: Path) -> None:
    editor.load(TEXT)
    data = saved(editor, f"export-{kind}")
    if kind in ("authors", "coco"):
        given = read_layout(data.decode())
        assert [i.prompt for i in given.instances] == ["a red fox", "an owl"] and given.instances[
            0
        ].box == WIDE.instances[0].box
    (tmp_path / "layout.json").write_bytes(data)
    menu(editor, "clear")
    assert editor.instances == []
    open_file(editor, tmp_path / "layout.json")
    assert [(i["prompt"], i["box"]) for i in editor.instances] == [(i.prompt, list(i.box)) for i in WIDE.instances]


def test_a_picture_of_the_layout_is_saved(editor: Editor) -> None:
    editor.load(TEXT)
    with Image.open(io.BytesIO(saved(editor, "save-png"))) as picture:
        assert picture.format == "PNG" and picture.width / picture.height == 1.5
        assert np.asarray(picture.convert("L")).std() > 5


def test_json_through_the_clipboard_and_what_cannot_be_read(editor: Editor) -> None:
    editor.load(TEXT)
    menu(editor, "copy-json")
    editor.comfy.settle()
    assert parse_layout(editor.comfy.run("() => navigator.clipboard.readText()")) == WIDE
    menu(editor, "clear")
    menu(editor, "import-clipboard")
    editor.comfy.settle()
    assert [i["prompt"] for i in editor.instances] == ["a red fox", "an owl"]
    before = editor.text
    editor.comfy.run("() => navigator.clipboard.writeText('{\"nothing\": 1}')")
    menu(editor, "import-clipboard")
    editor.comfy.settle()
    assert editor.text == before and editor.session["notice"]["level"] == "warn"


def test_a_dropped_file_asks_before_it_replaces(comfy: ComfyPage, editor: Editor) -> None:
    drop(editor, "layout.json", "application/json", TEXT.encode())
    assert parse_layout(editor.text) == WIDE and len(comfy.nodes()) == 1, "the graph took nothing for a workflow"
    drop(editor, "layout.json", "application/json", TEXT.encode())
    editor.act("import-add")
    comfy.settle()
    assert len(editor.instances) == 4 and len({i["id"] for i in editor.instances}) == 4
    drop(editor, "layout.json", "application/json", TEXT.encode())
    editor.act("import-replace")
    comfy.settle()
    assert len(editor.instances) == 2


def test_what_others_wrote_is_asked_about_read_or_named(comfy: ComfyPage, editor: Editor) -> None:
    def drop_json(value: object) -> None:
        drop(editor, "data.json", "application/json", json.dumps(value).encode())

    detections = [{"bbox": [64, 128, 320, 384], "label": "a head"}, {"bbox": [1, 2, 3], "label": "short"}]
    drop_json(detections)
    assert editor.instances == [] and editor.control("reading-go").is_disabled()
    editor.control("reading-cancel").click()
    comfy.settle()
    assert editor.instances == [], "nothing is imported on cancel"
    drop_json(detections)
    editor.control("reading-units").select_option("pixels")
    editor.control("reading-order").select_option("left, top, right, bottom")
    comfy.screenshot(f"question-{comfy.renderer}")
    editor.act("reading-go")
    comfy.settle()
    assert [(i["prompt"], i["box"]) for i in editor.instances] == [("a head", [0.125, 0.25, 0.625, 0.75])]
    assert "Imported 1 instance. Instance 2 (short)" in editor.session["notice"]["text"]

    shapes = [{"label": "a dog", "shape_type": "rectangle", "points": [[100, 60], [20, 20]]}]
    drop_json({"version": "5.2.1", "shapes": shapes, "imagePath": "a.jpg", "imageWidth": 200, "imageHeight": 100})
    editor.act("import-replace")
    comfy.settle()
    assert (editor.document["width"], editor.document["height"]) == (200, 100)
    assert [(i["prompt"], i["box"]) for i in editor.instances] == [("a dog", [0.1, 0.2, 0.5, 0.6])]

    editor.do("({ store }) => store.dispatch({ type: 'replace', doc: { ...store.doc, instances: "
              "store.doc.instances.map(({ box, ...rest }) => ({ ...rest, point: [0.5, 0.5] })) } })")  # fmt: skip
    assert json.loads(saved(editor, "export-coco"))["annotations"]
    assert "cannot hold everything: 1 point (only boxes are written)" in editor.session["notice"]["text"]

    before = editor.text
    drop_json({"1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}})
    assert "This is a ComfyUI workflow" in editor.root().query_selector(".ie-ask").text_content()
    assert editor.text == before
    editor.act("workflow-load")
    comfy.page.wait_for_function("() => app.graph._nodes.some((node) => node.type === 'EmptyLatentImage')")


def test_a_dropped_picture_lies_behind(comfy: ComfyPage, editor: Editor) -> None:
    dark = pixel(editor, 0.5, 0.5)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (0, 255, 0)).save(file, "PNG")
    drop(editor, "green.png", "image/png", file.getvalue())
    comfy.settle(300)
    red, green, blue = pixel(editor, 0.5, 0.5)
    assert green > max(red, blue) + 40 and (red, green, blue) != dark
    assert editor.instances == [] and len(comfy.nodes()) == 1


def test_a_connected_picture_lies_behind(comfy: ComfyPage, editor: Editor) -> None:
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, :32], half[:, 32:] = (255, 0, 0), (0, 0, 255)
    comfy.server.put_input("half.png", half)
    picture = comfy.add("LoadImage", 1000, 0, values={"image": "half.png"})
    comfy.link(picture, 0, editor.node, "background")
    comfy.queue()
    comfy.settle(300)
    left, right = pixel(editor, 0.25, 0.5), pixel(editor, 0.75, 0.5)
    assert left[0] > left[2] + 40 and right[2] > right[0] + 40
    editor.draw("b", [(0.1, 0.1), (0.4, 0.6)], "a fox")
    comfy.screenshot(f"background-{comfy.renderer}")
    editor.act("view-menu")
    editor.act("background-none")
    editor.press("Escape")
    comfy.settle()
    assert max(pixel(editor, 0.75, 0.5)) - min(pixel(editor, 0.75, 0.5)) < 40


def test_the_last_result_of_the_graph_lies_behind(comfy: ComfyPage, editor: Editor) -> None:
    comfy.server.put_input("yellow.png", np.full((64, 64, 3), (255, 255, 0), np.uint8))
    picture = comfy.add("LoadImage", 1000, 0, values={"image": "yellow.png"})
    shown = comfy.add("PreviewImage", 1300, 0)
    comfy.link(picture, 0, shown, "images")
    comfy.queue()
    assert max(pixel(editor, 0.5, 0.5)) < 100, "it is not shown before it is asked for"
    editor.act("view-menu")
    editor.act("background-last")
    editor.press("Escape")
    comfy.page.wait_for_function("root => root.__instdiff.store.session.picture", arg=editor.root())
    comfy.frames(2)
    red, green, blue = pixel(editor, 0.5, 0.5)
    assert min(red, green) > blue + 40


def test_the_background_is_shown_inside_a_subgraph(comfy: ComfyPage, editor: Editor) -> None:
    comfy.server.put_input("green.png", np.full((64, 64, 3), (0, 255, 0), np.uint8))
    picture = comfy.add("LoadImage", 1000, 0, values={"image": "green.png"})
    comfy.link(picture, 0, editor.node, "background")
    comfy.select(editor.node)
    comfy.command("Comfy.Graph.ConvertToSubgraph")
    comfy.settle()
    comfy.enter_subgraph()
    comfy.queue()
    comfy.settle(400)
    red, green, blue = pixel(Editor(comfy, comfy.nodes()[0]).ready(), 0.5, 0.5)
    comfy.leave_subgraph()
    assert green > max(red, blue) + 40


def test_an_incoming_layout_fills_the_editor_and_edits_win_until_it_changes(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", [(0.6, 0.6), (0.9, 0.9)], "mine")
    mine = editor.text
    source = comfy.add("InstDiffFromJSON", 1000, 0, values={"text": TEXT})
    comfy.link(source, 0, editor.node, "instances")
    comfy.queue()
    comfy.settle(200)
    filled = editor.text
    assert parse_layout(filled).instances == WIDE.instances and editor.document["source"] == fingerprint(WIDE)
    assert (editor.document["width"], editor.document["prompt"]) == (768, "a valley")
    editor.focus()
    comfy.press("Control+z")
    comfy.settle()
    assert editor.ready().text == mine, "filling it is one step"
    comfy.press("Control+y")
    comfy.settle()
    assert editor.ready().text == filled

    editor.do("({ store }) => store.dispatch({ type: 'remove', ids: ['owl'] })")
    edited = editor.text
    graph, entry = comfy.queue()
    assert graph[str(editor.node)]["inputs"]["layout"] == edited == editor.text
    assert "instdiff_incoming" not in entry["outputs"].get(str(editor.node), {})

    other = layout_to_json(parse_layout(TEXT.replace("a red fox", "a blue fox")))
    script = "([id, text]) => { app.canvas.graph.getNodeById(id).widgets[0].value = text; }"
    comfy.run(script, [source, other])
    comfy.queue()
    comfy.settle(200)
    assert [json.loads(editor.text)["instances"][i]["prompt"] for i in (0, 1)] == ["a blue fox", "an owl"]
