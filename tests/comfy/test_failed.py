"""The closed loop: what a detector found, what failed, and the regions to paint anew."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.nodes.score import InstDiffLayoutScore, InstDiffSelectFailed
from support.server import ComfyServer, small_demo

WIDE = (
    parse_layout({"version": 1, "width": 768, "height": 512, "prompt": "a meadow", "instances": [
        {"id": "fox", "prompt": "a red fox", "box": [0.125, 0.25, 0.375, 0.75]},
        {"id": "owl", "prompt": "an owl", "box": [0.5, 0.125, 0.625, 0.375]},
        {"id": "rock", "prompt": "a rock", "box": [0.75, 0.5, 1, 1], "visible": False},
    ]}),
)  # fmt: skip
GRAY = torch.full((1, 512, 768, 3), 0.5)
# As RT-DETR's node gives them: floats, a list for each picture, the surest first.
FOX = {"x": 100.41, "y": 126.08, "width": 188.7, "height": 259.63, "label": "fox", "score": 0.913}
OWL = {"x": 381.9, "y": 66.2, "width": 99.75, "height": 124.4, "label": "owl", "score": 0.641}
STRAY = {**OWL, "x": 435.6}  # half beside its box
# As SAM3's node gives them in text mode: no labels, and a mask for each box.
SAM3 = [{key: value for key, value in box.items() if key != "label"} for box in (FOX, STRAY)]


@pytest.fixture(autouse=True)
def temp_folder(tmp_path, monkeypatch):
    import folder_paths

    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))


def results(boxes, image=GRAY, instances=WIDE, **more):
    return InstDiffLayoutScore.execute(image, instances, "connected detections", 0.5, boxes=boxes, **more).args[3]


def select(given, instances=WIDE, **more):
    return SimpleNamespace(
        **dict(
            zip(
                ("instances", "mask", "masks", "segs", "count"),
                InstDiffSelectFailed.execute(instances, given, **more).args,
                strict=True,
            )
        )
    )


def filled(mask):
    """x0, y0, x1, y1 of the white part, which must be a full box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    assert mask[box[1] : box[3], box[0] : box[2]].all() and set(np.unique(mask)) <= {0, 1}
    return box


def test_the_failed_instance_alone_with_its_grown_box():
    out = select(results([[FOX]]), grow=16)
    assert [i.id for i in out.instances[0].instances] == ["owl"] and out.count == 1
    assert (out.instances[0].width, out.instances[0].height, out.instances[0].prompt) == (768, 512, "a meadow")
    assert out.mask.shape == (1, 512, 768) and torch.equal(out.mask, out.masks)
    assert filled(out.mask[0].numpy()) == (384 - 16, 64 - 16, 480 + 16, 192 + 16)


def test_where_a_stray_object_was_found_is_painted_over_and_what_passed_is_spared():
    stray = select(results([[FOX, STRAY]]), grow=0)
    assert stray.count == 1
    white = stray.mask[0].numpy() > 0
    assert (
        white[64:192, 384:480].all()
        and white[67:190, 436:535].all()
        and not white[:, 540:].any()
        and not white[:, :384].any()
    )
    assert filled(select(results([[FOX, STRAY]]), grow=0, erase=False).mask[0].numpy()) == (384, 64, 480, 192)
    far = select(results([[FOX, {**OWL, "x": 600.0, "y": 300.0}]]), grow=0).mask[0].numpy() > 0
    assert far[301:424, 601:699].all() and far[64:192, 384:480].all()
    over_the_fox = {
        **OWL,
        "x": 200.0,
        "width": 220.0,
        "y": 130.0,
        "height": 200.0,
    }  # touches its own box, covers the fox's
    fox = select(results([[FOX, over_the_fox]]), grow=0).mask[0].numpy() > 0
    assert not fox[128:384, 96:288].any() and fox[140:300, 300:380].all()


def test_masks_of_sam3_score_and_choose_too():
    masks = torch.zeros(2, 512, 768)
    for mask, box in zip(masks, SAM3, strict=True):
        x, y, w, h = (round(box[side]) for side in ("x", "y", "width", "height"))
        mask[y : y + h, x : x + w] = 1
    out = select(results([SAM3], masks=masks))
    assert [i.id for i in out.instances[0].instances] == ["owl"]


@pytest.mark.parametrize(
    "boxes, failed", [([[]], ["fox", "owl"]), ([], ["fox", "owl"]), ([[FOX, OWL]], [])], ids=["none", "nothing", "all"]
)
def test_nothing_found_and_everything_in_place_are_results(boxes, failed):
    out = select(results(boxes))
    assert [i.id for i in out.instances[0].instances] == failed and out.count == len(failed)
    assert len(out.masks) == max(len(failed), 1) and len(out.segs[0][1]) == len(failed)
    assert bool(out.mask.any()) == bool(failed) and torch.equal(out.mask[0], out.masks.amax(0))


