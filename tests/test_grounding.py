"""Instances to tokenizer inputs."""

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.grounding import inputs as inputs_module
from instdiff.instdiff_modules.grounding.inputs import (
    GroundingInputs,
    build_grounding,
    null_grounding,
    reference_grounding,
)
from instdiff.instdiff_modules.layout.instance import Instance
from support.authors_demo import authors_inputs, authors_scribble

MASK = np.zeros((64, 96), dtype=bool)
MASK[16:32, 48:72] = True
TINY = np.zeros((64, 96), dtype=bool)
TINY[10:14, 20:25] = True
PRESENCE = ("box_mask", "point_mask", "scribble_mask", "polygon_mask")


def instance(**location):
    return Instance(id="a", prompt="a fox", **location)


def build(*instances, slots=4, seed=0):
    return build_grounding([instances], [torch.arange(len(instances) * 768.0).reshape(-1, 768)], slots, seed)


def presence(inputs):
    return {name: getattr(inputs, name)[0].tolist() for name in PRESENCE} | {"seg_mask": inputs.seg_mask.tolist()}


def test_no_instance_is_the_null_input():
    for ours, null in zip(build(), null_grounding(4), strict=True):
        assert torch.equal(ours, null)
    assert all(t.dtype == torch.float32 and not t.any() for t in null_grounding())
    assert [t.shape[0] for t in null_grounding(batch=3)] == [3] * 12


def test_a_layout_without_masks_has_no_mask_image_of_its_own():
    frames = [build(instance(box=(0.1, 0.2, 0.5, 0.9)), slots=30) for _ in range(1000)]  # 31 GB, if each had one
    assert all(inputs.segs.untyped_storage().nbytes() == 4 for inputs in frames)
    assert frames[0].segs.shape == (1, 30, 512, 512) and not frames[0].segs.any()


def test_a_mask_is_sampled_once_for_all_that_ground_it(monkeypatch):
    sampled, layout = [], [instance(mask=encode_mask(np.roll(MASK, i, 1))) for i in range(4)]
    points = inputs_module.mask_polygon_points
    monkeypatch.setattr(inputs_module, "mask_polygon_points", lambda *given: sampled.append(1) or points(*given))
    whole = build(*layout, seed=77)
    for i, alone in enumerate(layout):
        inputs = build(alone, seed=77)
        assert torch.equal(inputs.segs[0, 0], whole.segs[0, i]) and torch.equal(
            inputs.polygons[0, 0], whole.polygons[0, i]
        )
    assert len(sampled) == 4


def test_a_box_brings_its_centre_as_point_and_nothing_else():
    inputs = build(instance(box=(0.1, 0.2, 0.5, 0.9)))
    torch.testing.assert_close(inputs.boxes[0, 0], torch.tensor([0.1, 0.2, 0.5, 0.9]))
    torch.testing.assert_close(inputs.points[0, 0], torch.tensor([0.3, 0.55]))
    assert presence(inputs) == {
        "box_mask": [1, 0, 0, 0],
        "point_mask": [1, 0, 0, 0],
        "scribble_mask": [0] * 4,
        "polygon_mask": [0] * 4,
        "seg_mask": [0],
    }
    assert inputs.text_mask[0].tolist() == [1, 0, 0, 0]


def test_a_given_point_is_kept():
    inputs = build(instance(box=(0.0, 0.0, 1.0, 1.0), point=(0.1, 0.7)))
    torch.testing.assert_close(inputs.points[0, 0], torch.tensor([0.1, 0.7]))


def test_a_point_alone_brings_no_box():
    assert presence(build(instance(point=(0.1, 0.7))))["box_mask"] == [0] * 4


