"""Adding, joining and choosing instances, and points typed as text."""

from dataclasses import replace

import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.geometry.overlaps import visible_parts
from instdiff.instdiff_modules.geometry.raster import layout_boxes, layout_masks, masks_per_frame, output_size
from instdiff.instdiff_modules.layout.frames import EMPTY, add_location, as_frames, canvas_of, combine, select
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.layout.point_text import parse_points

FOX = Instance(id="fox", prompt="a red fox", box=(0.1, 0.2, 0.5, 0.9))
ROCK = Instance(id="rock", prompt="a grey rock", box=(0.5, 0.5, 1.0, 1.0))
WIDE = Layout((FOX, ROCK), 768, 512, "a valley")
POINT = {"point": (0.5, 0.5)}


def mask(height=64, width=96, batch=1):
    out = torch.zeros(batch, height, width)
    out[:, height // 4 : height // 2, width // 2 :] = 1
    return out


def test_a_new_instance_lies_in_front_of_every_frame():
    frames = add_location((WIDE, Layout()), POINT, "the moon", strength=0.5, start=0.1, end=0.6, opacity=0.3)
    assert [len(layout.instances) for layout in frames] == [3, 1]
    new = frames[0].instances[-1]
    assert (new.prompt, new.point, new.strength, new.start, new.end) == ("the moon", (0.5, 0.5), 0.5, 0.1, 0.6)
    assert new.opacity == 0.3
    assert frames[1].instances[0].id == new.id
    assert WIDE.instances == (FOX, ROCK)


def test_ids_of_new_instances_are_free():
    taken = Layout((Instance(id="i2", prompt="x", point=(0, 0)),))
    assert add_location((taken,), POINT, "y")[0].instances[-1].id == "i3"


@pytest.mark.parametrize("target", ["fox", "1", " fox "])
def test_a_target_gets_the_location_instead(target):
    (layout,) = add_location((WIDE,), POINT, "", target, strength=2.0)
    assert len(layout.instances) == 2
    assert layout.instances[0].point == (0.5, 0.5) and layout.instances[0].box == FOX.box
    assert layout.instances[0].prompt == "a red fox" and layout.instances[0].strength == 1.0
    assert add_location((WIDE,), POINT, "a vixen", target)[0].instances[0].prompt == "a vixen"


def test_a_negative_prompt_is_kept_unless_another_is_given():
    careful = add_location((WIDE,), POINT, "the moon", negative=" blur\n")
    assert careful[0].instances[-1].negative == "blur"
    for given, expected in (("", "blur"), ("text", "text")):
        box = add_location(careful, {"box": (0, 0, 1, 1)}, "", "3", negative=given)[0].instances[-1]
        assert (box.prompt, box.negative) == ("the moon", expected)


@pytest.mark.parametrize(
    "prompt, target, words",
    [
        ("", "", "The prompt is empty"),
        ("  ", "", "The prompt is empty"),
        ("x", "cat", "no instance 'cat'"),
        ("x", "3", "no instance '3'"),
        ("x", "0", "1 (fox) 'a red fox', 2 (rock)"),
    ],
)
def test_a_new_instance_needs_a_prompt_or_a_target_that_exists(prompt, target, words):
    with pytest.raises(ValueError) as caught:
        add_location((WIDE,), POINT, prompt, target)
    assert words in str(caught.value)


def test_a_location_is_never_overwritten():
    with pytest.raises(ValueError, match=r"Instance 1 \(fox\) already has a box"):
        add_location((WIDE,), {"box": (0, 0, 1, 1)}, "", "fox")


@pytest.mark.parametrize(
    "numbers", [{"strength": 3.0}, {"strength": float("nan")}, {"start": -0.1}, {"start": 0.8, "end": 0.2}]
)
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(ValueError, match="The new instance"):
        add_location(EMPTY, POINT, "x", **numbers)


def test_each_frame_may_have_its_own_mask_or_none():
    masks = mask(batch=2)
    masks[1] = 0
    frames = add_location((WIDE, WIDE), masks_per_frame(masks, 0.5, (WIDE, WIDE)), "cloud")
    assert [len(layout.instances) for layout in frames] == [3, 2]


def test_other_batches_of_masks_are_joined():
    masks = mask(batch=3)
    masks[0, 0, 0] = 1
    (location,) = masks_per_frame(masks, 0.5, (WIDE,))
    joined = decode_mask(location["mask"])
    assert joined[0, 0] and joined[16:32, 48:].all()
    assert joined.sum() == 16 * 48 + 1


@pytest.mark.parametrize(
    "value, words",
    [
        (torch.zeros(1, 64, 96), "all black"),
        (mask() * 0.3, "above the threshold 0.5"),
        (mask(64, 64), "another shape"),
        (mask(96, 64), "64x96 pixels, but the canvas of the layout is 768x512"),
        (mask() * float("nan"), "not numbers"),
        (torch.zeros(0, 64, 96), "Expected a MASK"),
        (torch.zeros(1, 1, 64, 96), "got (1, 1, 64, 96)"),
        (None, "got nothing"),
    ],
)
def test_a_mask_that_cannot_be_used_gives_a_sentence(value, words):
    with pytest.raises(ValueError) as caught:
        masks_per_frame(value, 0.5, (WIDE,))
    assert words in str(caught.value)


def test_without_a_canvas_the_first_mask_says_the_shape():
    (layout,) = add_location(EMPTY, masks_per_frame(mask(), 0.5, EMPTY), "x")
    assert canvas_of(layout) == (96, 64)
    with pytest.raises(ValueError, match="another shape"):
        masks_per_frame(mask(64, 64), 0.5, (layout,))


def test_joining_puts_later_inputs_in_front_and_renames_repeated_ids():
    (joined,) = combine([(WIDE,), (Layout((FOX,), prompt="other"),)])
    assert [i.id for i in joined.instances] == ["fox", "rock", "fox-2"]
    assert (joined.width, joined.height, joined.prompt) == (768, 512, "a valley")


def test_one_frame_joins_every_frame():
    assert [len(layout.instances) for layout in combine([(WIDE, Layout()), (Layout((FOX,)),)])] == [3, 1]
    with pytest.raises(ValueError, match="2, 3 frames"):
        combine([(WIDE,) * 2, (WIDE,) * 3])


def test_layouts_of_another_shape_are_not_joined():
    with pytest.raises(ValueError, match="another shape"):
        combine([(WIDE,), (Layout((FOX,), 512, 512),)])
    assert combine([(WIDE,), (Layout((FOX,), 1536, 1024),)])[0].width == 768


def test_joining_nothing_is_an_error():
    with pytest.raises(ValueError, match="Nothing is connected"):
        combine([])


@pytest.mark.parametrize(
    "which, by, kept",
    [
        ("1", "number", "fox"),
        ("2", "number", "rock"),
        ("1-2", "number", "fox rock"),
        ("2, 1", "number", "fox rock"),
        ("rock", "id", "rock"),
        ("FOX", "text", "fox"),
        ("grey, red", "text", "fox rock"),
    ],
)
def test_instances_are_chosen_in_their_order(which, by, kept):
    assert [i.id for i in select((WIDE,), which, by)[0].instances] == kept.split()


def test_choosing_the_others():
    assert [i.id for i in select((WIDE,), "1", invert=True)[0].instances] == ["rock"]


@pytest.mark.parametrize(
    "which, by, words",
    [
        ("", "number", "Nothing is selected"),
        ("5", "number", "No instance has the number '5'. The layout has 1 (fox)"),
        ("a", "number", "not a number"),
        ("3-1", "number", "range"),
        ("0", "number", "numbered from 1"),
        ("dog", "text", "No instance"),
        ("FOX", "id", "No instance"),
    ],
)
def test_choosing_nothing_is_an_error(which, by, words):
    with pytest.raises(ValueError) as caught:
        select((WIDE,), which, by)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [3, (), (WIDE, 3), [WIDE], "x"])
