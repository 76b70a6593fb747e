"""Apply InstDiff with overlap by depth: what it changes, and what it leaves bit for bit."""

from dataclasses import replace

import pytest
import torch
from instdiff.instdiff_modules.geometry.close_points import with_room
from instdiff.instdiff_modules.geometry.crop import crop_instances
from instdiff.instdiff_modules.sampling.branch import branches_of
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_close
from support.small_pack import FOX, OWL, apply, frames, noise, sample

BEHIND = replace(FOX, box=(0.1, 0.2, 0.7, 0.9))
POINT = replace(OWL, box=None, point=(0.4, 0.5))


def by_depth(*instances, **settings):
    return apply(frames(*instances), overlap="by depth", **settings)


@pytest.mark.parametrize("masked", ["off", "all levels"])
@pytest.mark.parametrize(
    "instances",
    [(FOX, OWL), (BEHIND, POINT), (BEHIND, replace(OWL, opacity=0.0))],
    ids=["no overlap", "a point in front", "nothing hidden by what is seen through"],
)
def test_where_nothing_is_hidden_nothing_changes_bit_for_bit(instances, masked):
    free = sample(apply(frames(*instances), masked_attention=masked), noise())
    assert torch.equal(sample(by_depth(*instances, masked_attention=masked), noise()), free)


@pytest.mark.parametrize("masked", ["off", "all levels"])
def test_in_an_overlap_the_order_of_the_layout_counts(masked):
    one, other = (sample(by_depth(*o, masked_attention=masked), noise()) for o in ((BEHIND, OWL), (OWL, BEHIND)))
    free = sample(apply(frames(BEHIND, OWL), masked_attention=masked), noise())
    assert min((one - other).abs().max(), (one - free).abs().max(), (other - free).abs().max()) > 1e-3
    half = sample(by_depth(BEHIND, replace(OWL, opacity=0.5), masked_attention=masked), noise())
    assert (half - one).abs().max() > 1e-4 and (half - free).abs().max() > 1e-4


def test_close_points_are_as_with_boxes_of_their_own_and_others_as_ever():
    close = tuple(replace(one, box=None, point=place) for one, place in ((FOX, (0.4, 0.5)), (OWL, (0.5, 0.5))))
    far = close[0], replace(close[1], point=(0.7, 0.5))
    boxed = with_room(close)
    assert all(one.box for one in boxed)
    assert torch.equal(sample(by_depth(*close), noise()), sample(by_depth(*boxed), noise()))
    for points, same in ((close, False), (far, True)):
        free = sample(apply(frames(*points)), noise())
        assert torch.equal(sample(by_depth(*points), noise()), free) == same


def test_each_of_several_close_points_keeps_its_box_in_its_branch_and_in_a_part_of_the_picture():
    close = tuple(replace(one, box=None, point=place) for one, place in ((FOX, (0.44, 0.5)), (OWL, (0.54, 0.5))))
    applied = by_depth(*close).get_attachment("instdiff")[0]
    boxed = with_room(close)
    assert [b.instances for b in branches_of([applied.frames], 1)] == [(), *((one,) for one in boxed)]
    left = (0.0, 0.0, 0.5, 1.0)  # the owl's point is not in it, but a part of its box is
    both = applied.bank.timeline(0, None, left)[0].tokens
    assert both.members == (0, 1)
    assert list(applied.bank.instances(both)) == [one for _, one in crop_instances(boxed, left)]
    assert [one.box is None for one in close] == [True, True]


def test_close_points_are_measured_on_one_canvas_in_all_frames():
    close = tuple(replace(one, box=None, point=place) for one, place in ((FOX, (0.4, 0.5)), (OWL, (0.55, 0.5))))
    layouts = frames(*close) + frames(*close, width=1024, height=512)
    assert apply(layouts, overlap="by depth").get_attachment("instdiff")[0].frames == (close, close)


def test_images_and_frames_of_a_batch_keep_to_their_own_depth():
    both, order = noise(2), ((BEHIND, OWL), (OWL, BEHIND))
    singles = [sample(by_depth(*o), both[i : i + 1]) for i, o in enumerate(order)]
    together = apply(frames(*order[0]) + frames(*order[1]), overlap="by depth")
    assert_close(sample(together, both), torch.cat(singles))
    alike = ((BEHIND, OWL), (BEHIND, replace(OWL, opacity=0.0)))  # but for their opacity
    singles = [sample(by_depth(*o), both[i : i + 1]) for i, o in enumerate(alike)]
    assert_close(sample(apply(frames(*alike[0]) + frames(*alike[1]), overlap="by depth"), both), torch.cat(singles))
    one = by_depth(*order[0])
    assert_close(sample(one, both), torch.cat([sample(one, both[:1]), sample(one, both[1:])]))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_merge_by_depth_keeps_to_the_order_and_to_each_image(share):
    def branched(*instances):
        return with_multi_instance(by_depth(*instances), share, "by depth", 0)

    both, order = noise(2), ((BEHIND, OWL), (OWL, BEHIND))
    one, other = (sample(branched(*o), both) for o in order)
    assert (one - other).abs().max() > 1e-3
    assert_close(one, torch.cat([sample(branched(*order[0]), both[i : i + 1]) for i in range(2)]))


def test_an_unknown_overlap_is_refused():
    with pytest.raises(ValueError, match="overlap"):
        apply(frames(FOX), overlap="in front")
