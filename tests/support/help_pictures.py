"""Pictures of the help pages, taken from an open page: each node's graph, the editor, a score."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.document import layout_to_json
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support.browser import ComfyPage
from support.editor import Editor, add_editor
from support.help_graphs import GRAPHS, NOT_RUN, SCORE, Node, sampled
from support.pack import ROOT

DOCS = ROOT / "web" / "docs"
SCREEN = {"width": 1900, "height": 1300}
GAP, BETWEEN, TITLE, MARGIN = 24, 44, 30, 14  # in the graph's units; nodes are taller in Nodes 2.0
WIDEST = 1000  # pixels of a graph's picture: a help page is not wider
KEPT = ("id", "type", "pos", "size", "flags", "order", "mode", "inputs", "outputs", "properties", "widgets_values")


# ComfyUI keeps a node's pictures by its number, also for another graph's: begin behind those that there were.
NUMBERS = (
    "() => { window.lastNumber = (window.lastNumber ?? 0) + 100; app.rootGraph.state.lastNodeId = window.lastNumber; }"
)


def place(comfy: ComfyPage, columns: Any) -> None:
    """Nodes, links and positions of a graph."""
    comfy.run(NUMBERS)
    known: dict[str, int] = {}
    for node in (node for column in columns for node in column):
        known[node.key] = comfy.add(node.kind, values=node.values)
    for node in (node for column in columns for node in column):
        for name, source in node.links.items():
            key, output = source.split(".")
            comfy.link(known[key], int(output), known[node.key], name)
    left = 0
    for column in columns:
        top, width = 0, max(node.size[0] for node in column)
        for node in column:
            top += _put(comfy, known[node.key], node, left, top, width) + TITLE + BETWEEN
        left += width + GAP


def _put(comfy: ComfyPage, number: int, node: Node, left: float, top: float, width: float) -> float:
    """Move and size one node; its height."""
    script = """([id, left, top, width, height]) => { const node = app.canvas.graph.getNodeById(id);
      node.setSize([width, Math.max(height, node.computeSize()[1])]); node.pos = [left, top]; return node.size[1]; }"""
    return comfy.run(script, [number, left, top, width, node.size[1]])


def photograph(comfy: ComfyPage, name: str) -> Path:
    """web/docs/<name>.png: the graph after it ran, which opens when the picture is dropped onto ComfyUI's canvas."""
    place(comfy, GRAPHS[name])
    graph = comfy.run("() => app.rootGraph.serialize()")
    if name not in NOT_RUN:
        ran(comfy)
    picture = cut_out(comfy)
    kept = PngInfo()  # PNG: not every server says what a .webp is, and then ComfyUI does not look into it
    kept.add_text("workflow", json.dumps(lean(graph), separators=(",", ":")))
    return _saved(picture, name, kept)


def ran(comfy: ComfyPage) -> None:
    """Run the graph, and wait until its pictures are shown."""
    _, entry = comfy.queue(90)
    status = entry["status"]["status_str"]
    assert status == "success", entry["status"]
    shown = [number for number, output in entry["outputs"].items() if output.get("images")]
    script = "ids => { app.canvas.draw(true, true); return ids.every((id) => app.canvas.graph.getNodeById(id)?.imgs?.length); }"
    for _ in range(200):
        if comfy.run(script, shown):
            break
        comfy.page.wait_for_timeout(50)
    comfy.settle(200)


def cut_out(comfy: ComfyPage) -> Image.Image:
    """The part of the page that the graph's nodes fill."""
    comfy.page.set_viewport_size(SCREEN)
    script = """() => { const edges = app.canvas.graph._nodes.map((node) => { const [x, y, w, h] = node.boundingRect; return [x, y, x + w, y + h]; });
      return [0, 1, 2, 3].map((axis) => Math[axis < 2 ? "min" : "max"](...edges.map((edge) => edge[axis]))); }"""
    left, top, right, bottom = comfy.run(script)
    width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    scale = min(1.0, WIDEST / width, (SCREEN["height"] - 200) / height)
    x, y = 120, 140
    comfy.look(x - (left - MARGIN) * scale, y - (top - MARGIN) * scale, scale)
    comfy.run("() => { app.canvas.deselectAll(); app.canvas.draw(true, true); }")
    comfy.page.mouse.move(5, SCREEN["height"] - 5)
    comfy.page.add_style_tag(content=QUIET)
    comfy.settle(250)
    shot = comfy.page.screenshot(clip={"x": x, "y": y, "width": width * scale, "height": height * scale})
    return Image.open(io.BytesIO(shot)).convert("RGB")


