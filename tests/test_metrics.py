"""The measures: exact values by hand, the exact detector on clean scenes, and pictures that are worse in one thing alone."""

from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.growing import grown
from instdiff.instdiff_modules.geometry.masks import draw_box, encode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.attributes import COLORS, color_map, leakage, wanted
from instdiff.instdiff_modules.metrics.authors import points_in_mask
from instdiff.instdiff_modules.metrics.average_precision import average_precision
from instdiff.instdiff_modules.metrics.classes import detection_class, instance_class
from instdiff.instdiff_modules.metrics.detection import SHAPES, Detection, Detector, detect_shapes
from instdiff.instdiff_modules.metrics.marks import FAIL, PASS, draw_marks
from instdiff.instdiff_modules.metrics.matching import match
from instdiff.instdiff_modules.metrics.record import Record, record_from_dict, record_to_dict
from instdiff.instdiff_modules.metrics.report import Totals, rows_table, summarise, totals_table
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, Thing, random_scene

CANVASES = ((256, 256), (384, 256), (256, 320))  # width, height
SCENES = [random_scene((9, i), *CANVASES[i % 3]) for i in range(12)]
SHAPE_WORLD = Settings(categories=SHAPES)
MEASURES = (
    "box_ap",
    "box_ap50",
    "mask_ap50",
    "mask_miou",
    "pim_point",
    "pim_scribble",
    "color_acc",
    "texture_acc",
    "plain_acc",
)
WIDTH, HEIGHT = 120, 80  # a wide picture: squares hide swapped axes

BOX = (0.25, 0.25, 0.75, 0.5)  # 60 x 20 pixels at 30, 20
FOX = Instance("fox", "a red fox", box=BOX)


def at(
    box: tuple[float, float, float, float], label: str | None = "fox", score: float = 0.9, **more: object
) -> Detection:
    """A detection whose mask fills its box."""
    return Detection(label, box, draw_box(box, HEIGHT, WIDTH), score, **more)


def scored(instances: list[Instance], found: list[Detection], **settings: object) -> Record:
    labels = tuple(sorted({d.label for d in found if d.label} | {"fox", "owl"}))
    return score_picture(
        "one", Layout(tuple(instances)), found, (WIDTH, HEIGHT), Settings(categories=labels, **settings)
    )


def shape_record(
    scene: Scene,
    picture: np.ndarray | None = None,
    found: list[Detection] | None = None,
    detector: Detector = detect_shapes,
) -> Record:
    drawn = render(scene)
    picture = drawn.picture if picture is None else picture
    found = detector(picture) if found is None else found
    return score_picture(
        "scene",
        scene_layout(scene, masks=drawn.visible),
        found,
        (scene.width, scene.height),
        SHAPE_WORLD,
        picture,
        colors=True,
    )


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


# The shape world


@pytest.fixture(scope="module")
def clean() -> Totals:
    return summarise([shape_record(scene) for scene in SCENES])


def test_clean_scenes_are_perfect(clean: Totals) -> None:
    assert clean.success == 1 and clean.pictures == 12
    assert min(clean.box_ap, clean.box_ar, clean.mask_ap, clean.mask_ar) >= 0.995
    assert clean.box_ap50 == clean.mask_ap50 == pytest.approx(1) and clean.pim_point == clean.pim_scribble == 1
    assert clean.color_acc == clean.texture_acc == clean.plain_acc == 1
    assert clean.mask_miou > 0.98 and clean.leakage < 0.002
    assert clean.counts["color_acc"] == clean.instances == clean.counts["texture_acc"] + clean.counts["plain_acc"]


THINGS = (
    Thing("star", "red", "plain", (0.2, 0.3), 0.35), Thing("circle", "blue", "striped", (0.75, 0.3), 0.3),
    Thing("square", "yellow", "plain", (0.3, 0.75), 0.25), Thing("heart", "green", "dotted", (0.75, 0.75), 0.35),
)  # fmt: skip
SCENE = Scene(256, 256, "white", THINGS)


def other(index: int, **changes: object) -> np.ndarray:
    """The picture of SCENE with one thing changed."""
    return render(
        replace(SCENE, things=tuple(replace(t, **changes) if i == index else t for i, t in enumerate(THINGS)))
    ).picture


def differing(picture: np.ndarray) -> dict[str, float]:
    """The measures that differ from those of the right picture by more than 0.02."""
    right, wrong = (summarise([shape_record(SCENE, p)]) for p in (None, picture))
    return {
        name: getattr(wrong, name)
        for name in (*MEASURES, "leakage")
        if abs(getattr(wrong, name) - getattr(right, name)) > 0.02
    }


