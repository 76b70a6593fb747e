"""The measures in the shape world: the exact detector on clean scenes, and pictures that are worse in one thing alone."""

from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.metrics.attributes import COLORS, color_map, leakage, wanted
from instdiff.instdiff_modules.metrics.detection import detect_shapes
from instdiff.instdiff_modules.metrics.report import Totals, summarise
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from support.measured import SCENE, THINGS, other, shape_record
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene

CANVASES = ((256, 256), (384, 256), (256, 320))  # width, height
SCENES = [random_scene((9, i), *CANVASES[i % 3]) for i in range(12)]
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
