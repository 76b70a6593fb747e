"""The page in Chinese: names from locales/zh, words of the editor, help pages."""

from collections.abc import Iterator

import pytest
from support.browser import EDITOR, ComfyPage
from support.editor import add_editor
from support.locales import read
from support.server import ComfyServer


@pytest.fixture
def chinese(browser, frontend: ComfyServer) -> Iterator[ComfyPage]:
    page = ComfyPage(browser, frontend, "classic", {"Comfy.Locale": "zh", "Comfy.Canvas.SelectionToolbox": True})
    page.new_graph()
    yield page
    page.close()
    frontend.client.post("/api/settings", {"Comfy.Locale": "en", "Comfy.Canvas.SelectionToolbox": False})


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
    the_help_is_chinese_too(chinese)


def the_help_is_chinese_too(chinese: ComfyPage) -> None:
    """The button of the selected node opens the panel: web/docs/<node id>/zh.md, with the pictures of web/docs."""
    chinese.new_graph()
    node = chinese.add("InstDiffKSampler", 200)
    chinese.run("id => app.canvas.selectNode(app.canvas.graph.getNodeById(id))", node)
    chinese.page.get_by_test_id("info-button").click()
    help_page = chinese.page.locator(".node-help-content")
    help_page.get_by_role("heading", level=1, name=read("zh")["InstDiffKSampler"]["display_name"]).wait_for()
    chinese.page.wait_for_function("() => document.querySelector('.node-help-content img')?.naturalWidth > 0")
    chinese.screenshot("chinese-help")
    text = help_page.inner_text()
    assert "分离步数比例 share" in text and "常见问题" in text
    assert "**" not in text and "`" not in text
