"""Every kind of data, as tests/data/kinds tells it for Python and JavaScript alike.

A case: `given` (a text, or what its JSON holds), `options` (what the menus say), and either `expect` (the first frame; `frames`: how many
instances each frame has) with `warnings` (parts of them, one for each; none else may come), or `asks` / `error` (parts of the sentence).
"""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import decode_mask, mask_extent
from instdiff.instdiff_modules.importers.any_boxes import read_boxes
from instdiff.instdiff_modules.importers.class_names import CATEGORIES, CLASSES
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.kinds import KINDS, kind_of
from instdiff.instdiff_modules.importers.odd_items import MAX_SHOWN
from instdiff.instdiff_modules.importers.regions import read_masks
from instdiff.instdiff_modules.layout.document import MAX_INSTANCES, parse_layout
from instdiff.instdiff_modules.layout.rle import check_runs, decode_runs
from instdiff.instdiff_modules.layout.units import PIXELS
from support.kinds import END, HELP, START, listed
from support.pack import ROOT

FILES = sorted((ROOT / "tests" / "data" / "kinds").glob("*.json"))
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in FILES
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
LTRB = "left, top, right, bottom"


def read(given, width=0, height=0, units="not declared", order="not declared", image=""):
    text = given if isinstance(given, str) else json.dumps(given)
    return read_frames(text, image, (width, height) if width else None, order, units)


def compare(layout, expected):
    assert (layout.width, layout.height, layout.prompt) == (expected["width"], expected["height"], expected["prompt"])
    assert [i.prompt for i in layout.instances] == [i["prompt"] for i in expected["instances"]]
    for instance, wanted in zip(layout.instances, expected["instances"], strict=True):
        for name in ("box", "point", "scribble"):
            found, right = getattr(instance, name), wanted.get(name)
            assert (found is None) == (right is None), name
            if right is not None:
                np.testing.assert_allclose(found, right, atol=1e-6)
        assert (instance.mask is None) == ("mask_box" not in wanted)
        if instance.mask:
            np.testing.assert_allclose(mask_extent(instance.mask), wanted["mask_box"], atol=1e-6)
        assert instance.color == wanted.get("color", instance.color)
        assert instance.extra == wanted.get("extra", {})


@pytest.mark.parametrize("case", CASES)
def test_a_case(case, caplog):
    if "expect" not in case:
        with pytest.raises(ValueError) as caught:
            read(case["given"], **case["options"])
        sentence = str(caught.value)
        assert all(words in sentence for words in case.get("asks", case.get("error"))), sentence
        assert len(sentence) < 300 and "\n" not in sentence, sentence
        return
    frames = read(case["given"], **case["options"])
    assert [len(layout.instances) for layout in frames] == case.get("frames", [len(case["expect"]["instances"])])
    compare(frames[0], case["expect"])
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == len(case["warnings"]), warnings
    assert all(words in warning for words, warning in zip(case["warnings"], warnings, strict=True)), warnings


def test_every_kind_has_cases_and_they_are_of_that_kind():
    without = {"prompt-control", "GLIGEN", "nothing found"}  # tried where they were first read, and beside BBOX
    named = {kind.name for kind in KINDS if kind.kept == "not read"}
    by_kind = {data["kind"]: data["cases"] for data in (json.loads(p.read_text(encoding="utf-8")) for p in FILES)}
    assert {kind.name for kind in KINDS} - without - named == by_kind.keys() - {"named, not read"}
    for name, cases in by_kind.items():
        told = {kind.name for case in cases if (kind := kind_of(case["given"]))} - {"frames", "nothing found"}
        assert told == (named if name == "named, not read" else {name} - {"frames"}), name


def test_the_help_page_shows_the_listed():
    assert listed() == HELP.read_text(encoding="utf-8").partition(START)[2].partition(END)[0].strip()
    assert all(cell.strip() and "\n" not in cell for kind in KINDS for cell in kind[:7])


def test_class_numbers_are_cocos():
    assert len(CLASSES) == len(CATEGORIES) == 80 and (CLASSES[0], CLASSES[16], CLASSES[79]) == (
        "person",
        "dog",
        "toothbrush",
    )
    assert [CATEGORIES.get(i) for i in (1, 12, 13, 18, 90)] == ["person", None, "stop sign", "dog", "toothbrush"]


