"""Other packs' boxes, shaped as they give them, on a wide canvas so that swapped axes show; there and back."""

import json

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.exporters.boxes import ORDERS, other_boxes
from instdiff.instdiff_modules.exporters.text import frames_to_text
from instdiff.instdiff_modules.geometry.raster import layout_boxes
from instdiff.instdiff_modules.importers.any_boxes import read_boxes
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.given import XYWH, XYXY
from instdiff.instdiff_modules.layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from support.foreign_data import BOX, CANVAS, ELEMENTS, FOX, LAYOUT, OMOST, TRACKING, boxes_of, prompts_of


@pytest.mark.parametrize(
    "value", [BOX, [BOX], [[BOX]], json.dumps([[{**BOX, "label": "x"}]])], ids=["one", "list", "frames", "text"]
)
def test_bounding_boxes_of_every_nesting(value):
    (layout,) = frames = read_boxes(value, CANVAS, "a red fox")
    assert (
        boxes_of(frames) == [[FOX]]
        and (layout.width, layout.height) == CANVAS
        and prompts_of(frames) == [["a red fox"]]
    )


def test_detections_keep_label_and_score_and_frames_their_number():
    rtdetr = [
        [{**BOX, "label": "dog", "score": 0.75}, {**BOX, "x": 0, "label": "cat", "score": 0.5}],
        [],
        [{**BOX, "label": "dog", "score": 0.9}],
    ]
    frames = read_boxes(rtdetr, CANVAS)
    assert prompts_of(frames) == [["dog", "cat"], [], ["dog"]] and frames[0].instances[1].extra == {"score": 0.5}
    assert prompts_of(read_boxes(rtdetr, CANVAS, "a spaniel\n")) == [["a spaniel"] * 2, [], ["a spaniel"]]
    assert prompts_of(read_boxes(rtdetr, CANVAS, "\na tabby")) == [["dog", "a tabby"], [], ["dog"]]


@pytest.mark.parametrize("empty", [[], [[]], "[]", ()], ids=str)
def test_nothing_found_is_a_result(empty):
    assert prompts_of(read_boxes(empty, None, "a fox")) == [[]]


@pytest.mark.parametrize("value, order, units", [
    ([(200, 100, 200, 200)], XYWH, PIXELS), ((200, 100, 400, 300), XYXY, PIXELS), ([[200.0, 100.0, 400.0, 300.0]], XYXY, PIXELS),
    ([[(200, 100, 200, 200)]], XYWH, PIXELS), (np.array([[200, 100, 400, 300]]), XYXY, PIXELS), (torch.tensor([[200.0, 100, 200, 200]]), XYWH, PIXELS),
    ([[0.25, 0.25, 0.5, 0.75]], XYXY, FRACTIONS), ("[[250, 250, 250, 500]]", XYWH, THOUSANDTHS), ("[200, 100, 400, 300]", XYXY, PIXELS),
])  # fmt: skip
def test_four_numbers_in_the_declared_order_and_units(value, order, units):
    assert boxes_of(read_boxes(value, CANVAS, "", order, units)) == [[FOX]]


def test_elements_have_y_before_x_and_lend_boxes_their_words():
    frames = read_boxes(ELEMENTS, None)
    assert boxes_of(frames) == [[(0.25, 0.125, 0.75, 0.5), (0, 0, 1, 0.1)]] and prompts_of(frames) == [
        ["a wooden door", "a neon sign"]
    ]
    assert frames[0].instances[0].color == "#aa5500" and frames[0].instances[1].extra["element"]["text"] == "OPEN"
    lent = read_boxes([[BOX, {**BOX, "x": 0}]], CANVAS, elements=ELEMENTS)
    assert boxes_of(lent)[0][0] == FOX and prompts_of(lent) == [["a wooden door", "a neon sign"]]
    assert read_boxes(None, CANVAS, elements=ELEMENTS) == read_boxes(ELEMENTS, CANVAS)
    wrapped = {
        "high_level_description": "a street",
        "compositional_deconstruction": {"background": "night", "elements": ELEMENTS},
    }
    (layout,) = read_boxes(json.dumps(wrapped), CANVAS)
    assert layout.prompt == "a street, night" and len(layout.instances) == 2


def test_elements_there_and_back():
    back = json.loads(frames_to_text(read_boxes(ELEMENTS, CANVAS), "elements"))
    assert back == ELEMENTS and read_frames(json.dumps(back)) == read_boxes(ELEMENTS, None)


