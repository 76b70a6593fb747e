"""Pooled keys: what they weigh, and that attention with their weights is attention with a mask of them."""

import pytest
import torch
import torch.nn.functional as F
from instdiff.instdiff_modules.networks.pooled_keys import pool_keys, weigh_keys, without_spare

HEADS, WIDTH = 2, 40


def attend(q, k, v, heads, mask=None):
    q, k, v = (tensor.unflatten(-1, (heads, -1)).transpose(1, 2) for tensor in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(-2)


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


@pytest.mark.parametrize("grid", [(4, 6), (3, 6), (4, 5), (5, 5), (1, 3)])
def test_each_mean_stands_for_what_it_was_made_of(grid):
    visual = random(2, 1, grid[0] * grid[1], 6)
    means, log_weights = pool_keys(visual, grid)
    weights = log_weights.exp()
    assert means.shape == (2, 1, -(-grid[0] // 2) * -(-grid[1] // 2), 6) and weights.sum() == pytest.approx(
        visual.shape[2]
    )
    torch.testing.assert_close((means * weights[:, None]).sum(2), visual.sum(2))
    corner = visual.unflatten(2, grid)[:, :, :2, :2].flatten(2, 3).mean(2)
    torch.testing.assert_close(means[:, :, 0], corner)


def test_weights_are_what_a_mask_would_add():
    q, k, v = random(2, 10, HEADS * WIDTH), random(2, 9, HEADS * WIDTH), random(2, 9, HEADS * WIDTH).flip(0)
    log_weights = torch.tensor([4.0, 2.0, 1.0, 4.0, 3.0], dtype=q.dtype).log()
    mask = torch.zeros(10, 9, dtype=q.dtype)
    mask[:, :5] = log_weights
    out = without_spare(attend(*weigh_keys(q, k, v, HEADS, log_weights), HEADS), HEADS)
    torch.testing.assert_close(out, attend(q, k, v, HEADS, mask))
    assert (out - attend(q, k, v, HEADS)).norm() > 0.05 * out.norm(), "and they do count"


def test_where_all_of_a_group_are_equal_nothing_changes():
    """2 x 2 equal keys with equal values are one key that weighs as much as four."""
    small = random(1, 1, 6, 2 * HEADS * WIDTH)
    visual = small.unflatten(2, (2, 3)).repeat_interleave(2, 2).repeat_interleave(2, 3).flatten(2, 3)
    means, log_weights = pool_keys(visual, (4, 6))
    q, other = random(1, 24, HEADS * WIDTH), random(1, 5, 2 * HEADS * WIDTH).flip(-1)
    k, v = torch.cat((means[0], other), 1).chunk(2, -1)
    out = without_spare(attend(*weigh_keys(q, k, v, HEADS, log_weights), HEADS), HEADS)
    k, v = torch.cat((visual[0], other), 1).chunk(2, -1)
    torch.testing.assert_close(out, attend(q, k, v, HEADS))
