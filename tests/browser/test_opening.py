"""The templates as they open: readable, and no node covers another, also while pictures are shown in them."""

import json
from typing import Any

import pytest
from support.browser import READY, SIZE, ComfyPage
from support.editor import Editor
from support.pack import ROOT

TEMPLATES = sorted((ROOT / "workflows").glob("*.json"))
WINDOW = {"width": 1920, "height": 945}  # a browser's on a Full HD screen
# with the newest frontend these alone: loading takes its time
LARGE = tuple(path.stem for path in TEMPLATES if path.stem[:2] in ("01", "11", "13", "15"))
READABLE = 0.573  # ComfyUI's classic canvas leaves out titles and values below 8/14
FIRST = ("01", "02", "03", "04")  # readable on a laptop, too
ROOMY = 300  # CSS pixels of the canvas that one draws on

# Nodes as they are drawn, in the graph's units: [left, top, right, bottom] with the title.
PLACES = """() => { const { canvas, ds, graph } = app.canvas, page = canvas.getBoundingClientRect();
  return Object.fromEntries(graph._nodes.map((node) => {
    const element = document.querySelector(`[data-node-id="${node.id}"]`);
    let [left, top, width, height] = node.boundingRect;
    if (element) {
      const shown = element.getBoundingClientRect();
      [left, top] = [shown.left - page.left, shown.top - page.top].map((at, axis) => at / ds.scale - ds.offset[axis]);
      [width, height] = [shown.width / ds.scale, shown.height / ds.scale];
    }
    return [`${node.id} ${node.title}`, [left, top, left + width, top + height]];
  })); }"""
GROUPS = "() => app.canvas.graph._groups.map((group) => [...group.pos, ...group.size])"
# In a tab of its own as a user opens it, or in the tab that is open, which takes a sixth of the time.
OPEN = (
    """([graph, name]) => app.loadGraphData(graph, true, true, name ?? app.extensionManager.workflow.activeWorkflow)"""
)
# What samplers send while they work, and what the nodes of pictures show afterwards.
SHOW = """async (kinds) => { const { api } = await import("/scripts/api.js");
  const square = new OffscreenCanvas(64, 64); square.getContext("2d").fillRect(0, 0, 64, 64);
  const blob = await square.convertToBlob();
  for (const { id, type } of app.canvas.graph._nodes) if (kinds.includes(type)) {
    const node = `${id}`;
    api.dispatchCustomEvent("b_preview_with_metadata",
      { blob, nodeId: node, displayNodeId: node, realNodeId: node, parentNodeId: null, jobId: "template" });
  } }"""
WITHOUT = """(kinds) => { app.canvas.draw(true, true);
  return app.canvas.graph._nodes.filter(({ id, type, imgs }) => kinds.includes(type) && !imgs?.length
    && !document.querySelector(`[data-node-id="${id}"] img`)?.complete).map((node) => node.title); }"""
WITH_PICTURES = (
    "KSampler", "InstDiffKSampler", "SaveImage", "PreviewImage", "InstDiffPreview", "InstDiffLayoutScore",
)  # fmt: skip


def covered(places: dict[str, list[float]]) -> list[str]:
    """Which node covers which, and by how much."""
    found = []
    nodes = list(places.items())
    for i, (one, a) in enumerate(nodes):
        for other, b in nodes[i + 1 :]:
            width, height = (min(a[axis + 2], b[axis + 2]) - max(a[axis], b[axis]) for axis in (0, 1))
            if width > 1 and height > 1:
                found.append(f"{one} and {other} by {width:.0f} x {height:.0f}")
    return found


def outside(places: dict[str, list[float]], groups: list[list[float]]) -> list[str]:
    """Which nodes hang out of their group. Samplers may while they show a preview: most of the time there is none."""
    return [
        f"{one} hangs out of its group"
        for one, (left, top, right, bottom) in places.items()
        if "KSampler" not in one
        and not any(
            x <= left + 1 and y <= top + 1 and right <= x + width + 1 and bottom <= y + height + 1
            for x, y, width, height in groups
        )
    ]