def test_segs_are_the_impact_packs():
    ((size, segs),) = select(results([[FOX]]), grow=0).segs
    (owl,) = segs
    assert size == (512, 768)
    assert owl._fields == (
        "cropped_image",
        "cropped_mask",
        "confidence",
        "crop_region",
        "bbox",
        "label",
        "control_net_wrapper",
    )
    assert owl.bbox == [384, 64, 480, 192] and owl.label == "an owl" and owl.cropped_image is None
    x0, y0, x1, y1 = owl.crop_region
    assert owl.cropped_mask.shape == (y1 - y0, x1 - x0) and (x0, y0, x1, y1) == (
        336,
        0,
        528,
        256,
    )  # twice the sides, moved into the picture
    whole = np.zeros(size)
    whole[y0:y1, x0:x1] = owl.cropped_mask
    assert filled(whole) == tuple(owl.bbox)


def test_each_picture_of_a_batch_has_its_own():
    batch = GRAY.repeat(3, 1, 1, 1)
    out = select(results([[FOX, OWL], [FOX], []], batch))
    assert [[i.id for i in layout.instances] for layout in out.instances] == [[], ["owl"], ["fox", "owl"]]
    assert out.mask.shape[0] == 3 and out.masks.shape[0] == out.count == 3 and len(out.segs) == 3
    assert (
        not out.mask[0].any()
        and torch.equal(out.mask[1], out.masks[0])
        and torch.equal(out.mask[2], out.masks[1:].amax(0))
    )
    frames = (WIDE[0], Layout(width=768, height=512))
    assert select(results([[], []], batch[:2], frames), frames).count == 2


@pytest.mark.parametrize("given, words", [
    ("", "is not the JSON of a score"), ("[]", "holds no scored pictures"), ('{"pictures": []}', "holds no scored pictures"),
    ('{"pictures": [{"instances": [{"id": 3}]}]}', "holds no scored pictures"), ("[" * 10**5, "is not the JSON"), (None, "expected results as JSON text"),
    ('{"pictures": [{"instances": [], "width": -1, "height": 3}]}', "width must be a whole number"),
    ('{"pictures": [{"instances": [], "width": 768, "height": 512}]}', "the results are of another layout (0 instances were scored, 2 are connected)"),
])  # fmt: skip
def test_a_text_that_is_no_score_is_told(given, words):
    with pytest.raises(ValueError) as caught:
        select(given)
    assert (words in str(caught.value) and "Layout Score" in str(caught.value)) or "width" in words


def test_frames_that_are_not_those_of_the_score():
    with pytest.raises(ValueError, match="the results are of 1 pictures, but there are 2 layouts"):
        select(results([[FOX]]), WIDE * 2)


@pytest.mark.comfy
def test_the_loop_repairs_only_what_failed(server: ComfyServer):
    """In the server: generate, take recorded boxes, score, choose, inpaint, compose; what passed stays pixel by pixel."""
    graph = small_demo(file="loop")
    layout = {
        "version": 1,
        "width": 128,
        "height": 128,
        "instances": [
            {"id": "fox", "prompt": "a fox", "box": [0, 0, 0.4, 1]},
            {"id": "owl", "prompt": "an owl", "box": [0.625, 0.125, 0.875, 0.5]},
        ],
    }
    graph["3"]["inputs"]["text"] = json.dumps(layout)
    found = {"x": 0, "y": 0, "width": 51, "height": 128}
    graph |= {
        "20": {"class_type": "PrimitiveBoundingBox", "inputs": found},
        "21": {"class_type": "InstDiffLayoutScore", "inputs": {"image": ["9", 0], "instances": ["3", 0], "detector": "connected detections",
                                                               "threshold": 0.5, "boxes": ["20", 0]}},
        "22": {"class_type": "InstDiffSelectFailed", "inputs": {"instances": ["3", 0], "results": ["21", 3], "grow": 8}},
        "23": {"class_type": "VAEEncode", "inputs": {"pixels": ["9", 0], "vae": ["1", 2]}},
        "24": {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["23", 0], "mask": ["22", 1]}},
        "25": {"class_type": "KSampler", "inputs": {**{k: v for k, v in graph["8"]["inputs"].items() if k not in ("share", "merge", "feather")},
                                                    "latent_image": ["24", 0], "seed": 77, "sampler_name": "euler"}},
        "26": {"class_type": "VAEDecode", "inputs": {"samples": ["25", 0], "vae": ["1", 2]}},
        "27": {"class_type": "ImageCompositeMasked", "inputs": {"destination": ["9", 0], "source": ["26", 0], "mask": ["22", 1], "x": 0, "y": 0,
                                                                "resize_source": False}},
        "28": {"class_type": "SaveImage", "inputs": {"images": ["27", 0], "filename_prefix": "repaired"}},
        "29": {"class_type": "PreviewAny", "inputs": {"source": ["22", 4]}},
        "30": {"class_type": "MaskPreview", "inputs": {"mask": ["22", 1]}},
    }  # fmt: skip
    outputs = server.run(graph).outputs
    first, repaired, mask = (server.image(outputs[node]["images"][0]).astype(int) for node in ("10", "28", "30"))
    hole = mask[..., 0] > 127
    assert outputs["29"]["text"] == ["1"] and filled(hole) == (80 - 8, 16 - 8, 112 + 8, 64 + 8)
    assert (first == repaired)[~hole].all() and np.abs(first - repaired)[hole].mean() > 1


def test_what_goes_in_is_not_changed():
    before = layout_to_json(WIDE[0])
    select(results([[FOX, STRAY]]))
    assert layout_to_json(WIDE[0]) == before
