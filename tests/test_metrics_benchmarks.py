"""The measures of the field's benchmarks: who is in front, the shared area, COCO-MIG's colours and levels, LayoutSAM-Eval's questions."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import draw_box, encode_mask
from instdiff.instdiff_modules.layout.instance import Box, Instance, Layout
from instdiff.instdiff_modules.metrics.detection import SHAPES, Detection, detect_shapes
from instdiff.instdiff_modules.metrics.mig import (
    RANGES,
    MigRow,
    color_and_object,
    color_share,
    hsv,
    mig_rows,
    mig_totals,
)
from instdiff.instdiff_modules.metrics.overlaps import (
    MOST_PAIRS,
    front_is_right,
    orders,
    overlap_iou,
    overlapping_pairs,
    undecided,
)
from instdiff.instdiff_modules.metrics.record import Record, record_from_dict, record_to_dict
from instdiff.instdiff_modules.metrics.report import summarise, totals_table
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from instdiff.instdiff_modules.metrics.verdicts import Counts, ShapeJudge, Verdict, judge_picture, verdict_totals
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing

SIDE = 200
LEFT, RIGHT = (0.1, 0.2, 0.6, 0.7), (0.4, 0.2, 0.9, 0.7)  # they share 0.4..0.6


def drawn(layout: Layout, found: list[Detection]) -> Record:
    return score_picture("one", layout, found, (SIDE, SIDE), Settings(categories=("fox", "owl", *SHAPES)))


def seen(label: str, box: Box, hidden: Box | None = None) -> Detection:
    """A detection whose mask fills its box, without what another one hides."""
    mask = draw_box(box, SIDE, SIDE)
    return Detection(label, box, mask & ~draw_box(hidden, SIDE, SIDE) if hidden else mask)


def pair(**more: object) -> Layout:
    return Layout((Instance("a", "a fox", box=LEFT), Instance("b", "an owl", box=RIGHT, **more)))


# Who is in front, and the shared area


@pytest.mark.parametrize("swapped", [False, True])
def test_the_later_instance_should_be_in_front(swapped: bool):
    owl_in_front = [seen("fox", LEFT, RIGHT), seen("owl", RIGHT)]
    fox_in_front = [seen("fox", LEFT), seen("owl", RIGHT, LEFT)]
    record = drawn(pair(), fox_in_front if swapped else owl_in_front)
    assert orders(record) == [(0, 1, not swapped)] and summarise([record]).order_acc == float(not swapped)
    assert "order_acc" in totals_table(summarise([record]))
    assert record_from_dict(record_to_dict(record)) == record


def test_it_is_not_told_where_the_picture_does_not_tell_it():
    both = [seen("fox", LEFT, RIGHT), seen("owl", RIGHT)]
    apart = (0.62, 0.2, 0.9, 0.7)
    assert orders(drawn(pair(), both[:1])) == [], "one is missing"
    assert orders(drawn(pair(opacity=0.5), both)) == [], "one can be seen through"
    assert orders(drawn(pair(), [replace(d, mask=None) for d in both])) == [], "no masks"
    assert orders(drawn(pair(), [seen("fox", (0.1, 0.2, 0.39, 0.7)), seen("owl", apart)])) == [], "neither is there"
    assert orders(drawn(Layout((Instance("a", "a fox", box=LEFT), Instance("b", "an owl", box=apart))), both)) == []
    assert summarise([drawn(pair(), [])]).order_acc is None


def test_a_small_one_inside_a_large_one_is_seen_only_in_front():
    large, small = (0.1, 0.1, 0.9, 0.9), (0.4, 0.4, 0.6, 0.6)
    found = [seen("fox", large), Detection("owl", small, draw_box((0.48, 0.4, 0.52, 0.6), SIDE, SIDE))]  # a thin owl
    fox, owl = Instance("a", "a fox", box=large), Instance("b", "an owl", box=small)
    assert front_is_right(drawn(Layout((fox, owl)), found), 0, 1) is True
    assert front_is_right(drawn(Layout((owl, fox)), found), 0, 1) is False


def test_masks_that_only_touch_are_no_pair_and_masks_that_overlap_are_one():
    split = [encode_mask(draw_box(box, SIDE, SIDE)) for box in ((0.1, 0.2, 0.4, 0.7), RIGHT)]
    for masks, pairs in ((split, []), ([encode_mask(draw_box(box, SIDE, SIDE)) for box in (LEFT, RIGHT)], [(0, 1)])):
        given = Layout(tuple(replace(i, mask=m) for i, m in zip(pair().instances, masks, strict=True)))
        assert overlapping_pairs(drawn(given, []).wanted) == pairs


def test_real_shapes_tell_their_order():
    things = (Thing("circle", "red", "plain", (0.4, 0.5), 0.4), Thing("heart", "green", "plain", (0.6, 0.5), 0.4))
    given = [Instance("c", "a red circle", box=(0.2, 0.3, 0.6, 0.7)), Instance("h", "a green heart", box=(0.4, 0.3, 0.8, 0.7))]  # fmt: skip
    found = detect_shapes(render(Scene(256, 256, "white", things)).picture)
    for order, right in ((given, True), (given[::-1], False)):
        record = score_picture("x", Layout(tuple(order)), found, (256, 256), Settings(categories=SHAPES))
        assert orders(record) == [(0, 1, right)]


@pytest.mark.parametrize("star, touching", [((0.36, 0.36), False), ((0.42, 0.42), True)])
def test_only_objects_that_touch_tell_their_order(star: tuple[float, float], touching: bool):
    """The corner of a star's box is empty: over another box it says nothing, whatever else is there."""
    reach = 0.25
    circle = Thing("circle", "red", "plain", (0.7, 0.7), 0.42)
    things = (circle, Thing("star", "green", "plain", star, 2 * reach))
    boxes = (0.49, 0.49, 0.91, 0.91), (star[0] - reach, star[1] - reach, star[0] + reach, star[1] + reach)
    given = [
        Instance(prompt, prompt, box=box) for prompt, box in zip(("a red circle", "a green star"), boxes, strict=True)
    ]
    found = detect_shapes(render(Scene(256, 256, "white", things)).picture)
    for order in (given, given[::-1]):
        record = score_picture("x", Layout(tuple(order)), found, (256, 256), Settings(categories=SHAPES))
        assert overlapping_pairs(record.wanted) == [(0, 1)]
        assert (len(orders(record)), undecided(record)) == ((1, 0) if touching else (0, 1))


