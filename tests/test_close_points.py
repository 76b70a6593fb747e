"""Points that lie close together get boxes, all others stay as they are."""

from dataclasses import replace

import pytest
from instdiff.instdiff_modules.geometry.close_points import CLOSE, ROOM, with_room
from instdiff.instdiff_modules.layout.instance import Instance


def points(*places):
    return tuple(Instance(str(i), "a ball", point=place) for i, place in enumerate(places))


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
        {"point": (0.4, 0.3)},  # the very same place: nothing says how large
    ],
    ids=["box too", "scribble too", "box alone", "absent", "same place"],
)
def test_what_is_no_point_alone_gives_no_room_and_needs_none(other):
    one, two = points((0.4, 0.3), (0.5, 0.3))
    given = one, replace(two, **other)
    assert with_room(given) == given


def test_nothing_and_one_point_stay():
    assert with_room(()) == () and with_room(points((0.5, 0.5))) == points((0.5, 0.5))
