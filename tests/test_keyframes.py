"""Layouts between keyframes: what moves, what is held, which frame is which, and which frames a context window holds."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.keyframes import (
    BRIDGE,
    FRAME,
    HOLD,
    SMOOTH,
    between_keyframes,
    keyframe_numbers,
)
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.geometry.points import spread_points
from instdiff.instdiff_modules.importers.frames import frames_to_json, read_frames
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.sampling.context_window import context_window


def mask(columns):
    picture = np.zeros((64, 96), bool)
    picture[10:40, columns] = True
    return encode_mask(picture)


FOX = Instance("fox", "a red fox", box=(0.1, 0.2, 0.3, 0.6), point=(0.2, 0.4), strength=1.0, opacity=0.2)
FAR = Instance("fox", "a running fox", box=(0.5, 0.2, 0.9, 0.6), point=(0.7, 0.4), strength=0.5)
OWL = Instance("owl", "an owl", point=(0.5, 0.1))
FIRST, LAST = Layout((FOX, OWL), 768, 512, "morning"), Layout((OWL, FAR), 768, 512, "evening")


def named(layout):
    return {instance.id: instance for instance in layout.instances}


def foxes(frames):
    return [named(frame).get("fox") for frame in frames]


def close(expected):
    return pytest.approx(expected, abs=1e-9)


def test_boxes_points_and_numbers_move_at_a_steady_pace():
    frames = between_keyframes((FIRST, LAST), [0, 4], 5)
    assert [fox.box for fox in foxes(frames)] == [close((0.1 + 0.1 * k, 0.2, 0.3 + 0.15 * k, 0.6)) for k in range(5)]
    assert [fox.point[0] for fox in foxes(frames)] == close([0.2, 0.325, 0.45, 0.575, 0.7])
    assert [fox.strength for fox in foxes(frames)] == close([1, 0.875, 0.75, 0.625, 0.5])
    assert [fox.opacity for fox in foxes(frames)] == close([0.2, 0.4, 0.6, 0.8, 1])


def test_words_order_and_caption_are_held_from_the_nearest_keyframe():
    frames = between_keyframes((FIRST, LAST), [0, 4], 5)
    assert [fox.prompt for fox in foxes(frames)] == ["a red fox"] * 3 + ["a running fox"] * 2
    assert [frame.prompt for frame in frames] == ["morning"] * 3 + ["evening"] * 2
    assert [[i.id for i in frame.instances] for frame in frames] == [["fox", "owl"]] * 3 + [["owl", "fox"]] * 2


def test_at_a_keyframe_stands_exactly_what_was_given():
    frames = between_keyframes((FIRST, LAST, FIRST), [1, 4, 9], 11)
    assert [frames[k].instances for k in (1, 4, 9)] == [FIRST.instances, LAST.instances, FIRST.instances]
    assert frames[0].instances == FIRST.instances and frames[10].instances == FIRST.instances, (
        "held before the first and behind the last"
    )
    assert [frame.extra[FRAME] for frame in frames] == list(range(11))


def test_smooth_is_slow_at_the_keyframes_and_hold_waits():
    steady, smooth, hold = (
        [fox.box[0] for fox in foxes(between_keyframes((FIRST, LAST), [0, 4], 5, motion))]
        for motion in ("linear", SMOOTH, HOLD)
    )
    assert smooth[1] < steady[1] and smooth[2] == close(steady[2]) and smooth[3] > steady[3] and smooth[4] == close(0.5)
    assert hold == [0.1, 0.1, 0.1, 0.1, 0.5]


def test_masks_are_held_from_the_nearest_keyframe():
    a, b = Layout((replace(FOX, mask=mask(slice(0, 20))),)), Layout((replace(FAR, mask=mask(slice(60, 80))),))
    frames = foxes(between_keyframes((a, b), [0, 4], 5))
    assert [fox.mask == a.instances[0].mask for fox in frames] == [True, True, True, False, False]
    assert frames[1].box == close((0.2, 0.2, 0.45, 0.6)), "the box moves on"


def test_a_format_that_one_keyframe_lacks_is_held():
    a, b = Layout((FOX,)), Layout((replace(FAR, box=None, scribble=((0.1, 0.1), (0.2, 0.2))),))
    assert [(fox.box is None, fox.scribble is None) for fox in foxes(between_keyframes((a, b), [0, 4], 5))] == [
        (False, True)
    ] * 3 + [(True, False)] * 2


@pytest.mark.parametrize(
    "end",
    [((0.5, 0.0), (0.75, 0.0), (1.0, 0.0)), ((0.9, 0.0), (0.4, 0.0))],
    ids=["more points", "drawn the other way round"],
)
def test_strokes_move_point_by_point_along_their_length(end):
    a, b = (Layout((Instance("path", "x", scribble=stroke),)) for stroke in (((0.0, 0.0), (0.5, 0.0)), end))
    middle = between_keyframes((a, b), [0, 2], 3)[1].instances[0].scribble
    left = min(x for x, _ in end) / 2
    assert middle[0] == close((left, 0.0)) and middle[-1] == close((left + 0.5, 0.0)) and len(middle) == len(end)


def test_sets_of_points_move_only_where_they_match():
    three, moved, two = (
        [(0.1 + dx, 0.1), (0.5 + dx, 0.5), (0.9 - dx, 0.1)][:n] for dx, n in ((0, 3), (0.1, 3), (0.1, 2))
    )
    a, same, other = (
        Layout((Instance("stars", "x", scribble=spread_points(points)),)) for points in (three, moved, two)
    )
    assert between_keyframes((a, same), [0, 2], 3)[1].instances[0].scribble[0] == close((0.15, 0.1))
    assert between_keyframes((a, other), [0, 2], 3)[1].instances[0].scribble == a.instances[0].scribble


def test_what_one_keyframe_lacks_is_there_near_the_other_or_bridged():
    keys = (FIRST, Layout((OWL,), 768, 512), LAST)
    left_out = foxes(between_keyframes(keys, [0, 4, 8], 9))
    assert [fox is not None for fox in left_out] == [True, True, True, False, False, False, False, True, True]
    assert left_out[2] == FOX, "nothing to move towards"
    bridged = foxes(between_keyframes(keys, [0, 4, 8], 9, gaps=BRIDGE))
    assert [fox.box[0] for fox in bridged] == close([0.1 + 0.05 * k for k in range(9)])


def test_bridging_does_not_reach_beyond_the_first_and_the_last():
    keys = (Layout((OWL,)), Layout((FOX,)), Layout((OWL,)))
    for gaps in ("leave out", BRIDGE):
        assert [fox is not None for fox in foxes(between_keyframes(keys, [0, 4, 8], 9, gaps=gaps))] == [False] * 3 + [
            True
        ] * 4 + [False] * 2


def test_one_keyframe_serves_all_and_many_are_quick():
    assert [frame.instances for frame in between_keyframes((FIRST,), [3], 6)] == [FIRST.instances] * 6
    keys = tuple(
        Layout(tuple(replace(FOX, id=str(i), box=(0.1, 0.1, 0.2 + n / 9000, 0.2)) for i in range(10)))
        for n in range(1000)
    )
    frames = between_keyframes(keys, list(range(0, 4000, 4)), 4000, gaps=BRIDGE)
    assert frames[2].instances[7].box[2] == close(0.2 + 0.5 / 9000)


def test_strangers_are_told(caplog):
    with caplog.at_level(logging.WARNING):
        between_keyframes((Layout((FOX,)), Layout((OWL,))), [0, 5], 6)
    assert "The keyframes at 0 and 5 have no instance id in common" in caplog.text


def test_the_frames_are_those_that_are_named_or_that_the_layouts_name_or_evenly_spread():
    three = (FIRST, LAST, FIRST)
    assert keyframe_numbers(" 0, 8;15 ", three, 16) == [0, 8, 15]
    marked = tuple(replace(layout, extra={FRAME: k}) for layout, k in zip(three, (2, 3, 11), strict=True))
    assert keyframe_numbers("", marked, 16) == [2, 3, 11] and keyframe_numbers("0 1 2", marked, 16) == [0, 1, 2]
    assert keyframe_numbers("", read_frames(frames_to_json(marked)), 16) == [2, 3, 11]
    assert keyframe_numbers("", three, 16) == [0, 8, 15] and keyframe_numbers("", three[:1], 4) == [0]


@pytest.mark.parametrize("text, count, words", [
    ("0, 8", 16, "at lists 2 frames, but 3 layouts are connected"), ("0, x, 3", 16, "must list frame numbers"), ("0, -1, 3", 16, "must list frame numbers"),
    ("0, 8, 8", 16, "frame 8 follows frame 8"), ("8, 3, 9", 16, "frame 3 follows frame 8"), ("0, 8, 16", 16, "16 frames are numbered 0 to 15"),
    ("", 2, "3 layouts for 2 frames"),
])  # fmt: skip
def test_frames_that_cannot_be_are_told(text, count, words):
    with pytest.raises(ValueError) as caught:
        keyframe_numbers(text, (FIRST, LAST, FIRST), count)
    assert words in str(caught.value) and str(caught.value).endswith(".")


def test_a_frame_field_that_is_no_number_and_a_canvas_of_another_shape_are_told():
    with pytest.raises(ValueError, match='"frame" of layout 1 must be a whole number'):
        keyframe_numbers("", (replace(FIRST, extra={FRAME: "three"}),), 4)
    with pytest.raises(ValueError, match="The canvas of a keyframe is 512x512 pixels"):
        between_keyframes((FIRST, replace(LAST, width=512)), [0, 1], 2)


def test_a_context_window_names_its_frames():
    ad = {"ad_params": {"full_length": 8, "context_length": 2, "sub_idxs": [6, 7]}}
    assert context_window(ad, 2) == ([6, 7], 8)
    core = {"context_window": SimpleNamespace(dim=0, index_list=[3, 4], total_frames=8)}
    assert context_window(core, 2) == ([3, 4], 8)
    core["context_window"].causal_anchor_index = 0
    assert context_window(core, 3) == ([0, 3, 4], 8)


def test_without_a_window_a_call_holds_the_whole_batch():
    whole = {"ad_params": {"full_length": 4, "context_length": None, "sub_idxs": None}}
    video = {"context_window": SimpleNamespace(dim=2, index_list=[3, 4], total_frames=8)}
    left_behind = {"ad_params": {"full_length": 4, "context_length": 2, "sub_idxs": [0, 1]}}
    assert [context_window(options, 4) for options in ({}, {"ad_params": None}, whole, video, left_behind)] == [
        None
    ] * 5
    with pytest.raises(ValueError, match="names 2 frames, but the model was given 3"):
        context_window(left_behind, 3)
