"""The merge by depth: what an instance covers in its branch, and what lies behind it there. Without ComfyUI."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.sampling.branch import branches_of
from instdiff.instdiff_modules.sampling.branched_batch import BranchedBatch
from instdiff.instdiff_modules.sampling.covering import neighbours, regions
from instdiff.instdiff_modules.sampling.matte import filled, matte, otsu
from instdiff.instdiff_modules.sampling.merge import MERGES

SIDE = 32
Y, X = torch.meshgrid((torch.arange(SIDE) + 0.5) / SIDE, (torch.arange(SIDE) + 0.5) / SIDE, indexing="ij")
SLOPE = torch.stack((X, Y, X + Y, X - Y))  # a background that is nowhere the same


def disc(x: float, radius: float = 0.2) -> torch.Tensor:
    return (X - x) ** 2 + (Y - 0.5) ** 2 < radius**2


def boxed(x: float, radius: float = 0.2, **more) -> Instance:
    return Instance(f"at {x}", "a disc", box=(x - radius, 0.5 - radius, x + radius, 0.5 + radius), **more)


def showing(where: torch.Tensor, value: float, noise: float = 0.05) -> torch.Tensor:
    """A branch's prediction: a disc on the slope, a little uneven."""
    uneven = noise * torch.randn(4, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return torch.where(where, torch.full_like(SLOPE, value), SLOPE) + uneven


def test_the_matte_is_the_disc_and_not_the_corners_of_its_box():
    region, corners = ((X - 0.5).abs() < 0.3) & ((Y - 0.5).abs() < 0.3), ~disc(0.5, 0.33)
    found = matte(showing(disc(0.5, 0.3), 3.0), region.float())
    assert found[disc(0.5, 0.3)].min() > 0.9 and 0 <= found.min() and found.max() <= 1
    assert (region & corners).any() and found[corners].max() < 0.1


@pytest.mark.parametrize("region", [torch.ones(SIDE, SIDE), disc(0.5).float()], ids=["nothing around", "nothing seen"])
def test_without_a_difference_the_region_itself_counts(region):
    assert torch.equal(matte(torch.zeros(4, SIDE, SIDE), region), region)


def test_what_is_unknown_is_filled_in_from_around():
    hole = disc(0.5)
    assert (filled(SLOPE, ~hole) - SLOPE).abs().max() < 0.15
    assert torch.equal(filled(SLOPE, ~hole)[:, ~hole], SLOPE[:, ~hole])
    assert 1.5 < otsu(torch.tensor([1.0, 1.1, 1.2, 4.0, 4.1])) < 4.0
    for odd in (torch.inf, torch.nan):  # as half precision has them: the region itself is taken then
        assert otsu(torch.tensor([0.0, 1.0, odd])) == 0


SIGMAS = [10.0, 8.0, 6.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.0]  # of 8 steps: 4 in branches, of which the last 2 are layered


def three(*instances: Instance) -> tuple[BranchedBatch, torch.Tensor]:
    predictions = [SLOPE, *(showing(disc(i.box[0] + 0.2), v) for i, v in zip(instances, (3.0, 6.0), strict=True))]
    return BranchedBatch(branches_of([[instances]], 1), 1, share=0.5, mode="by depth"), torch.stack(predictions)


def test_each_branch_goes_on_with_what_is_behind_its_instance():
    batch, predictions = three(boxed(0.4), boxed(0.6))
    out = batch.layered(predictions, SIGMAS, 6.0, None)
    behind, front = disc(0.4), disc(0.6)
    assert torch.equal(out[0], predictions[0])
    assert (out[2][:, front] - 6).abs().max() < 0.5
    assert (out[2][:, behind & ~disc(0.6, 0.29)] - 3).abs().max() < 0.5
    assert (out[1][:, behind] - 3).abs().max() < 0.5  # nothing of the one in front
    merged = batch.merge_items(predictions)[0]
    torch.testing.assert_close(merged, out[2])


def test_the_first_half_of_the_branches_is_each_for_itself_and_what_covers_stays_as_it_was_seen_first():
    batch, predictions = three(boxed(0.4), boxed(0.6))
    assert batch.layered(predictions, SIGMAS, 8.0, None) is predictions
    batch.layered(predictions, SIGMAS, 6.0, None)
    flat = torch.zeros_like(predictions)
    flat[2] = 1
    again = batch.layered(flat, SIGMAS, 4.0, None)[2, 0]
    assert again[disc(0.6)].min() > 0.9 and again[~disc(0.6, 0.29)].max() < 0.1
    batch.restart()
    assert batch.layered(predictions, SIGMAS, 8.0, None) is predictions and not batch.merged


def test_an_instance_that_is_seen_through_shows_what_is_behind_it():
    batch, predictions = three(boxed(0.4), boxed(0.6, opacity=0.5))
    core = disc(0.4) & disc(0.6)
    assert (batch.layered(predictions, SIGMAS, 6.0, None)[2][:, core] - 4.5).abs().max() < 0.5


def test_a_mask_is_taken_as_it_is():
    half = np.zeros((SIDE, SIDE), bool)
    half[:, : SIDE // 2] = True
    batch, predictions = three(boxed(0.4), replace(boxed(0.6), mask=encode_mask(half)))
    out = batch.layered(predictions, SIGMAS, 6.0, None)[2]
    assert torch.equal(out[..., :16], predictions[2][..., :16])
    torch.testing.assert_close(out[..., 16:], batch.layered(predictions, SIGMAS, 6.0, None)[1][..., 16:])


@pytest.mark.parametrize("mode", [m for m in MERGES if m != "by depth"])
def test_other_merges_leave_the_predictions_alone(mode):
    batch = BranchedBatch(branches_of([[(boxed(0.4), boxed(0.6))]], 1), 1, mode=mode)
    predictions = torch.randn(3, 4, SIDE, SIDE)
    assert batch.layered(predictions, SIGMAS, 6.0, None) is predictions


def test_an_instance_may_outgrow_its_region_but_not_into_a_neighbour():
    whole, part = torch.zeros(SIDE, SIDE), torch.zeros(SIDE, SIDE)
    left, right = whole.clone(), whole.clone()
    left[:, :18], right[:, 14:], whole[:], part[12:16, 12:16] = 1, 1, 1, 1
    assert torch.equal(neighbours(torch.stack((left, right)), 0), right > 0)
    for pair in ((whole, part), (part, whole)):  # a part and what it is a part of
        assert not neighbours(torch.stack(pair), 0).any()


def test_points_share_the_room_between_them():
    points = [Instance(str(x), "a disc", point=(x, 0.5)) for x in (0.3, 0.45, 0.9)]
    areas = regions(points, SIDE, SIDE) > 0
    assert not (areas[0] & areas[1]).any() and areas.flatten(1).sum(1).tolist()[2] > 3 * areas[0].sum()


@pytest.mark.parametrize(
    "change", [{"parent": "face", "point": (0.5, 0.44)}, {"point": (0.5, 0.51)}], ids=["part", "one place"]
)
def test_points_on_each_other_take_no_room_from_each_other(change):
    """A star on a disc hides it in its own shape, not as a speck."""
    face, star = Instance("face", "a disc", point=(0.5, 0.5)), Instance("star", "a star", point=(0.5, 0.5))
    pair = face, replace(star, **change)
    assert torch.equal(regions(pair, SIDE, SIDE), torch.cat([regions([one], SIDE, SIDE) for one in pair]))
