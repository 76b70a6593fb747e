"""What is implausible in a layout, and how it is corrected."""

import json
import random
from dataclasses import replace

import pytest
from instdiff.instdiff_modules.language.answer import read_answer
from instdiff.instdiff_modules.language.request import _EXAMPLES
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.plausibility.check import check_frames, check_layout
from instdiff.instdiff_modules.plausibility.rules import Rules, find
from instdiff.instdiff_modules.plausibility.sizes import SIZES, size_of


def wide(*items, **more):
    """A 768x512 layout of (prompt, box) pairs."""
    return Layout(tuple(Instance(f"i{n}", prompt, box, **more) for n, (prompt, box) in enumerate(items, 1)), 768, 512)


def rules_broken(layout, **rules):
    return [(finding.rule, finding.instance_index) for finding in find(layout, Rules(**rules))]


CAR = ("a red car", (0.5, 0.6, 0.8, 0.8))  # 0.2 of the canvas for about 1.6 m, near
FAR_TRACTOR = ("a green tractor", (0.1, 0.1, 0.5, 0.6))  # twice as large, and farther away: the seed's example
MEADOW = wide(
    ("a brown cow", (0.1, 0.45, 0.4, 0.72)),
    ("a woman in a blue dress", (0.55, 0.4, 0.67, 0.75)),
    ("a red barn", (0.5, 0.1, 0.95, 0.5)),
)


@pytest.mark.parametrize(
    "prompt, name",
    [
        ("a ginger cat", "cat"),
        ("a cat on a red sofa", "cat"),
        ("A Red Fire TRUCK, shiny", "truck"),
        ("an old man riding a horse", "man"),
        ("the running dog", "dog"),
        ("a sleeping cat", "cat"),
        ("a wooden table with a cup", "table"),
        ("the king", "king"),
        ("a toy car", None),
        ("two dogs", None),
        ("a herd of cow", None),
        ("a painting of a horse", None),
        ("a dog's head", None),
        ("", None),
        ("ein roter Fuchs", None),
        ("a cat statue", "statue"),
        ("a carpet", None),
    ],
)
def test_the_thing_that_a_prompt_speaks_of(prompt, name):
    size = size_of(prompt)
    assert (size and size.name) == name


def test_words_widen_the_range_of_sizes():
    assert (
        size_of("a sitting woman").low < size_of("a woman").low and size_of("a large dog").high > size_of("a dog").high
    )
    assert all(0 < size.low < size.high for size in SIZES.values()) and len(SIZES) > 150


def test_a_sound_layout_has_nothing_to_say():
    assert rules_broken(MEADOW) == []
    checked = check_layout(MEADOW, Rules(instance_count=3), correct=True)
    assert checked.score == checked.after == 1.0 and checked.layout == MEADOW and not checked.changes


@pytest.mark.parametrize("index", range(len(_EXAMPLES)))
def test_the_examples_of_the_request_pass_their_own_check(index):
    _, _, items = _EXAMPLES[index]
    assert rules_broken(wide(*((prompt, box) for _, prompt, box in items))) == []


def test_a_tractor_in_the_distance_larger_than_a_near_car():
    layout = wide(CAR, FAR_TRACTOR)
    assert rules_broken(layout) == [("perspective", 1)] and rules_broken(layout, perspective=False) == []
    checked = check_layout(layout, Rules(), correct=True)
    car, tractor = checked.layout.instances
    assert car == layout.instances[0] and tractor.box[3] == pytest.approx(0.6, abs=1e-3)
    assert tractor.box[3] - tractor.box[1] < 0.35 and (checked.score, checked.after) == (0.5, 1.0)
    old = FAR_TRACTOR[1]
    assert (tractor.box[2] - tractor.box[0]) / (tractor.box[3] - tractor.box[1]) == pytest.approx(
        (old[2] - old[0]) / (old[3] - old[1]), rel=0.01
    )


