"""Depth in attention: who hides whom, and which queries that concerns. Without ComfyUI."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry import coverage as coverages
from instdiff.instdiff_modules.geometry.masks import decode_at_size, encode_mask
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.networks.fuser import Fuser
from instdiff.instdiff_modules.networks.unifusion import UniFusion
from instdiff.instdiff_modules.sampling.layout_masks import LEAST, depth_bias
from instdiff.instdiff_modules.sampling.occlusion import seen
from torch.nn.functional import scaled_dot_product_attention

LEFT = Instance("a", "a fox", box=(0.0, 0.0, 0.75, 1.0))
RIGHT = Instance("b", "an owl", box=(0.5, 0.0, 1.0, 1.0))
SLOTS = 4


def test_what_is_seen_is_the_product_of_what_all_in_front_let_through():
    whole, half = (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 1.0)
    stack = [replace(LEFT, box=whole), replace(LEFT, box=half, opacity=0.5), replace(RIGHT, box=whole, opacity=0.75)]
    expected = torch.tensor([[[0.125, 0.25]], [[0.25, 1.0]], [[1.0, 1.0]]])
    torch.testing.assert_close(seen(stack, 1, 2), expected)


def test_only_the_one_behind_is_hidden_and_only_in_the_overlap():
    through = seen([LEFT, RIGHT], 2, 4)
    assert through[0].tolist() == [[1, 1, 0, 1]] * 2 and (through[1] == 1).all()
    assert (seen([RIGHT, LEFT], 2, 4)[1] == 1).all()


def test_a_cell_that_the_front_one_covers_in_part_is_hidden_in_part():
    assert seen([LEFT, replace(RIGHT, box=(0.625, 0.0, 1.0, 1.0))], 1, 4)[0, 0].tolist() == [1, 1, 0.5, 1]


def test_a_mask_hides_where_it_is_and_not_in_all_of_its_box():
    pixels = np.zeros((8, 16), bool)
    pixels[:4, 8:] = True
    through = seen([LEFT, replace(RIGHT, mask=encode_mask(pixels))], 2, 4)
    assert through[0].tolist() == [[1, 1, 0, 1], [1, 1, 1, 1]]


def test_the_mask_of_each_of_many_is_decoded_once(monkeypatch):
    """Twice, to be exact: at the cells' size and finer. For each pair thirty masks would take seconds."""
    sizes = []
    monkeypatch.setattr(
        coverages, "decode_at_size", lambda mask, *size: sizes.append(size) or decode_at_size(mask, *size)
    )
    pixels = np.ones((8, 16), bool)
    seen([replace(LEFT, mask=encode_mask(pixels)) for _ in range(6)], 2, 4)
    assert len(sizes) <= 2 * 6


@pytest.mark.parametrize(
    "instances",
    [
        [],
        [LEFT],
        [LEFT, replace(RIGHT, box=(0.75, 0.0, 1.0, 1.0))],
        [replace(LEFT, box=(0.0, 0.0, 0.6, 1.0)), replace(RIGHT, box=(0.6, 0.0, 1.0, 1.0))],
        [LEFT, replace(RIGHT, opacity=0.0)],
        [LEFT, Instance("c", "a cat", point=(0.6, 0.5), scribble=((0.1, 0.1), (0.9, 0.9)))],
        [Instance("c", "a cat", point=(0.6, 0.5)), RIGHT],
    ],
    ids=["none", "one", "apart", "side by side in a cell", "seen through", "a point in front", "a point behind"],
)
def test_where_nothing_is_hidden_attention_stays_as_it_is(instances):
    assert depth_bias(instances, SLOTS, 8, (2, 4)) is None


def test_the_bias_concerns_the_queries_of_the_overlap_and_the_keys_of_the_one_behind():
    bias = depth_bias([LEFT, replace(RIGHT, opacity=0.5)], SLOTS, 8, (2, 4))
    assert bias.rows.tolist() == [2, 6] and sorted([*bias.rows.tolist(), *bias.others.tolist()]) == list(range(8))
    keys = bias.mask.exp()
    behind = [8 + SLOTS * group for group in range(4)]  # slot 0 of box, point, scribble and polygon
    torch.testing.assert_close(keys[:, behind], torch.full((2, 4), 0.5))
    keys[:, behind] = 1
    assert (keys == 1).all() and keys.shape == (2, 8 + 4 * SLOTS + 64)
    assert depth_bias([LEFT, RIGHT], SLOTS, 8, (2, 4)).mask.exp().min() == pytest.approx(LEAST)


def test_every_level_of_the_unet_has_its_own_grid():
    assert depth_bias([LEFT, RIGHT], SLOTS, 4 * 8, (7, 15)) is not None  # the second level of an odd latent
    assert depth_bias([LEFT, RIGHT], SLOTS, 5, (2, 4)) is None  # no level of this latent


def fused(instances) -> torch.Tensor:
    """What small networks of random weights make of some visual tokens and a layout. An instance's words are those of its id."""
    torch.manual_seed(0)
    kw = {"operations": torch.nn, "dtype": torch.float64}
    tokenizer, fuser = UniFusion(SLOTS, 16, 8, 16, depths=(1, 1, 1, 1), dims=(4, 4, 4, 4), **kw), Fuser(16, 16, **kw)
    for parameter in (*tokenizer.parameters(), *fuser.parameters()):
        torch.nn.init.normal_(parameter)
    visual, words = torch.randn(1, 8, 16, dtype=torch.float64), torch.randn(26, 16, dtype=torch.float64)
    text = torch.stack([words["abc".index(instance.id)] for instance in instances])
    tokens = tokenizer(type(given := build_grounding([instances], [text], SLOTS))(*(v.double() for v in given)))
    return fuser(visual, fuser.key_values(tokens), 1, lambda q, k, v, *_: scaled_dot_product_attention(q, k, v), (1, 1))


def test_the_network_alone_cannot_know_the_order_of_the_layout():
    """Grounding tokens have no positions: so order is a matter of the bias. Masks alone enter one picture by their slot."""
    given = [LEFT, RIGHT, Instance("c", "a cat", point=(0.6, 0.5), scribble=((0.1, 0.1), (0.9, 0.9)))]
    torch.testing.assert_close(fused(given), fused(given[::-1]), rtol=1e-9, atol=1e-9)
    masked = [replace(one, mask=encode_mask(np.eye(64, k=16 * i) > 0)) for i, one in enumerate(given)]
    assert not torch.allclose(fused(masked), fused(masked[::-1]))