def test_a_file_of_odd_items_is_read_at_once_and_says_so_in_few_lines(caplog):
    good = {"bbox": [10, 10, 30, 30], "label": "cat"}
    items = [good, *({"bbox": [i % 90, 5, i % 90, 9], "label": f"odd {i}"} for i in range(MAX_INSTANCES - 1))]
    start = time.perf_counter()
    (layout,) = read(items, 100, 100, PIXELS, LTRB)
    assert len(layout.instances) == 1 and time.perf_counter() - start < 2
    assert len(caplog.records) == MAX_SHOWN + 1 and "more were left out" in caplog.records[-1].getMessage()
    with pytest.raises(ValueError, match="1001 boxes, at most 1000"):
        read([good] * (MAX_INSTANCES + 1), 100, 100, PIXELS, LTRB)


def test_the_editors_own_text_stays_strict():
    case = next(c for p in CASES for c in p.values if c["name"] == "an odd instance is left out")
    with pytest.raises(ValueError, match=r"Instance 2 \(owl\)"):
        parse_layout(case["given"])


# What comes over a wire


DOG = {"width": 200, "height": 100, "prompt": "", "instances": [{"prompt": "dog", "box": [0.1, 0.2, 0.5, 0.6], "extra": {"score": 0.5}}]}  # fmt: skip


@pytest.mark.parametrize("given", [
    [{"x": torch.tensor(20.0), "y": np.float32(20), "width": np.int64(80), "height": torch.tensor([40])[0], "label": "dog", "score": np.float16(0.5)}],
    {"boxes": torch.tensor([[20.0, 20, 100, 60]]), "labels": ("dog",), "scores": np.array([0.5])},
    [{"bbox": np.array([20, 20, 100, 60]), "label": "dog", "score": torch.tensor(0.5)}],
    [{"x": 60, "y": 40, "width": 80, "height": 40, "class_id": 16, "class": "dog", "confidence": 0.5}],
    [[{"x": 20, "y": 20, "width": 80, "height": 40, "label": "dog", "score": 0.5}]],
], ids=["scalars", "tensors", "array", "centres", "frames"])  # fmt: skip
def test_tensors_and_arrays_are_numbers(given):
    (layout,) = read_boxes(given, (200, 100), order=LTRB)
    compare(layout, DOG)


@pytest.mark.parametrize("odd", [
    [10, 10, 0, 5], [float("nan"), 1, 2, 3], [900, 10, 910, 20], [1, 2, 3], None, [10, 10, float("inf"), 5], [True, 1, 20, 30], "box",
], ids=str)  # fmt: skip
def test_lines_of_prompts_count_what_was_left_out(odd, caplog):
    (layout,) = read_boxes([{"bbox": b} for b in ([1, 2, 30, 40], odd, [5, 6, 70, 80])], (100, 100), "a\nb\nc", LTRB)
    assert [(i.id, i.prompt) for i in layout.instances] == [("i1", "a"), ("i3", "c")] and "Instance 2" in caplog.text


@pytest.mark.parametrize(
    "value", [torch.zeros(0, 4), np.zeros((0, 4)), (), [[]], "[]", {"boxes": [], "scores": []}], ids=repr
)
def test_nothing_found_is_a_layout_without_instances(value):
    assert [layout.instances for layout in read_boxes(value, None, "a fox")] == [()]


@pytest.mark.parametrize("value, words", [
    (torch.empty(1, 4, device="meta"), "without values"),
    (torch.nested.nested_tensor([torch.ones(4), torch.ones(3)]), "different lengths"),
], ids=["meta", "nested"])  # fmt: skip
def test_a_tensor_without_plain_numbers_gets_a_sentence(value, words):
    for read_it in (lambda: read_boxes(value, (64, 64)), lambda: read_masks(value)):
        with pytest.raises(ValueError, match=words):
            read_it()


@pytest.mark.parametrize("value, words", [
    ({"dog": {i: [[1, 2, 3, 4, 64, 64]] * 4096 for i in range(1000)}}, "more than 2097152"),
    ([[1, 2, 3, 4]] * 300_000, "at most 1000"),
    ({str(i): i for i in range(300_000)}, "not a layout"),
], ids=["frames", "boxes", "fields"])  # fmt: skip
def test_far_too_much_is_answered_at_once(value, words):
    start = time.process_time()
    with pytest.raises(ValueError, match=words):
        read_boxes(value, (64, 64), order=LTRB)
    assert time.process_time() - start < 5


def test_masks_beyond_what_a_layout_holds_get_a_sentence():
    for value, words in (
        (torch.ones(1, 1, 1).expand(1, 20000, 100), "too large"),
        (torch.ones(1, 1, 1).expand(64, 8192, 8192), "at most 32"),
    ):
        with pytest.raises(ValueError, match=words):
            read_masks(value)


