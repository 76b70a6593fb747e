"""Pictures that are dropped: fitted behind the layout, the canvas after them, masks out of them."""

import io

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.document import parse_layout
from PIL import Image
from support.browser import ComfyPage
from support.editor import Editor, drop, pixel
from support.waiting import wait


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def disc(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2


def test_a_picture_is_fitted_and_the_canvas_takes_its_size(comfy: ComfyPage, editor: Editor) -> None:
    red, green = np.array([200, 0, 0]), np.array([0, 200, 0])
    drop(editor, "disc.png", "image/png", png(np.where(disc(768, 384)[..., None], green, red)))
    comfy.settle(300)
    assert "768 × 384" in editor.session["notice"]["text"]
    above, left, middle = pixel(editor, 0.5, 0.1), pixel(editor, 0.05, 0.5), pixel(editor, 0.5, 0.5)
    assert max(above) - min(above) < 20, "above the picture the canvas is empty"
    assert left[0] > left[1] + 40 and middle[1] > middle[0] + 40
    side, top = pixel(editor, 0.5 + 0.11, 0.5), pixel(editor, 0.5, 0.5 - 0.11)
    beside, over = pixel(editor, 0.5 + 0.14, 0.5), pixel(editor, 0.5, 0.5 - 0.14)
    assert side[1] > side[0] and top[1] > top[0] and beside[0] > beside[1] and over[0] > over[1], "a circle is one"
    editor.act("canvas-picture")
    comfy.frames(2)
    assert (editor.document["width"], editor.document["height"]) == (768, 384)
    above = pixel(editor, 0.5, 0.1)
    assert above[0] > above[1] + 40


@pytest.mark.parametrize("kind", ["black and white", "alpha"])
def test_a_picture_that_can_be_a_mask_is_offered_as_one(comfy: ComfyPage, editor: Editor, kind: str) -> None:
    shape = disc(512, 256)
    alpha = np.dstack([np.full((256, 512, 3), 90), np.where(shape, 255, 0)])
    picture = png(np.where(shape, 255, 0) if kind == "black and white" else alpha)
    drop(editor, "mask.png", "image/png", picture)
    editor.act("picture-mask")
    comfy.settle()
    assert editor.focused() == "textarea prompt"
    mask = decode_mask(parse_layout(editor.text).instances[0].mask)
    assert mask.shape == (512, 512) and mask[128:384].sum() == mask.sum() == pytest.approx(shape.sum(), rel=0.02)
    drop(editor, "mask.png", "image/png", picture)
    editor.act("picture-background")
    comfy.settle(300)
    assert len(editor.instances) == 1 and editor.session["picture"] == {"width": 512, "height": 256}


def test_an_instance_has_a_reference_picture(comfy: ComfyPage, editor: Editor) -> None:
    one, two = png(np.full((64, 96, 3), 90)), png(np.full((64, 96, 3), 160))
    has = "root.querySelector('.ie-reference-picture img').naturalWidth === 96 && !root.querySelector('.ie-reference-picture img').hidden"
    hint = "root.querySelector('.ie-reference + .ie-hint')"
    editor.draw("b", [(0.1, 0.1), (0.6, 0.6)], "a red fox")
    editor.root().query_selector('[data-act="reference-file"]').set_input_files(
        {"name": "look.png", "mimeType": "image/png", "buffer": one}
    )
    wait(editor, has)
    first = editor.instances[0]["reference"]
    assert first.startswith("instdiff/look") and "Reference" in editor.root().query_selector(".ie-kinds").get_attribute(
        "aria-label"
    )
    editor.press("Control+z")
    editor.ready()
    assert "reference" not in editor.instances[0] and editor.instances[0]["prompt"] == "a red fox"
    editor.press("Control+y")
    editor.ready()
    wait(editor, has)
    # a graph that has no use for it says so
    apply, sampler = comfy.add("InstDiffApply", 900, 0), comfy.add("KSampler", 1500, 0)
    comfy.link(apply, 0, sampler, "model")
    comfy.link(editor.node, 0, apply, "instances")
    wait(editor, f"!{hint}.hidden && {hint}.textContent.includes('Apply References')")
    references = comfy.add("InstDiffApplyReferences", 1200, 0)
    comfy.link(editor.node, 0, references, "instances")
    wait(editor, f"{hint}.hidden")
    # onto the row, onto the canvas
    drop(editor, "other.png", "image/png", two, onto=".ie-reference")
    wait(editor, "root.querySelector('.ie-reference-picture').title.includes('other')")
    comfy.screenshot(f"reference-{comfy.renderer}")
    drop(editor, "look.png", "image/png", one)
    editor.act("picture-reference")
    wait(editor, "root.querySelector('.ie-reference-picture').title.includes('look')")
    assert editor.instances[0]["reference"] == first, "the same picture is stored once"
    field = editor.control("reference-strength")
    field.fill("1.5")
    field.press("Enter")
    comfy.frames(2)
    assert editor.instances[0]["reference_strength"] == 1.5
    editor.act("reference-remove")
    assert not [key for key in editor.instances[0] if "reference" in key]
    # one that is gone
    text = '{"version": 1, "instances": [{"id": "a", "prompt": "x", "box": [0, 0, 1, 1], "reference": "gone.png"}]}'
    editor.load(text)
    editor.click(0.5, 0.5)
    wait(editor, f"!{hint}.hidden && {hint}.textContent.includes('not in')")