def test_the_shared_area_is_met_as_far_as_both_boxes_are():
    exact = [seen("fox", LEFT), seen("owl", RIGHT)]
    assert overlap_iou(drawn(pair(), exact), 0, 1) == pytest.approx(1)
    moved = [seen("fox", LEFT), seen("owl", (0.5, 0.2, 0.9, 0.7))]  # shares 0.5..0.6 instead of 0.4..0.6
    assert overlap_iou(drawn(pair(), moved), 0, 1) == pytest.approx(0.5)
    apart = [seen("fox", (0.1, 0.2, 0.45, 0.7)), seen("owl", (0.5, 0.2, 0.9, 0.7))]
    assert overlap_iou(drawn(pair(), apart), 0, 1) == 0 == overlap_iou(drawn(pair(), exact[:1]), 0, 1)
    totals = summarise([drawn(pair(), exact), drawn(pair(), apart), drawn(Layout(pair().instances[:1]), exact)])
    assert totals.o_miou == pytest.approx(0.5), "a picture without overlaps does not count"


def test_a_heap_of_instances_is_looked_at_in_time():
    heap = Layout(tuple(Instance(str(i), "a fox", box=(0.001 * i, 0.1, 0.001 * i + 0.4, 0.9)) for i in range(300)))
    assert len(overlapping_pairs(drawn(heap, []).wanted)) == MOST_PAIRS


# COCO-MIG


def test_hue_saturation_and_value_are_those_of_the_standard_library():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (500, 3), np.uint8)
    expected = np.array([colorsys.rgb_to_hsv(*(pixel / 255)) for pixel in pixels]) * (180, 255, 255)
    assert np.abs(hsv(pixels) - expected).max() <= 0.51
    assert hsv(np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], np.uint8)).tolist() == [[0, 0, 0], [0, 0, 255], [0, 255, 255]]  # fmt: skip


@pytest.mark.parametrize("color, rgb", [
    ("red", (200, 20, 20)), ("red", (200, 20, 60)), ("blue", (30, 60, 200)), ("green", (30, 160, 40)), ("yellow", (230, 220, 40)),
    ("black", (20, 20, 20)), ("white", (240, 240, 240)), ("brown", (120, 70, 30)),
])  # fmt: skip
def test_each_colour_has_its_range_and_no_other_has_it(color: str, rgb: tuple[int, int, int]):
    pixels = np.array([rgb] * 4, np.uint8)
    assert [name for name in RANGES if color_share(pixels, name) == 1] == [color]
    half = np.concatenate([pixels, np.full((12, 3), 127, np.uint8)])
    assert color_share(half, color) == 0.25 and color_share(pixels[:0], color) == 0


