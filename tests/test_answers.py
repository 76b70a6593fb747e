"""Answers of language models in many forms, each a file in data/answers, and the expected result."""

import json
import random
import time

import pytest
from instdiff.instdiff_modules.language.answer import MAX_TEXT, read_answer, report
from instdiff.instdiff_modules.language.coordinates import order_in, prose_declaration, units_in
from instdiff.instdiff_modules.language.inline import COGVLM, SHIKRA
from instdiff.instdiff_modules.language.tags import KINDS
from instdiff.instdiff_modules.layout.units import FRACTIONS, THOUSANDTHS
from support.pack import ROOT

ANSWERS = ROOT / "tests" / "data" / "answers"
CASES = json.loads((ANSWERS / "expected.json").read_text(encoding="utf-8"))
READ = [case for case in CASES if "error" not in case]
REFUSED = [case for case in CASES if "error" in case]


def name_of(case):
    return case["name"]


def read(case):
    return read_answer((ANSWERS / f"{case['name']}.txt").read_bytes().decode("utf-8"), **case.get("inputs", {}))


def complaint(text, **inputs):
    with pytest.raises(ValueError) as caught:
        read_answer(text, **inputs)
    said = str(caught.value)
    assert type(caught.value) is ValueError and "\n" not in said and 20 < len(said) < 300 and said.endswith("."), said
    return said


def test_there_are_many_and_every_file_has_its_outcome():
    assert len(CASES) >= 60 and len(REFUSED) >= 20
    assert {path.stem for path in ANSWERS.glob("*.txt")} == {case["name"] for case in CASES}


@pytest.mark.parametrize("case", READ, ids=name_of)
def test_what_can_be_read_is_read(case):
    answer = read(case)
    assert [instance.prompt for instance in answer.layout.instances] == case["prompts"]
    for instance, box in zip(answer.layout.instances, case["boxes"], strict=True):
        assert instance.box is None if box is None else instance.box == pytest.approx(box, abs=1e-3)
    names = {instance.id: instance.prompt for instance in answer.layout.instances}
    assert [names.get(instance.parent) for instance in answer.layout.instances] == case.get(
        "parts_of", [None] * len(names)
    )
    for instance, point in zip(answer.layout.instances, case.get("points", []), strict="points" in case):
        assert instance.point == pytest.approx(point, abs=1e-3)
    told = report(answer)
    assert all(words in told for words in case["notes"]), told
    assert case["name"].startswith(("sloppy", "hostile")) or "was left out" not in told
    if "caption" in case:
        assert answer.layout.prompt == case["caption"]
    if "size" in case:
        assert [answer.layout.width, answer.layout.height] == case["size"]
    assert case.get("declared", "") in answer.declared


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_what_cannot_be_read_is_told_in_one_sentence_with_the_text(case):
    text = (ANSWERS / f"{case['name']}.txt").read_text(encoding="utf-8")
    said = complaint(text, **case.get("inputs", {}))
    assert all(words in said for words in case["error"]), said
    assert not text.strip() or "The answer begins" in said or len(text) > MAX_TEXT


def test_a_clean_answer_needs_no_changes():
    assert report(read(next(case for case in CASES if case["name"] == "good-as-asked"))).endswith(
        "- Nothing was changed."
    )


