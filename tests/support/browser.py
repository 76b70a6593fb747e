"""A real browser at a real ComfyUI page, and its graph. The Layout Editor itself is in support/editor.py."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.environment import home
from support.server import ComfyServer, Graph

if TYPE_CHECKING:  # without Playwright the tests are skipped, not broken
    from playwright.sync_api import Browser, Page

EDITOR = "InstDiffLayoutEditor"
OURS = "/extensions/instdiff/"
SIZE = {"width": 1400, "height": 900}
VIEW = (90, 140)  # where the graph's origin lies in the page: beside the sidebar, below the tabs and menus
# No first-run dialogs, no news, nothing that moves by itself.
SETTINGS = {
    "Comfy.TutorialCompleted": True, "Comfy.InstalledVersion": "1.0.0", "Comfy.Release.Status": "skipped",
    "Comfy.Notification.ShowVersionUpdates": False, "Comfy.OnboardingCoachmarks.Seen": True, "Comfy.Minimap.Visible": False,
    "Comfy.Workflow.ShowMissingModelsWarning": False, "Comfy.EnableTooltips": False, "Comfy.Canvas.SelectionToolbox": False,
    "Comfy.EnableWorkflowViewRestore": True, "Comfy.RightSidePanel.IsOpen": False,
}  # fmt: skip
# The page's spinner turns until the workflows of before are back and the template that the address names is open; its mask, which takes
# every click, fades a moment longer.
READY = f"""() => window.app?.extensionManager?.spinner === false && !document.querySelector('.p-blockui-mask')
  && window.app.rootGraph && !app.configuringGraph && window.LiteGraph?.registered_node_types?.{EDITOR} && document.querySelector('canvas')"""
# Which runs the page knows to have ended. Their ends come to the page that started them.
LISTEN = """() => { window.instdiffEnded = new Set();
  for (const end of ["execution_success", "execution_error", "execution_interrupted"])
    app.api.addEventListener(end, ({ detail }) => window.instdiffEnded.add(detail.prompt_id)); }"""
# Nor do buttons pulse and bars slide while a graph runs: half of a run's work in the browser would be to draw them.
AT_REST = """addEventListener("DOMContentLoaded", () => { const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, *::before, *::after { animation: none !important; transition: none !important; }");
  document.adoptedStyleSheets.push(sheet); });"""
EMPTY_GRAPH = {
    "version": 0.4,
    "nodes": [],
    "links": [],
    "groups": [],
    "config": {},
    "extra": {},
    "last_node_id": 0,
    "last_link_id": 0,
}


def screenshots() -> Path:
    """Where pictures of pages go: the folder `screenshots` of the tests' home, or that of INSTDIFF_SCREENSHOTS."""
    return Path(os.environ.get("INSTDIFF_SCREENSHOTS") or home() / "screenshots")