def test_labels_name_their_colour_with_or_without_an_article():
    assert color_and_object("a red dining table") == color_and_object("red dining table") == ("red", "dining table")
    assert [color_and_object(text) for text in ("a dog", "red", "", "a purple dog", "the red dog")] == [None] * 5


def test_an_object_counts_by_its_box_and_a_fifth_of_its_pixels():
    picture = np.full((SIDE, SIDE, 3), 127, np.uint8)
    picture[:, 20:48] = (200, 20, 20)  # 28 of the fox's 100 columns
    fox, owl = Instance("a", "a fox", box=LEFT), Instance("b", "an owl", box=RIGHT)
    record = drawn(Layout((fox, owl)), [seen("fox", LEFT), seen("owl", (0.1, 0.2, 0.9, 0.95))])
    near, far = mig_rows(record, picture, ["red", "blue"])
    assert near.iou == pytest.approx(1) and near.placed and near.colored
    assert far.iou == pytest.approx(0.25 / 0.6) and not far.placed and far.colored is None
    assert mig_rows(record, picture, ["blue", "blue"])[0].colored is False
    twice = drawn(Layout((fox, replace(fox, id="c"))), [seen("fox", LEFT)])
    assert [row.placed for row in mig_rows(twice, picture, ["red", "red"])] == [True, True], "one detection serves both"
    assert [row.iou for row in mig_rows(drawn(Layout((fox,)), []), picture, ["red"])] == [0.0]


def test_levels_are_numbers_of_instances_and_a_wrong_colour_counts_as_nothing():
    right, wrong, near = MigRow(0.8, True), MigRow(0.9, False), MigRow(0.4, None)
    totals = mig_totals([[right, right], [right, wrong], [right, near, near]])
    assert totals["mig_success"] == pytest.approx(4 / 7) and totals["mig_pictures"] == pytest.approx(1 / 3)
    assert (totals["mig_success_l2"], totals["mig_success_l3"], totals["mig_success_l4"]) == (
        0.75,
        pytest.approx(1 / 3),
        None,
    )
    assert totals["mig_miou_l2"] == pytest.approx(0.6) and totals["mig_miou_l3"] == pytest.approx(1.6 / 3)
    unknown = mig_totals([[right], [MigRow(0.7, None)]])
    assert set(unknown.values()) == {None}, "in place, but nobody knows its colour"


# LayoutSAM-Eval

STAR = Thing("star", "blue", "plain", (0.3, 0.5), 0.3)
RING = Thing("ring", "red", "striped", (0.7, 0.5), 0.4)
PICTURE = render(Scene(256, 256, "white", (STAR, RING))).picture


def at(prompt: str, box: Box) -> Instance:
    return Instance("x", prompt, box=box)


@pytest.mark.parametrize("prompt, verdict", [
    ("a blue star", (True, True, True, True)), ("a star", (True, True, True, True)), ("a red star", (True, False, True, True)),
    ("a striped blue star", (True, True, False, True)), ("a blue ring", (False, False, False, False)),
    ("something nice", (False, False, False, False)),
])  # fmt: skip
def test_the_shape_world_answers_what_its_prompts_ask(prompt: str, verdict: tuple[bool, ...]):
    assert ShapeJudge()(PICTURE, at(prompt, (0.1, 0.3, 0.5, 0.7))) == Verdict(*verdict)


def test_what_is_not_there_has_nothing_right_and_every_box_counts():
    asked = []

    def judge(picture: np.ndarray, instance: Instance) -> Verdict:
        asked.append(instance.prompt)
        return Verdict(instance.prompt != "gone", True, instance.prompt == "a", True)

    box = (0.1, 0.1, 0.5, 0.5)
    counts = judge_picture(
        PICTURE, [at("a", box), at("b", box), at("gone", box), Instance("p", "p", point=(0.5, 0.5))], judge
    )
    assert asked == ["a", "b", "gone"] and counts == Counts(3, 2, 2, 1, 2)
    totals = verdict_totals([counts, Counts(1, 1, 0, 0, 1)])
    assert totals == {"spatial": 0.75, "color": 0.5, "texture": 0.25, "shape": 0.75}
    assert set(verdict_totals([]).values()) == {None}


def test_its_detector_looks_once_at_each_picture():
    looked = []

    def detector(picture: np.ndarray) -> list[Detection]:
        looked.append(picture)
        return detect_shapes(picture)

    judge = ShapeJudge(detector)
    counts = judge_picture(
        PICTURE, [at("a blue star", (0.1, 0.3, 0.5, 0.7)), at("a striped red ring", (0.5, 0.3, 0.9, 0.7))], judge
    )
    assert counts == Counts(2, 2, 2, 2, 2) and len(looked) == 1
