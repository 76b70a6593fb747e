"""Layouts of other programs, on a wide canvas so that swapped axes show."""

import copy
import json

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask
from instdiff.instdiff_modules.importers import read_layout
from instdiff.instdiff_modules.importers.frames import frames_to_json, read_frames
from instdiff.instdiff_modules.layout.instance import Layout

MASK = np.zeros((512, 768), dtype=bool)
MASK[100:200, 400:600] = True
RLE = {"size": [512, 768], "counts": encode_mask(MASK).counts}
DEMO = {
    "caption": "a harbour",
    "width": 768,
    "height": 512,
    "annos": [
        {"bbox": [192, 128, 384, 256], "mask": [], "category_name": "boat", "caption": "a red boat"},
        {"bbox": [384, 64, 500, 128], "mask": RLE, "category_name": "", "caption": "clouds", "point": [576.0, 128.0]},
        {"caption": "a rope", "scribble": [76.8, 51.2, 153.6, 102.4]},
        {"caption": "a chain", "scribble": [[76.8, 51.2], [153.6, 102.4]]},
    ],
}
COCO = {
    "images": [{"id": 7, "file_name": "wide.jpg", "width": 768, "height": 512}],
    "categories": [{"id": 1, "name": "boat"}, {"id": 2, "name": "person"}],
    "annotations": [
        {
            "id": 11,
            "image_id": 7,
            "category_id": 1,
            "bbox": [192, 128, 384, 256],
            "iscrowd": 0,
            "segmentation": [[192, 128, 576, 128, 576, 384, 192, 384]],
        },
        {"id": 12, "image_id": 7, "category_id": 2, "bbox": [400, 100, 200, 100], "segmentation": RLE, "iscrowd": 1},
        {"id": 13, "image_id": 9, "category_id": 2, "bbox": [0, 0, 5, 5]},
    ],
}


def demo(**anno):
    return {"caption": "", "width": 768, "height": 512, "annos": [{"caption": "x", **anno}]}


def coco(**annotation):
    return {**COCO, "annotations": [{"id": 1, "image_id": 7, "category_id": 1, **annotation}]}


def test_the_authors_demo_is_read_with_its_pixels_as_fractions():
    layout = read_layout(json.dumps(DEMO))
    assert (layout.width, layout.height, layout.prompt) == (768, 512, "a harbour")
    boat, clouds, rope, chain = layout.instances
    assert boat.prompt == "a red boat" and boat.box == (0.25, 0.25, 0.75, 0.75) and boat.mask is None
    assert boat.extra == {"category_name": "boat"} and clouds.extra == {}
    assert clouds.point == (0.75, 0.25)
    assert (decode_mask(clouds.mask) == MASK).all()
    assert rope.box is None
    np.testing.assert_allclose(rope.scribble, [(0.1, 0.1), (0.2, 0.2)])
    assert rope.scribble == chain.scribble


def test_a_demo_box_that_sticks_out_is_cut_with_a_warning(caplog):
    clouds = read_layout(DEMO).instances[1]
    assert clouds.box == (0.5, 0.125, 1.0, 0.375)
    assert "Instance 2" in caplog.text


def test_an_imported_demo_survives_our_own_format():
    layout = read_layout(DEMO)
    assert read_layout(frames_to_json((layout,))) == layout


@pytest.mark.parametrize(
    "given, words",
    [
        (demo(), "Instance 1 has no bbox, point, scribble or mask"),
        (demo(bbox=[0, 0, 0, 10]), "is empty"),
        (demo(bbox=[900, 0, 10, 10]), "lies outside the canvas of 768x512"),
        (demo(bbox=[0, 0, float("nan"), 10]), "finite"),
        (demo(bbox=[0, 0, 10]), "[x, y, width, height] in pixels"),
        (demo(point=[900, 0]), "point"),
        (demo(scribble=[1, 2, 3]), "x and y in turn, got 3 numbers"),
        (demo(scribble="1,2"), "list of points"),
        (demo(mask={"size": [4, 4], "counts": [16]}), "all black"),
        ({**DEMO, "width": None}, "width must be a number"),
        ({**DEMO, "annos": {}}, '"annos" must be a list'),
        ({**DEMO, "annos": [3]}, "Instance 1 must be a JSON object"),
    ],
)
def test_a_broken_demo_gives_a_sentence(given, words):
    with pytest.raises(ValueError, match=r".") as caught:
        read_layout(given)
    assert words in str(caught.value)


