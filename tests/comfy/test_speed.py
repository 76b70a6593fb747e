"""Apply InstDiff with speed pooled keys: where it acts, and where it leaves everything bit for bit."""

import comfy.model_management
import pytest
import torch
from comfy_extras import nodes_context_windows
from instdiff.nodes import apply_settings
from support.beside import HINT, compiled, controlled
from support.closeness import assert_apart, assert_close
from support.small_pack import FOX, OWL, apply, base, context, frames, noise, sample

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


def test_a_compiled_model_pools_as_it_does_uncompiled(acts_here):
    torch.compiler.reset()
    assert_close(sample(compiled(pooled()), noise()), sample(pooled(), noise()))


def test_context_windows_over_the_batch_change_nothing(acts_here):
    start = noise(3, height=8, width=12)
    model = nodes_context_windows.ContextWindowsManualNode.execute(
        pooled(frames(FOX)), 2, 1, "standard_static", 1, False, "pyramid", 0, False
    ).args[0]
    assert_close(sample(model, start, steps=2), sample(pooled(frames(FOX)), start, steps=2))


def test_context_windows_across_the_width_see_their_part_of_the_layout(acts_here):
    """Each of the overlapping halves of the picture is large enough to be pooled."""
    start = noise(1, 8, 24)
    model, plain = (
        nodes_context_windows.ContextWindowsManualNode.execute(
            one, 16, 8, "standard_static", 1, False, "pyramid", 3, False
        ).args[0]
        for one in (pooled(), base()[0])
    )
    first = sample(model, start, steps=2)
    assert torch.isfinite(first).all() and torch.equal(sample(model, start, steps=2), first)
    assert_apart(first, sample(plain, start, steps=2))


def test_a_controlnet_acts_beside_it_and_a_cancelled_run_leaves_nothing_behind(acts_here):
    start, model = noise(), pooled()
    positive, network = controlled(context("a scene"), HINT, channels=128, shrunk=8)
    first = sample(model, start, positive=positive)
    assert network.shown
    assert_apart(first, sample(model, start))
    assert_apart(first, sample(base()[0], start, positive=positive))

    def stop(*_):
        raise comfy.model_management.InterruptProcessingException

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sample(model, start, positive=positive, callback=stop)
    assert torch.equal(sample(model, start, positive=positive), first)