@pytest.mark.parametrize("index, changes, expected", [
    (0, {"color": "purple"}, {"color_acc": 0.75}),  # a colour of no other instance, so nothing leaked
    (1, {"texture": "checkered"}, {"texture_acc": 0.5}),
    (0, {"texture": "striped"}, {"plain_acc": 0.5}),
    (2, {"color": "blue"}, {"color_acc": 0.75, "leakage": 0.25}),  # the colour of the circle
], ids=["colour", "texture", "plain", "colour of another"])  # fmt: skip
def test_one_fault_moves_its_measure_alone(index: int, changes: dict, expected: dict[str, float]) -> None:
    assert differing(other(index, **changes)) == {
        name: pytest.approx(value, abs=0.01) for name, value in expected.items()
    }
    row = shape_record(SCENE, other(index, **changes)).rows[index]
    assert not row.passed and row.reason == " ".join(
        [*changes.values(), "instead of", getattr(THINGS[index], next(iter(changes)))]
    )


def test_swapped_textures() -> None:
    things = (THINGS[0], replace(THINGS[1], texture="dotted"), THINGS[2], replace(THINGS[3], texture="striped"))
    assert differing(render(replace(SCENE, things=things)).picture) == {"texture_acc": 0.0}


def test_an_object_that_moved_costs_place_and_neither_colour_nor_texture() -> None:
    changed = differing(other(2, center=(0.5, 0.52)))
    assert changed.keys() == {"box_ap", "box_ap50", "mask_ap50", "mask_miou", "pim_point", "pim_scribble"}
    assert changed["mask_miou"] == pytest.approx(0.75, abs=0.03) and changed["pim_point"] == 0.75


def test_another_shape_in_the_place_keeps_its_colour() -> None:
    record = shape_record(SCENE, other(2, shape="circle"))
    assert [row.passed for row in record.rows] == [True, True, False, True]
    assert record.rows[2].color_right and record.rows[2].reason == "not found, a yellow circle in its region"


def test_leaked_colour_is_measured_to_the_pixel_and_moves_nothing_else() -> None:
    picture = render(SCENE).picture.copy()
    rows, columns = slice(182, 200), slice(70, 84)  # inside the yellow square
    picture[rows, columns] = words.COLORS["red"]
    found = detect_shapes(render(SCENE).picture)
    right, wrong = shape_record(SCENE, found=found), shape_record(SCENE, picture, found)
    area = render(SCENE).visible[2].sum()
    assert right.rows[2].leakage == 0 and wrong.rows[2].leakage == pytest.approx(18 * 14 / area, rel=0.01)
    assert [replace(row, leakage=None) for row in wrong.rows] == [replace(row, leakage=None) for row in right.rows]
    assert summarise([shape_record(SCENE, picture)]).color_acc == 1


def test_the_second_shade_is_the_same_colour_and_the_background_is_nobodys() -> None:
    for index in (1, 3):
        assert shape_record(SCENE).rows[index].leakage == 0
    gone = shape_record(SCENE, np.full((256, 256, 3), 250, np.uint8))
    assert [row.leakage for row in gone.rows] == [0.0] * 4 and gone.score == 0


def test_what_lies_in_front_is_no_leak() -> None:
    colors = np.full((4, 8), COLORS.index("red"))
    colors[:, 4:] = COLORS.index("blue")
    back, front = np.ones((4, 8), bool), np.zeros((4, 8), bool)
    front[:, 4:] = True
    assert leakage(colors, [back, front], [True, True], ["red", "blue"]) == [0.0, 0.0]
    assert leakage(colors, [front, back], [True, True], ["blue", "red"]) == [None, 0.5], (
        "wholly hidden; half of it is blue"
    )
    assert leakage(colors, [front, back], [False, False], ["blue", "red"]) == [None, 0.0], (
        "the corners of a box may show what lies behind"
    )
    assert leakage(colors, [back, None, front], [True, True, True], ["red", "green", "red"]) == [0.0, None, 0.0]
    assert leakage(colors, [back, front], [True, True], ["red", "red"]) == [None, None], "nothing can leak"


def test_the_words_of_a_prompt() -> None:
    assert wanted("A striped, BLUE ring on red") == ("ring", "blue", "striped", None)
    assert wanted("a wooden owl") == (None, None, None, "wooden")
    assert (color_map(render(SCENE).picture) == COLORS.index("red")).sum() == pytest.approx(
        render(SCENE).visible[0].sum(), rel=0.02
    )


# Reports


def test_records_survive_json_and_tables_can_be_read() -> None:
    record = shape_record(SCENE, other(0, color="purple"))
    assert record_from_dict(record_to_dict(record)) == record
    table = rows_table([record])
    assert table.count("\n") == 5 and "| 1 | a red star | FAIL |" in table and "purple instead of red" in table
    assert "scene" not in table and "| scene | 1 |" in rows_table([record, record])
    assert rows_table([shape_record(SCENE)], failed_only=True) == "No instance failed."
    assert "| color_acc | 0.7500 | 4 |" in totals_table(summarise([record]))
    odd = scored([replace(FOX, prompt="a | fox\n fox " * 20)], [])
    assert all(line.count(" | ") == 4 for line in rows_table([odd]).splitlines()[2:])


