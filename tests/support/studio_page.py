"""The studio of a Layout Editor in the full window, and graphs to run in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.browser import ComfyPage
from support.editor import Editor

if TYPE_CHECKING:  # without Playwright the tests are skipped, not broken
    from playwright.sync_api import ElementHandle

LAYOUT = {
    "version": 1, "width": 128, "height": 128, "prompt": "a red circle and a blue square",
    "instances": [
        {"id": "a", "prompt": "red circle", "box": [0.1, 0.1, 0.45, 0.45]},
        {"id": "b", "prompt": "blue square", "box": [0.5, 0.5, 0.9, 0.9]},
    ],
}  # fmt: skip
LONG = 2000  # steps: a run that goes on until somebody cancels it
UNUSED = {"results": [], "made": 0, "shown": None, "other": None, "seedAt": None, "problem": None, "layout": True}


class StudioPage:
    """The studio of an editor whose full window is open."""

    def __init__(self, editor: Editor) -> None:
        self.editor, self.comfy, self.page = editor, editor.comfy, editor.page

    def clear(self) -> StudioPage:
        """Nothing left of the results of an editor in the same place before."""
        self.editor.do("({ desk }, unused) => desk.set({ ...desk.state(), ...unused })", UNUSED)
        return self

    def open(self) -> StudioPage:
        self.editor.focus()
        self.editor.press("f")
        self.page.wait_for_selector(".instdiff-window .ie-studio", state="visible")
        return self

    def close(self) -> None:
        self.editor.focus()
        self.editor.press("f")
        self.page.wait_for_selector(".instdiff-window", state="detached")

    def run(self, results: int = 1) -> None:
        """Ctrl+Enter, and wait until that many results are there and nothing runs."""
        self.editor.focus()
        self.editor.press("Control+Enter")
        self.wait(
            f"root.querySelectorAll('.ie-thumb').length === {results} && root.querySelector('.ie-run-bar').hidden"
        )

    def wait(self, condition: str) -> None:
        """Wait for a condition on the editor's element `root`."""
        script = f"id => {{ const root = ({Editor.FIND})(id); return root && ({condition}); }}"
        self.page.wait_for_function(script, arg=self.editor.node, timeout=30_000)

    def says(self, words: str) -> None:
        """Wait until the line beside the Run button holds these words."""
        self.wait(f"root.querySelector('.ie-run-text').textContent.includes({json.dumps(words)})")

    @property
    def text(self) -> str:
        return self.editor.root().query_selector(".ie-run-text").text_content()

    @property
    def state(self) -> dict[str, Any]:
        return self.editor.do("({ desk }) => desk.state()")

    def thumbs(self) -> list[ElementHandle]:
        return self.editor.root().query_selector_all(".ie-thumb")

    def widget(self, node: int, name: str) -> Any:
        script = "([id, name]) => app.canvas.graph.getNodeById(id).widgets.find((one) => one.name === name).value"
        return self.page.evaluate(script, [node, name])


def sampled(comfy: ComfyPage, editor: Editor, **values: Any) -> int:
    """The demo model samples the editor's layout, and a PreviewImage shows it; the KSampler's id."""
    loader, apply = comfy.add("InstDiffLoadDemoModel", 900, 0), comfy.add("InstDiffApply", 1200, 0)
    words, nothing = comfy.add("CLIPTextEncode", 1200, 300), comfy.add("CLIPTextEncode", 1200, 500)
    settings = {"seed": 7, "steps": 2, "cfg": 3.0, "control_after_generate": "randomize", **values}
    sampler, empty = comfy.add("KSampler", 1500, 0, values=settings), comfy.add("EmptyLatentImage", 1200, 700)
    decode, show = comfy.add("VAEDecode", 1800, 0), comfy.add("PreviewImage", 1800, 200)
    for source, output, target, name in (
        (loader, 0, apply, "model"), (loader, 1, apply, "clip"), (loader, 3, apply, "instdiff_model"), (editor.node, 0, apply, "instances"),
        (loader, 1, words, "clip"), (loader, 1, nothing, "clip"), (editor.node, 3, words, "text"),
        (editor.node, 1, empty, "width"), (editor.node, 2, empty, "height"), (apply, 0, sampler, "model"), (words, 0, sampler, "positive"),
        (nothing, 0, sampler, "negative"), (empty, 0, sampler, "latent_image"), (sampler, 0, decode, "samples"), (loader, 2, decode, "vae"),
        (decode, 0, show, "images"),
    ):  # fmt: skip
        comfy.link(source, output, target, name)
    return sampler


def shown(comfy: ComfyPage, editor: Editor, pictures: int = 1) -> int:
    """A cheap graph without a sampler: what the editor draws, so many times, in a PreviewImage; its id."""
    repeat, show = (
        comfy.add("RepeatImageBatch", 900, 0, values={"amount": pictures}),
        comfy.add("PreviewImage", 1200, 0),
    )
    comfy.link(editor.node, 6, repeat, "image")
    comfy.link(repeat, 0, show, "images")
    return show