def test_a_forklift_too_small_for_its_place():
    layout = wide(
        ("a yellow forklift", (0.4, 0.72, 0.48, 0.8)),
        ("a worker", (0.1, 0.4, 0.25, 0.8)),
        ("a man in overalls", (0.7, 0.38, 0.85, 0.82)),
    )
    (finding,) = find(layout, Rules())
    assert (
        (finding.rule, finding.instance_index) == ("sizes", 0)
        and "too small beside Instance 2 (a worker)" in finding.text
        and "a forklift is 2 to 2.6 m tall" in finding.text
    )
    forklift = check_layout(layout, Rules(), correct=True).layout.instances[0]
    assert forklift.box[3] - forklift.box[1] > 0.38
    assert rules_broken(layout, sizes=False) == []


def test_the_one_at_odds_with_the_others_is_to_blame():
    layout = wide(("a car", (0.0, 0.6, 0.2, 0.8)), ("a car", (0.3, 0.6, 0.5, 0.8)), ("a man", (0.6, 0.1, 0.9, 0.8)))
    assert rules_broken(layout) == [("sizes", 2)]
    locked = replace(layout, instances=(*layout.instances[:2], replace(layout.instances[2], locked=True)))
    assert {index for _, index in rules_broken(locked)} == {0, 1}


def test_a_cup_on_a_table():
    table = ("a wooden table", (0.1, 0.5, 0.9, 0.95))
    assert rules_broken(wide(table, ("a white cup", (0.4, 0.48, 0.45, 0.55)))) == []
    assert rules_broken(wide(table, ("a white cup", (0.3, 0.1, 0.6, 0.55)))) == [("sizes", 1)]
    assert rules_broken(wide(table, ("a hot air balloon", (0.3, 0.1, 0.6, 0.3)))) == []


def test_nothing_is_said_of_what_stands_above_the_horizon():
    assert rules_broken(wide(("a car", (0.5, 0.6, 0.8, 0.8)), ("a castle", (0.1, 0.1, 0.4, 0.3)))) == []


def test_objects_cut_off_are_moved_in():
    answer = read_answer(
        '{"version": 1, "width": 768, "height": 512, "instances": [{"prompt": "a kite", "box": [0.8, -0.1, 1.2, 0.2]}]}'
    )
    layout = answer.layout
    assert layout.instances[0].box == (0.8, 0.0, 1.0, 0.2)
    (finding,) = find(layout, Rules())
    assert finding.rule == "edges" and "67% of its box lies outside" in finding.text
    checked = check_layout(layout, Rules(), correct=True)
    assert (
        checked.layout.instances[0].box == pytest.approx((0.6, 0.0, 1.0, 0.3))
        and checked.layout.instances[0].extra == {}
    )
    assert rules_broken(layout, edges=False) == [] and checked.after == 1.0


def test_an_uncut_box_that_no_longer_fits_is_forgotten():
    layout = Layout(
        (Instance("a", "a kite", (0.1, 0.1, 0.3, 0.3), extra={"uncut_box": [0.8, -0.1, 1.2, 0.2]}),), 768, 512
    )
    assert rules_broken(layout) == []


def test_doubles():
    place, near = (0.1, 0.1, 0.4, 0.4), (0.11, 0.1, 0.41, 0.4)
    layout = wide(("a kite", place), ("A  kite", near), ("a balloon", place))
    assert rules_broken(layout) == [("duplicates", 1), ("duplicates", 2)]
    checked = check_layout(layout, Rules(), correct=True)
    assert [i.prompt for i in checked.layout.instances] == ["a kite", "a balloon"] and checked.after == 0.5
    assert rules_broken(layout, duplicates=False) == []


def test_boxes_too_small_to_draw():
    layout = wide(("a kite", (0.5, 0.1, 0.52, 0.13)))
    assert rules_broken(layout) == [("smallest", 0)] and rules_broken(layout, smallest=0) == []
    x0, y0, x1, y1 = check_layout(layout, Rules(), correct=True).layout.instances[0].box
    assert (y1 - y0) * 512 >= 31.9 and (x1 - x0) * 768 >= 31.9 and (x0 + x1) / 2 == pytest.approx(0.51, abs=1e-3)