def test_other_values_on_the_wire_are_refused(value):
    with pytest.raises(ValueError, match="Expected INSTANCES"):
        as_frames(value)
    assert as_frames(None) == EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "0.25, 0.5; 0.75, 0.5",
        "0.25 0.5\n0.75 0.5\n",
        "(0.25, 0.5); (0.75, 0.5);",
        "[[0.25, 0.5], [.75, .5]]",
        '[{"x": 0.25, "y": 0.5}, {"x": 0.75, "y": 0.5}]',
        "[{'x': 0.25, 'y': 0.5}, {'x': 0.75, 'y': 0.5}]",
    ],
)
def test_points_may_be_written_in_many_ways(text):
    assert parse_points(text) == ((0.25, 0.5), (0.75, 0.5))


def test_a_single_point_needs_no_brackets_of_its_own():
    assert parse_points("[0.25, 0.5]") == parse_points('{"x": 0.25, "y": 0.5}') == ((0.25, 0.5),)


def test_pixels_are_divided_by_width_and_height():
    assert parse_points('[{"x": 192, "y": 384}]', 768, 512) == ((0.25, 0.75),)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no points"),
        ("[]", "no points"),
        (";;", "no points"),
        ("0.5", "is not a point"),
        ("a, b", "is not a point"),
        ("1.5, 0.5", "Point 1 at [1.5, 0.5] lies outside the canvas. Fractions run from 0 to 1; choose pixels"),
        ("nan, 0.5", "finite"),
        ("[[0.1, 0.2, 0.3]]", "x and y"),
        ('[{"x": 0.1}]', "must be a number, got None"),
        ("[[0.1, 0.2]", "are not points"),
        ("[__import__('os')]", "are not points"),
        ("[" * 5000, "are not points"),
        ("[[0.1, '0.2']]", "must be a number"),
        ("{1, 2}", ""),
    ],
)
def test_points_that_cannot_be_read_give_a_sentence(text, words):
    with pytest.raises(ValueError) as caught:
        parse_points(text)
    assert words in str(caught.value)


