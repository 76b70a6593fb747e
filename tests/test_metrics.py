"""The measures by hand: what a detection is worth, and average precision."""

from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import draw_box, encode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.authors import points_in_mask
from instdiff.instdiff_modules.metrics.average_precision import average_precision
from instdiff.instdiff_modules.metrics.classes import detection_class, instance_class
from instdiff.instdiff_modules.metrics.detection import Detection
from instdiff.instdiff_modules.metrics.matching import match
from instdiff.instdiff_modules.metrics.report import rows_table, summarise
from instdiff.instdiff_modules.metrics.score import score_picture
from support.measured import BOX, FOX, HEIGHT, WIDTH, at, scored

# What a detection is worth


@pytest.mark.parametrize("shift, iou", [(0.0, 1.0), (0.125, 0.6), (0.25, 1 / 3), (0.5, 0.0)])
def test_overlap_is_intersection_over_union(shift: float, iou: float) -> None:
    moved = (BOX[0] + shift - 0.25, BOX[1], BOX[2] + shift - 0.25, BOX[3])
    mask = encode_mask(draw_box((0.0, 0.25, 0.5, 0.5), HEIGHT, WIDTH))
    (row,) = scored([Instance("a", "a fox", box=(0.0, 0.25, 0.5, 0.5), mask=mask)], [at(moved)]).rows
    assert row.overlap == row.mask_iou == pytest.approx(iou) and row.box_iou == pytest.approx(iou)
    assert row.passed == (iou >= 0.5) and bool(row.reason) != row.passed


def test_masks_count_before_boxes_and_boxes_do_where_a_side_has_no_mask() -> None:
    half = encode_mask(draw_box((0.25, 0.25, 0.5, 0.5), HEIGHT, WIDTH))
    (row,) = scored([replace(FOX, mask=half)], [at(BOX)]).rows
    assert (row.overlap, row.box_iou, row.mask_iou) == (0.5, 1.0, 0.5)
    (row,) = scored([replace(FOX, mask=half)], [replace(at(BOX), mask=None)]).rows
    assert (row.overlap, row.box_iou, row.mask_iou) == (1.0, 1.0, None)
    missed = scored([replace(FOX, mask=half, point=(0.5, 0.4))], [replace(at(BOX, "owl"), mask=None)]).rows[0]
    assert (missed.box_iou, missed.mask_iou, missed.point_in_mask) == (0.0, None, None), (
        "a detector without masks misses none"
    )


def test_points_in_mask() -> None:
    stroke = ((0.3, 0.3), (0.5, 0.4), (0.7, 0.45), (0.9, 0.45))
    (row,) = scored([Instance("a", "a fox", point=(0.5, 0.3), scribble=stroke)], [at(BOX)]).rows
    assert (row.point_in_mask, row.scribble_in_mask) == (1.0, 0.75)
    assert row.overlap == 0.8 and row.passed and row.box_iou is None, (
        "with points alone, their share inside is the overlap"
    )
    (row,) = scored([Instance("a", "a fox", point=(0.3, 0.6), box=BOX)], [at(BOX)]).rows
    assert row.point_in_mask == 0.0, "x and y are not exchanged"
    (row,) = scored([replace(FOX, point=(0.5, 0.3))], []).rows
    assert row.point_in_mask == 0.0 and row.reason == "not found, nothing in its region"


def test_points_in_mask_by_the_authors_rules() -> None:
    """Two foxes and an owl side by side, found: the left one as an owl, and one that is shifted by half of the second's width."""
    thirds = [(i / 3 + 0.02, 0.2, (i + 1) / 3 - 0.02, 0.8) for i in range(3)]
    foxes = [
        Instance(str(i), "a fox", box=box, mask=encode_mask(draw_box(box, HEIGHT, WIDTH)))
        for i, box in enumerate(thirds)
    ]
    half = (thirds[1][0] + 0.15, 0.2, thirds[1][2] + 0.15, 0.8)
    record = scored(foxes, [at(thirds[0], "owl"), at(half)])
    assert points_in_mask([record], "point") == 0.5, (
        "the second's middle lies just outside; for the third nothing is left"
    )
    shares = [points_in_mask([record], "scribble", seed) for seed in range(40)]
    assert np.mean(shares) == pytest.approx(
        (1 + np.mean(draw_box(half, HEIGHT, WIDTH)[draw_box(thirds[1], HEIGHT, WIDTH)])) / 2, abs=0.02
    )
    assert (
        points_in_mask([record, scored(foxes, [])], "point") == 0.5
        and points_in_mask([scored(foxes, [])], "point") is None
    )
    assert points_in_mask([scored([foxes[0]], [at(thirds[2])])], "point") == 0.0, "matched, though it does not touch"


def test_a_point_needs_the_mask_of_its_own_label() -> None:
    (row,) = scored([Instance("a", "an owl", point=(0.5, 0.3), box=BOX)], [at(BOX, "fox")]).rows
    assert row.point_in_mask == 0.0 and row.reason == "not found, fox in its region"
    (row,) = scored([Instance("a", "an owl", point=(0.5, 0.3), box=BOX)], [at(BOX, None)]).rows
    assert row.point_in_mask == 1.0, "without a label it may be anything"


