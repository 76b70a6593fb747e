"""Other packs' data, shaped as they give it, on a wide canvas so that swapped axes show; there and back."""

import json
from collections import namedtuple
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.exporters.boxes import ORDERS, other_boxes
from instdiff.instdiff_modules.exporters.regions import Region, shared_out, to_regions
from instdiff.instdiff_modules.exporters.segs import layout_segs
from instdiff.instdiff_modules.exporters.text import TEXT_FORMATS, frames_to_text
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.geometry.raster import layout_boxes, layout_masks
from instdiff.instdiff_modules.importers.any_boxes import read_boxes
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.given import XYWH, XYXY
from instdiff.instdiff_modules.importers.regions import read_masks
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.layout.point_text import parse_points, split_lists
from instdiff.instdiff_modules.layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from support.node_js import ask, needs_node
from support.pack import ROOT

CANVAS = (800, 400)
FOX = (0.25, 0.25, 0.5, 0.75)
BOX = {"x": 200, "y": 100, "width": 200, "height": 200}
ELEMENTS = json.loads((ROOT / "tests" / "data" / "foreign" / "elements.json").read_text(encoding="utf-8"))
LAYOUT = parse_layout({"version": 1, "width": 800, "height": 400, "prompt": "a meadow", "instances": [
    {"id": "fox", "prompt": "a red fox", "box": list(FOX), "color": "#ff8000", "strength": 0.8},
    {"id": "owl", "prompt": "an owl", "box": [0.5, 0.1, 0.7, 0.4]},
    {"id": "off", "prompt": "a rock", "box": [0, 0, 1, 1], "visible": False},
]})  # fmt: skip
# The tracker node of the older pack: classes by name, numbers by id, None where an object is not in a frame.
TRACKING = {
    "person": {
        1: [[0, 0, 400, 400, 800, 400], None, [80, 0, 480, 400, 800, 400]],
        2: [None, None, [600, 100, 800, 300, 800, 400]],
    },
    "dog": {5: [[200, 100, 400, 300, 800, 400]] * 3},
}
# Omost: [top, bottom, left, right] of 90, the prefixes of the whole picture before each own one.
OMOST = [
    {
        "rect": [0, 90, 0, 90],
        "prefixes": ["A quiet meadow."],
        "suffixes": ["Soft light.", "grass, sky."],
        "color": [34, 139, 34],
    },
    {
        "rect": [45, 90, 9, 36],
        "prefixes": ["A quiet meadow.", "a red fox."],
        "suffixes": ["It looks up.", "fox, fur."],
        "color": [255, 69, 0],
    },
    {"rect": (0, 30, 60, 90), "prefixes": ["A quiet meadow.", "a barn."], "suffixes": [], "color": (139, 0, 0)},
]
SEG = namedtuple(
    "SEG",
    ["cropped_image", "cropped_mask", "confidence", "crop_region", "bbox", "label", "control_net_wrapper"],
    defaults=[None],
)


def boxes_of(frames):
    return [[tuple(round(v, 6) for v in i.box) for i in layout.instances] for layout in frames]


def prompts_of(frames):
    return [[i.prompt for i in layout.instances] for layout in frames]


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


def test_every_format_writes_an_empty_layout():
    empty = (parse_layout({"version": 1, "width": 8, "height": 4}),)
    assert all(isinstance(frames_to_text(empty, name), str) for name in TEXT_FORMATS)
