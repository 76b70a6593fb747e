"""Detections from elsewhere (BOUNDING_BOX, MASK, COCO files), and the local CLIP score."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import draw_box, encode_mask
from instdiff.instdiff_modules.importers.boxes import read_bounding_boxes
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.clip import LocalClip, crop
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from instdiff.instdiff_modules.metrics.sources import Predictions, connected_detections
from PIL import Image
from support.pack import ROOT
from support.small_clip import write_small_clip

FOREIGN = ROOT / "tests" / "data" / "foreign"
WIDTH, HEIGHT = 512, 256
CAT = {"x": 64, "y": 32, "width": 128, "height": 96}
PLACE = (0.125, 0.125, 0.375, 0.5)  # of CAT


def foreign(name: str):
    return json.loads((FOREIGN / f"{name}.json").read_text(encoding="utf-8"))


# BOUNDING_BOX and MASK


@pytest.mark.parametrize(
    "name, labels", [("box_one", [None]), ("box_list", ["person", "a wooden door"]), ("box_frames", ["cat", "dog"])]
)
def test_the_three_nestings_of_bounding_box(name: str, labels: list) -> None:
    for count in (1, 3):
        frames = read_bounding_boxes(foreign(name), count, WIDTH, HEIGHT)
        assert [[box.label for box in frame] for frame in frames] == [labels] * count
        assert all(frame[0].box == PLACE for frame in frames)


def test_scores_cuts_and_boxes_outside(caplog: pytest.LogCaptureFixture) -> None:
    ((person, door),) = read_bounding_boxes(foreign("box_list"), 1, WIDTH, HEIGHT)
    assert (person.score, door.score) == (0.875, 1.0) and door.box == (0.5, 0.0, 1.0, 1.0), "556 pixels are cut at 512"
    assert (
        read_bounding_boxes([{**CAT, "x": 600}, {**CAT, "width": 0}], 1, WIDTH, HEIGHT) == [[]]
        and "left out" in caplog.text
    )
    assert read_bounding_boxes([[CAT], []], 2, WIDTH, HEIGHT)[1] == [] and read_bounding_boxes(
        [], 2, WIDTH, HEIGHT
    ) == [[], []]


@pytest.mark.parametrize("value, words", [
    ("x", "Expected BOUNDING_BOX"), ([[CAT], [], []], "boxes for 3 pictures, but 2 pictures"), ([(1, 2, 3, 4)], "Box 1 is not a BOUNDING_BOX"),
    ([CAT, {"x": 1}], "Box 2 is not a BOUNDING_BOX"), ([{**CAT, "y": "1"}], "Box 1: y must be a number"), ([{**CAT, "score": float("nan")}], "finite"),
])  # fmt: skip
def test_boxes_that_cannot_be_read(value, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_bounding_boxes(value, 2, WIDTH, HEIGHT)


def masks(*boxes) -> torch.Tensor:
    return torch.stack([torch.from_numpy(draw_box(box, 64, 128)).float() for box in boxes])


def test_masks_of_another_size_belong_to_the_boxes_in_their_order() -> None:
    right = (0.5, 0.5, 1.0, 1.0)
    (one,), (two,) = connected_detections([[CAT], [foreign("box_list")[1]]], masks(PLACE, right), 2, WIDTH, HEIGHT)
    assert one.mask.shape == (HEIGHT, WIDTH) and (one.mask == draw_box(PLACE, HEIGHT, WIDTH)).all()
    assert (two.mask == draw_box(right, HEIGHT, WIDTH)).all() and two.box == (0.5, 0.0, 1.0, 1.0), (
        "the box stays the detector's"
    )


def test_masks_alone_are_objects_of_one_picture_or_one_object_in_each() -> None:
    given = torch.cat([masks(PLACE, (0.5, 0.5, 1.0, 1.0)), torch.zeros(1, 64, 128)])
    (found,) = connected_detections(None, given, 1, WIDTH, HEIGHT)
    assert [d.box for d in found] == [PLACE, (0.5, 0.5, 1.0, 1.0)] and {d.label for d in found} == {None}
    assert [len(frame) for frame in connected_detections(None, given, 3, WIDTH, HEIGHT)] == [1, 1, 0]
    assert connected_detections(None, torch.zeros(0, 64, 128), 2, WIDTH, HEIGHT) == [[], []]
    assert connected_detections([[], []], torch.zeros(2, 64, 128), 2, WIDTH, HEIGHT) == [[], []], (
        "SAM3's answer where nothing is"
    )


@pytest.mark.parametrize("boxes, given, words", [
    (None, None, "No detections are connected"), (None, masks(PLACE, PLACE), "2 masks for 3 pictures"), ([CAT], masks(PLACE), "3 boxes and 1 mask."),
    (None, torch.ones(3, 64, 64), "another shape"), (None, "x", "Expected a MASK"), (None, masks(PLACE) * float("inf"), "NaN or infinity"),
])  # fmt: skip
def test_masks_that_cannot_be_used(boxes, given, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connected_detections(boxes, given, 3, WIDTH, HEIGHT)


# COCO's prediction files


TABLE = [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}]
ENTRY = {"image_id": 139, "category_id": 17, "bbox": [64, 32, 128, 96], "score": 0.8}


def test_predictions_in_yolos_format() -> None:
    drawn = encode_mask(draw_box(PLACE, HEIGHT, WIDTH))
    runs = {**ENTRY, "segmentation": {"size": [HEIGHT, WIDTH], "counts": drawn.counts}}
    polygon = {**ENTRY, "category_id": 18, "segmentation": [[64, 32, 192, 32, 192, 128, 64, 128]]}
    file = Predictions([runs, polygon, {**ENTRY, "image_id": "street"}, {**ENTRY, "image_id": 140}], TABLE)
    cat, dog = file.of("000000000139", WIDTH, HEIGHT)
    assert (cat.label, cat.box, cat.score, dog.label) == ("cat", PLACE, 0.8, "dog")
    assert (cat.mask == draw_box(PLACE, HEIGHT, WIDTH)).all() and (dog.mask == cat.mask).all()
    assert (
        len(file.of("street", WIDTH, HEIGHT)) == 1
        and file.of("empty", WIDTH, HEIGHT) == []
        and file.categories == ("cat", "dog")
    )
    assert Predictions([ENTRY]).of("139", WIDTH, HEIGHT)[0].label is None
    for table in ({"17": "cat"}, {"categories": TABLE}):
        assert Predictions([ENTRY], table).of("139", WIDTH, HEIGHT)[0].label == "cat"


@pytest.mark.parametrize("entries, table, words", [
    ({}, None, "must be a list"), ([{"bbox": []}], None, "image_id"), ([ENTRY], [1], "None of the 1 categories can be used, the first: Category 1"),
    ([ENTRY], 3, "categories must be"), ([ENTRY], {"3": "x"}, "Prediction 1: category 17"),
    ([{**ENTRY, "bbox": [1, 2]}], None, "Prediction 1: bbox must be"), ([{**ENTRY, "score": "high"}], None, "score must be"),
    ([{**ENTRY, "image_id": None}], None, "image_id must be"), (["x", 3], None, "None of the 2 predictions"),
])  # fmt: skip
def test_predictions_that_cannot_be_read(entries, table, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Predictions(entries, table).of("139", WIDTH, HEIGHT)


# Local CLIP


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_clip(tmp_path_factory.mktemp("clip"))


def test_local_clip_is_the_cosine_of_crop_and_prompt(clip_folder: Path) -> None:
    clip = LocalClip(clip_folder)
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    boxes, prompts = [(0.0, 0.0, 0.5, 1.0), (0.5, 0.25, 1.0, 0.75)], ["a red fox", "an owl " * 60]
    given = clip.score(picture, boxes, prompts)
    assert given == pytest.approx(
        [clip.score(picture, [b], [p])[0] for b, p in zip(boxes, prompts, strict=True)], abs=1e-5
    )
    inputs = clip.processor(
        text=["a red fox"], images=[Image.fromarray(picture[:, :48])], return_tensors="pt", padding=True
    )
    with torch.inference_mode():
        reference = clip.model(**inputs).logits_per_image.item() / clip.model.logit_scale.exp().item()
    assert given[0] == pytest.approx(reference, abs=1e-5) and given[0] != pytest.approx(given[1], abs=1e-5)
    assert (crop(picture, boxes[1]) == picture[16:48, 48:]).all()


def test_clip_chooses_the_attribute_whose_prompt_is_nearest(clip_folder: Path) -> None:
    clip = LocalClip(clip_folder)
    picture = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    box = (0.25, 0.25, 0.75, 0.75)
    scores = [clip.score(picture, [box], [f"a {word} object"])[0] for word in ("black", "blue", "pink")]
    (chosen,) = clip.choose(picture, [box], ("black", "blue", "pink"))
    assert chosen == ("black", "blue", "pink")[int(np.argmax(scores))]
    layout = Layout((Instance("a", f"a {chosen} fox", box=box), Instance("b", "a fox", point=(0.5, 0.5))))
    first, second = score_picture("x", layout, [], (96, 64), Settings(), picture, clip=clip).rows
    assert first.clip is not None and first.clip_color is not None and first.clip_texture is None
    assert second.clip is None, "a point has no crop"


def test_a_clip_that_is_not_there_or_damaged(clip_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no CLIP model in"):
        LocalClip(tmp_path)
    (tmp_path / "config.json").write_bytes((clip_folder / "config.json").read_bytes())
    with pytest.raises(ValueError, match="cannot be loaded"):
        LocalClip(tmp_path)
