"""One change to a layout: add, replace, move, resize, remove, for every location format."""

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.edit_instances import CUT, Edit, edit_instances
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask, mask_box
from instdiff.instdiff_modules.geometry.transform import fitting, map_instance, whole_extent
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.layout.units import PIXELS

PAINTED = np.zeros((64, 96), bool)
PAINTED[16:32, 24:48] = True
FOX = Instance("fox", "a red fox", box=(0.1, 0.2, 0.5, 0.6))
STAR = Instance("star", "a star", point=(0.5, 0.25))
PATH = Instance("path", "a path", scribble=((0.2, 0.8), (0.4, 0.9), (0.6, 0.8)))
CLOUD = Instance("cloud", "a cloud", mask=encode_mask(PAINTED))
WIDE = Layout((FOX, STAR, PATH, CLOUD), 768, 512, "a valley")


def edited(operation, which="", layout=WIDE, **values):
    (result,) = edit_instances((layout,), Edit(operation, which, **values))
    return result


def close(box, expected):
    return box == pytest.approx(expected, abs=1e-6)


def test_add_puts_a_box_in_front():
    new = edited("add", prompt="an owl", x=0.5, y=0.1, width=0.2, height=0.3).instances[-1]
    assert new.prompt == "an owl" and close(new.box, (0.5, 0.1, 0.7, 0.4)) and new.id == "i5"
    assert edited("add", "owl", prompt="an owl", x=384, y=128, width=192, height=128, units=PIXELS).instances[
        -1
    ] == Instance("owl", "an owl", (0.5, 0.25, 0.75, 0.5))


def test_add_at_the_border():
    given = {"prompt": "an owl", "x": 0.9, "y": -0.1, "width": 0.2, "height": 0.3}
    assert close(edited("add", **given).instances[-1].box, (0.8, 0.0, 1.0, 0.3))
    assert close(edited("add", **given, at_border=CUT).instances[-1].box, (0.9, 0.0, 1.0, 0.2))


def test_replace_keeps_the_place_and_the_id():
    new = edited("replace", "fox", prompt="a grey wolf").instances[0]
    assert (new.id, new.prompt, new.box) == ("fox", "a grey wolf", FOX.box)
    moved = edited("replace", "cloud", prompt="a kite", x=0.1, y=0.1, width=0.2, height=0.2).instances[3]
    assert moved.mask is None and close(moved.box, (0.1, 0.1, 0.3, 0.3))


@pytest.mark.parametrize("number", range(1, 5))
def test_every_format_moves_by_number_and_by_id(number):
    old = WIDE.instances[number - 1]
    by_number = edited("move by", str(number), x=96, y=-64, units=PIXELS)  # an eighth of the canvas each
    assert by_number == edited("move by", old.id, x=0.125, y=-0.125)
    x0, y0, x1, y1 = whole_extent(old)
    assert close(whole_extent(by_number.instances[number - 1]), (x0 + 0.125, y0 - 0.125, x1 + 0.125, y1 - 0.125))
    assert [a == b for a, b in zip(by_number.instances, WIDE.instances, strict=True)] == [
        i != number - 1 for i in range(4)
    ]


def test_the_pixels_of_a_mask_move_along():
    moved = decode_mask(edited("move by", "cloud", x=0.25, y=0.5).instances[3].mask)
    assert (moved == np.roll(PAINTED, (32, 24), (0, 1))).all()


@pytest.mark.parametrize("which", ["fox", "path", "cloud"])
def test_every_format_resizes_about_its_anchor(which):
    old = whole_extent(next(i for i in WIDE.instances if i.id == which))
    new = whole_extent(
        next(i for i in edited("resize by", which, width=0.5, anchor="bottom").instances if i.id == which)
    )
    assert new[2] - new[0] == pytest.approx((old[2] - old[0]) / 2, abs=0.02) and new[3] == pytest.approx(
        old[3], abs=1e-6
    )
    assert new[3] - new[1] == pytest.approx((old[3] - old[1]) / 2, abs=0.02)
    assert new[0] + new[2] == pytest.approx(old[0] + old[2], abs=0.02)


def test_resize_to_a_size_keeps_the_proportions_or_not():
    assert close(edited("resize to", "fox", width=0.2, anchor="top left").instances[0].box, (0.1, 0.2, 0.3, 0.4))
    assert close(
        edited("resize to", "fox", width=384, height=64, units=PIXELS, anchor="top left").instances[0].box,
        (0.1, 0.2, 0.6, 0.325),
    )
    mask = edited("resize to", "cloud", width=0.5, height=0.5, anchor="top left").instances[3].mask
    assert mask_box(decode_mask(mask)) == (0.25, 0.25, 0.75, 0.75)


