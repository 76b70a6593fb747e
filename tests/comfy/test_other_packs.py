"""The nodes between our layouts and other packs, and core's own nodes on the other end of the wire."""

import json
from dataclasses import replace
from types import SimpleNamespace

import comfy.samplers
import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.nodes.conditioning import InstDiffToConditioning
from instdiff.nodes.instances import InstDiffScribble
from instdiff.nodes.layout_io import InstDiffToBoxes, InstDiffToJSON, InstDiffToMasks
from instdiff.nodes.other_packs import InstDiffFromBoxes, InstDiffFromMasks
from support.server import ComfyServer, small_demo
from support.small_pack import FakeClip, base, context, noise

import nodes as comfy_nodes

WIDE = (
    parse_layout({"version": 1, "width": 192, "height": 128, "prompt": "a meadow", "instances": [
        {"id": "fox", "prompt": "a red fox", "box": [0, 0.25, 0.5, 1], "strength": 0.5, "end": 0.8},
        {"id": "owl", "prompt": "an owl", "box": [0.25, 0, 1, 0.5]}, {"id": "off", "prompt": "", "box": [0, 0, 1, 1], "visible": False},
    ]}),
)  # fmt: skip
POSITIVE = context("a meadow")


def to_conditioning(method, strength=1.0, **more):
    return InstDiffToConditioning.execute(POSITIVE, FakeClip(), WIDE, method, strength, **more).args


def test_masks_are_those_of_core():
    conditioning, _, masks, *_ = to_conditioning("masks", 0.8)
    assert len(conditioning) == 3 and conditioning[0] is POSITIVE[0]
    for method, bounds in (("masks", "default"), ("mask bounds", "mask bounds")):
        (_, fox), *_ = to_conditioning(method, 0.8)[0][1:]
        ((_, theirs),) = comfy_nodes.ConditioningSetMask().append(context("a red fox"), masks[0], bounds, 0.4)[0]
        assert torch.equal(fox["mask"], theirs["mask"]) and fox["mask_strength"] == theirs["mask_strength"]
        assert fox["set_area_to_bounds"] == theirs["set_area_to_bounds"] and (
            fox["start_percent"],
            fox["end_percent"],
        ) == (0, 0.8)
    assert "start_percent" not in conditioning[2][1] and torch.equal(conditioning[2][0], context("an owl")[0][0])


def test_where_instances_overlap_the_front_one_alone_counts_on_request():
    shared, front = (to_conditioning("masks", overlap=kind) for kind in ("shared", "front only"))
    (fox, owl), (behind, before) = shared[2], front[2]
    assert (fox * owl).any() and torch.equal(before, owl) and torch.equal(behind, fox * (1 - owl))
    assert torch.equal(front[0][1][1]["mask"][0], behind) and torch.equal(shared[0][1][1]["mask"][0], fox)
    glass = (replace(WIDE[0], instances=(WIDE[0].instances[0], replace(WIDE[0].instances[1], opacity=0.25))),)
    masks, (segs,) = InstDiffToMasks.execute(glass, overlap="front only").args
    assert torch.equal(masks[0], fox * (1 - 0.25 * owl)) and segs[1][0].cropped_mask.min() == 0
    assert sorted(set(segs[1][0].cropped_mask.ravel())) == [0, 0.75, 1]
    assert not InstDiffToMasks.execute(None, overlap="front only").args[0].any()


def test_areas_are_those_of_core():
    (_, owl) = to_conditioning("areas")[0][2]
    ((_, theirs),) = comfy_nodes.ConditioningSetAreaPercentage().append(context("an owl"), 0.75, 0.5, 0.25, 0.0, 1.0)[0]
    assert owl["area"] == theirs["area"] and owl["strength"] == theirs["strength"]


