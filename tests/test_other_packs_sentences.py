"""What other packs' formats cannot hold, and what of theirs cannot be read: a sentence each."""

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.exporters.boxes import ORDERS, other_boxes
from instdiff.instdiff_modules.exporters.text import TEXT_FORMATS, frames_to_text
from instdiff.instdiff_modules.geometry.raster import layout_boxes
from instdiff.instdiff_modules.importers.any_boxes import read_boxes
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.given import XYXY
from instdiff.instdiff_modules.importers.regions import read_masks
from instdiff.instdiff_modules.layout.document import parse_layout
from support.foreign_data import BOX, CANVAS, ELEMENTS, LAYOUT, OMOST, SEG, TRACKING


def test_what_a_format_drops_is_named_in_one_sentence(caplog):
    box = [0, 0, 0.5, 0.5]
    full = {
        "prompt": "x",
        "negative": "blur",
        "strength": 0.5,
        "start": 0.1,
        "opacity": 0.5,
        "parent": "a",
        "point": [0.5, 0.5],
        "box": box,
    }
    items = [{"id": "a", "prompt": "a", "box": box}, full, {**full, "visible": False}]
    layout = parse_layout({"version": 1, "width": 96, "height": 64, "instances": items})
    dropped = "1 negative prompt, 1 strength, 1 start and end, 1 opacity, 1 parent, 1 hidden instance"
    said = {}
    for kind in TEXT_FORMATS:
        caplog.clear()
        frames_to_text((layout,), kind)
        said[kind] = "".join(record.getMessage() for record in caplog.records)
        assert len(caplog.records) <= 1 and len(said[kind]) < 300
    assert said["InstDiff"] == said["points"] == ""
    assert (
        said["InstanceDiffusion demo"]
        == f"Instances to JSON: InstanceDiffusion demo cannot hold everything. Lost: {dropped}."
    )
    assert (
        said["COCO"].endswith(f"Lost: 1 point (as a box), {dropped}.")
        and "strength" not in said["prompt-control (AND)"]
    )
    caplog.clear()
    plain = parse_layout({"version": 1, "instances": items[:1]})
    frames_to_text((plain,), "COCO")
    assert not caplog.records, "nothing is lost"
    lost = "2 negative prompts, 2 strengths, 2 starts and ends, 2 opacities, 2 parents"
    for frames, told in (
        ((layout, layout), [f"Instances to Boxes: boxes cannot hold everything. Lost: {lost}."]),
        ((plain,), []),
    ):
        caplog.clear()
        other_boxes(frames, [layout_boxes(one, 64, 96) for one in frames], 96, 64, ORDERS[0])
        assert [record.getMessage() for record in caplog.records] == told


def test_every_format_writes_an_empty_layout():
    empty = (parse_layout({"version": 1, "width": 8, "height": 4}),)
    assert all(isinstance(frames_to_text(empty, name), str) for name in TEXT_FORMATS)


@pytest.mark.parametrize("read, words", [
    (lambda: read_boxes(BOX, None), "the size of the canvas is unknown"),
    (lambda: read_boxes([(1, 2, 30, 40)], CANVAS), "in an order that is not stated"),
    (lambda: read_boxes([(0.1, 0.2, 0.3, 0.4)], CANVAS, "", XYXY), "at most one pixel in size"),
    (lambda: read_boxes([(300, 2, 30, 40)], CANVAS, "", XYXY), "is empty or lies outside"),
    (lambda: read_boxes([{"a": 1}], CANVAS), "its first item is {'a': 1}"),
    (lambda: read_boxes(3, CANVAS), "is not a known kind of boxes"),
    (lambda: read_boxes({"x": 1}, CANVAS), "is not a layout that InstDiff knows (its fields: x)"),
    (lambda: read_boxes({}, CANVAS), "(its fields: none)"),
    (lambda: read_boxes({"dog": {0: [None]}}, CANVAS), "holds no box in any frame"),
    (lambda: read_boxes({"dog": {0: [[100, 100, 101, 101, 800, 400]] * 3}}, CANVAS), "KJNodes makes such boxes unless size_multiplier"),
    (lambda: read_boxes(TRACKING, None, '"3.person": "x"'), '"3.person" names no object of the TRACKING. It has 1.person, 2.person, 5.dog'),
    (lambda: read_boxes(TRACKING, None, "a man"), 'are lines such as "0.person"'),
    (lambda: read_boxes([BOX], CANVAS, "a\nb\nc"), "3 lines of prompts for 1 instances"),
    (lambda: read_boxes([BOX], CANVAS, elements=ELEMENTS), "1 boxes and 2 elements do not belong together"),
    (lambda: read_boxes([[None, {"gligen": ("position_batched", None, [])}]], CANVAS), "GLIGEN data of the kind 'position_batched' is not read"),
    (lambda: read_boxes([[None, {}]], CANVAS), "holds no GLIGEN boxes"),
    (lambda: read_boxes([{**OMOST[0]}, {**OMOST[1], "rect": [0, 90]}], CANVAS), "[top, bottom, left, right] in 0..90"),
    (lambda: read_frames("cat IMASK(0) COUPLE dog"), "Connect that mask to Instances from Masks"),
    (lambda: read_frames("cat MASK(0 0.5) MASK(0.1 1)"), "puts 2 masks together"),
    (lambda: read_frames("cat MASK(0.1 300)"), "mixes fractions and pixels"),
    (lambda: read_frames("cat MASK(100)"), "gives one end"),
    (lambda: read_frames("cat MASK(left, top)"), "are not numbers"),
    (lambda: frames_to_text((parse_layout({"version": 1, "instances": [{"prompt": "cats AND dogs", "point": [0, 0]}]}),),
                            "prompt-control (AND)"), "holds 'AND'"),
    (lambda: frames_to_text((LAYOUT, LAYOUT), "elements"), "there are 2 frames"),
    (lambda: read_masks(torch.zeros(1, 0, 4)), "expected a MASK of shape (batch, height, width), got (1, 0, 4)"),
    (lambda: read_masks(torch.zeros(1, 4, 4, 3)), "Connect Convert Image to Mask"),
    (lambda: read_masks(torch.full((1, 4, 4), float("nan"))), "not numbers"),
    (lambda: read_masks(((400, 800), [SEG(None, np.ones((9, 9)), 1, [0, 0, 10, 10], [], "x")])), "is broken"),
    (lambda: read_masks("mask"), "expected a MASK batch, SEGS"),
])  # fmt: skip
def test_what_cannot_be_read_gives_one_sentence(read, words):
    with pytest.raises(ValueError) as caught:
        read()
    assert words in str(caught.value) and "\n" not in str(caught.value)