class ComfyPage:
    """One page. `renderer`: "classic" or "nodes2". `problems`: errors of our own scripts since the list was last cleared."""

    def __init__(
        self,
        browser: Browser,
        server: ComfyServer,
        renderer: str,
        settings: Mapping[str, Any] | None = None,
        address: str = "",
        window: Mapping[str, int] = SIZE,
    ) -> None:
        """address: what is opened, if not the server's own. window: {width, height} in pixels."""
        self.server, self.renderer = server, renderer
        self.problems: list[str] = []
        self._set(settings or {})
        # Firefox has no such permissions to give
        clipboard = [] if browser.browser_type.name == "firefox" else ["clipboard-read", "clipboard-write"]
        self.context = browser.new_context(viewport=dict(window), permissions=clipboard)
        self.context.add_init_script(AT_REST)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("pageerror", lambda error: self._note(f"{error}\n{error.stack or ''}"))
        self.page.on(
            "console", lambda said: said.type == "error" and self._note(f"{said.text} {said.location.get('url', '')}")
        )
        self.page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
        self.page.goto(address or server.url, wait_until="domcontentloaded")
        self._wait_until_ready()

    def _set(self, settings: Mapping[str, Any]) -> None:
        """Settings of ComfyUI before its page opens."""
        vue = {"Comfy.VueNodes.Enabled": self.renderer == "nodes2"}
        self.server.client.post("/api/settings", {**SETTINGS, **vue, **settings})

    def _note(self, text: str) -> None:
        if OURS in text:
            self.problems.append(text)

    def _wait_until_ready(self) -> None:
        self.page.wait_for_function(READY, timeout=60_000)
        self.run(LISTEN)

    def reload(self) -> None:
        """F5, and wait until the last workflow is back."""
        self.page.reload(wait_until="domcontentloaded")
        self._wait_until_ready()

    def visit(self, address: str) -> None:
        """Open an address of the page, such as that of a template, and wait until it is ready."""
        self.page.goto(f"{self.server.url}/{address}", wait_until="domcontentloaded")
        self._wait_until_ready()

    def close(self) -> None:
        self.context.close()

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluate a JavaScript function in the page."""
        return self.page.evaluate(script, argument)

    # The graph

    def new_graph(self) -> None:
        """An empty workflow with an empty history, in the tab that is open (a new tab costs six times as much), or in the first."""
        script = """async graph => { const { workflow } = app.extensionManager;
          await app.loadGraphData({ ...graph, id: crypto.randomUUID() }, true, true, workflow.activeWorkflow);
          Object.assign(workflow.activeWorkflow.changeTracker, { undoQueue: [], redoQueue: [] }); }"""
        self.run(script, EMPTY_GRAPH)
        self.look(*VIEW)

    def look(self, x: float, y: float, scale: float = 1) -> None:
        """Put the graph's origin to (x, y) in the page."""
        script = """([x, y, scale]) => { const { ds } = app.canvas; ds.scale = scale;
          ds.offset[0] = x / scale; ds.offset[1] = y / scale; ds.onChange?.(scale, ds.offset); app.canvas.setDirty(true, true); }"""
        self.run(script, [x, y, scale])
        self.frames(2)

    def frames(self, count: int = 1) -> None:
        """Wait for the browser to draw so many frames."""
        self.run("async n => { while (n-- > 0) await new Promise(requestAnimationFrame); }", count)

    def add(
        self,
        kind: str,
        x: float = 0,
        y: float = 0,
        size: tuple[float, float] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """A node of the graph that is shown; its id."""
        script = """([kind, x, y, size, values]) => { const node = LiteGraph.createNode(kind);
          node.pos = [x, y]; app.canvas.graph.add(node); if (size) node.setSize(size);
          for (const [name, value] of Object.entries(values)) node.widgets.find((widget) => widget.name === name).value = value;
          return node.id; }"""
        return self.run(script, [kind, x, y, size, values or {}])

    def link(self, source: int, output: int, target: int, name: str) -> None:
        """Connect an output (by number) with an input (by name)."""
        script = """([source, output, target, name]) => { const { graph } = app.canvas;
          const node = graph.getNodeById(target); graph.getNodeById(source).connect(output, node, node.findInputSlot(name)); }"""
        self.run(script, [source, output, target, name])

    def shows(self, workflow: Path) -> None:
        """Wait until the graph is that of a workflow's file, in the tab that has its name."""
        nodes = json.loads(workflow.read_text(encoding="utf-8"))["nodes"]
        script = """([name, nodes]) => { const { workflow } = app.extensionManager, { graph } = app.canvas;
          return workflow.activeWorkflow?.filename.startsWith(name) && !workflow.isBusy
            && graph._nodes.map(({ id, type }) => `${id} ${type}`).sort().join() === nodes; }"""
        held = ",".join(sorted(f"{node['id']} {node['type']}" for node in nodes))
        self.page.wait_for_function(script, arg=[workflow.stem, held], timeout=60_000)
        self.page.wait_for_function(READY, timeout=60_000)
        self.frames(2)

    def nodes(self, kind: str = EDITOR) -> list[int]:
        """Ids of the nodes of a kind on the graph that is shown."""
        return self.run(
            "kind => app.canvas.graph._nodes.filter((node) => node.type === kind).map((node) => node.id)", kind
        )

    def command(self, name: str) -> None:
        """A command of ComfyUI, as its menus and keys start it."""
        self.run("name => app.extensionManager.command.execute(name)", name)
        self.frames(2)

    def prompt(self) -> Graph:
        """What the page would send to the server."""
        return self.run("async () => (await app.graphToPrompt()).output")

    def queue(self, timeout: float = 30) -> tuple[Graph, dict[str, Any]]:
        """Run the graph as the Run button does: (the graph that the server received, its history entry)."""
        known = set(self.server.client.get("/history"))
        self.run("() => app.queuePrompt(0)")
        return self.finished(known, timeout)

    def finished(self, known: set[str], timeout: float = 30) -> tuple[Graph, dict[str, Any]]:
        """Wait for the first run that is not among `known`: (the graph that the server received, its history entry)."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            history = self.server.client.get("/history?max_items=4")  # each holds a whole workflow
            for name in set(history) - known:
                self.page.wait_for_function("name => window.instdiffEnded.has(name)", arg=name)
                self.frames(2)
                return history[name]["prompt"][2], history[name]
            self.page.wait_for_timeout(50)
        raise TimeoutError("The graph did not run to its end.")

    def settle(self, milliseconds: int = 80) -> None:
        """Let timers and promises of the page run."""
        self.page.wait_for_timeout(milliseconds)
        self.frames(2)

    def select(self, *nodes: int) -> None:
        """Choose nodes of the graph and give the graph the focus."""
        script = """ids => { const { canvas } = app; document.activeElement?.blur?.(); canvas.deselectAll();
          for (const id of ids) canvas.select(canvas.graph.getNodeById(id)); canvas.canvas.focus(); }"""
        self.run(script, list(nodes))
        self.frames(2)

    def enter_subgraph(self) -> None:
        """Open the first subgraph node of the graph."""
        self.run(
            "() => { const node = app.canvas.graph._nodes.find((one) => one.isSubgraphNode?.()); app.canvas.openSubgraph(node.subgraph, node); }"
        )
        self.settle()
        self.look(*VIEW)

    def leave_subgraph(self) -> None:
        self.run("() => app.canvas.setGraph(app.rootGraph)")
        self.settle()
        self.look(*VIEW)

    def set_renderer(self, renderer: str) -> None:
        """Switch between Classic and Nodes 2.0 in the open page."""
        self.run("on => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)", renderer == "nodes2")
        self.renderer = renderer
        self.frames(4)

    # Hands

    def press(self, *keys: str) -> None:
        """Keys, one after the other ("Control+z")."""
        for key in keys:
            self.page.keyboard.press(key)

    def click_title(self, node: int) -> None:
        """Click on a node's title."""
        script = "id => { const { ds, graph } = app.canvas, { pos } = graph.getNodeById(id); return ds.convertOffsetToCanvas([pos[0] + 90, pos[1] - 14]); }"
        self.page.mouse.click(*self.run(script, node))
        self.frames(2)

    def click_empty(self) -> None:
        """Click on the empty graph, so that nothing of a node has the focus."""
        self.page.mouse.click(SIZE["width"] - 300, SIZE["height"] - 60)

    def screenshot(self, name: str) -> None:
        """A picture of the page, in `screenshots()`."""
        folder = screenshots()
        folder.mkdir(parents=True, exist_ok=True)
        self.frames(2)
        self.page.screenshot(path=folder / f"{name}.png")
