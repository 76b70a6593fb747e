"""Forms in which language models and their tools write the same few objects: the cat at 10..40, 20..60 of a canvas of 100 x 100."""

import json

import pytest
from instdiff.instdiff_modules.language.answer import read_answer, report
from instdiff.instdiff_modules.layout.units import FRACTIONS, PIXELS, THOUSANDTHS

CANVAS = {"width": 100, "height": 100}
CAT = pytest.approx((0.1, 0.2, 0.4, 0.6), abs=1e-6)
LTRB, LTWH = "left top right bottom", "left top width height"
HEAD = {"units": "0..1", "order": "xyxy"}
CAR = {"prompt": "a car", "box": [0.1, 0.1, 0.9, 0.9]}
WHEEL = {"prompt": "a wheel", "box": [0.2, 0.7, 0.3, 0.9]}


def read(given, **inputs):
    return read_answer(given if isinstance(given, str) else json.dumps(given), **inputs)


def words(answer):
    return [instance.prompt for instance in answer.layout.instances]


@pytest.mark.parametrize("place", [
    {"x": 10, "y": 20, "size": {"width": 30, "height": 40}},
    {"x": 10, "y": 20, "size": [30, 40]},
    {"x": 10, "y": 20, "size": "30x40"},
    {"left": 10, "top": 20, "size": [30, 40]},
    {"position": "10, 20", "size": "30 x 40"},
    {"top-left": [10, 20], "bottom-right": [40, 60]},
    {"upper_left": {"x": 10, "y": 20}, "lower_right": {"x": 40, "y": 60}},
    {"left_top": [10, 20], "right_bottom": [40, 60]},
    {"position": {"x": 10, "y": 20}, "bottom_right": [40, 60]},
    {"start": {"x": 10, "y": 20}, "end": {"x": 40, "y": 60}},
    {"min": [10, 20], "max": [40, 60]},
    {"bbox": {"min": [10, 20], "max": [40, 60]}},
    {"bounding_box": {"topLeft": {"x": 10, "y": 20}, "bottomRight": {"x": 40, "y": 60}}},
    {"bounding_box": {"position": {"x": 10, "y": 20}, "size": {"width": 30, "height": 40}}},
    {"placement": {"origin": [10, 20], "size": [30, 40]}},
    {"bbox": {"center": [25, 40], "size": [30, 40]}},
    {"x_range": [10, 40], "y_range": [20, 60]},
    {"x": [10, 40], "y": [20, 60]},
    {"bounds": {"x": {"min": 10, "max": 40}, "y": {"min": 20, "max": 60}}},
    {"bbox": "x=10, y=20, w=30, h=40"},
    {"bbox": "x: 10px, y: 20px, width: 30px, height: 40px"},
    {"bbox": [{"x": 10, "y": 20}, {"x": 40, "y": 60}]},
    {"bbox": [[10, 20], [40, 20], [40, 60], [10, 60]]},
    {"bbox_x": 10, "bbox_y": 20, "bbox_width": 30, "bbox_height": 40},
    {"x_pos": 10, "y_pos": 20, "width": 30, "height": 40},
], ids=str)  # fmt: skip
def test_a_place_by_any_of_its_names(place):
    answer = read({"objects": [{"name": "cat", **place}]}, units=PIXELS, order=LTWH, **CANVAS)
    assert answer.layout.instances[0].box == CAT and "Nothing was changed." in report(answer)


@pytest.mark.parametrize("box", ["(10, 20) to (40, 60)", "10，20，40，60", "10 20 40 60"])
def test_a_box_that_is_a_text(box):
    assert read({"objects": [{"name": "cat", "bbox": box}]}, units=PIXELS, order=LTRB, **CANVAS).layout.instances[0].box == CAT  # fmt: skip


@pytest.mark.parametrize("canvas", [
    {"canvas_width": 100, "canvas_height": 100}, {"canvas": [100, 100]}, {"canvas": {"w": 100, "h": 100}}, {"image_width": "100", "image_height": "100"},
], ids=str)  # fmt: skip
def test_a_canvas_by_any_of_its_names(canvas):
    answer = read({**canvas, "objects": [{"name": "cat", "bbox": [10, 20, 40, 60]}]}, units=PIXELS, order=LTRB)
    assert (answer.layout.width, answer.layout.height) == (100, 100) and answer.layout.instances[0].box == CAT


