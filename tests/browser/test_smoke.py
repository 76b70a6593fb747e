"""The page starts with our scripts and shows the node."""

from support.browser import ComfyPage
from support.editor import Editor


def test_the_node_has_an_editor_and_no_script_of_ours_fails(comfy: ComfyPage, editor: Editor) -> None:
    assert editor.document == {"version": 1, "width": 512, "height": 512, "prompt": "", "instances": []}
    assert editor.sent == editor.text
    comfy.screenshot(f"{comfy.renderer}-empty")
