"""Other packs' regions: the words of prompt-control, masks, SEGS, points and splines; there and back."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.exporters.regions import Region, shared_out, to_regions
from instdiff.instdiff_modules.exporters.segs import layout_segs
from instdiff.instdiff_modules.exporters.text import frames_to_text
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.geometry.raster import layout_masks
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.regions import read_masks
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.layout.point_text import parse_points, split_lists
from support.foreign_data import CANVAS, FOX, LAYOUT, SEG
from support.node_js import ask, needs_node


@pytest.mark.parametrize("text, caption, expected", [
    ("a meadow COUPLE MASK(0.25 0.5, 0.25 0.75, 0.8) a red fox", "a meadow", [("a red fox", FOX, 0.8)]),
    ("a meadow COUPLE(0.25 0.5, 0.25 0.75) a red fox COUPLE(0.5) an owl", "a meadow", [("a red fox", FOX, 1), ("an owl", (0.5, 0, 1, 1), 1)]),
    ("a red fox MASK(128 256, 128 384) AND sky FEATHER(8) AREA(0 1, 0 0.5)", "", [("a red fox", FOX, 1), ("sky", (0, 0, 1, 0.5), 1)]),
    ("MASK_SIZE(800, 400) field AND MASK(200 400, 100 300) (fox:1.2):0.7", "field", [("(fox:1.2)", FOX, 1)]),
    ("dog FILL() COUPLE(0.5 1) cat", "dog", [("cat", (0.5, 0, 1, 1), 1)]),
])  # fmt: skip
def test_regions_of_prompt_control(text, caption, expected):
    (layout,) = read_frames(text)
    assert layout.prompt == caption and [(i.prompt, i.box, i.strength) for i in layout.instances] == expected
    assert (layout.width, layout.height) == ((800, 400) if "MASK_SIZE" in text else (None, None))


@pytest.mark.parametrize("words, left, named", [
    ("a [red:blue:0.5] fox", "a red fox", "[red:blue:0.5]"),
    ("a [red:[blue::0.7]:0.5] fox", "a red fox", "schedules"),
    ("a [red:green:blue:0.3,0.7] fox", "a red fox", "schedules"),
    ("[a fox:0.1]", "a fox", "schedules"),
    ("a [::0.5] fox [|x] [SEQ:running:0.2:sitting:0.5] [dog:cat:SECOND_PASS]", "a fox x running dog", "schedules"),
    ("a fox [CUT:white tail:white]", "a fox white tail", "schedules"),
    ("a fox|owl [photo: nice] [plain] :)", "a fox|owl [photo: nice] [plain] :)", None),
    ("a fox <lora:fur:0.8> BREAK in snow [<lora:x:1>::0.5]", "a fox in snow", "LoRAs (<lora:fur:0.8>, <lora:x:1>)"),
    ("STYLE(A1111) a fox <emb:good> AVG(0.3)", "a fox embedding:good", "functions (STYLE(A1111), AVG(0.3))"),
    (r"a \[fox\:0.5] [open:0.5", r"a \[fox\:0.5] [open", None),
])  # fmt: skip
def test_what_prompt_control_does_with_words_never_becomes_words(words, left, named, caplog):
    (layout,) = read_frames(f"a meadow COUPLE MASK(0 0.5) {words} COUPLE MASK(0.5 1) an owl")
    assert (layout.prompt, [i.prompt for i in layout.instances]) == ("a meadow", [left, "an owl"])
    assert named is None or named in caplog.text
    assert (named is not None) == bool(caplog.records)


def test_an_odd_region_of_prompt_control_costs_itself(caplog):
    (layout,) = read_frames(
        "hill COUPLE MASK(0.5 0, 0 1) cat COUPLE IMASK(1) elk COUPLE MASK(0 1) MASK(0 1) eel COUPLE MASK(0 0.5) dog"
    )
    assert [(i.id, i.prompt) for i in layout.instances] == [("i4", "dog")] and layout.prompt == "hill"
    assert all(f"region {i}" in caplog.text for i in (1, 2, 3)) and "IMASK" in caplog.text


@needs_node
def test_the_editor_reads_the_same_words_of_prompt_control():
    words = [
        "a [red:blue:0.5] fox", "[a:[b::0.7]:0.5] c", "[|x] [SEQ:a:0.2:b:0.5] [dog:cat:SECOND_PASS]", "[CUT:white tail:white]", "[photo: nice] [plain] :)",
        "a <lora:fur:0.8> BREAK in snow [<lora:x:1>::0.5]",
        "STYLE(A1111) a <emb:good> AVG(0.3) CLIP_L(b)", r"a \[fox\:0.5] [open:0.5", "a <cut:b:c> (d:1.2):0.7",
    ]  # fmt: skip
    texts = [f"hill COUPLE MASK(0 0.5) {text} COUPLE IMASK(1) x COUPLE MASK(0.5 1) an owl" for text in words]
    for text, given in zip(
        texts, ask([{"ask": "foreign", "text": text, "options": {}} for text in texts]), strict=True
    ):
        (layout,) = read_frames(text)
        (frame,) = given["answer"]["frames"] if isinstance(given["answer"], dict) else given["answer"]
        assert [i["prompt"] for i in frame["instances"]] == [i.prompt for i in layout.instances], text


@pytest.mark.parametrize("kind", ["prompt-control (COUPLE)", "prompt-control (AND)"])
def test_prompt_control_there_and_back(kind):
    text = frames_to_text((LAYOUT,), kind)
    (layout,) = read_frames(text)
    assert layout.prompt == "a meadow" and [(i.prompt, i.box, i.strength) for i in layout.instances] == [
        (i.prompt, i.box, i.strength) for i in LAYOUT.instances[:2]
    ]
    assert kind.split("(")[1][:-1] in text and "rock" not in text


def blobs(count=2):
    """Masks that are not rectangles."""
    masks = torch.zeros(count, 400, 800)
    for i, mask in enumerate(masks):
        mask[100:200, 200 + 50 * i : 400] = 1
        mask[200:300, 300:400] = 1
    return masks


def test_each_mask_of_a_batch_is_an_instance_and_black_ones_are_none(caplog):
    masks = torch.cat([blobs(1), torch.zeros(1, 400, 800), blobs(2)[1:]])
    (layout,) = read_masks(masks, prompts="a fox\nnothing\nan owl")
    assert [(i.id, i.prompt) for i in layout.instances] == [
        ("i1", "a fox"),
        ("i3", "an owl"),
    ] and "1 of 3 masks" in caplog.text
    assert (layout.width, layout.height) == CANVAS and (
        decode_mask(layout.instances[1].mask) == masks[2].numpy().astype(bool)
    ).all()
    (none,) = read_masks(torch.zeros(3, 400, 800))
    assert none.instances == ()


def test_segs_there_and_back():
    masks = blobs(1)[0].numpy()
    segs = ((400, 800), [
        SEG(None, masks[50:350, 150:450], np.array([0.5], np.float32), [150, 50, 450, 350], [200, 100, 400, 300], "fox"),
        SEG(None, torch.ones(1, 40, 60), 1.0, (0, 0, 60, 40), (0, 0, 60, 40), "sky"),
    ])  # fmt: skip
    (layout,) = read_masks(segs)
    fox, sky = layout.instances
    assert fox.prompt == "fox" and fox.extra == {"score": 0.5} and (decode_mask(fox.mask) == (masks > 0)).all()
    assert sky.mask is None and sky.box == (0, 0, 0.075, 0.1), "a mask that fills its rectangle is a box"
    back = layout_segs(layout, layout_masks([layout], 400, 800))
    assert (
        back[0] == (400, 800)
        and [s.label for s in back[1]] == ["fox", "sky"]
        and back[1][0].bbox == [200, 100, 400, 300]
    )
    (again,) = read_masks(back)
    assert [(i.box, i.mask) for i in again.instances] == [(i.box, i.mask) for i in layout.instances]


def test_regions_there_and_back():
    masks = blobs(2)
    words = [[[torch.full((1, 77, 8), float(i)), {}]] for i in range(3)]
    boxes = [Instance("a", "x", box=(0, 0, 1, 1)), Instance("b", "y", box=(0, 0, 1, 1))]
    chain = to_regions(words[0], shared_out(masks, boxes), words[1:])
    first, back, front = chain.preprocess()
    assert [region.conditioning for region in (first, back, front)] == words and all(
        region.mask.shape == (1, 400, 800) for region in (first, back, front)
    )
    assert torch.equal(front.mask[0], masks[1]) and torch.equal(back.mask[0], masks[0] * (1 - masks[1]))
    assert torch.equal(first.mask + back.mask + front.mask, torch.ones(1, 400, 800)), "every pixel has one region"
    boxes[1] = replace(boxes[1], opacity=0.5)
    there = masks.bool().all(0)
    assert there.any() and [float(share[there].mean()) for share in shared_out(masks, boxes)] == pytest.approx(
        [1 / 3, 2 / 3]
    )
    boxes[1] = replace(boxes[1], strength=0.0)
    assert torch.equal(shared_out(masks, boxes), masks * torch.tensor([1.0, 0.0])[:, None, None])
    (layout,) = read_masks(chain, prompts="a fox\nan owl")
    assert [i.prompt for i in layout.instances] == ["a fox", "an owl"]
    theirs = SimpleNamespace(previous=Region(None, masks[:1], words[0]), mask=masks[1:], conditioning=words[1])
    assert len(read_masks(theirs)[0].instances) == 2
    assert to_regions(words[0], masks[:0], []) == Region(None, None, words[0])


def test_points_and_splines_of_editors():
    single = '[{"x": 200, "y": 100}, {"x": 400, "y": 300}]'
    assert split_lists(single) == [single] and parse_points(single, *CANVAS) == ((0.25, 0.25), (0.5, 0.75))
    two = split_lists(f"[{single}, {single}]")
    assert [parse_points(one, *CANVAS) for one in two] == [parse_points(single, *CANVAS)] * 2
    assert split_lists("[[0.1, 0.2], [0.3, 0.4]]") == ["[[0.1, 0.2], [0.3, 0.4]]"] and split_lists("[[[") == ["[[["]
    spline = parse_layout({"version": 1, "width": 800, "height": 400, "instances": [
        {"prompt": "a path", "scribble": [[0.25, 0.25], [0.5, 0.75]]}, {"prompt": "a star", "point": [0.1, 0.5]},
        {"prompt": "x", "box": list(FOX)}]})  # fmt: skip
    assert json.loads(frames_to_text((spline,), "points")) == [
        json.loads(single),
        [{"x": 80, "y": 200}],
        [{"x": 300, "y": 200}],
    ]