def test_coco_is_read_for_the_chosen_image():
    layout = read_layout(COCO)
    assert (layout.width, layout.height) == (768, 512)
    boat, person = layout.instances
    assert (boat.id, boat.prompt, boat.box) == ("11", "boat", (0.25, 0.25, 0.75, 0.75))
    expected = np.zeros((512, 768), dtype=bool)
    expected[128:384, 192:576] = True
    assert (decode_mask(boat.mask) == expected).all()
    assert person.prompt == "person" and person.extra == {"iscrowd": 1}
    assert (decode_mask(person.mask) == MASK).all()


def test_coco_with_uncompressed_run_lengths():
    runs, columns = [], MASK.T.reshape(-1)
    edges = np.flatnonzero(np.diff(columns)) + 1
    runs = np.diff([0, *edges, columns.size]).tolist()
    layout = read_layout(coco(segmentation={"size": [512, 768], "counts": runs}))
    assert (decode_mask(layout.instances[0].mask) == MASK).all()


def test_a_coco_annotation_without_an_id_gets_one():
    assert [i.id for i in read_layout(coco(id=None, bbox=[0, 0, 50, 50])).instances] == ["i1"]


def test_the_image_of_a_coco_file_is_chosen_by_id_or_name():
    two = copy.deepcopy(COCO)
    two["images"].append({"id": 9, "file_name": "small.jpg", "width": 50, "height": 40})
    assert read_layout(two, "9").width == read_layout(two, "small.jpg").width == 50
    with pytest.raises(ValueError, match=r"has 2 images. Choose one .*: 7 \(wide.jpg\), 9 \(small.jpg\)"):
        read_layout(two)
    with pytest.raises(ValueError, match="no image with id or file name 'other'"):
        read_layout(two, "other")


@pytest.mark.parametrize(
    "given, words",
    [
        ({**COCO, "images": []}, 'no "images"'),
        ({"annotations": []}, "COCO without images"),
        ({**COCO, "annotations": "x"}, '"annotations" must be a list'),
        (coco(category_id=5, bbox=[0, 0, 5, 5]), "category 5 is not among"),
        (coco(category_id=[5], bbox=[0, 0, 5, 5]), "category [5] is not among"),
        (coco(), "neither bbox nor segmentation"),
        (coco(segmentation=[[1, 2, 3, 4]]), "a polygon must be"),
        (coco(segmentation=[[900, 600, 950, 600, 950, 650]]), "covers no pixel"),
        (coco(segmentation=[[0, 0, 1e308, 0, 0, float("inf")]]), "finite"),
        (coco(segmentation={"size": [768, 512], "counts": [768 * 512 - 9, 9]}), "512x768 pixels, its image 768x512"),
    ],
)
def test_broken_coco_gives_a_sentence(given, words):
    with pytest.raises(ValueError) as caught:
        read_layout(given)
    assert words in str(caught.value)


def test_a_polygon_far_off_the_picture_is_drawn_quickly():
    layout = read_layout(coco(segmentation=[[0, 0, 1e9, 0, 1e9, 1e9, 0, 1e9]]))
    assert decode_mask(layout.instances[0].mask).all()


@pytest.mark.parametrize("given", [{"boxes": {"a": 1}}, {}, {"objects": []}, {"version": "5.2.1", "things": []}])
def test_an_unknown_format_is_not_guessed(given):
    with pytest.raises(ValueError, match="not a layout that InstDiff knows"):
        read_layout(given)


@pytest.mark.parametrize("text", ["", "null", "3", '"text"', "[[0, 0, 1, 1]]", "{", "<html>"])
def test_other_text_gives_a_sentence(text):
    with pytest.raises(ValueError):
        read_layout(text)


def test_a_layout_of_another_version_is_named_as_such():
    with pytest.raises(ValueError, match="has version 2"):
        read_layout('{"version": 2, "instances": []}')


def test_frames_are_a_list_of_documents():
    frames = (Layout(width=768, height=512), read_layout(DEMO), Layout(prompt="third"))
    assert read_frames(frames_to_json(frames)) == frames
    with pytest.raises(ValueError, match=r"Frame 2: .*has version 2"):
        read_frames('[{"version": 1}, {"version": 2}]')
    assert read_frames("[]") == (Layout(),), "nothing was found"


@pytest.mark.parametrize("given", [{"dataset": COCO, "created": "today"}, {"demo": DEMO}, {"json": json.dumps(COCO)}])
def test_a_document_inside_another_object_is_read_as_itself(given):
    inner = next(iter(given.values()))
    assert read_layout(given) == read_layout(inner)