def test_gligen_boxes_are_those_of_core_and_come_back():
    model = SimpleNamespace(model=None)
    conditioning = to_conditioning("GLIGEN", gligen=model)[0]
    theirs = POSITIVE
    for text, box in (("a red fox", (96, 96, 0, 32)), ("an owl", (144, 64, 48, 0))):
        (theirs,) = comfy_nodes.GLIGENTextBoxApply().append(theirs, FakeClip(), model, text, *box)
    assert len(conditioning) == 1
    ours, other = conditioning[0][1]["gligen"], theirs[0][1]["gligen"]
    assert ours[:2] == other[:2] and [p[1:] for p in ours[2]] == [p[1:] for p in other[2]]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(ours[2], other[2], strict=True))
    frames, count = InstDiffFromBoxes.execute(conditioning, prompts="a red fox\nan owl", width=192, height=128).args
    assert count == 2 and [(i.prompt, i.box) for i in frames[0].instances] == [
        (i.prompt, i.box) for i in WIDE[0].instances[:2]
    ]


def test_prompts_alone_and_a_layout_without_instances():
    assert [tuple(options) for _, options in to_conditioning("prompts alone")[0]] == [("pooled_output",)] * 2
    empty = InstDiffToConditioning.execute(POSITIVE, FakeClip(), None, "masks", 1.0).args
    assert empty[0] == POSITIVE and empty[1].mask is None and not empty[2].any()


@pytest.mark.parametrize("method", ["masks", "mask bounds", "areas"])
def test_the_sampler_takes_the_regions_and_each_acts_in_its_place(method):
    model, _ = base()

    def sample(positive):
        with torch.inference_mode():
            run = comfy.samplers.KSampler(model, 2, model.load_device, "euler", "normal", 1.0, model.model_options)
            return run.sample(
                noise(1, 16, 24),
                positive,
                context("bad"),
                5.0,
                torch.zeros_like(noise(1, 16, 24)),
                disable_pbar=True,
                seed=1,
            )

    change = (sample(to_conditioning(method)[0]) - sample(POSITIVE)).abs().mean(dim=(0, 1))  # 16 x 24 cells
    assert change[:4, :6].max() < 0.2 * change[4:8, 6:12].mean() and torch.isfinite(change).all()


def test_regions_share_no_pixel_and_cover_the_picture():
    background, fox, owl = to_conditioning("masks")[1].preprocess()
    assert (
        torch.equal(background.mask + fox.mask + owl.mask, torch.ones(1, 128, 192))
        and background.conditioning is POSITIVE
    )
    assert fox.mask[0, 40, 60] == 0 and owl.mask[0, 40, 60] == 1, "the owl is in front"


def test_what_our_nodes_write_they_read():
    boxes, _, elements, bbox, tracking, words = InstDiffToBoxes.execute(WIDE, order="left, top, right, bottom").args
    masks, (segs,) = InstDiffToMasks.execute(WIDE).args
    places = [i.box for i in WIDE[0].instances[:2]]
    for given in ({"boxes": boxes, "width": 192, "height": 128}, {"elements": elements}, {"boxes": boxes, "elements": elements, "width": 192, "height": 128},
                  {"boxes": bbox, "order": "left, top, right, bottom", "image": torch.zeros(1, 128, 192, 3), "prompts": "a red fox\nan owl"},
                  {"boxes": tracking, "prompts": words}, {"boxes": json.dumps(elements)}):  # fmt: skip
        frames, count = InstDiffFromBoxes.execute(**given).args
        assert (
            count == 2
            and [i.box for i in frames[0].instances] == places
            and [i.prompt for i in frames[0].instances] == ["a red fox", "an owl"]
        )
    for given, words in ((masks, "a red fox\nan owl"), (segs, "")):
        frames, count = InstDiffFromMasks.execute(given, words).args
        assert torch.equal(InstDiffToMasks.execute(frames).args[0], masks) and [
            i.prompt for i in frames[0].instances
        ] == ["a red fox", "an owl"]
    assert json.loads(InstDiffToJSON.execute(WIDE, "elements").args[0]) == elements


