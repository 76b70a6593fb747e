"""Parts of instances: in the document, in what changes layouts, in the preview."""

import json
import logging

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.edit_instances import CUT, Edit, edit_instances
from instdiff.instdiff_modules.geometry.masks import encode_mask, mask_box
from instdiff.instdiff_modules.geometry.transform import whole_extent
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.frames import combine, select
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.layout.parts import family
from instdiff.instdiff_modules.plausibility.check import check_layout
from instdiff.instdiff_modules.plausibility.rules import Rules, find
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.instdiff_modules.preview.labels import label_text

PUPIL = np.zeros((64, 96), bool)
PUPIL[16:20, 24:30] = True
EAGLE = Instance("eagle", "an eagle", box=(0.1, 0.2, 0.5, 0.7))
HEAD = Instance("head", "an eagle's head, turned left", box=(0.2, 0.1, 0.3, 0.3), parent="eagle")
EYE = Instance("eye", "a yellow eye", point=(0.22, 0.2), parent="head")
GLINT = Instance("glint", "a glint", mask=encode_mask(PUPIL), parent="eye")
ROCK = Instance("rock", "a rock", box=(0.6, 0.6, 0.9, 0.9))
WIDE = Layout((EAGLE, HEAD, ROCK, EYE, GLINT), 768, 512)


def edited(operation, which="", layout=WIDE, **values):
    (result,) = edit_instances((layout,), Edit(operation, which, **values))
    return {instance.id: instance for instance in result.instances}


def shifted(box, dx, dy):
    return pytest.approx([box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy], abs=1e-6)


def written(**fields):
    return {
        "version": 1,
        "instances": [
            {"id": "eagle", "prompt": "an eagle", "box": [0, 0, 1, 1]},
            {"id": "head", "prompt": "x", "point": [0.5, 0.5], **fields},
        ],
    }


def test_the_parent_is_written_only_where_there_is_one():
    text = layout_to_json(WIDE)
    assert parse_layout(text) == WIDE
    given = {one["id"]: one.get("parent") for one in json.loads(text)["instances"]}
    assert given == {"eagle": None, "head": "eagle", "rock": None, "eye": "head", "glint": "eye"}
    assert parse_layout(written(parent=None)) == parse_layout(written(parent="")) == parse_layout(written())


def test_a_number_for_a_parent_becomes_text_as_ids_do():
    given = written(parent=7)
    given["instances"][0]["id"] = 7
    assert [(one.id, one.parent) for one in parse_layout(given).instances] == [("7", ""), ("head", "7")]


def test_a_parent_that_is_not_there_is_kept_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        layout = parse_layout(written(parent="eagel"))
    assert layout.instances[1].parent == "eagel" and "Instance 2 (head): there is no instance eagel" in caplog.text
    assert edited("move by", "eagle", layout, x=0.1)["head"] == layout.instances[1]


@pytest.mark.parametrize("parent, words", [
    ("head", r"Instance 2 \(head\) is a part of itself"), (["eagle"], r"Instance 2 \(head\): parent must be text"), (True, "parent must be text"),
])  # fmt: skip
def test_a_parent_that_cannot_be_is_refused(parent, words):
    with pytest.raises(ValueError, match=words):
        parse_layout(written(parent=parent))


def test_parents_in_a_circle_are_refused():
    given = written(parent="eagle")
    given["instances"][0]["parent"] = "head"
    with pytest.raises(ValueError, match=r"Instance 1 \(eagle\) is a part of itself"):
        parse_layout(given)


def test_a_family_holds_parts_of_parts():
    assert [family(WIDE.instances, i) for i in range(5)] == [[0, 1, 3, 4], [1, 3, 4], [2], [3, 4], [4]]


@pytest.mark.parametrize(
    "operation, values", [("move by", {"x": 0.25, "y": 0.25}), ("move to", {"x": 0.35, "y": 0.45})]
)
def test_parts_of_every_format_move_with_their_parent(operation, values):
    new = edited(operation, "eagle", **values)
    for old in (EAGLE, HEAD, EYE, GLINT):
        assert whole_extent(new[old.id]) == shifted(whole_extent(old), 0.25, 0.25), old.id
    assert new["rock"] == ROCK


def test_a_part_moves_alone_with_its_own_parts():
    new = edited("move by", "head", x=0.25)
    assert (
        new["eagle"] == EAGLE
        and whole_extent(new["head"]) == shifted(HEAD.box, 0.25, 0)
        and new["eye"].point == pytest.approx((0.47, 0.2))
    )


def test_a_part_named_beside_its_parent_moves_once():
    assert edited("move by", "eagle, head, eye", x=0.1) == edited("move by", "eagle", x=0.1)


def test_parts_grow_with_their_parent_about_its_anchor():
    new = edited("resize by", "eagle", width=0.5, anchor="bottom")
    assert new["eagle"].box == pytest.approx((0.2, 0.45, 0.4, 0.7))
    assert new["head"].box == pytest.approx((0.25, 0.4, 0.3, 0.5)) and new["eye"].point == pytest.approx((0.26, 0.45))