def test_a_mask_brings_box_point_polygon_and_seg():
    inputs = build(instance(point=(0.9, 0.1)), instance(mask=encode_mask(MASK)))
    torch.testing.assert_close(inputs.boxes[0, 1], torch.tensor([0.5, 0.25, 0.75, 0.5]))
    assert presence(inputs) == {
        "box_mask": [0, 1, 0, 0],
        "point_mask": [1, 1, 0, 0],
        "scribble_mask": [0] * 4,
        "polygon_mask": [0, 1, 0, 0],
        "seg_mask": [1],
    }
    xy = inputs.polygons[0, 1].reshape(256, 2)
    assert 0.5 <= xy[:, 0].min() and xy[:, 0].max() <= 0.78 and 0.25 <= xy[:, 1].min() and xy[:, 1].max() <= 0.54
    seg = inputs.segs[0, 1]
    assert seg[140:240, 270:370].min() == 1 and seg[:, :240].max() == 0 and not inputs.segs[0, 0].any()


def test_a_box_beside_a_mask_is_kept():
    inputs = build(instance(mask=encode_mask(MASK), box=(0.0, 0.0, 1.0, 1.0)))
    assert inputs.boxes[0, 0].tolist() == [0, 0, 1, 1]


def test_a_single_masked_instance_keeps_its_mask():
    assert build(instance(mask=encode_mask(MASK)), slots=1).segs.sum().item() == pytest.approx(512 * 512 / 16, rel=0.02)


def test_a_scribble_is_twenty_points_x_before_y():
    inputs = build(instance(scribble=((0.2, 0.0), (0.2, 1.0))))
    xy = inputs.scribbles[0, 0].reshape(20, 2)
    torch.testing.assert_close(xy[:, 0], torch.full((20,), 0.2))
    torch.testing.assert_close(xy[:, 1], torch.linspace(0, 1, 20))
    assert presence(inputs)["scribble_mask"] == [1, 0, 0, 0]


def test_all_formats_may_stand_together():
    inputs = build(
        instance(box=(0.4, 0.2, 0.8, 0.6), point=(0.5, 0.3), scribble=((0.5, 0.3), (0.6, 0.4)), mask=encode_mask(MASK))
    )
    assert all(getattr(inputs, name)[0, 0] == 1 for name in PRESENCE) and inputs.seg_mask[0] == 1


def test_every_frame_has_its_own_instances():
    a, b = instance(box=(0.0, 0.0, 0.5, 0.5)), instance(point=(0.5, 0.5))
    inputs = build_grounding([[a, b], [], [b]], [torch.ones(2, 768), torch.zeros(0, 768), torch.ones(1, 768)], slots=3)
    assert inputs.text_mask.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    single = build_grounding([[b]], [torch.ones(1, 768)], slots=3)
    for batch, alone in zip(inputs, single, strict=True):
        assert torch.equal(batch[2:], alone)


def test_points_of_small_masks_depend_on_the_seed_alone():
    tiny = instance(mask=encode_mask(TINY))
    first = build(tiny, seed=1).polygons[0, 0]
    assert torch.equal(first, build(instance(mask=encode_mask(MASK)), tiny, seed=1).polygons[0, 1])
    assert not torch.equal(first, build(tiny, seed=2).polygons[0, 0])


def test_global_random_state_is_neither_used_nor_moved():
    np.random.seed(0)  # noqa: NPY002 (the global state is what this is about)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    build(instance(mask=encode_mask(TINY)))
    assert (np.random.get_state()[1] == before[0]).all() and torch.equal(torch.get_rng_state(), before[1])  # noqa: NPY002


def test_more_instances_than_slots_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match="5 instances, the loaded model takes at most 4"):
        build(*[instance(point=(0.5, 0.5))] * 5)


def test_text_must_match_the_instances():
    with pytest.raises(ValueError, match="Expected 1 text features, one per instance, got 2"):
        build_grounding([[instance(point=(0.5, 0.5))]], [torch.zeros(2, 768)])
    with pytest.raises(ValueError, match="one text tensor per layout"):
        build_grounding([[]], [])


def reference(masks=(1.0, 0.0), **drop):
    rng = torch.Generator().manual_seed(0)
    tensors = {name: torch.rand(1, 2, size, generator=rng) for name, size in (("boxes", 4), ("text", 8), ("points", 2))}
    tensors |= {
        "scribbles": torch.zeros(1, 2, 40),
        "polygons": torch.zeros(1, 2, 512),
        "segs": torch.zeros(1, 2, 64, 64),
    }
    return reference_grounding(masks=torch.tensor([masks]), **tensors, **drop)