def settled(comfy: ComfyPage) -> dict[str, Any]:
    """The nodes' places once they no longer change."""
    last = None
    for _ in range(30):
        comfy.frames(3)
        places = comfy.run(PLACES)
        if places == last:
            return places
        last = places
    raise AssertionError("the nodes do not come to rest")


def wait_for_pictures(comfy: ComfyPage) -> None:
    """Until every node that shows one has its picture."""
    for _ in range(100):
        missing = comfy.run(WITHOUT, WITH_PICTURES)
        if not missing:
            return
        comfy.page.wait_for_timeout(20)
    raise AssertionError(f"no picture came to {missing}")


def zoom(places: dict[str, list[float]], window: dict[str, int]) -> float:
    """At which ComfyUI opens a graph: its nodes, with a border of 10, fill three quarters of the window."""
    left, top = (min(place[axis] for place in places.values()) - 10 for axis in (0, 1))
    right, bottom = (max(place[axis] for place in places.values()) + 10 for axis in (2, 3))
    return 0.75 * min(window["width"] / (right - left), window["height"] / (bottom - top))


def cramped(comfy: ComfyPage) -> list[str]:
    """Layout editors with a small canvas, or with the list below it."""
    found = []
    for node in comfy.nodes():
        canvas = Editor(comfy, node).ready().root().query_selector("canvas.ie-canvas")
        wide, high, beside = canvas.evaluate(
            "one => [one.clientWidth, one.clientHeight, one.closest('.ie-layout').clientWidth - one.clientWidth > 200]"
        )
        if min(wide, high) < ROOMY or not beside:
            found.append(f"the canvas of editor {node} is {wide} x {high}, {'beside' if beside else 'above'} the list")
    return found


def test_every_template_opens_readable_and_no_node_covers_another(
    comfy: ComfyPage, request: pytest.FixtureRequest
) -> None:
    faults = []
    large_alone = "newest" in request.node.callspec.id
    for path in TEMPLATES:
        own_tab = path.stem in LARGE
        if large_alone and not own_tab:
            continue
        comfy.run(OPEN, [json.loads(path.read_text(encoding="utf-8")), path.stem if own_tab else None])
        places = settled(comfy)
        if own_tab:
            assert comfy.run("() => app.canvas.ds.scale") == pytest.approx(zoom(places, SIZE), rel=0.01)
        for window in (WINDOW, SIZE) if path.stem[:2] in FIRST else (WINDOW,):
            if zoom(places, window) < READABLE:
                faults.append(f"{path.stem} opens at {zoom(places, window):.1%} in {window}")
        faults += [f"{path.stem}: {what}" for what in cramped(comfy)]
        faults += [f"{path.stem}: {what}" for what in covered(places)]
        comfy.look(250, 100, 0.4)  # what lies outside the page is not drawn
        comfy.run(SHOW, WITH_PICTURES)
        wait_for_pictures(comfy)
        places, groups = settled(comfy), comfy.run(GROUPS)
        faults += [f"{path.stem}, with pictures: {what}" for what in covered(places) + outside(places, groups)]
    assert not faults, "\n".join(faults)


# What the browser hands over when a picture is dragged from the help page.
DROP = """async (path) => { const transfer = new DataTransfer(), { x, y } = app.canvas.canvas.getBoundingClientRect();
  transfer.setData("text/uri-list", new URL(path, location.href).href);
  app.canvas.canvas.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, clientX: x + 400, clientY: y + 300 })); }"""


def test_a_help_page_s_picture_dropped_onto_the_canvas_opens_its_graph(comfy: ComfyPage) -> None:
    for node, kinds in (("InstDiffBox", 2), ("InstDiffApply", 1)):
        comfy.run(DROP, f"/extensions/instdiff/docs/{node}.png")
        comfy.page.wait_for_function("kind => app.canvas.graph._nodes.some((node) => node.type === kind)", arg=node)
        settled(comfy)
        comfy.page.wait_for_function(READY)  # a second drop while the page's mask fades would leave it there for good
        assert len(comfy.nodes(node)) == kinds
        sent = comfy.prompt()
        assert any(one["class_type"] == node for one in sent.values())
