"""Regions without any model: coverage, weights, who sees whom."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.coverage import Widths, coverage, trained_mask
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.regions.families import FAMILIES
from instdiff.instdiff_modules.regions.forward import OVERRIDE, Forward
from instdiff.instdiff_modules.regions.mask import CROSS, JOINT, SELF, TEXT, additive, joined
from instdiff.instdiff_modules.regions.plan import Region, Row, Text, appended, segments_of
from instdiff.instdiff_modules.regions.rule import EVERYTHING, Force, Meeting, Rule
from instdiff.instdiff_modules.regions.weights import SHARED, Placed, front_only

BOX = Instance("a", "x", box=(0.0, 0.0, 0.5, 0.5))
WIDTHS = Widths(point=0.25, stroke=0.25)


def test_a_box_covers_cells_by_their_area():
    covered = coverage(replace(BOX, box=(0.0, 0.0, 0.5, 0.375)), 4, 6, WIDTHS)
    assert covered.shape == (4, 6)
    assert covered[:, 0].tolist() == [1.0, 0.5, 0.0, 0.0] and covered[0].tolist() == [1, 1, 1, 0, 0, 0]


def test_a_mask_is_what_covers_even_beside_a_box():
    pixels = np.zeros((32, 48), bool)
    pixels[:8] = True
    covered = coverage(replace(BOX, mask=encode_mask(pixels)), 4, 6, WIDTHS)
    assert torch.equal(covered[0], torch.ones(6)) and covered[1:].sum() == 0


def test_points_and_scribbles_are_soft():
    point = coverage(Instance("a", "x", point=(0.5, 0.5)), 16, 24, WIDTHS)
    assert point[7, 11] == 1 and 0 < point[7, 14] < 1 and point[0, 0] == 0
    line = coverage(Instance("a", "x", scribble=((0.1, 0.5), (0.9, 0.5))), 16, 24, WIDTHS)
    assert line[7, 4:20].min() == 1 and line[0].sum() == 0
    wider = coverage(Instance("a", "x", scribble=((0.1, 0.5), (0.9, 0.5))), 16, 24, Widths(0.25, 0.5))
    assert wider.sum() > line.sum()


@pytest.mark.parametrize("patch, tokens", [(1, 24), (2, 6), ((3, 2), 6), (8, 1)])
def test_weights_at_every_resolution(patch, tokens):
    weights = Placed([BOX, replace(BOX, box=(0.5, 0.0, 1.0, 1.0))]).weights(4, 6, patch)
    assert (
        weights.shape == (2, tokens) and set(weights.unique().tolist()) <= {0.0, 1.0} and (weights.amax(1) == 1).any()
    )


def test_odd_sides_are_padded_and_the_padding_is_in_no_region():
    weights = Placed([replace(BOX, box=(0.0, 0.0, 1.0, 1.0))]).weights(5, 7, 2)
    assert weights.shape == (1, 12) and weights.min() >= 0 and weights[0, 0] == 1


def test_the_front_one_alone_has_the_overlap_or_all_share_it():
    back, front = BOX, replace(BOX, box=(0.25, 0.0, 1.0, 0.5))
    alone, shared = (Placed([back, front], overlap=kind).weights(4, 8, 1) for kind in ("front only", SHARED))
    assert (alone.sum(0) <= 1).all() and (shared.sum(0) == 2).any()
    assert torch.equal(alone[1], shared[1])
    assert torch.allclose(front_only(torch.tensor([[0.5], [0.5], [0.25]])), torch.tensor([[0.1875], [0.375], [0.25]]))


def test_a_tiny_region_is_widened_to_a_token(caplog):
    weights = Placed([replace(BOX, box=(0.3, 0.3, 0.31, 0.31))]).weights(8, 8, 2)
    assert weights.sum() == 1 and "smaller than a token" in caplog.text
    caplog.clear()
    coarse = Placed([replace(BOX, box=(0.3, 0.3, 0.5, 0.5))])  # of a UNet, whose finest level shows its shape
    assert coarse.weights(16, 16, 1).sum() > 4 and coarse.weights(16, 16, 8).sum() == 1 and not caplog.text


def test_a_part_of_the_picture_holds_its_part_of_the_regions():
    whole = Placed([BOX]).weights(8, 8, 1).reshape(8, 8)
    part = Placed([BOX]).weights(8, 4, 1, (0.0, 0.0, 0.5, 1.0)).reshape(8, 4)
    assert torch.equal(part, whole[:, :4])
    assert Placed([BOX]).weights(8, 4, 1, (0.5, 0.0, 1.0, 1.0)).sum() == 0


@pytest.mark.parametrize(
    "instance",
    [
        Instance("a", "x", point=(0.45, 0.5)),
        Instance("a", "x", scribble=((0.3, 0.2), (0.7, 0.9))),
        replace(BOX, box=(0.1, 0.1, 0.52, 0.9)),
    ],
    ids=["point", "scribble", "box"],
)
@pytest.mark.parametrize("trained", [False, True])
def test_parts_side_by_side_are_the_whole(instance, trained, caplog):
    """Discs and strokes keep their size and go on across the edge; a rim in a part is no region of its own."""
    whole = Placed([instance], WIDTHS, trained=trained).weights(16, 24, 2).reshape(8, 12)
    placed = Placed([instance], WIDTHS, trained=trained)
    halves = [placed.weights(16, 12, 2, part).reshape(8, 6) for part in ((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0))]
    assert torch.equal(torch.cat(halves, 1), whole) and not caplog.text


def test_a_small_region_across_the_tokens_of_a_part_is_widened_there_too():
    small = replace(BOX, box=(8 / 24, 0.5, 10 / 24, 0.625))  # one token of the whole, parts of four of the part
    part = Placed([small]).weights(11, 15, 4, (5 / 24, 5 / 16, 20 / 24, 1.0))
    assert 0 < part.sum() <= 4


def test_eligen_takes_the_pixel_at_the_centre_of_a_cell():
    assert trained_mask(replace(BOX, box=(0.0, 0.0, 4 / 64, 1.0)), 8, 8, WIDTHS).sum() == 0
    assert trained_mask(replace(BOX, box=(0.0, 0.0, 5 / 64, 1.0)), 8, 8, WIDTHS)[:, 0].sum() == 8


def test_a_region_that_ends_as_it_begins_never_acts():
    region = Region(BOX, Text(torch.zeros(1, 1, 3)), Force(), 0.5, 0.5)
    assert not region.acts(0.5, lambda share: 1 - share)
    assert replace(region, end=0.6).acts(0.5, lambda share: 1 - share)


def test_what_acts_from_the_start_acts_above_a_flow_models_highest_noise_level_too():
    region = Region(BOX, Text(torch.zeros(1, 1, 3)), Force(), 0.0, 1.0)
    assert region.acts(1.0000001, lambda share: 1 - share) and region.acts(1.2, lambda share: 1 - share)


def meeting(rule=Rule(), force=Force(), weights=((1.0, 0.0, 0.5, 0.0),)):  # noqa: B008 - both are frozen
    weights = torch.tensor(weights)
    segments = segments_of(2, [1] * len(weights), 2 + len(weights) + 1)
    return Meeting(weights, (force,) * len(weights), segments, rule)


def test_who_sees_whom():
    mask = additive(JOINT, meeting(), 8, 8).exp()
    assert mask[4:, :4].tolist() == [
        [1, 1, 1, 0],
        [1, 1, 0, 0],
        [1, 1, 0.5, 0],
        [1, 1, 0, 0],
    ]  # global twice, region, nobody's
    assert mask[2, 4:].tolist() == [1, 0, 0.5, 0] and mask[0, 4:].tolist() == [1] * 4
    assert mask[:4, :4].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert torch.equal(mask[4:, 4:], torch.ones(4, 4))
    assert torch.equal(additive(CROSS, meeting(), 4, 8).exp(), mask[4:, :4].repeat(1, 2))
    assert torch.equal(additive(TEXT, meeting(), 4, 4).exp(), mask[:4, :4])
    assert additive(SELF, meeting(), 4, 4) is None


def test_cut_leaves_nothing_between_regions():
    mask = additive(JOINT, meeting(Rule(picture="cut")), 8, 8).exp()
    assert mask[4:, 4:].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    assert mask[0, 4:].tolist() == [0] * 4


def test_strength_goes_from_nothing_to_a_hard_mask():
    leaks = [Force(strength).leak for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert leaks == sorted(leaks, reverse=True) and leaks[0] == 1 and leaks[-1] == 0
    assert leaks[2] == pytest.approx(math.exp(-4))
    soft = meeting(force=Force(0.5)).picture_to_text().exp()[:, 2]
    assert soft.tolist() == pytest.approx([1, leaks[2], 0.5 + leaks[2] / 2, leaks[2]])


def test_global_share_gain_and_outside():
    biases = meeting(force=Force(global_share=0.2, gain=2.0)).picture_to_text().exp()
    assert biases[:, 0].tolist() == pytest.approx([0.2, 1, 0.6, 1]) and biases[0, 2] == 2
    outside = meeting(Rule(outside=EVERYTHING)).picture_to_text().exp()
    assert outside[:, 2].tolist() == [1, 1, 0.5, 1]


@pytest.mark.parametrize("rows, queries, masked", [(1, 96, True), (4, 24, False), (1, 24, False)])
def test_self_attention_that_other_patches_tile_or_merge_is_theirs(rows, queries, masked):
    """Tiles and merged tokens of an 8 x 12 latent, as many as the UNet has a level below."""
    segments = segments_of(2, [1], 3)
    row = Row(Placed([BOX]), (Force(),), segments, Rule(picture="cut"), (8, 12))
    forward = Forward(FAMILIES[0], None, [row], (8, 12), 3, {})
    called = forward.options({})
    states = torch.zeros(rows, queries, 4)
    called["patches"]["attn1_patch"][0](states, states, states, {})
    keys = states if rows == 4 else torch.zeros(rows, 96, 4)
    seen = called[OVERRIDE](lambda q, k, v, heads, mask=None, **_: mask, states, keys, keys, 1, transformer_options={})
    assert (seen is not None) == masked == (forward.masked == 1)


def test_masks_of_every_shape_are_joined():
    own = torch.zeros(2, 1, 3, 4)
    own[0, 0, 0, 0] = torch.finfo(torch.float32).min
    assert joined(None, own) is own
    theirs = torch.zeros(3, 4)
    theirs[1, 1] = -torch.inf
    for given in (theirs, theirs[None].expand(2, -1, -1), theirs[None, None], theirs == 0):
        out = joined(given, own)
        hidden = out < -1e30
        assert hidden.sum() == 3 and out.isfinite().all() and hidden[0, 0, 0, 0] and hidden[:, 0, 1, 1].all()


def test_texts_stand_behind_the_prompt_row_by_row():
    prompt, texts = torch.ones(1, 2, 3), [[torch.full((1, 1, 3), 2.0)], []]
    assert appended(prompt, texts)[..., 0].tolist() == [[1, 1, 2], [1, 1, 0]]
    assert appended(prompt.expand(2, -1, -1), texts[:1])[..., 0].tolist() == [[1, 1, 2]] * 2
    assert segments_of(2, [1], 4).tolist() == [0, 0, 1, 2]
    several = torch.tensor([1.0, 5.0])[:, None, None].expand(2, 2, 3)  # a batch of prompts, as ComfyUI hands it on
    assert appended(several, [texts[0]] * 3)[:, 0, 0].tolist() == [1, 5, 1]
    assert appended(torch.cat([several] * 2), [texts[0]] * 3)[:, 0, 0].tolist() == [1, 5, 1]
    assert appended(several, [texts[0]])[..., 0].tolist() == [[1, 1, 2], [5, 5, 2]]
