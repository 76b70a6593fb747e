"""The picture of a layout."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.preview.batch import draw_frames
from instdiff.instdiff_modules.preview.draw import draw_layout, smooth_mask
from instdiff.instdiff_modules.preview.labels import label_text, wrap
from instdiff.instdiff_modules.preview.leaders import leader
from instdiff.instdiff_modules.preview.palette import PALETTE, ink_on, instance_color, palette_color
from PIL import Image, ImageFont

VALID = sorted((Path(__file__).parent / "data" / "layouts" / "valid").glob("*.json"))
RED = Instance(id="r", prompt="x", box=(0.5, 0.0, 1.0, 0.5), color="#ff0000")


def pixels(layout, width=768, height=512, background=None):
    return np.asarray(draw_layout(layout, width, height, background)).astype(int)


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
@pytest.mark.parametrize("size", [(512, 512), (768, 512), (96, 64)])
def test_every_valid_layout_is_drawn_at_every_size(path, size):
    picture = draw_layout(parse_layout(json.loads(path.read_text(encoding="utf-8"))), *size)
    assert picture.size == size and picture.mode == "RGB"


def test_x_runs_along_the_width():
    inside = pixels(Layout((RED,)))
    outside = pixels(Layout())
    changed = np.abs(inside - outside).sum(-1) > 40
    assert changed[200, 500] and changed[200, 760]
    assert not changed[:, :370].any() and not changed[270:].any()


def test_drawing_is_repeatable_and_leaves_the_background_alone():
    background = Image.new("RGB", (300, 200), (200, 210, 220))
    before = background.tobytes()
    layout = Layout((RED,))
    assert (pixels(layout, background=background) == pixels(layout, background=background)).all()
    assert background.tobytes() == before


def test_the_background_shines_through():
    white = Image.new("RGB", (768, 512), (255, 255, 255))
    drawn = pixels(Layout((RED,)), background=white)
    assert (drawn[400, 100] == 255).all()
    assert drawn[200, 600, 0] > 240 and 150 < drawn[200, 600, 1] < 240


def test_what_is_in_front_hides_what_is_behind_as_far_as_it_is_opaque():
    def middle(opacity, **place):
        back = Instance(id="b", prompt="x", box=(0, 0, 1, 1), color="#ff0000")
        front = Instance(id="f", prompt="x", color="#00ff00", opacity=opacity, **place)
        return pixels(Layout((back, front)))[300, 300] - pixels(Layout())[300, 300]

    disc = encode_mask(np.pad(np.ones((32, 48), bool), ((16, 16), (24, 24))))
    for place in ({"box": (0.25, 0.25, 0.75, 0.75)}, {"mask": disc}):
        reds, greens = zip(*(middle(opacity, **place)[:2] for opacity in (1, 0.5, 0)), strict=True)
        assert reds[0] < 12 and greens[0] > 30, "an opaque one shows the ground with its own colour"
        assert reds[0] < reds[1] < reds[2] and greens[0] > greens[1] > greens[2]
        assert (middle(0, **place) == middle(0, point=(0, 0))).all(), "one that hides nothing is an outline"


def test_later_instances_lie_in_front():
    back = Instance(id="b", prompt="x", point=(0.5, 0.5), color="#ff0000")
    front = Instance(id="f", prompt="x", point=(0.5, 0.5), color="#0000ff")
    assert tuple(pixels(Layout((back, front)))[256, 384]) == (0, 0, 255)
    assert tuple(pixels(Layout((front, back)))[256, 384]) == (255, 0, 0)


def test_hidden_instances_are_dimmed():
    hidden = Instance(id="h", prompt="x", point=(0.5, 0.5), color="#ff0000", visible=False)
    r, g, _ = pixels(Layout((hidden,)))[256, 384]
    assert 60 < r < 200 and r > g


def test_a_mask_covers_its_pixels_on_a_wide_canvas():
    mask = np.zeros((64, 96), dtype=bool)
    mask[8:24, 60:90] = True
    changed = (
        np.abs(pixels(Layout((Instance(id="m", prompt="x", mask=encode_mask(mask)),))) - pixels(Layout())).sum(-1) > 20
    )
    assert changed[120:180, 490:710].all(), "below the label"
    assert not changed[250:].any() and not changed[:, :400].any()


@pytest.mark.parametrize("size", [(96, 64), (960, 640), (24, 16)])
def test_not_even_a_single_pixel_of_a_mask_is_lost(size):
    mask = np.zeros((64, 96), dtype=bool)
    mask[30, 50] = True
    drawn = np.asarray(smooth_mask(encode_mask(mask), size))
    assert drawn.shape == size[::-1] and set(np.unique(drawn)) == {0, 255}


def test_thin_masks_stay_connected():
    mask = np.eye(64, 96, dtype=bool)
    drawn = np.asarray(smooth_mask(encode_mask(mask), (960, 640))) > 0
    assert drawn.any(1).all() and (drawn.sum() > 1000)


@pytest.mark.parametrize("count", [0, 1, 30, 300])
def test_any_number_of_instances_is_drawn_in_reasonable_time(count):
    instances = [
        Instance(id=str(i), prompt="a thing with a rather long description", box=(0.3, 0.3, 0.31 + 0.6 * i / 300, 0.9))
        for i in range(count)
    ]
    draw_layout(Layout(tuple(instances)), 512, 512)


def test_an_endless_stroke_is_drawn():
    stroke = tuple((0.5 + 0.4 * math.sin(i / 900), 0.5 + 0.4 * math.cos(i / 700)) for i in range(20_000))
    draw_layout(Layout((Instance(id="s", prompt="x", scribble=stroke),)), 512, 512)


@pytest.mark.parametrize(
    "prompt", ["", "a\nb\tc", "x" * 5000, "word " * 1000, "日本語のプロンプト", "🐞 <b>&amp;</b> %s {}"]
)
def test_any_prompt_is_drawn(prompt):
    draw_layout(Layout((Instance(id="a", prompt=prompt, box=(0.4, 0.4, 0.6, 0.6)),)), 256, 256)


def test_labels_tell_what_is_unusual():
    assert label_text(Instance(id="a", prompt=" a  red\nfox ")) == "a red fox"
    unusual = Instance(id="a", prompt="fox", strength=0.5, start=0.1, end=0.6, visible=False)
    assert label_text(unusual) == "fox (hidden) x0.5 10-60%"
    assert label_text(Instance(id="a", prompt="")) == "(no prompt)"


def test_a_label_that_is_not_at_its_instance_has_a_line_to_it():
    star = np.zeros((64, 64), bool)
    star[28:36, 20:44] = star[20:44, 28:36] = True  # its bounding box has empty corners
    shown = {
        "box": Instance("a", "x", box=(0.25, 0.25, 0.5, 0.5)),
        "mask": Instance("b", "x", mask=encode_mask(star)),
        "point": Instance("c", "x", point=(0.5, 0.5)),
    }
    ends = {name: leader(one, (70, 70, 100, 90), (256, 256), 6) for name, one in shown.items()}
    assert ends["box"] is None, "it lies on the box"
    assert ends["mask"] == (pytest.approx((100, 82), abs=3), pytest.approx((114, 82), abs=3))
    start, end = ends["point"]
    assert start == (100, 90) and 10 < math.dist(end, (128, 128)) < 14, "beside the point"


def test_long_labels_are_wrapped_then_cut():
    font = ImageFont.load_default(16)
    lines = wrap("a parrot with a very long description that goes on and on", font, 150, 2)
    assert len(lines) == 2 and lines[1].endswith("...")
    assert all(font.getlength(line) <= 150 for line in lines)
    assert wrap("short", font, 150, 2) == ["short"]


def test_colours_are_stable_distinct_and_the_users_own_wins():
    colors = [palette_color(i) for i in range(64)]
    assert len(set(colors)) == 64 and colors[: len(PALETTE)] == list(PALETTE)
    assert instance_color(RED, 5) == (255, 0, 0)
    assert instance_color(Instance(id="a", prompt="", color="#0f8"), 0) == (0, 255, 136)


def test_ink_contrasts_with_its_ground():
    assert ink_on((255, 255, 0)) != (255, 255, 255) and ink_on((0, 0, 120)) == (255, 255, 255)


def test_frames_become_a_batch_of_images():
    image = draw_frames((Layout((RED,), 768, 512), Layout()), 0, 0)
    assert image.shape == (2, 512, 768, 3) and image.dtype == torch.float32
    assert 0 <= image.min() and image.max() <= 1 and not torch.equal(image[0], image[1])


def test_a_batch_of_backgrounds_is_matched_with_the_frames():
    backgrounds = torch.rand(3, 64, 96, 4)
    assert draw_frames((Layout((RED,)),), 0, 0, backgrounds).shape == (3, 64, 96, 3)
    assert draw_frames((Layout((RED,)),), 192, 0, backgrounds).shape == (3, 128, 192, 3)
    with pytest.raises(ValueError, match="2 frames and 3 background images"):
        draw_frames((Layout(),) * 2, 0, 0, backgrounds)


def test_a_background_with_holes_in_it_is_drawn():
    assert torch.isfinite(draw_frames((Layout(),), 0, 0, torch.full((1, 64, 96, 3), float("nan")))).all()


@pytest.mark.parametrize("background", [torch.zeros(64, 96), torch.zeros(1, 64, 96, 5), torch.zeros(0, 64, 96, 3), "x"])
def test_another_background_is_refused(background):
    with pytest.raises(ValueError, match="Expected an IMAGE"):
        draw_frames((Layout(),), 0, 0, background)
