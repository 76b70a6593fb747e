"""What helps while a prompt is typed: the negative prompt of an instance, the number of tokens, completion."""

from collections.abc import Iterator

import pytest
from support.browser import ComfyPage
from support.editor import Editor
from support.waiting import wait

BOX = [(0.1, 0.1), (0.6, 0.6)]


@pytest.fixture
def embedding(comfy: ComfyPage) -> Iterator[str]:
    folder = comfy.server.base / "models" / "embeddings"
    folder.mkdir(exist_ok=True)
    file = folder / "bad-hands.safetensors"
    file.write_bytes(b"")
    yield file.stem
    file.unlink()


def options(editor: Editor) -> list[str]:
    return editor.root().evaluate(
        "root => [...root.querySelectorAll('.ie-option > span')].map((one) => one.textContent)"
    )


def test_a_negative_prompt_is_typed_where_it_is_wanted(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", BOX, "a red fox")
    assert "negative" not in editor.instances[0]
    editor.act("negative-fold")
    assert editor.focused() == "textarea negative"
    editor.page.keyboard.type("cartoon, blurry")
    editor.press("Escape")
    assert editor.instances[0]["negative"] == "cartoon, blurry"
    # plain sampling has no place for it
    apply, sampler = comfy.add("InstDiffApply", 900, 0), comfy.add("KSampler", 1200, 0)
    comfy.link(apply, 0, sampler, "model")
    comfy.link(editor.node, 0, apply, "instances")
    wait(editor, "!root.querySelector('.ie-negative .ie-hint').hidden")
    comfy.screenshot(f"negative-{comfy.renderer}")
    editor.draw("b", [(0.7, 0.7), (0.9, 0.9)], "an owl")
    assert not editor.root().query_selector('[data-act="negative"]').is_visible()
    editor.press("Control+z")
    editor.press("Control+z")
    editor.press("Control+z")
    editor.ready()
    assert [one.get("negative") for one in editor.instances] == [None]


def test_tokens_are_counted_and_what_is_cut_is_named(comfy: ComfyPage, editor: Editor) -> None:
    editor.draw("b", BOX)
    editor.press("Enter")
    editor.page.keyboard.insert_text("a red fox")
    wait(editor, "root.querySelector('.ie-row .ie-tokens').textContent === '5/77'")
    editor.page.keyboard.insert_text(" and its tail" * 30)
    wait(editor, "root.querySelector('.ie-row .ie-tokens.is-over')?.textContent === '97/77'")
    wait(editor, "root.querySelector('.ie-issues [data-code=cut_prompt]')?.textContent.includes('its tail')")
    comfy.screenshot(f"tokens-{comfy.renderer}")
    editor.press("Escape")
    assert not editor.root().query_selector(".ie-row .ie-tokens").is_visible()


def test_words_and_embeddings_are_completed_and_typing_is_never_taken(
    comfy: ComfyPage, editor: Editor, embedding: str
) -> None:
    apply, demo = comfy.add("InstDiffApply", 900, 0), comfy.add("InstDiffLoadDemoModel", 900, 400)
    comfy.link(demo, 3, apply, "instdiff_model")
    comfy.link(editor.node, 0, apply, "instances")
    editor.draw("b", BOX)
    editor.press("Enter")
    field = editor.control("prompt")
    editor.page.keyboard.type("a red ci")
    wait(editor, "root.querySelector('.ie-option')")
    assert options(editor) == ["circle"] and field.get_attribute("aria-expanded") == "true"
    editor.page.keyboard.type("der, ")  # never in the way
    assert not options(editor)
    editor.page.keyboard.type("ch")
    wait(editor, "root.querySelector('.ie-option')")
    comfy.screenshot(f"completion-{comfy.renderer}")
    editor.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == editor.root().query_selector(".ie-option").get_attribute(
        "id"
    )
    editor.press("Enter")
    editor.page.keyboard.type(" ring, bad")
    wait(editor, "root.querySelector('.ie-option')")
    editor.root().query_selector(".ie-option").click()
    assert (
        editor.focused() == "textarea prompt"
        and field.input_value() == "a red cider, checkered ring, embedding:bad-hands"
    )
    editor.page.keyboard.type(" st")
    wait(editor, "root.querySelector('.ie-option')")
    editor.press("Escape")  # closes the list alone
    assert not options(editor) and editor.focused() == "textarea prompt"
    editor.press("Escape")
    assert editor.focused() != "textarea prompt"
    assert editor.instances[0]["prompt"] == "a red cider, checkered ring, embedding:bad-hands st"
    wait(editor, "root.querySelector('.ie-issues [data-code=unknown_words]')?.textContent.includes(': cider, st.')")
    comfy.screenshot(f"unknown-{comfy.renderer}")
