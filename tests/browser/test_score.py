"""The score of a picture as the page shows it: the shapes stay in sight under its marks, and its text is plain."""

import json

import numpy as np
from instdiff.instdiff_modules.shapeworld.canvases import SHORTER as SIZE
from PIL import Image
from support.browser import ComfyPage
from support.editor import Editor
from support.studio_page import sampled

LAYOUT = {
    "version": 1, "width": SIZE, "height": SIZE, "prompt": "",
    "instances": [
        {"id": "a", "prompt": "a striped blue circle with a long prompt that fills several lines", "box": [0.05, 0.05, 0.45, 0.45]},
        {"id": "b", "prompt": "a red square", "box": [0.55, 0.05, 0.95, 0.45]},
        {"id": "c", "prompt": "a green square in the corner", "box": [0.55, 0.6, 1, 1]},
    ],
}  # fmt: skip
# The picture that a node shows, as bytes of red, green, blue and opacity.
SHOWN = """id => { const node = app.canvas.graph.getNodeById(id);
  const image = document.querySelector(`[data-node-id="${id}"] img`) ?? node.imgs?.[0];
  if (!image?.naturalWidth) return null;
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight), g = canvas.getContext("2d");
  g.drawImage(image, 0, 0);
  return [canvas.width, canvas.height, Array.from(g.getImageData(0, 0, canvas.width, canvas.height).data)]; }"""
SAID = "id => app.canvas.graph.getNodeById(id).widgets.map((one) => one.value).join(' ')"


def picture() -> np.ndarray:
    """A blue disc and two squares, each in the middle of its box."""
    shown = np.full((SIZE, SIZE, 3), 255, np.uint8)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    shown[(x - 0.25) ** 2 + (y - 0.25) ** 2 < 0.16**2] = (30, 60, 220)
    shown[(abs(x - 0.75) < 0.15) & (abs(y - 0.25) < 0.15)] = (220, 30, 30)
    shown[(abs(x - 0.775) < 0.17) & (abs(y - 0.8) < 0.15)] = (30, 180, 60)
    return shown


def test_a_score_hides_no_shape_and_says_it_in_plain_words(comfy: ComfyPage, editor: Editor) -> None:
    given = picture()
    comfy.server.put_input("shapes.png", given)
    editor.load(json.dumps(LAYOUT))
    source = comfy.add("LoadImage", 900, 0, values={"image": "shapes.png"})
    score = comfy.add("InstDiffLayoutScore", 1250, 0, values={"detector": "shape world"})
    text = comfy.add("PreviewAny", 1250, 550)
    comfy.link(source, 0, score, "image")
    comfy.link(editor.node, 0, score, "instances")
    comfy.link(score, 1, text, "source")
    comfy.queue()
    comfy.look(-900, 140)  # what lies outside the page is not drawn
    width, height, data = comfy.page.wait_for_function(SHOWN, arg=score).json_value()
    shown = np.array(data, np.uint8).reshape(height, width, 4)[..., :3]
    side = 2 * SIZE  # a small picture is enlarged, so that its labels can be read
    larger = np.asarray(Image.fromarray(given).resize((side, side), Image.Resampling.LANCZOS))
    assert shown.shape == larger.shape
    shapes = (given != 255).any(-1).repeat(2, 0).repeat(2, 1)
    changed = (abs(shown.astype(int) - larger) > 8).any(-1)
    for instance in LAYOUT["instances"]:
        x0, y0, x1, y1 = (round(v * side) for v in instance["box"])
        inside = np.zeros_like(shapes)
        inside[y0:y1, x0:x1] = shapes[y0:y1, x0:x1]
        assert changed[inside].mean() < 0.08, f"{instance['prompt']}: its tick or cross and a thin outline at most"
    assert changed.mean() > 0.02, "there are labels"
    comfy.screenshot(f"score-{comfy.renderer}")
    words = comfy.run(SAID, text)
    assert words.startswith("Score ") and "a red square" in words
    assert not any(mark in words for mark in ("|", "**", "##", "`")), "no Markdown"

    editor.load(json.dumps({**LAYOUT, "instances": []}))
    comfy.queue()
    comfy.page.wait_for_function(f"id => ({SAID})(id).includes('nothing to check')", arg=text)
    assert "of 0" not in comfy.run(SAID, text)


def test_how_long_a_sampler_took_stays_on_the_page(comfy: ComfyPage, editor: Editor) -> None:
    """Newer pages clear what nodes tell in a run when it ends."""
    editor.load(json.dumps({**LAYOUT, "instances": LAYOUT["instances"][1:2]}))
    sampler = sampled(comfy, editor, steps=1)
    [apply] = comfy.nodes("InstDiffApply")
    time = comfy.add("InstDiffTimeSampling", 1350, -200)
    comfy.link(apply, 0, time, "model")
    comfy.link(time, 0, sampler, "model")
    comfy.queue()
    comfy.settle(400)  # nothing is to happen
    shown = "id => app.canvas.graph.getNodeById(id).widgets?.map((one) => one.value).join(' ')"
    assert " s for 1 steps" in (comfy.run(shown, time) or "")
    comfy.screenshot(f"times-{comfy.renderer}")