# What lies over the graph.
QUIET = """.graph-canvas-container + *, .side-tool-bar-container, .workflow-tabs-container, .actionbar, .p-toast,
  .comfyui-body-top, .comfyui-body-left, .comfyui-body-bottom, [data-testid="topbar"] { visibility: hidden !important; }"""


def lean(graph: Mapping[str, Any]) -> dict[str, Any]:
    """The graph without what ComfyUI fills in by itself when it opens it."""
    nodes = []
    for node in graph["nodes"]:
        kept = {key: node[key] for key in KEPT if key in node} | {"properties": {}}
        for ends in ("inputs", "outputs"):
            kept[ends] = [
                {key: end[key] for key in ("name", "type", "link", "links", "widget", "shape") if end.get(key) is not None}
                for end in node.get(ends, ())
            ]  # fmt: skip
        nodes.append(kept)
    kept = {key: graph[key] for key in ("last_node_id", "last_link_id", "links", "version")}
    return {**kept, "nodes": nodes, "groups": [], "config": {}, "extra": {}}


def woods() -> str:
    """The layout that the pictures of the editor show: a box, a mask, a scribble, a box with a point."""
    y, x = np.mgrid[:128, :192] / 128
    water = encode_mask(y > 0.78 - 0.08 * np.sin(4 * x) ** 2)
    instances = (
        Instance("a", "a gray cat, British Shorthair", box=(0.03, 0.16, 0.32, 0.66)),
        Instance("b", "a small waterfall", mask=water),
        Instance(
            "c",
            "a yellow American robin",
            scribble=((0.42, 0.52), (0.41, 0.4), (0.46, 0.31), (0.52, 0.33), (0.56, 0.4)),
        ),
        Instance("d", "a brown Maltipoo dog", box=(0.66, 0.2, 0.96, 0.74), point=(0.8, 0.36)),
    )
    return layout_to_json(
        Layout(instances, 768, 512, "a cat, a robin and a dog on rocks beside a waterfall in the woods")
    )


def _filled(comfy: ComfyPage) -> Editor:
    editor = add_editor(comfy)
    editor.load(woods())
    editor.do("({ store }) => store.setSession({ selection: [store.doc.instances.at(-1).id] })")
    comfy.settle(200)
    return editor


def editor_picture(comfy: ComfyPage) -> Path:
    """web/docs/editor.png: the node with a box, a mask, a point and a scribble."""
    _filled(comfy)
    return _saved(cut_out(comfy), "editor")


def window_picture(comfy: ComfyPage) -> Path:
    """web/docs/editor-window.png: the first template in the full window, after three runs: the layout alone beside the last result."""
    comfy.page.set_viewport_size({"width": 1400, "height": 900})
    demo = json.loads((ROOT / "workflows" / "01-Start-here.json").read_text(encoding="utf-8"))
    comfy.run("graph => app.loadGraphData(graph, true, true, app.extensionManager.workflow.activeWorkflow)", demo)
    editor = Editor(comfy, comfy.nodes()[0]).ready()
    editor.focus()
    comfy.press("f")
    for seed in (7, 11, 23):
        editor.do("({ desk }, value) => desk.setSeed({ value, fixed: true })", seed)
        known = set(comfy.server.client.get("/history"))
        comfy.press("Control+Enter")
        comfy.finished(known, 120)
    editor.control("studio-compare").click()
    editor.control("studio-other").select_option("layout")
    comfy.settle(1000)
    shot = Image.open(io.BytesIO(comfy.page.screenshot())).convert("RGB")
    comfy.press("f")
    return _saved(shot, "editor-window")


def score_picture(comfy: ComfyPage) -> Path:
    """web/docs/layout-score.png: the demo model's picture with its marks, as the node gives it; one instance too many is asked for."""
    heart = {"prompt": "a white heart", "left": 0.1, "top": 0.6, "right": 0.4, "bottom": 0.9}
    asked = Node("asked", "InstDiffBox", heart, {"instances": "layout.0"})
    score = replace(SCORE, links={"image": "decode.0", "instances": "asked.0"})
    place(comfy, sampled(ends=[[asked, score]]))
    _, entry = comfy.queue(90)
    [number] = comfy.nodes("InstDiffLayoutScore")
    [image] = entry["outputs"][str(number)]["images"]
    return _saved(Image.fromarray(comfy.server.image(image)), "layout-score")


def _saved(picture: Image.Image, name: str, kept: PngInfo | None = None) -> Path:
    """The octree keeps the few vivid colours among the many greys."""
    path = DOCS / f"{name}.png"
    few = picture.quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True, pnginfo=kept)
    return path


OTHERS: Mapping[str, Callable[[ComfyPage], Path]] = {
    "editor": editor_picture, "editor-window": window_picture, "layout-score": score_picture,
}  # fmt: skip