def test_tracking_gives_a_layout_for_each_frame_and_missing_objects_are_missing():
    frames = read_boxes(TRACKING, None)
    assert [[i.id for i in layout.instances] for layout in frames] == [
        ["1.person", "5.dog"],
        ["5.dog"],
        ["1.person", "2.person", "5.dog"],
    ]
    assert frames[0].instances[0].box == (0, 0, 0.5, 1) and frames[2].instances[0].box == (0.1, 0, 0.6, 1)
    assert (frames[0].width, frames[0].height) == CANVAS and prompts_of(frames)[1] == ["dog"]
    words = '"1.person": "a tall man",\n"-1.dog": "((spaniel))"'
    assert prompts_of(read_boxes(TRACKING, None, words)) == [
        ["a tall man", "((spaniel))"],
        ["((spaniel))"],
        ["a tall man", "((spaniel))"],
    ]


def test_tracking_there_and_back(caplog):
    words = '"1.person": "a tall person",\n"2.person": "a small person",\n"5.dog": "a dog"'
    frames = read_boxes(TRACKING, None, words)
    tracking, prompts = other_boxes(frames, [layout_boxes(layout, 400, 800) for layout in frames], 800, 400, ORDERS[0])[
        2:
    ]
    assert tracking == {"person": {0: TRACKING["person"][1], 1: TRACKING["person"][2]}, "dog": {0: TRACKING["dog"][5]}}
    again = read_boxes(tracking, None, prompts)
    assert boxes_of(again) == boxes_of(frames) and prompts_of(again) == prompts_of(frames) and not caplog.text


def test_objects_that_no_prompt_names_are_left_out_with_a_warning(caplog):
    assert prompts_of(read_boxes(TRACKING, None, '"5.dog": "a spaniel"')) == [["a spaniel"]] * 3
    assert "no prompt names 1.person, 2.person" in caplog.text


def test_omost_there_and_back():
    (layout,) = read_boxes(OMOST, CANVAS)
    assert layout.prompt == "A quiet meadow. Soft light. grass, sky" and [i.prompt for i in layout.instances] == [
        "a red fox",
        "a barn",
    ]
    assert (
        boxes_of([layout]) == [[(0.1, 0.5, 0.4, 1.0), (0.666667, 0, 1, 0.333333)]]
        and layout.instances[0].color == "#ff4500"
    )
    plain = json.loads(json.dumps(OMOST))
    assert json.loads(frames_to_text((layout,), "Omost canvas")) == plain
    assert read_frames(json.dumps(plain)) == read_boxes(plain, None)
    own = json.loads(frames_to_text((LAYOUT,), "Omost canvas"))
    assert (
        own[1]
        == {"rect": [22, 68, 22, 45], "prefixes": ["a meadow.", "a red fox."], "suffixes": [], "color": [255, 128, 0]}
        and len(own) == 3
    )


def test_gligens_boxes_are_cells_of_eight_pixels():
    feature = torch.zeros(1, 768)
    options = {
        "gligen": (
            "position",
            object(),
            [(feature, 200 // 8, 200 // 8, 100 // 8 + 0.5, 200 // 8), (feature, 10, 20, 0, 0)],
        )
    }
    frames = read_boxes([[torch.zeros(1, 77, 768), options]], CANVAS, "a red fox\nan owl")
    assert boxes_of(frames) == [[FOX, (0, 0, 0.2, 0.2)]] and prompts_of(frames) == [["a red fox", "an owl"]]


def test_boxes_go_out_in_every_kind():
    boxes = [layout_boxes(LAYOUT, 400, 800)]
    out = other_boxes((LAYOUT,), boxes, 800, 400, ORDERS[1])
    assert out.bbox == [(200, 100, 400, 300), (400, 40, 560, 160)]
    assert other_boxes((LAYOUT,), boxes, 800, 400, ORDERS[0]).bbox[0] == (200, 100, 200, 200)
    assert out.elements[0] == {
        "type": "obj",
        "bbox": [250, 250, 750, 500],
        "desc": "a red fox",
        "color_palette": ["#ff8000"],
    }
    assert out.tracking == {"fox": {0: [[200, 100, 400, 300, 800, 400]]}, "owl": {0: [[400, 40, 560, 160, 800, 400]]}}
    assert out.tracking_prompts == '"0.fox": "a red fox",\n"0.owl": "an owl"'