@pytest.mark.parametrize("text", [
    "- name: cat\n  x: 10\n  y: 20\n  width: 30\n  height: 40\n- name: dog\n  x: 50\n  y: 20\n  width: 30\n  height: 40",
    "objects:\n  - x: 10\n    y: 20\n    width: 30\n    height: 40\n    name: cat\n  - x: 50\n    y: 20\n    width: 30\n    height: 40\n    name: dog",
    "- name: cat\n  position:\n    x: 10\n    y: 20\n  size:\n    width: 30\n    height: 40\n- name: dog\n  center:\n    x: 65\n    y: 40\n  size: 30x40",
    "**cat**\n- Position: (10, 20)\n- Size: 30 x 40\n\n**dog**\n- Position: (50, 20)\n- Size: 30 x 40",
    "cat: x=10, y=20, width=30, height=40\ndog: x=50, y=20, width=30, height=40.",
    "1. cat (10, 20, 30, 40)\n2. dog (50, 20, 30, 40)",
    "<o><name>cat</name><x>10</x><y>20</y><width>30</width><height>40</height></o><o><name>dog</name><x>50</x><y>20</y><w>30</w><h>40</h></o>",
    '<div style="position:absolute; left:10px; top:20px; width:30px; height:40px">cat</div><p id="dog" style="left:50px;top:20px;width:30px;height:40px"/>',
    "| Object | Left (px) | Top (px) | Width (px) | Height (px) |\n|---|---|---|---|---|\n| cat | 10 | 20 | 30 | 40 |\n| dog | 50 | 20 | 30 | 40 |",
], ids=["yaml", "yaml, names last", "yaml, nested", "headings", "named numbers", "parentheses", "xml", "html", "table"])  # fmt: skip
def test_lists_that_are_no_json(text):
    answer = read(text, units=PIXELS, order=LTWH, **CANVAS)
    assert words(answer) == ["cat", "dog"]
    assert [instance.box for instance in answer.layout.instances] == [CAT, pytest.approx((0.5, 0.2, 0.8, 0.6))]


@pytest.mark.parametrize("text", [
    "- cat\n  - box: [10, 20, 40, 60]\n- dog\n  - box: [50, 20, 80, 60]",
    "1. cat\n   Box: [10, 20, 40, 60]\n2. dog\n   Box: [50, 20, 80, 60]",
    "1. **cat**: a small one. Bounding box: [10, 20, 40, 60]\n2. **dog**: it sleeps. Bounding box: [50, 20, 80, 60]",
    "cat bbox=[10, 20, 40, 60]\ndog bbox=[50, 20, 80, 60]",
    "cat → [10, 20, 40, 60]\ndog → [50, 20, 80, 60]",
    "cat: (10, 20), (40, 60)\ndog: from (50, 20) to (80, 60)",
    "cat: left 10, top 20, right 40, bottom 60\ndog: left 50, top 20, right 80, bottom 60",
], ids=["bullets", "numbers", "sentences", "fields", "arrows", "corners", "named"])  # fmt: skip
def test_the_name_is_not_the_boxs_field(text):
    answer = read(text, units=PIXELS, order=LTRB, **CANVAS)
    assert words(answer) == ["cat", "dog"]
    assert [instance.box for instance in answer.layout.instances] == [CAT, pytest.approx((0.5, 0.2, 0.8, 0.6))]


@pytest.mark.parametrize("field", [
    {"tagName": "cat"}, {"label_name": "cat", "id": "a1"},
    {"className": "cat", "color": "red"}, {"role": "cat"}, {"labels": ["cat"]}, {"label": {"name": "cat"}},
], ids=str)  # fmt: skip
def test_words_under_any_name(field):
    assert words(read({**HEAD, "items": [{**field, "bbox": [0.1, 0.2, 0.4, 0.6]}]})) == ["cat"]


def test_texts_that_say_something_else_are_no_words():
    with pytest.raises(ValueError, match="without words"):
        read({**HEAD, "items": [{"id": "a1", "color": "red", "position": "left", "bbox": [0.1, 0.2, 0.4, 0.6]}]})


def test_a_detectors_centre_by_any_spelling_and_the_menus_over_it():
    centre = {"x": 25, "y": 40, "width": 30, "height": 40}
    assert read([{"Class": "cat", "Confidence": 0.9, **centre}], units=PIXELS, **CANVAS).layout.instances[0].box == CAT
    corner = {"label": "cat", "confidence": 0.9, "x": 10, "y": 20, "width": 30, "height": 40}
    assert read([corner], units=PIXELS, order=LTWH, **CANVAS).layout.instances[0].box == CAT


def test_what_the_reader_of_a_format_leaves_out_is_reported():
    image = {"images": [{"id": 1, "width": 100, "height": 100}], "categories": [{"id": 1, "name": "cat"}]}
    boxes = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": box}
        for i, box in enumerate(([10, 20, 30, 40], [5, 5, 9, 0]), 1)
    ]
    told = report(read({**image, "annotations": boxes}))
    assert (
        "Instance 2 (annotation 2): bbox [5.0, 5.0, 9.0, 0.0] is empty" in told
        and "outside its annotations" not in told
    )


