"""Apply InstDiff with speed pooled keys: where it acts, and where it leaves everything bit for bit."""

import pytest
import torch
from instdiff.nodes import apply_settings
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, OWL, apply, frames, noise, sample

LAYOUT = frames(FOX, OWL)


@pytest.fixture
def acts_here(monkeypatch):
    """From 8 x 12 visual tokens on, where the small tests' latents are."""
    monkeypatch.setattr(apply_settings, "LARGE", 8 * 12)


def pooled(layouts=LAYOUT, **settings):
    return apply(layouts, speed="pooled keys", **settings)


def test_below_768_pixels_nothing_changes():
    assert torch.equal(sample(pooled(), noise()), sample(apply(LAYOUT), noise()))


@pytest.mark.parametrize("size", [(8, 12), (9, 13)])
def test_it_acts_at_the_finest_level_alone_on_each_image_by_itself(acts_here, size):
    start, seen = noise(2, *size), []
    model = pooled()
    [patch] = model.model_options["transformer_options"]["patches"]["middle_patch"]
    inner = patch.attention

    def listen(options):
        attention = inner(options)

        def run(q, k, v, heads, mask):
            seen.append((q.shape[1], k.shape[1]))
            return attention(q, k, v, heads, mask)

        return run

    patch.attention = listen
    exact, fast = sample(apply(LAYOUT), start), sample(model, start)
    assert_apart(fast, exact)
    tokens = size[0] * size[1]
    grounding = {keys - queries for queries, keys in seen if queries < tokens}.pop()
    means = -(-size[0] // 2) * -(-size[1] // 2)
    assert {keys for queries, keys in seen if queries == tokens} == {means + grounding}
    assert_close(fast, torch.cat([sample(pooled(), start[i : i + 1]) for i in range(2)]))


def test_where_attention_is_masked_it_stays_exact(acts_here):
    masked = {"masked_attention": "all levels"}
    assert torch.equal(sample(pooled(**masked), noise()), sample(apply(LAYOUT, **masked), noise()))