def test_hybrid_instances_keep_together():
    both = Instance("a", "x", box=(0.2, 0.2, 0.4, 0.4), point=(0.3, 0.3))
    new = edited("move to", "a", Layout((both,)), x=0.6, y=0.6).instances[0]
    assert close(new.box, (0.6, 0.6, 0.8, 0.8)) and new.point == pytest.approx((0.7, 0.7))
    assert close(
        whole_extent(map_instance(both, *fitting(whole_extent(both), (0.0, 0.0, 1.0, 0.5)))), (0.0, 0.0, 1.0, 0.5)
    )


def test_the_border_stops_or_cuts():
    assert close(edited("move by", "fox", x=5).instances[0].box, (0.6, 0.2, 1.0, 0.6))
    assert close(edited("move by", "fox", x=0.7, at_border=CUT).instances[0].box, (0.8, 0.2, 1.0, 0.6))
    assert close(edited("resize by", "fox", width=2).instances[0].box, (0.0, 0.0, 0.8, 0.8))
    assert close(edited("resize by", "fox", width=9).instances[0].box, (0.0, 0.0, 1.0, 1.0))
    cut = decode_mask(edited("move by", "cloud", x=0.625, at_border=CUT).instances[3].mask)
    assert cut.sum() == 16 * 12 and cut[:, 84:].any()


def test_remove_several_and_in_every_frame():
    frames = (WIDE, Layout((STAR,)), Layout())
    assert [[i.id for i in f.instances] for f in edit_instances(frames, Edit("remove", "fox, 2"))] == [
        ["path", "cloud"],
        ["star"],
        [],
    ]
    assert WIDE.instances[0] is FOX


def test_ids_come_before_numbers():
    layout = Layout((FOX, Instance("1", "a one", point=(0.5, 0.5))))
    assert edited("remove", "1", layout).instances == (FOX,)


def test_moving_ends_the_memory_of_a_cut():
    stuck = Layout(
        (Instance("a", "x", box=(0.5, 0.5, 1.0, 1.0), extra={"uncut_box": [0.5, 0.5, 1.2, 1.0], "kept": 1}),)
    )
    assert edited("move by", "a", stuck, x=-0.1).instances[0].extra == {"kept": 1}


@pytest.mark.parametrize("edit, words", [
    (Edit("add", prompt="x"), "has no size"),
    (Edit("add", width=0.1, height=0.1), "The prompt is empty"),
    (Edit("add", "fox", "x", width=0.1, height=0.1), "There is an instance 'fox' already"),
    (Edit("add", prompt="x", x=100, y=100, width=50, height=50), "Choose pixels"),
    (Edit("replace", "fox"), "The prompt is empty"),
    (Edit("remove"), 'for example "1". The layout has 1 (fox)'),
    (Edit("remove", ","), "There is no instance ','"),
    (Edit("remove", "9"), "There is no instance '9' to remove"),
    (Edit("move by", "fox, 0"), "There is no instance '0'"),
    (Edit("move by", "fox", x=0.95, at_border=CUT), "would leave the canvas"),
    (Edit("move by", "fox", x=96), "Choose pixels"),
    (Edit("resize by", "fox"), "There is no size to resize by"),
    (Edit("resize by", "star", width=2), "single point"),
    (Edit("resize by", "fox", width=200), "a factor must lie in 0..100"),
    (Edit("resize by", "fox", width=-1), "width must lie in 0..16384"),
    (Edit("move by", "fox", x=float("nan")), "x must be a finite number"),
])  # fmt: skip
def test_what_cannot_be_done_is_told(edit, words):
    with pytest.raises(ValueError) as caught:
        edit_instances((WIDE,), edit)
    assert words in str(caught.value)


def test_pixels_need_a_canvas():
    with pytest.raises(ValueError, match="size of the canvas is unknown"):
        edited("move by", "fox", Layout((FOX,)), x=5, units=PIXELS)


def test_the_order_in_depth_changes_and_parts_go_along():
    ear = Instance("ear", "an ear", point=(0.2, 0.2), parent="fox")
    layout = Layout((FOX, STAR, PATH, ear), 768, 512)

    def order(operation, which):
        return " ".join(one.id for one in edited(operation, which, layout).instances)

    assert order("bring to front", "fox") == "star path fox ear"
    assert order("bring forward", "fox") == "star fox path ear"
    assert order("send backward", "path") == "fox path star ear"
    assert order("send to back", "path, star") == "star path fox ear"
    assert order("bring forward", "ear") == "fox star path ear", "it is in front already"
    assert order("send to back", "fox") == "fox ear star path"


def test_opacity_is_set_alone_and_of_what_is_added():
    assert [one.opacity for one in edited("set opacity", "star, 4", opacity=0.25).instances] == [1, 0.25, 1, 0.25]
    given = {"prompt": "an owl", "width": 0.2, "height": 0.3}
    assert [one.opacity for one in edited("add", **given, opacity=0.5).instances] == [1, 1, 1, 1, 0.5]
    assert edited("replace", "fox", prompt="a wolf", opacity=0.5).instances[0].opacity == 1
    with pytest.raises(ValueError, match=r"opacity must lie in 0\.\.1, got 50"):
        edited("set opacity", "fox", opacity=50)