@pytest.mark.parametrize(
    "count, words, score",
    [(5, "5 instances were requested, there are 3. Ask the model again", 0.6), (2, "Remove some", 2 / 3), (0, "", 1)],
)
def test_the_number_that_was_asked_for(count, words, score):
    checked = check_layout(MEADOW, Rules(instance_count=count))
    assert checked.score == pytest.approx(score) and (
        words in checked.findings[0].text if words else not checked.findings
    )


def test_corrections_reach_masks_and_leave_locked_and_hidden_ones_alone():
    mask = {"size": [4, 6], "counts": [14, 1, 9]}
    layout = parse_layout(
        {"version": 1, "width": 768, "height": 512, "instances": [{"prompt": "a kite", "mask": mask}]}
    )
    assert rules_broken(layout, smallest=200) == [("smallest", 0)]
    assert check_layout(layout, Rules(smallest=200), correct=True).changes
    for more in ({"locked": True}, {"visible": False}):
        still = replace(layout, instances=(replace(layout.instances[0], **more),))
        assert check_layout(still, Rules(smallest=200), correct=True).layout == still


def test_points_have_no_size_and_empty_layouts_are_plausible():
    assert rules_broken(Layout((Instance("a", "a car", point=(0.5, 0.5)),))) == []
    layouts, score, text, findings = check_frames((Layout(), MEADOW), Rules(instance_count=3), True)
    assert score == 0.5 and layouts == (Layout(), MEADOW)
    assert text.startswith("Frame 1: plausibility 0.00.\n\n- count: 3 instances were requested, there are 0.")
    assert text.endswith("\n\nFrame 2: plausibility 1.00.\n\nNothing implausible was found.")
    assert json.loads(findings)["frames"][1]["score"] == 1.0
    assert check_frames((Layout(),), Rules(), False)[2].endswith("The layout has no visible instances to check.")
    assert check_layout(Layout(), Rules()).score == 1.0


def test_programs_get_numbers_and_ids():
    findings = json.loads(check_frames((wide(CAR, FAR_TRACTOR),), Rules(instance_count=3), False)[3])["frames"][0][
        "findings"
    ]
    assert [(row["rule"], row["number"], row["id"]) for row in findings] == [
        ("perspective", 2, "i2"),
        ("count", None, None),
    ]
    assert len(findings[0]["box"]) == 4 and findings[0]["remove"] is False


def test_whatever_the_layout_corrections_keep_it_sound_and_end():
    rng, names = random.Random(0), [*(f"a {name}" for name in SIZES), "a kite", "two dogs", ""]
    better = 0
    for _ in range(150):
        items = []
        for _ in range(rng.randint(0, 8)):
            x, y = rng.uniform(0, 0.95), rng.uniform(0, 0.95)
            items.append(
                (rng.choice(names), (x, y, min(x + rng.uniform(0.01, 0.9), 1.0), min(y + rng.uniform(0.01, 0.9), 1.0)))
            )
        layout = wide(*items)
        checked = check_layout(layout, Rules(horizon=rng.uniform(-1, 0.95)), correct=True)
        boxes = [instance.box for instance in checked.layout.instances]
        assert all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in boxes), items
        assert (
            {i.id for i in checked.layout.instances} <= {i.id for i in layout.instances}
            and 0 <= checked.score <= 1
            and 0 <= checked.after <= 1
        )
        better += checked.after - checked.score
    assert better > 0


def test_a_crowd_is_checked_quickly():
    many = wide(*((f"a {name}", (0.1, 0.2 + n / 2000, 0.3, 0.5 + n / 2000)) for n, name in enumerate(list(SIZES)[:30])))
    checked = check_layout(many, Rules(), correct=True)
    assert checked.after >= checked.score
