"""Who is in front: drawn as it will be, changed by keys, and how much it hides."""

import io
import json

import numpy as np
from instdiff.instdiff_modules.geometry.masks import encode_mask
from PIL import Image
from support.browser import ComfyPage
from support.editor import Editor, drop

DISC = encode_mask(sum((axis - middle) ** 2 for axis, middle in zip(np.mgrid[:64, :96], (48, 16), strict=True)) < 12**2)
BARN, COW, GHOST, SUN = ITEMS = [
    {"id": "barn", "prompt": "a red barn", "box": [0.1, 0.1, 0.6, 0.7], "color": "#ff0000"},
    {"id": "cow", "prompt": "a cow", "box": [0.4, 0.4, 0.75, 0.9], "color": "#00ff00"},
    {"id": "ghost", "prompt": "a ghost", "box": [0.5, 0.2, 0.95, 0.6], "color": "#0000ff", "opacity": 0.5},
    {"id": "sun", "prompt": "a sun", "mask": {"size": [64, 96], "counts": DISC.counts}, "color": "#ffff00"},
]
# on the layout: both of each pair, and the front one alone
COW_ON_BARN, COW_ALONE = (0.45, 0.6), (0.6, 0.8)
SUN_ON_BARN, SUN_ALONE = (0.16, 0.66), (0.16, 0.8)
GHOST_ON_BARN, GHOST_ALONE, BARN_ALONE = (0.55, 0.3), (0.85, 0.3), (0.25, 0.3)


def layout(items=ITEMS) -> str:
    return json.dumps({"version": 1, "width": 768, "height": 512, "prompt": "", "instances": items})


def colours(editor: Editor, *places: tuple[float, float]) -> list[np.ndarray]:
    """What one picture of the page shows at places of the layout."""
    editor.comfy.frames(2)
    shot = np.asarray(Image.open(io.BytesIO(editor.page.screenshot())).convert("RGB")).astype(int)
    return [shot[round(y), round(x)] for x, y in (editor.at(*place) for place in places)]


def order(editor: Editor) -> str:
    return " ".join(one["id"] for one in editor.instances)


def test_what_is_in_front_covers_what_is_behind_at_rest_and_in_motion(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(layout())
    editor.do("({ store }) => store.setSession({ tool: 'select', selection: [] })")

    cow, alone, barn = colours(editor, COW_ON_BARN, COW_ALONE, BARN_ALONE)
    assert np.abs(cow - alone).max() < 20 and barn[0] > cow[0] + 40, "the cow hides the barn"
    sun, alone = colours(editor, SUN_ON_BARN, SUN_ALONE)
    assert np.abs(sun - alone).max() < 20, "a mask does the same"
    ghost, alone = colours(editor, GHOST_ON_BARN, GHOST_ALONE)
    assert alone[0] + 15 < ghost[0] < barn[0] - 15 and ghost[2] > barn[2] + 15, "the ghost is seen through"
    edge, inside = colours(editor, (0.5, 0.7), (0.5, 0.75))
    bare, outside = colours(editor, (0.3, 0.7), (0.3, 0.75))
    assert 2 < np.abs(edge - inside).max() < np.abs(bare - outside).max() / 3, "a hidden outline is faint"
    comfy.screenshot(f"depth-{comfy.renderer}")

    editor.click(*COW_ALONE)  # behind the ghost
    editor.page.mouse.down()
    editor.page.mouse.move(*editor.at(0.5, 0.8), steps=3)  # its right edge is at 0.65 now
    held, free = colours(editor, (0.62, 0.5), (0.9, 0.5))
    assert held[1] > free[1] + 10 and held[2] > 20, "dragged, it stays behind the ghost"
    comfy.press("Escape")
    editor.page.mouse.up()
    assert editor.instances[1]["box"] == COW["box"] and order(editor) == "barn cow ghost sun"

    editor.click(*BARN_ALONE)
    comfy.press("]")
    assert order(editor) == "cow barn ghost sun"
    barn, over = colours(editor, BARN_ALONE, COW_ON_BARN)
    assert np.abs(over - barn).max() < 20, "now the barn hides the cow"
    comfy.press("}")
    assert order(editor) == "cow ghost sun barn"
    comfy.press("{")
    assert order(editor) == "barn cow ghost sun"
    comfy.screenshot(f"depth-behind-{comfy.renderer}")


def test_opacity_is_a_number_and_a_slider(comfy: ComfyPage, editor: Editor) -> None:
    editor.load(layout())
    before = editor.text
    hides = lambda: [one.get("opacity") for one in editor.instances]  # noqa: E731
    editor.do("({ store }) => store.setSession({ tool: 'select', selection: ['barn', 'ghost'] })")
    comfy.frames(2)
    field = editor.control("opacity")
    assert field.input_value() == "" and field.get_attribute("placeholder") == "–", "they differ"
    field.click()
    comfy.page.keyboard.type("1/4")
    comfy.press("Enter")
    assert hides() == [0.25, None, 0.25, None] and field.input_value() == "0.25"
    assert editor.control("opacity-slider").input_value() == "0.25"
    comfy.press("Control+a")
    comfy.page.keyboard.type("7")
    comfy.press("Enter", "Escape")
    assert hides() == [None] * 4, "at most 1, and that is not written"
    for _ in range(2):
        comfy.press("Control+z")
        comfy.settle()
    assert json.loads(editor.ready().text) == json.loads(before)
    editor.do("({ store }) => store.setSession({ selection: ['ghost'] })")
    editor.press("Control+d")
    assert hides() == [None, None, 0.5, None, 0.5], "copies keep it"
    slider = editor.control("opacity-slider").bounding_box()
    comfy.page.mouse.click(slider["x"] + 2, slider["y"] + slider["height"] / 2)
    assert hides()[-1] == 0
    picture = io.BytesIO()
    Image.fromarray(np.kron(np.indices((8, 12)).sum(0) % 2 * 90 + 90, np.ones((16, 16))).astype(np.uint8)).save(
        picture, "PNG"
    )
    drop(editor, "squares.png", "image/png", picture.getvalue())
    comfy.screenshot(f"depth-picture-{comfy.renderer}")