def test_regions_of_a_large_canvas_cost_their_own_size(caplog):
    ring = np.ones((64, 64), np.float32)
    ring[1:-1, 1:-1] = 0
    spots = [(0, 0), (8128, 8128), (4000, 17), (17, 4000)]
    start = time.process_time()
    (layout,) = read_masks(((8192, 8192), [seg(ring, [x, y, x + 64, y + 64]) for x, y in spots * 25]))
    assert time.process_time() - start < 5
    for (x, y), instance in zip(spots, layout.instances, strict=False):
        np.testing.assert_allclose(np.array(mask_extent(instance.mask)) * 8192, [x, y, x + 64, y + 64])
        assert check_runs(decode_runs(instance.mask.counts), 8192, 8192) == 252
    (layout,) = read_masks(
        ((16384, 16384), [seg(ring, [5, 5, 69, 69], [5, 5, 69, 69]), seg(ring * 0 + 1, [5, 5, 69, 69])])
    )
    assert [i.mask for i in layout.instances] == [None, None] and layout.instances[0].box == layout.instances[1].box
    assert "too large" in caplog.text


def test_a_picture_is_not_a_list_of_boxes():
    with pytest.raises(ValueError, match=r"a tensor of shape \(1, 1024, 1024, 3\) is not boxes"):
        read_boxes(torch.zeros(1, 1024, 1024, 3), (64, 64))


SQUARE = torch.zeros(8, 16)
SQUARE[2:6, 4:12] = torch.tensor([[0, 1] * 4, [1] * 8, [1] * 8, [1] * 8])


@pytest.mark.parametrize("value", [
    SQUARE, SQUARE[None], SQUARE[None, None], SQUARE[None, :, :, None], SQUARE.numpy(), [SQUARE, ], SQUARE.bool(), SQUARE.numpy()[None].astype(np.uint8),
], ids=["plain", "batch", "channel first", "channel last", "array", "list", "bool", "bytes"])  # fmt: skip
def test_a_mask_with_a_channel_is_a_mask(value):
    (layout,) = read_masks(value, prompts="a fox")
    assert (layout.width, layout.height) == (16, 8) and layout.instances[0].prompt == "a fox"
    assert (decode_mask(layout.instances[0].mask) == (SQUARE > 0.5).numpy()).all()


@pytest.mark.parametrize("value, size", [
    (torch.zeros(0, 8, 16), (16, 8)), (torch.zeros(0, 1, 8, 16), (16, 8)), (((0, 0), []), (None, None)), (((8, 16), []), (16, 8)), ([], (None, None)),
    (torch.zeros(2, 8, 16), (16, 8)),
], ids=["SAM3", "SAM3, channel", "EmptySegs", "SEGS", "list", "black"])  # fmt: skip
def test_no_masks_are_a_result(value, size):
    (layout,) = read_masks(value, prompts="a\nb")
    assert layout.instances == () and (layout.width, layout.height) == size


def seg(mask, region, bbox=None, label="fox", confidence=0.5):
    return SimpleNamespace(cropped_mask=mask, crop_region=region, bbox=bbox, label=label, confidence=confidence)


def test_one_odd_mask_costs_itself(caplog):
    nan = torch.full((8, 16), float("nan"))
    (layout,) = read_masks(torch.stack([SQUARE, nan, SQUARE]), prompts="a\nb\nc")
    assert [i.prompt for i in layout.instances] == ["a", "c"] and "mask 2 holds values" in caplog.text
    good, array = np.ones((4, 4), np.float32), np.array([2, 2, 6, 6])
    segs = [
        seg(good, array, label=None, confidence=torch.tensor([0.5])), seg(good, [0, 0, 9, 9], label="bad"), seg(None, [0, 0, 4, 4], (4, 4, 8, 8)),
        seg(good, [float("nan")] * 4, label="worse"), seg(good[..., None], (2, 2, 6, 6)), 3,
    ]  # fmt: skip
    (layout,) = read_masks(((8, 16), segs))
    boxes = [(i.id, i.box, i.prompt, i.extra.get("score")) for i in layout.instances]
    third = (2 / 16, 2 / 8, 6 / 16, 6 / 8)
    assert boxes == [("i1", third, "", 0.5), ("i3", (0.25, 0.5, 0.5, 1.0), "fox", 0.5), ("i5", third, "fox", 0.5)]
    assert all(
        words in caplog.text
        for words in ("region 2 (bad)", "region 3 (fox)", "Its box was kept", "region 4 (worse)", "region 6")
    )
    with pytest.raises(ValueError, match=r"region 1 \(bad\) of the SEGS is broken"):
        read_masks(((8, 16), segs[1:2]))
