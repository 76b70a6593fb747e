"""The page in Chinese: names from locales/zh, words of the editor."""

from collections.abc import Iterator

import pytest
from support.browser import EDITOR, ComfyPage
from support.editor import add_editor
from support.locales import read
from support.server import ComfyServer


@pytest.fixture
def chinese(browser, frontend: ComfyServer) -> Iterator[ComfyPage]:
    page = ComfyPage(browser, frontend, "classic", {"Comfy.Locale": "zh"})
    page.new_graph()
    yield page
    page.close()
    frontend.client.post("/api/settings", {"Comfy.Locale": "en"})


@pytest.mark.parametrize("frontend", ["newest"], indirect=True)
def test_nodes_and_the_editor_speak_chinese(chinese: ComfyPage) -> None:
    editor = add_editor(chinese)
    words = read("zh")[EDITOR]
    node = "id => app.canvas.graph.getNodeById(id)"
    assert chinese.run(f"id => ({node})(id).title", editor.node) == words["display_name"] == "布局编辑器"
    labels = chinese.run(
        f"id => ({node})(id).outputs.map((one) => one.label ?? one.localized_name ?? one.name)", editor.node
    )
    assert labels == [words["outputs"][str(i)]["name"] for i in range(7)]
    assert editor.control("tool-box").get_attribute("aria-label") == "方框"
    chinese.screenshot("chinese")