@pytest.mark.parametrize("given", [
    {"version": "5.2.1", "shapes": [{"label": "cat", "points": [[40, 60], [10, 20]], "shape_type": "rectangle"}], "imageHeight": 100, "imageWidth": 100},
    [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [{"id": "r", "type": "rectanglelabels", "original_width": 100, "original_height": 100,
      "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["cat"]}}]}]}],
], ids=["LabelMe", "Label Studio"])  # fmt: skip
def test_files_of_annotation_tools_fix_their_numbers(given):
    answer = read(given)
    assert words(answer) == ["cat"] and answer.layout.instances[0].box == CAT


def test_a_lists_name_is_the_words_of_what_has_none():
    answer = read(
        {**HEAD, "cats": [{"bbox": [0.1, 0.2, 0.4, 0.6]}], "small_dog": [{"bbox": [0.5, 0.2, 0.8, 0.6], "score": 0.5}]}
    )
    assert words(answer) == ["cats", "small dog"]


def test_what_stands_above_lines_is_the_document():
    text = "caption: a room\nunits: pixels\ncanvas:\n  width: 100\n  height: 100\nobjects:\n  - name: cat\n    x: 10\n    y: 20\n    width: 30\n    height: 40"
    layout = read(text).layout
    assert (layout.prompt, layout.width, layout.height, layout.instances[0].box) == ("a room", 100, 100, CAT)


def test_a_scale_beside_a_place_is_no_size():
    with pytest.raises(ValueError, match="has no location"):
        read({**HEAD, "objects": [{"name": "cat", "x": 0.1, "y": 0.2, "scale": [1, 1]}]})


@pytest.mark.parametrize("text", [
    '{"units": "0..1"，"order"："xyxy"，"objects"：[{"prompt"："cat"，"box"：[0.1，0.2，0.4，0.6]}]}',
    json.dumps(json.dumps({**HEAD, "objects": [{"prompt": "cat", "box": [0.1, 0.2, 0.4, 0.6]}]}))[1:-1],
], ids=["full-width marks", "escaped without quotes"])  # fmt: skip
def test_json_with_other_marks(text):
    answer = read(text)
    assert words(answer) == ["cat"] and answer.layout.instances[0].box == CAT


def test_a_sentence_is_no_name():
    assert words(read("The cat is at [0.1, 0.2, 0.4, 0.6].", units=FRACTIONS, order=LTRB)) == ["The cat"]


@pytest.mark.parametrize("inside", [
    {"parts": {"wheel": [0.2, 0.7, 0.3, 0.9]}}, {"parts": {"wheel": [[0.2, 0.7, 0.3, 0.9]]}}, {"parts": {"left": [{**WHEEL, "prompt": "wheel"}]}},
    {"parts": [{"side": "left", "items": [{**WHEEL, "prompt": "wheel"}]}]}, {"accessories": {"wheel": {"box": [0.2, 0.7, 0.3, 0.9]}}},
    {"details": {"parts": [{**WHEEL, "prompt": "wheel"}]}}, {"wheel": {"bbox": [0.2, 0.7, 0.3, 0.9]}},
], ids=str)  # fmt: skip
def test_parts_stand_anywhere_inside(inside):
    answer = read({**HEAD, "objects": [{**CAR, **inside}]})
    (car, wheel) = answer.layout.instances
    assert (wheel.prompt in ("wheel", "left"), wheel.parent, wheel.box) == (True, car.id, (0.2, 0.7, 0.3, 0.9))


def test_boxes_of_other_pictures_are_no_parts():
    assert words(read({**HEAD, "objects": [{**CAR, "reference": {"image": "a.png", "bbox": [0, 0, 1, 0.5]}}]})) == [
        "a car"
    ]


def test_names_and_boxes_in_texts_keep_what_is_declared_around_them():
    answer = read({**HEAD, "objects": ["a car: [0.1, 0.1, 0.9, 0.9]", "a wheel: [0.2, 0.7, 0.3, 0.9]"]})
    assert words(answer) == ["a car", "a wheel"] and answer.layout.instances[1].box == (0.2, 0.7, 0.3, 0.9)


def test_menus_that_a_format_overrides_are_told_of():
    text = "{'<OD>': {'bboxes': [[10, 20, 40, 60]], 'labels': ['cat']}}"
    answer = read(text, units=THOUSANDTHS, order=LTRB, **CANVAS)
    assert answer.layout.instances[0].box == CAT and "The menus were not used" in report(answer)


def test_what_says_the_own_place_once_more_is_no_part():
    assert words(read({**HEAD, "objects": [{**CAR, "detection": {"bbox": [0.1, 0.1, 0.9, 0.9]}}]})) == ["a car"]


@pytest.mark.parametrize("field", [{"parent": "a car"}, {"part_of": "car"}, {"parent_id": "car"}], ids=str)
def test_a_part_names_its_parent(field):
    answer = read({**HEAD, "objects": [{"id": "car", **CAR}, {**WHEEL, **field}]})
    assert [instance.parent for instance in answer.layout.instances] == ["", "car"]
    answer = read({**HEAD, "objects": [{"id": 1, **CAR}, {"id": 2, **WHEEL, "parent": 1}]})
    assert answer.layout.instances[1].parent == "1"


@pytest.mark.parametrize("given, note", [
    ({"objects": [{**CAR, "parts": ["a wheel"]}]}, "(a wheel) was left out"),
    ({"objects": ["a table"], "characters": [CAR]}, "The list objects (a table) has no locations"),
    ({"objects": [{**CAR, "mask": "data:image/png;base64,x"}]}, "The mask of Instance 1 (a car)"),
    ({"objects": [{**CAR, "polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}]}, "The polygon of Instance 1 (a car)"),
    ({"objects": [CAR, {"prompt": "dog", "box": [0.5, 0.6, 0.1, 0.2]}, WHEEL]}, "The box of Instance 2 (dog) has an edge on the wrong side"),
], ids=["parts", "texts", "picture", "polygon", "reversed"])  # fmt: skip
def test_what_is_left_out_is_named(given, note):
    answer = read({**HEAD, **given})
    assert words(answer)[0] == "a car" and note in report(answer)


def test_of_several_layouts_those_left_out_are_named():
    told = report(
        read(f"{json.dumps({**HEAD, 'objects': [WHEEL, CAR]})}\nand\n{json.dumps({**HEAD, 'people': [CAR]})}")
    )
    assert "the last one was taken" in told and "left out: a wheel." in told


@pytest.mark.parametrize("odd", [
    "a rock", None, {"type": "text", "text": "OPEN", "bbox": [1, 2, 100, 200]}, {"bbox": [1, 2, 3]},
    {"type": "obj", "bbox": [500, 600, 100, 200], "desc": "x"},
], ids=str)  # fmt: skip
def test_one_odd_element_leaves_a_captions_units(odd):
    cats = [{"type": "obj", "bbox": [200, 100, 600, 400], "desc": name} for name in ("cat", "owl", "fox")]
    answer = read({"high_level_description": "a cat", "compositional_deconstruction": {"background": "a wood", "elements": [*cats, odd]}})  # fmt: skip
    assert answer.layout.instances[0].box == CAT and words(answer)[:3] == ["cat", "owl", "fox"]


@pytest.mark.parametrize("text", [
    "{'<OD>': {'bboxes': [[10, 20, 40, 60]], 'labels': ['cat']}}",
    "{'<OPEN_VOCABULARY_DETECTION>': {'bboxes': [[10, 20, 40, 60]], 'bboxes_labels': ['cat'], 'polygons': [], 'polygons_labels': []}}",
    "('An image of a cat', [('cat', (12, 21), [(0.1, 0.2, 0.4, 0.6)])])",
    "<ref>cat</ref><bbox>100 200 400 600</bbox>",
    '[{"category": "cat", "bbox": "<bbox>100 200 400 600</bbox>"}]',
    "&lt;ref&gt;cat&lt;/ref&gt;&lt;box&gt;(100,200),(400,600)&lt;/box&gt;",
    "<p>cat</p>{<10><20><40><60>}",
    "**<ref>cat</ref>**: <box>[[100, 200, 400, 600]]</box>",
], ids=["Florence-2", "Florence-2's open vocabulary", "Kosmos-2's entities", "Seed", "Seed in JSON", "of a page", "MiniGPT-v2", "in bold"])  # fmt: skip
def test_models_whose_form_fixes_the_numbers(text):
    answer = read(text, **CANVAS)
    assert words(answer) == ["cat"] and answer.layout.instances[0].box == CAT


def test_several_boxes_of_one_phrase():
    answer = read("<p>two cats</p>{<10><20><40><60>}<delim>{<50><20><80><60>}")
    assert [instance.box for instance in answer.layout.instances] == [CAT, pytest.approx((0.5, 0.2, 0.8, 0.6))]
    answer = read({"boxes": [[10, 20, 40, 60]], "text_labels": ["cat"]}, units=PIXELS, order=LTRB, **CANVAS)
    assert words(answer) == ["cat"]


def test_corners_behind_words_without_their_tags():
    answer = read("The cat(100,200),(400,600) sleeps.", units=THOUSANDTHS)
    assert words(answer) == ["The cat"] and answer.layout.instances[0].box == CAT