def test_each_detection_serves_one_instance_and_the_best_pair_comes_first() -> None:
    overlap = np.array([[0.9, 0.6], [0.8, 0.0]])
    assert match(overlap, overlap >= 0, [1.0, 1.0]) == (0, None)
    assert match(overlap, np.array([[False, True], [True, True]]), [1.0, 1.0]) == (1, 0)
    assert match(np.array([[0.5, 0.5]]), np.ones((1, 2), bool), [0.3, 0.7]) == (1,), "of equal ones the surer"
    assert match(np.zeros((2, 0)), np.zeros((2, 0), bool), []) == (None, None)


@pytest.mark.parametrize("classes, prompt, expected", [
    ("category", "a red fox", "fox"), ("category", "A big hot dog, with mustard", "hot dog"), ("category", "a foxglove", "foxglove"),
    ("category", "two owls", "two owls"), ("phrase", "A red  fox.", "red fox"), ("any", "a red fox", "object"),
    ("category", "an owl on a dog", "owl"),
])  # fmt: skip
def test_the_class_of_an_instance(classes: str, prompt: str, expected: str) -> None:
    assert instance_class(Instance("a", prompt), classes, ("dog", "fox", "hot dog", "Owl")) == expected


def test_the_authors_category_name_comes_first_and_detections_have_classes_too() -> None:
    assert instance_class(Instance("a", "a dog", extra={"category_name": "Fox"}), "category", ("dog",)) == "fox"
    found = Detection("a striped red star", BOX, attributes={"shape": "star"})
    assert [detection_class(found, c) for c in ("category", "phrase", "any")] == ["star", "striped red star", "object"]
    assert instance_class(Instance("a", "a red fox"), "category", ("a red fox",)) == detection_class(
        at(BOX, "a red fox"), "category"
    )


def test_another_shape_of_canvas_is_refused() -> None:
    with pytest.raises(ValueError, match="another shape"):
        score_picture("x", Layout((FOX,), 512, 512), [], (768, 512))


# Average precision


def test_average_precision_by_hand() -> None:
    """Two foxes in two pictures; a sure false one, then a true one with IoU 0.6, and a picture in which nothing is found.

    At IoU 0.50, 0.55 and 0.60: precision 1/2 up to recall 1/2, at 51 of COCO's 101 recalls; recall 1/2. Above 0.60: 0.
    """
    off = (0.375, 0.25, 0.875, 0.5)  # a quarter of the box further right: 45 of 75 columns in common
    records = [scored([FOX], [at((0.0, 0.75, 0.2, 1.0), score=0.95), at(off, score=0.5)]), scored([FOX], [])]
    box = average_precision(records, "box")
    assert (
        box.ap50 == pytest.approx(51 / 101 / 2)
        and box.ap == pytest.approx(0.3 * 51 / 101 / 2)
        and box.ar == pytest.approx(0.3 / 2)
    )
    with_masks = [scored([replace(FOX, mask=encode_mask(draw_box(BOX, HEIGHT, WIDTH)))], [at(off)])]
    mask = average_precision(with_masks, "mask")
    assert mask == pytest.approx((0.3, 1.0, 0.3))


def test_an_instance_without_a_box_and_its_detection_count_neither_way() -> None:
    point = Instance("p", "a fox", point=(0.1, 0.9))
    corner = (0.0, 0.8, 0.2, 1.0)
    assert average_precision([scored([FOX, point], [at(BOX), at(corner, score=0.99)])], "box").ap == pytest.approx(1)
    assert average_precision([scored([FOX], [at(BOX), at(corner, score=0.99)])], "box").ap == pytest.approx(0.5)
    assert average_precision([scored([point], [at(corner)])], "box") == (None, None, None)


def test_crowds_are_no_faults() -> None:
    crowd = Instance("c", "a fox", box=(0.0, 0.6, 1.0, 1.0), extra={"iscrowd": 1})
    assert average_precision(
        [scored([FOX, crowd], [at(BOX), at((0.0, 0.7, 0.3, 0.9), score=0.99)])], "box"
    ).ap == pytest.approx(1)


def test_no_masks_no_mask_precision_and_no_labels_no_classes() -> None:
    boxes_only = scored([replace(FOX, point=(0.5, 0.4))], [replace(at(BOX), mask=None)])
    totals = summarise([boxes_only])
    assert (totals.box_ap, totals.mask_ap, totals.mask_miou, totals.pim_point) == (pytest.approx(1), None, None, None)
    with pytest.raises(ValueError, match="without a label"):
        summarise([scored([FOX], [at(BOX, None)])])
    assert summarise([scored([FOX], [at(BOX, None)], classes="any")]).box_ap == pytest.approx(1)


def test_nothing_found_is_a_result_and_nothing_asked_too(capsys: pytest.CaptureFixture) -> None:
    totals = summarise([scored([replace(FOX, mask=encode_mask(draw_box(BOX, HEIGHT, WIDTH)), point=(0.5, 0.4))], [])])
    assert (totals.success, totals.box_ap, totals.mask_ap50, totals.mask_miou, totals.pim_point, totals.color_acc) == (
        0,
        0,
        0,
        0,
        0,
        None,
    )
    empty = scored([], [at(BOX)])
    assert empty.score == 1.0 and summarise([empty]).box_ap is None and rows_table([empty]) == "There are no instances."
    assert summarise([]).instances == 0
    assert capsys.readouterr().out == "", "pycocotools' reports stay off the screen"
