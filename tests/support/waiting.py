"""Waiting for what should happen in the editor."""

from support.editor import Editor


def wait(editor: Editor, condition: str) -> None:
    """Until a JavaScript condition about `root`, the editor's element, holds."""
    editor.page.wait_for_function(f"id => {{ const root = ({editor.FIND})(id); return {condition}; }}", arg=editor.node)
