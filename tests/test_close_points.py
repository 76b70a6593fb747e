"""Points that lie close together get boxes, all others stay as they are."""

from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.close_points import CLOSE, ROOM, SAME, frames_with_room, with_room
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.instance import Instance


def points(*places):
    return tuple(Instance(str(i), "a ball", point=place) for i, place in enumerate(places))


def _side(one):
    """Width of its box in distances, on a square."""
    return (one.box[2] - one.box[0]) / ROOM


def test_close_points_get_boxes_a_little_larger_than_their_distance():
    given = points((0.38, 0.3), (0.5, 0.3), (0.62, 0.3), (0.5, 0.75))
    *near, far = with_room(given)
    assert far is given[3]
    for one, before in zip(near, given, strict=False):
        x, y = before.point
        half = 0.12 * ROOM / 2
        assert one.box == pytest.approx((x - half, y - half, x + half, y + half)) and one.point == before.point


def test_on_a_wide_canvas_the_distance_is_that_in_the_picture_and_the_boxes_are_square_there():
    left, right = with_room(points((0.4, 0.5), (0.46, 0.5)), 1024, 512)
    x0, y0, x1, y1 = left.box
    assert (x1 - x0) * 1024 == pytest.approx((y1 - y0) * 512) == pytest.approx(0.06 * 1024 * ROOM)
    assert right.box is not None
    apart = points((0.4, 0.5), (0.4 + CLOSE / 2 + 0.01, 0.5))
    assert with_room(apart, 1024, 512) == apart and with_room(apart)[0].box is not None


def test_boxes_end_at_the_edge_of_the_picture():
    corner, _ = with_room(points((0.0, 0.01), (0.1, 0.01)))
    assert corner.box[:2] == (0.0, 0.0) and corner.box[2] > 0.05


@pytest.mark.parametrize(
    "other",
    [
        {"box": (0.4, 0.2, 0.6, 0.4)},
        {"scribble": ((0.45, 0.3), (0.55, 0.3))},
        {"point": None, "box": (0.4, 0.2, 0.6, 0.4)},
        {"strength": 0.0},
        {"start": 0.5, "end": 0.5},
        {"point": (0.4, 0.3)},  # the very same place: nothing says how large
        {"point": (0.1 + 0.3 + 1e-16, 0.3)},  # the same place but for rounding: no object has a box without an area
        {"point": (0.4 + 0.9 * SAME, 0.3)},
    ],
    ids=["box too", "scribble too", "box alone", "absent", "never there", "same place", "rounded", "same cell"],
)
def test_what_is_no_point_alone_gives_no_room_and_needs_none(other):
    one, two = points((0.4, 0.3), (0.5, 0.3))
    given = one, replace(two, **other)
    assert with_room(given) == given


def test_two_in_one_place_get_no_room_from_a_third_which_gets_it_from_them():
    """Boxes of the same place would hide one of the two entirely."""
    *both, third = with_room(points((0.4, 0.3), (0.4 + SAME / 2, 0.3), (0.55, 0.3)))
    assert all(one.box is None for one in both) and third.box is not None


@pytest.mark.parametrize("before, after", [((0.0, 0.4), (0.4, 1.0)), ((0.6, 1.0), (0.0, 0.5))])
def test_points_that_never_act_at_the_same_time_need_no_room_from_each_other(before, after):
    one, two = points((0.4, 0.3), (0.5, 0.3))
    given = replace(one, start=before[0], end=before[1]), replace(two, start=after[0], end=after[1])
    assert with_room(given) == given
    with_both = Instance("third", "a ball", point=(0.5, 0.45))
    assert [_side(i) for i in with_room((*given, with_both))] == pytest.approx([0.0325**0.5, 0.15, 0.15])


def test_parts_lie_on_their_whole_and_need_room_from_each_other_alone():
    face, left, right, pupil, other = points((0.5, 0.5), (0.45, 0.45), (0.55, 0.45), (0.45, 0.49), (0.5, 0.62))
    eyes = replace(left, parent=face.id), replace(right, parent=face.id), replace(pupil, parent=left.id)
    given = face, *eyes
    free, a, b, c = with_room(given)
    assert free is face
    assert [_side(one) for one in (a, b, c)] == pytest.approx([0.1, 0.1, 0.0116**0.5]), "of the pupil to the other eye"
    assert _side(with_room((*given, other))[0]) == pytest.approx(0.12), "what is no part of it counts"


def test_thirty_points_on_a_grid_are_treated_alike():
    given = points(*(((i % 6 + 0.5) / 6, (i // 6 + 0.5) / 5) for i in range(30)))
    assert with_room(given, 768, 512) == given, "a fifth apart, but for rounding, is not closer than a fifth"
    on_a_square = with_room(given)
    assert all(one.box for one in on_a_square) and [one.id for one in on_a_square] == [one.id for one in given]


def test_nothing_and_one_point_stay():
    assert with_room(()) == () and with_room(points((0.5, 0.5))) == points((0.5, 0.5))


def test_frames_whose_canvas_nothing_says_have_that_of_the_others():
    """Else a box would come and go from picture to picture."""
    wide = Instance("m", "a hill", mask=encode_mask(np.ones((32, 64), bool)))
    pair, unknown = points((0.4, 0.5), (0.46, 0.5)), (None, None)
    expected = with_room(pair, 1024, 512)
    assert frames_with_room([pair, pair], [unknown, (1024, 512)]) == (expected, expected)
    assert frames_with_room([pair, pair], [(None, 512), (1024, 512)]) == (expected, expected)
    assert frames_with_room([pair, (*pair, wide)], [unknown, unknown]) == (expected, (*expected, wide))
    assert frames_with_room([pair], [unknown]) == (with_room(pair),)
    tall = frames_with_room([pair, pair], [(512, 1024), (1024, 512)])
    assert tall == (with_room(pair, 512, 1024), expected)