def test_at_the_border_parent_and_parts_stop_together():
    new = edited("move by", "eagle", y=-0.5)  # the head sticks out of the eagle by 0.1
    assert new["head"].box == shifted(HEAD.box, 0, -0.1) and new["eagle"].box == shifted(EAGLE.box, 0, -0.1)
    grown = edited("resize by", "eagle", height=2, width=1)  # together they are 0.6 high
    assert grown["head"].box[1] == pytest.approx(0) and grown["eagle"].box[3] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"Instance 2 \(head\) would leave the canvas"):
        edited("move by", "eagle", y=-0.35, at_border=CUT)


def test_removing_a_parent_removes_its_parts():
    assert list(edited("remove", "eagle")) == ["rock"] and list(edited("remove", "eye")) == ["eagle", "head", "rock"]


def test_replace_leaves_the_parts():
    new = edited("replace", "eagle", prompt="a vulture", x=0.5, y=0.5, width=0.2, height=0.2)
    assert new["head"] == HEAD and new["eagle"].prompt == "a vulture"


def test_an_instance_becomes_a_part_and_stands_alone_again():
    new = edited("make part", "rock", part_of="1")
    assert new["rock"].parent == "eagle" and new["head"] == HEAD
    assert edited("make part", "head, eye")["head"].parent == edited("make part", "2, 4")["eye"].parent == ""
    added = edited("add", "ear", prompt="an ear", x=0.2, y=0.1, width=0.1, height=0.1, part_of="head")["ear"]
    assert added.parent == "head" and added.box == pytest.approx((0.2, 0.1, 0.3, 0.2))


def test_frames_without_the_whole_stay_as_they_are():
    frames = edit_instances((WIDE, Layout((ROCK,))), Edit("make part", "rock", part_of="eagle"))
    assert [{i.id: i.parent for i in frame.instances}["rock"] for frame in frames] == ["eagle", ""]


@pytest.mark.parametrize("edit, words", [
    (Edit("make part", "eagle", part_of="eagle"), "cannot be a part of itself"),
    (Edit("make part", "eagle", part_of="glint"), "cannot be a part of its own part glint"),
    (Edit("make part", "rock", part_of="cat"), "There is no instance 'cat' to be a part of. The layout has 1 (eagle)"),
    (Edit("make part", part_of="eagle"), "Nothing is named"),
    (Edit("move by", "rock", x=0.1, part_of="eagle"), 'part_of is for "add" and "make part"'),
])  # fmt: skip
def test_what_cannot_be_a_part_is_told(edit, words):
    with pytest.raises(ValueError) as caught:
        edit_instances((WIDE,), edit)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_joined_layouts_keep_their_own_parents():
    pair = Layout((EAGLE, HEAD))
    (both,) = combine([(pair,), (pair,)])
    assert [(i.id, i.parent) for i in both.instances] == [
        ("eagle", ""),
        ("head", "eagle"),
        ("eagle-2", ""),
        ("head-2", "eagle-2"),
    ]


def test_a_part_that_is_selected_alone_finds_its_parent_again():
    (alone,) = select((WIDE,), "head", "id")
    (both,) = combine([(Layout((EAGLE,)),), (alone,)])
    assert family(both.instances, 0) == [0, 1]


def test_a_new_instance_never_has_the_name_of_a_parent_that_is_gone():
    (left,) = select((Layout((ROCK, Instance("i3", "an ear", point=(0.5, 0.5), parent="i2"))),), "i3", "id")
    assert edited("add", layout=left, prompt="x", width=0.5, height=0.5).keys() == {"i3", "i4"}


def test_a_part_has_no_size_of_its_own():
    horse = Instance("horse", "a horse", box=(0.1, 0.3, 0.6, 0.9))
    small = Instance("other", "a white horse", box=(0.5, 0.75, 0.65, 0.9))
    assert any(f.rule in ("sizes", "perspective") for f in find(Layout((horse, small)), Rules()))
    part = Instance("other", "a white horse", box=(0.5, 0.75, 0.65, 0.9), parent="horse")
    assert not find(Layout((horse, part)), Rules())


def test_a_correction_takes_the_parts_along():
    tiny = Layout(
        (
            Instance("cup", "a cup", box=(0.5, 0.5, 0.52, 0.52)),
            Instance("ear", "a handle", point=(0.515, 0.51), parent="cup"),
        ),
        512,
        512,
    )
    (cup, ear) = check_layout(tiny, Rules(), correct=True).layout.instances
    share = [(ear.point[a] - cup.box[a]) / (cup.box[a + 2] - cup.box[a]) for a in (0, 1)]
    assert cup.box[2] - cup.box[0] > 0.06 and share == pytest.approx((0.75, 0.5), abs=0.01)


def test_the_preview_ties_a_part_to_its_parent():
    box = Instance("a", "x", box=(0.05, 0.3, 0.4, 0.7), color="#ff0000")
    far = Instance("b", "y", box=(0.7, 0.3, 0.95, 0.7), color="#00ff00", parent="a")
    tied, loose = (
        np.asarray(draw_layout(Layout((box, one)), 384, 256)).astype(int)
        for one in (far, Instance("b", "y", box=far.box, color="#00ff00"))
    )
    redness = [
        (picture[120:136, 170:255, 0] - picture[120:136, 170:255, 1]).max() for picture in (tied, loose)
    ]  # halfway: neither box nor label
    assert redness[0] > 80 and redness[1] < 10
    assert label_text(HEAD, 1) == "part of 1: an eagle's head, turned left" and mask_box(PUPIL)