def test_instances_become_masks_of_the_asked_size():
    layout = Layout(
        (
            *WIDE.instances,
            Instance(id="p", prompt="x", point=(0.9, 0.1)),
            Instance(id="h", prompt="", point=(0, 0), visible=False),
        ),
        768,
        512,
    )
    masks = layout_masks([layout], 64, 96)
    assert masks.shape == (3, 64, 96) and masks.dtype == torch.float32
    assert masks[1, 32:, 48:].all() and masks[1].sum() == 32 * 48
    assert masks[2, 6, 86] == 1 and masks[2].sum() < 40


def test_what_lies_behind_shows_its_visible_part():
    boxes = {"back": (0, 0, 1, 0.5), "ear": (0, 0, 0.25, 0.25), "glass": (0.5, 0, 1, 1), "front": (0.75, 0, 1, 0.25)}
    made = [Instance(id=name, prompt="x", box=box) for name, box in boxes.items()]
    made[1:3] = replace(made[1], parent="back"), replace(made[2], opacity=0.25)
    masks = layout_masks([Layout(tuple(made))], 4, 4)
    back, ear, glass, front = visible_parts(masks, made, parts_hide=False)
    assert back.tolist() == [[1, 1, 0.75, 0], [1, 1, 0.75, 0.75], [0] * 4, [0] * 4]
    assert torch.equal(ear, masks[1]) and torch.equal(front, masks[3]) and glass[:, 3].tolist() == [0, 1, 1, 1]
    assert visible_parts(masks, made)[0].tolist() == [[0, 1, 0.75, 0], [1, 1, 0.75, 0.75], [0] * 4, [0] * 4]
    made[3] = replace(made[3], strength=0.0)
    assert torch.equal(visible_parts(masks, made)[2], masks[2]), "what does not act hides nothing"
    assert torch.equal(visible_parts(masks[:0], []), masks[:0])


def test_strokes_are_drawn_along_their_line_and_sets_are_not():
    stroke = Instance(id="s", prompt="x", scribble=((0.1, 0.5), (0.9, 0.5)))
    dots = Instance(id="d", prompt="x", scribble=((0.1, 0.5),) * 10 + ((0.9, 0.5),) * 10)
    line, two = layout_masks([Layout((stroke, dots))], 64, 96)
    assert line[32, 48] == 1 and two[32, 48] == 0 and two[32, 10] == two[32, 86] == 1


def test_no_instance_gives_one_black_mask():
    assert layout_masks([Layout()], 32, 48).tolist() == torch.zeros(1, 32, 48).tolist()
    with pytest.raises(ValueError, match="GB"):
        layout_masks([Layout((FOX,) * 100)], 16384, 16384)


def test_instances_become_boxes_in_pixels():
    boxes = layout_boxes(WIDE, 512, 768)
    assert boxes[0] == {"x": 77, "y": 102, "width": 307, "height": 359, "label": "a red fox"}
    corner = layout_boxes(Layout((Instance(id="p", prompt="x", point=(1.0, 1.0)),)), 512, 768)
    assert corner == [{"x": 767, "y": 511, "width": 1, "height": 1, "label": "x"}]


@pytest.mark.parametrize(
    "given, expected",
    [((0, 0), (768, 512)), ((1536, 0), (1536, 1024)), ((0, 256), (384, 256)), ((100, 100), (100, 100))],
)
def test_missing_sides_follow_the_canvas(given, expected):
    assert output_size(WIDE, *given) == expected
    assert output_size(Layout(), 0, 0) == (512, 512)
    assert output_size(WIDE, 0, 0, known=(640, 640)) == (640, 640)