def test_hidden_instances_do_not_count_and_numbers_are_those_of_the_layout() -> None:
    record = scored([replace(FOX, visible=False), FOX], [at(BOX)])
    assert [row.number for row in record.rows] == [2] and record.score == 1


def test_the_marks_are_green_and_red_and_tint_nothing() -> None:
    layout = Layout(
        (FOX, Instance("owl", "an owl", box=(0.05, 0.6, 0.2, 0.95)), Instance("p", "a fox", point=(0.9, 0.1)))
    )
    record = score_picture("", layout, [replace(at(BOX), mask=None)], (480, 320), Settings(categories=("fox", "owl")))
    picture = np.full((320, 480, 3), 77, np.uint8)
    drawn = draw_marks(picture, layout, record)
    assert drawn.shape == picture.shape and (picture == 77).all()
    assert (drawn[159, 200] == PASS).all() and (drawn[303, 40] == FAIL).all(), "the lower edges of the boxes"
    assert (drawn[120:150, 200:300] == 77).all(), "inside, the picture stays as it is"


def test_the_labels_leave_the_shapes_free() -> None:
    words = "a striped blue circle with a long prompt that fills several lines of a label"
    boxes = [(0.1 + 0.3 * i, 0.1 + 0.3 * j, 0.3 + 0.3 * i, 0.3 + 0.3 * j) for i in range(3) for j in range(3)]
    layout = Layout(tuple(Instance(str(i), words, box=box) for i, box in enumerate(boxes)))
    record = score_picture("", layout, [], (256, 256), Settings(categories=("circle",)))
    drawn = draw_marks(np.full((256, 256, 3), 77, np.uint8), layout, record)
    for x0, y0, x1, y1 in (tuple(round(v * 256) for v in box) for box in boxes):
        assert (drawn[y0 + 4 : y1 - 24, x0 + 4 : x1 - 24] == 77).all(), "only the outline and the mark"


def test_every_label_is_at_its_shape_or_tied_to_it() -> None:
    """Four that overlap in the middle: the labels stand around, and from each a line of its colour leads into the heap."""
    boxes = [(0.3, 0.3, 0.6, 0.6), (0.35, 0.35, 0.65, 0.65), (0.4, 0.3, 0.7, 0.6), (0.33, 0.4, 0.68, 0.7)]
    layout = Layout(tuple(Instance(str(i), "a fox", box=box) for i, box in enumerate(boxes)))
    found = [Detection("fox", box) for box in boxes[:2]]
    record = score_picture("", layout, found, (256, 256), Settings(categories=("fox",)))
    drawn = draw_marks(np.full((512, 512, 3), 77, np.uint8), layout, record)
    assert drawn.shape == (512, 512, 3), "an enlarged picture of the record's own"
    assert (drawn[200, 154] == PASS).all() and (drawn[300, 356] == FAIL).all(), "places are those of this picture"
    painted = (drawn != 77).any(-1)
    assert painted[:152].any() and painted[:, :150].any() and painted[360:].any(), "the labels stand around"
    tied = np.zeros_like(painted)
    tied[200, 154] = True
    while (more := grown(tied, 1) & painted).sum() > tied.sum():
        tied = more
    floats = painted & ~tied
    floats[180:350, 180:350] = False  # the marks lie inside their shapes
    assert not floats.any()


def test_a_label_that_finds_no_room_in_two_lines_is_written_in_one() -> None:
    words = ("a yellow circle", "a red heart", "a striped blue square")
    boxes = ((0.08, 0.08, 0.42, 0.42), (0.56, 0.1, 0.92, 0.46), (0.3, 0.54, 0.7, 0.92))
    layout = Layout(tuple(Instance(one, one, box=box) for one, box in zip(words, boxes, strict=True)))
    record = score_picture("", layout, [], (256, 256), Settings(categories=("circle", "heart", "square")))
    drawn = draw_marks(np.full((256, 256, 3), 200, np.uint8), layout, record)
    for one, rows in ((words[0], drawn[2:18, :130]), (words[2], drawn[238:254])):
        plate = (rows.max(2) < 100).any(0).sum()
        assert plate > 4 * len(one), f"the plate of {one} is as long as its words"


def test_another_shape_of_canvas_is_refused() -> None:
    with pytest.raises(ValueError, match="another shape"):
        score_picture("x", Layout((FOX,), 512, 512), [], (768, 512))
