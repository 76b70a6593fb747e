"""The Layout Editor on one node, as a person handles it: mouse, keyboard, what has the focus."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from PIL import Image
from support.browser import EDITOR, ComfyPage

if TYPE_CHECKING:  # without Playwright the tests are skipped, not broken
    from playwright.sync_api import ElementHandle

WIDGET = "layout"
NODE = (840, 700)
SESSION = {
    "tool": "select",
    "toolStays": False,
    "selection": [],
    "brush": 32,
    "pressure": True,
    "zoom": None,
    "pan": [0, 0],
    "popout": False,
    "help": False,
    "notice": None,
    "search": "",
    "editing": None,
    "strokeEnd": None,
    "target": "new",
}


def add_editor(comfy: ComfyPage, x: float = 0, y: float = 0, size: tuple[float, float] = NODE) -> Editor:
    """A new Layout Editor on the graph, drawn and ready, with nothing left of an earlier one's session."""
    editor = Editor(comfy, comfy.add(EDITOR, x, y, size)).ready()
    editor.do("({ store }, session) => store.setSession(session)", SESSION)
    comfy.frames(2)
    return editor


class Editor:
    """The Layout Editor on one node. Coordinates on the layout are fractions 0..1, as in the document."""

    def __init__(self, comfy: ComfyPage, node: int | str) -> None:
        self.comfy, self.page, self.node = comfy, comfy.page, node

    FIND = f"""id => {{ const node = app.canvas.graph.getNodeById(id);
      const widget = node?.widgets?.find((one) => one.name === "{WIDGET}");
      return widget?.element?.__instdiff; }}"""

    def root(self) -> ElementHandle:
        """The editor's element as it is now: undo and switching the renderer may build another one."""
        element = self.page.evaluate_handle(self.FIND, self.node).as_element()
        assert element is not None, "the node has no editor"
        return element

    def ready(self, canvas: bool = True) -> Editor:
        """Wait until the editor is on the page and its canvas (there is none while the text is unreadable) has a size."""
        has_size = "root.querySelector('canvas.ie-canvas')?.clientWidth > 40" if canvas else "root.clientWidth > 40"
        script = f"id => {{ const root = ({self.FIND})(id); return root?.isConnected && {has_size}; }}"
        self.page.wait_for_function(script, arg=self.node)
        self.comfy.frames(2)
        return self

    def do(self, script: str, argument: Any = None) -> Any:
        """Evaluate a function of (element.__instdiff, argument)."""
        return self.root().evaluate(f"(root, argument) => ({script})(root.__instdiff, argument)", argument)

    # What it holds

    @property
    def text(self) -> str:
        """The widget's value."""
        script = "([id, name]) => app.canvas.graph.getNodeById(id).widgets.find((widget) => widget.name === name).value"
        return self.page.evaluate(script, [self.node, WIDGET])

    def load(self, text: str) -> None:
        """Set the widget's value, as one step of the graph's history."""
        script = """([id, name, text]) => { app.canvas.emitBeforeChange();
          app.canvas.graph.getNodeById(id).widgets.find((widget) => widget.name === name).value = text; app.canvas.emitAfterChange(); }"""
        self.page.evaluate(script, [self.node, WIDGET, text])
        self.comfy.frames(2)

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.text)

    @property
    def instances(self) -> list[dict[str, Any]]:
        return self.document["instances"]

    @property
    def session(self) -> dict[str, Any]:
        """Tool, selection, zoom and the like."""
        return self.do("({ store }) => ({ ...store.session })")

    @property
    def sent(self) -> str:
        """The layout as the page would send it to the server now."""
        return self.comfy.prompt()[str(self.node)]["inputs"][WIDGET]

    # Hands

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place on the layout -> in the page."""
        return tuple(self.do("({ toClient }, [x, y]) => toClient(x, y)", [x, y]))

    def drag(self, x0: float, y0: float, x1: float, y1: float, steps: int = 4) -> None:
        """Press at one place of the layout, move, let go at another."""
        self.stroke([(x0, y0), (x1, y1)], steps)

    def stroke(self, points: list[tuple[float, float]], steps: int = 3) -> None:
        """Drag the mouse through places of the layout."""
        places = [self.at(*point) for point in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=steps)
        self.page.mouse.up()

    def click(self, x: float, y: float, *modifiers: str, clicks: int = 1) -> None:
        """Click on the layout, with keys held ("Shift", "Alt")."""
        for key in modifiers:
            self.page.keyboard.down(key)
        self.page.mouse.click(*self.at(x, y), click_count=clicks)
        for key in modifiers:
            self.page.keyboard.up(key)

    def act(self, name: str) -> None:
        """Click the control with this data-act."""
        self.control(name).click()

    def control(self, name: str) -> ElementHandle:
        """The first visible control with this data-act."""
        found = [one for one in self.root().query_selector_all(f'[data-act="{name}"]') if one.is_visible()]
        if not found:  # menus may open beside the editor
            found = [one for one in self.page.query_selector_all(f'[data-act="{name}"]') if one.is_visible()]
        assert found, f"there is no control {name!r}"
        return found[0]

    def tool(self, key: str) -> None:
        """Choose a tool by its key."""
        self.focus()
        self.page.keyboard.press(key)

    def focus(self) -> None:
        """The focus to the canvas, not to a text field."""
        self.root().evaluate("root => root.focus({ preventScroll: true })")

    def draw(self, key: str, points: list[tuple[float, float]], prompt: str = "") -> None:
        """A new instance: the tool, the stroke, its prompt put in where the focus is then, and back to the canvas."""
        self.do("({ store }) => store.setSession({ selection: [] })")
        self.tool(key)
        if len(points) == 1:
            self.click(*points[0])
        else:
            self.stroke(points)
        self.comfy.frames(2)
        if prompt:
            self.page.keyboard.insert_text(prompt)  # letter by letter, tests type where that is what they are about
        self.page.keyboard.press("Escape")
        self.focus()

    def press(self, *keys: str) -> None:
        """Keys, one after the other, to whatever has the focus."""
        self.comfy.press(*keys)

    def focused(self) -> str:
        """Tag and data-act of what has the focus, as "textarea instance-prompt"."""
        script = "() => { const one = document.activeElement; return `${one.tagName.toLowerCase()} ${one.dataset.act ?? ''}`.trim(); }"
        return self.page.evaluate(script)


def drop(editor: Editor, name: str, kind: str, data: bytes, onto: str = ".ie-canvas") -> None:
    """A file dropped onto the canvas, or onto another part, as the browser tells of it."""
    script = """(root, [name, kind, data, onto]) => { const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(data)], name, { type: kind }));
      const canvas = root.querySelector(onto);
      for (const type of ["dragenter", "dragover", "drop"]) {
        canvas.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
      } }"""
    editor.root().evaluate(script, [name, kind, list(data), onto])
    editor.comfy.settle(200)


def pixel(editor: Editor, x: float, y: float) -> tuple[int, int, int]:
    """The colour that the screen shows at a place of the layout."""
    left, top = editor.at(x, y)
    shot = editor.page.screenshot(clip={"x": round(left), "y": round(top), "width": 1, "height": 1})
    return Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))