def test_several_splines_are_an_instance_each():
    splines = '[[{"x": 19, "y": 64}, {"x": 96, "y": 64}], [{"x": 0, "y": 0}, {"x": 192, "y": 128}]]'
    (frames,) = InstDiffScribble.execute("a path\na wire", splines, "pixels", 192, 128).args
    assert [(i.prompt, i.scribble[1]) for i in frames[0].instances] == [("a path", (0.5, 0.5)), ("a wire", (1, 1))]
    assert [i.prompt for i in InstDiffScribble.execute("a path", splines, "pixels", 192, 128).args[0][0].instances] == [
        "a path",
        "a path",
    ]
    with pytest.raises(ValueError, match="2 strokes and 3 lines"):
        InstDiffScribble.execute("a\nb\nc", splines, "pixels", 192, 128)


@pytest.mark.comfy
def test_wires_of_core_nodes_fit_and_run(server: ComfyServer):
    """Boxes of a core node, masks of a core node, JSON text, and the conditioning of core's own sampler."""
    server.put_input(
        "blob.png",
        np.dstack(
            [np.full((128, 128, 3), 90, np.uint8), np.pad(np.zeros((64, 64), np.uint8), 32, constant_values=255)]
        ),
    )
    tracking = json.dumps({"fox": {"0": [[0, 0, 64, 64, 128, 128], None]}})
    graph = small_demo(file="regions")
    graph |= {
        "20": {"class_type": "PrimitiveBoundingBox", "inputs": {"x": 8, "y": 16, "width": 64, "height": 96}},
        "21": {"class_type": "InstDiffFromBoxes", "inputs": {"boxes": ["20", 0], "prompts": "a red fox", "width": 128, "height": 128}},
        "22": {"class_type": "LoadImage", "inputs": {"image": "blob.png"}},
        "23": {"class_type": "InstDiffFromMasks", "inputs": {"masks": ["22", 1], "prompts": "an owl"}},
        "24": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": tracking}},
        "25": {"class_type": "InstDiffFromBoxes", "inputs": {"boxes": ["24", 0], "prompts": '"0.fox": "a fox"'}},
        "26": {"class_type": "InstDiffCombine", "inputs": {"instances_1": ["21", 0], "instances_2": ["23", 0]}},
        "27": {"class_type": "InstDiffToConditioning", "inputs": {
            "positive": ["5", 0], "clip": ["1", 1], "instances": ["26", 0], "method": "masks", "strength": 1.0}},
        "28": {"class_type": "InstDiffToJSON", "inputs": {"instances": ["26", 0], "format": "prompt-control (COUPLE)"}},
        "29": {"class_type": "PreviewAny", "inputs": {"source": ["28", 0]}},
        "30": {"class_type": "PreviewAny", "inputs": {"source": ["25", 1]}},
        "31": {"class_type": "InstDiffToBoxes", "inputs": {"instances": ["26", 0]}},
        "32": {"class_type": "InstDiffFromBoxes", "inputs": {"elements": ["31", 2]}},
        "33": {"class_type": "PreviewAny", "inputs": {"source": ["32", 1]}},
        "34": {"class_type": "InstDiffFromBoxes", "inputs": {"boxes": ["31", 4], "prompts": ["31", 5]}},
        "35": {"class_type": "PreviewAny", "inputs": {"source": ["34", 1]}},
        "36": {"class_type": "InstDiffFromBoxes", "inputs": {"boxes": ["27", 0], "width": 128, "height": 128}},
    }  # fmt: skip
    graph["8"]["inputs"] |= {"model": ["1", 0], "positive": ["27", 0]}
    result = server.run({node: spec for node, spec in graph.items() if node not in ("2", "4", "36")})
    assert [result.outputs[node]["text"] for node in ("30", "33", "35")] == [["1"], ["2"], ["2"]]
    assert (
        "COUPLE MASK(0.0625 0.5625, 0.125 0.875, 1) a red fox COUPLE MASK(0.25 0.75, 0.25 0.75, 1) an owl"
        in result.outputs["29"]["text"][0]
    )
    (picture,) = [server.image(image) for image in result.outputs["10"]["images"]]
    assert picture.shape == (128, 128, 3) and picture.std() > 20
    refused = {
        **{node: graph[node] for node in ("1", "3", "5", "20", "21", "22", "23", "26", "27", "36")},
        "37": {"class_type": "InstDiffPreview", "inputs": {"instances": ["36", 0]}},
    }
    assert "holds no GLIGEN boxes" in str(server.error(refused))