BOMBS = {
    "open lists": "[" * MAX_TEXT,
    "open objects": '{"a":' * (MAX_TEXT // 5),
    "brackets apart": "[ ] " * (MAX_TEXT // 4),
    "quotes": '["' + '" ' * (MAX_TEXT // 2 - 2),
    "backslashes": '["' + "\\" * (MAX_TEXT - 2),
    "commas": "[" + "," * (MAX_TEXT - 1),
    "ones": "[" + "1," * (MAX_TEXT // 2 - 1),
    "fences": "```[{" * (MAX_TEXT // 5),
    "comments": "[/*" + "/*" * (MAX_TEXT // 2 - 2),
    "hashes": "[#" + "\n#" * (MAX_TEXT // 2 - 2),
    "spaces": "[" + " " * (MAX_TEXT - 1),
    "lines": "a: [" * (MAX_TEXT // 4),
    "long line": "x" * (MAX_TEXT - 30) + ": [0.1, 0.2, 0.3, 0.4]",
    "dashes": "a-" * (MAX_TEXT // 2),
    "broken objects": '{"prompt": x(' * (MAX_TEXT // 13),
    "thinking": "<think>" * (MAX_TEXT // 7),
    "wrappers": '{"content": "' * (MAX_TEXT // 13),
    "digits": "[" + "9" * (MAX_TEXT - 1),
    "too long": "x" * (MAX_TEXT + 1),
    "names": "[" + "a" * (MAX_TEXT - 1),
    "newlines": "\n" * (MAX_TEXT - 1) + "x",
    "many empty": '{"version": 1, "instances": [' + "{}," * 80_000 + "]}",
    "many instances": '{"version": 1, "instances": [' + '{"prompt":"x","box":[0,0,1,1]},' * 5000 + "]}",
    "strings in strings": json.dumps({"text": "[" * 100_000}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly(name):
    start = time.process_time()
    complaint(BOMBS[name])
    assert time.process_time() - start < 10, "linear time is a second at most on any machine"


def test_damaged_answers_are_read_or_refused_and_never_crash():
    rng, texts = random.Random(0), [path.read_text(encoding="utf-8") for path in sorted(ANSWERS.glob("*.txt"))]
    for _ in range(4000):
        text = rng.choice(texts)
        for _ in range(rng.randint(1, 6)):
            at, other = rng.randrange(len(text) + 1), rng.choice(texts)
            start = rng.randrange(len(other) + 1)
            text = (
                text[:at]
                + rng.choice(["", rng.choice("{}[]()\",:'`“”0123.-eE%\\/*# \n|abN"), other[start : start + 60]])
                + text[at + rng.randint(0, 5) :]
            )
        units, order = rng.choice(
            [("as declared", "as declared"), (FRACTIONS, "left top right bottom"), ("pixels", "left top width height")]
        )
        try:
            layout = read_answer(text, units, order, *rng.choice([(0, 0), (768, 512)])).layout
        except ValueError as problem:
            said = str(problem)
            assert type(problem) is ValueError and "\n" not in said and len(said) < 300 and said.endswith("."), (
                text,
                said,
            )
        else:
            boxes = [instance.box for instance in layout.instances if instance.box is not None]
            assert layout.instances and all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in boxes), text


@pytest.mark.parametrize("position", range(0, 300, 7))
def test_an_end_that_is_cut_off_anywhere_is_read_as_far_as_it_goes_or_refused(position):
    text = (ANSWERS / "good-as-asked.txt").read_text(encoding="utf-8")[:position]
    whole = {"a red fox": (0.1, 0.2, 0.5, 0.9), "a snowy owl": (0.6, 0.1, 0.8, 0.4)}
    try:
        layout = read_answer(text).layout
    except ValueError as problem:
        assert "\n" not in str(problem)
        return
    assert layout.instances and all(whole[instance.prompt] == instance.box for instance in layout.instances)


@pytest.mark.parametrize(
    "text, order",
    [
        ("xyxy", "left top right bottom"),
        ("[x_min, y_min, x_max, y_max]", "left top right bottom"),
        ("x1,y1,x2,y2", "left top right bottom"),
        ("(left, top, right, bottom)", "left top right bottom"),
        ("COCO", "left top width height"),
        ("[x, y, w, h]", "left top width height"),
        ("[x, y, width, height]", "left top width height"),
        ("left top width height", "left top width height"),
        ("[ymin, xmin, ymax, xmax]", "top left bottom right"),
        ("y0 x0 y1 x1", "top left bottom right"),
        ("top left bottom right", "top left bottom right"),
        ("YOLO", "center x y, width height"),
        ("[cx, cy, w, h]", "center x y, width height"),
        ("[a, b, c, d]", None),
        ("", None),
        ("json", None),
    ],
)
def test_declared_orders(text, order):
    assert order_in(text) == order


@pytest.mark.parametrize(
    "text, units",
    [
        ("0..1", FRACTIONS),
        ("normalized", FRACTIONS),
        ("normalised to [0, 1]", FRACTIONS),
        ("fractions 0-1", FRACTIONS),
        ("0.0 to 1.0", FRACTIONS),
        ("normalized 0-1000", THOUSANDTHS),
        ("0..1000", THOUSANDTHS),
        ("px", "pixels"),
        ("pixels (0-1000 allowed)", None),
        ("absolute", "pixels"),
        ("percent", "percent"),
        ("0-100", "percent"),
        ("json", None),
    ],
)
def test_declared_units(text, units):
    assert units_in(text) == units


def test_the_help_names_every_kind_of_tags():
    page = (ROOT / "web" / "docs" / "InstDiffLayoutFromText.md").read_text(encoding="utf-8")
    for kind in (*KINDS, COGVLM, SHIKRA):
        for name in kind.name.replace(" and ", ", ").split(", "):
            assert name in page, name


@pytest.mark.parametrize("prose", [
    "All values would lie in the range [0.0, 1.0], but I cannot draw.", "The ratio [0.25,0.4] is fine.",
    "Numbers of the range [0.000, 1.000] are fractions.", "The confidence interval [0.125, 0.913] shows little.",
    "A rotation has the matrix [[0, 1, 1, 0]].",
])  # fmt: skip
def test_numbers_of_prose_are_no_places(prose):
    with pytest.raises(ValueError, match="holds no layout"):
        read_answer(prose)


@pytest.mark.parametrize("text", [
    '{"version": 1, "width": 96, "height": 64, "instances": [{"prompt": "a fox", "box": [0.1, 0.2, 0.5, 0.9], "negative": " a cartoon "}]}',
    "a_fox in pixels, xyxy:\nprompt,x1,y1,x2,y2,negative_prompt\na fox,10,13,48,58,a cartoon",
])  # fmt: skip
def test_negative_prompts_are_read(text):
    (fox,) = read_answer(text, width=96, height=64).layout.instances
    assert (fox.prompt, fox.negative) == ("a fox", "a cartoon")


def test_rows_that_do_not_fit_their_head_are_told():
    table = "prompt,x1,y1,x2,y2\na fox,10,13,48,58\nan owl,1,2,3\na red, big cat,1,2,30,40\nThat is all, I hope."
    answer = read_answer(table, units="pixels", width=96, height=64)
    assert [i.prompt for i in answer.layout.instances] == ["a fox"]
    assert "Rows with more or fewer cells than the head of their table (2) were left out." in answer.notes


def test_a_negative_prompt_that_is_no_text_costs_itself():
    text = '{"version": 1, "instances": [{"prompt": "a fox", "box": [0.1, 0.2, 0.5, 0.9], "negative": [5]}]}'
    answer = read_answer(text)
    assert answer.layout.instances[0].negative == ""
    assert "The negative of Instance 1 (a fox), [5], was left out: it must be text." in answer.notes


def test_pixel_art_declares_no_pixels():
    assert prose_declaration("A pixel art scene in [brackets, of my own]") == (None, None)
    assert prose_declaration("Boxes are [x, y, width, height] in pixels.") == ("pixels", "left top width height")
    assert prose_declaration("[x1, y1, x2, y2], not [x, y, w, h]") == (None, None)


@pytest.mark.parametrize(
    "inputs, words",
    [
        ({"width": 512}, "set both width and height"),
        ({"width": -1, "height": 5}, "whole number of pixels"),
        ({"width": 10**6, "height": 5}, "1..16384"),
    ],
)
def test_sizes_that_make_no_canvas(inputs, words):
    with pytest.raises(ValueError, match=words):
        read_answer("{}", **inputs)