def test_the_authors_count_missing_scribbles_of_used_slots_as_present():
    inputs, _ = reference()
    assert inputs.scribble_mask.tolist() == inputs.polygon_mask.tolist() == [[1, 0]]
    assert inputs.segs.shape == (1, 2, 512, 512) and inputs.seg_mask.tolist() == [0]


@pytest.mark.parametrize(
    "drop, present, drop_box_mask",
    [
        ({"drop_masks": True, "drop_scribbles": True}, ("box_mask", "point_mask"), False),
        ({"drop_boxes": True, "drop_masks": True, "drop_scribbles": True}, ("point_mask",), True),
        ({"drop_boxes": True, "drop_points": True, "drop_masks": True, "drop_scribbles": True}, ("box_mask",), False),
        ({"drop_boxes": True}, ("point_mask", "scribble_mask", "polygon_mask"), False),
    ],
)
def test_the_authors_flags_drop_formats(drop, present, drop_box_mask):
    inputs, dropped = reference(**drop)
    assert tuple(name for name in PRESENCE if getattr(inputs, name).any()) == present
    assert dropped is drop_box_mask


def test_the_authors_take_centres_when_no_points_are_given():
    zeros = {
        "scribbles": torch.zeros(1, 1, 40),
        "polygons": torch.zeros(1, 1, 512),
        "segs": torch.zeros(1, 1, 512, 512),
    }
    inputs, _ = reference_grounding(
        torch.tensor([[[0.2, 0.2, 0.6, 1.0]]]), torch.ones(1, 1), torch.zeros(1, 1, 8), **zeros
    )
    torch.testing.assert_close(inputs.points, torch.tensor([[[0.4, 0.6]]]))


def demo(annos):
    return {"caption": "c", "width": 96, "height": 64, "annos": [{"caption": "p", **anno} for anno in annos]}


def test_the_authors_script_drops_masks_as_shipped():
    given = demo(
        [
            {"bbox": [48, 16, 24, 16], "mask": {"size": [64, 96], "counts": encode_mask(MASK).counts}},
            {"bbox": [0, 0, 9, 9], "mask": []},
        ]
    )
    shipped, honoured = authors_inputs(given), authors_inputs(given, honour_masks=True)
    assert not shipped.segs.any() and not shipped.polygons.any()
    assert honoured.segs[0, 0].any() and honoured.scribbles[0, 0].any() and not honoured.segs[0, 1].any()
    assert torch.equal(shipped.boxes, honoured.boxes) and shipped.masks.sum() == 2
    ours = build(instance(mask=encode_mask(MASK)), slots=30)
    torch.testing.assert_close(ours.polygons[0, 0], honoured.polygons[0, 0])


def test_the_authors_script_loses_instances_without_point():
    assert authors_inputs(demo([{"bbox": [0, 0, 9, 9]}, {"bbox": [9, 9, 9, 9], "point": [3, 3]}])).masks.sum() == 1


@pytest.mark.parametrize("annos", [[{"bbox": [0, 0, 9, 9]}] * 31, [{"scribble": [[1, 2]] * 20}]])
def test_what_the_authors_script_cannot_run_is_refused(annos):
    with pytest.raises(ValueError, match="authors' script"):
        authors_inputs(demo(annos))


def test_the_authors_scribble_divides_x_by_width():
    flat = authors_scribble([(48.0, 16.0)] * 20, 64, 96)
    assert flat.reshape(20, 2).tolist() == [[0.5, 0.25]] * 20


def test_field_names_are_those_the_tokenizer_reads():
    assert GroundingInputs._fields == (
        "boxes",
        "points",
        "scribbles",
        "polygons",
        "segs",
        "text",
        "text_mask",
        "box_mask",
        "point_mask",
        "scribble_mask",
        "polygon_mask",
        "seg_mask",
    )
