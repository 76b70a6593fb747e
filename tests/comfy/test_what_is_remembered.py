"""Tokenizer and CLIP run for what changed in the layout, and for nothing else."""

import gc
from dataclasses import replace

import pytest
import torch
from comfy.patcher_extension import WrappersMP
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.grounding.bank import NULL, token_sets_of
from instdiff.instdiff_modules.grounding.inputs import null_grounding
from instdiff.instdiff_modules.grounding.token_cache import TokenCache, content
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.prompts import KnownPrompts
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_close
from support.small_pack import FOX, OWL, FakeClip, apply, base, frames, noise, sample

MASK = torch.zeros(64, 96)
MASK[10:50, 10:40] = 1
CAT = replace(FOX, id="c", prompt="a cat", mask=encode_mask(MASK.numpy().astype(bool)))


@pytest.fixture
def runs():
    """Number of layouts that the tokenizer was given, in a list that grows; it begins without known tokens."""
    weights, seen = base()[1], []
    weights.known_tokens._known.clear()
    handle = weights.tokenizer.model.register_forward_hook(lambda module, args, out: seen.append(out.shape[0]))
    yield seen
    handle.remove()


def tokens(patched):
    """Of nobody, of the layout and of each instance alone."""
    bank = patched.get_attachment("instdiff")[0].bank
    instances = range(len(patched.get_attachment("instdiff")[0].frames[0]))
    sets = [NULL, *token_sets_of([bank.timeline(0), *(bank.timeline(0, (i,)) for i in instances)])]
    bank.prepare(sets)
    return torch.cat([bank.tokens(one) for one in sets])


def test_a_new_layout_is_tokenized_once(runs):
    apply(frames(FOX, OWL))
    assert sum(runs) == 2  # nobody, and both
    apply(frames(FOX, replace(OWL, box=(0.0, 0.0, 0.5, 0.5))))
    assert sum(runs) == 3


def test_what_is_picked_out_is_what_an_instance_alone_would_give(runs):
    several = replace(OWL, point=(0.6, 0.3), scribble=((0.5, 0.2), (0.7, 0.4)), strength=0.7)
    bank = apply(frames(FOX, several)).get_attachment("instdiff")[0].bank
    alone = apply(frames(several)).get_attachment("instdiff")[0].bank
    picked, whole = bank.timeline(0, (1,))[0].tokens, alone.timeline(0)[0].tokens
    bank.prepare([picked])
    assert_close(bank.tokens(picked), alone.tokens(whole), relative=1e-5)
    assert bank.boxes(picked) == alone.boxes(whole) and (bank.tokens(picked) - bank.tokens(NULL)).abs().max() > 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {"strength": 0.5},
        {"start": 0.1},
        {"end": 0.7},
        {"fade": 0.2},
        {"scaleu": "off"},
        {"masked_attention": "all levels"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_other_settings_of_apply_tokenize_nothing(runs, settings):
    before = tokens(apply(frames(FOX, CAT)))
    runs.clear()
    assert torch.equal(tokens(apply(frames(FOX, CAT), **settings)), before)
    assert not runs


def test_sampling_again_tokenizes_nothing(runs):
    patched = apply(frames(FOX))
    runs.clear()
    sample(patched, noise(seed=1), steps=3, cfg=2.0, prompt="another scene", seed=9)
    assert not runs


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"strength": 0.5}, 0),
        ({"end": 0.5}, 1),
        ({"box": (0.1, 0.2, 0.6, 0.9)}, 1),
        ({"point": (0.3, 0.3)}, 1),
        ({"prompt": "a blue fox"}, 1),
        ({"mask": CAT.mask}, 1),
        ({"scribble": ((0.2, 0.3), (0.4, 0.8))}, 1),
    ],
    ids=lambda value: next(iter(value), None) if isinstance(value, dict) else "",
)
def test_a_change_tokenizes_the_layout_once(runs, changed, expected):
    """A window gives it one more interval, of the two others."""
    apply(frames(FOX, OWL, CAT))
    runs.clear()
    apply(frames(replace(FOX, **changed), OWL, CAT))
    assert sum(runs) == expected


@pytest.mark.parametrize(
    "speed, layouts, expected",
    [
        ("exact", (FOX, OWL), 0),  # each alone is picked out of the layout
        (
            "exact",
            (FOX, OWL, CAT),
            2,
        ),  # the layout as if without masks, from which two are picked out; the masked one alone
        ("two groups", (FOX, OWL, CAT), 2),  # the group with the mask; the layout as if without masks
    ],
)
def test_branches_tokenize_what_they_need_once_and_before_the_models_are_loaded(runs, speed, layouts, expected):
    order = []

    def load(executor, *args, **kwargs):
        order.append(sum(runs))
        return executor(*args, **kwargs)

    patched = with_multi_instance(apply(frames(*layouts)), 0.5, "average", 0, speed)
    patched.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, "spy", load)
    runs.clear()
    for _ in range(2):
        sample(patched, noise())
    assert order == [expected, expected] and sum(runs) == expected


def test_prompts_of_groups_are_encoded_for_groups_alone():
    clip, (model, weights) = FakeClip(), base()
    with torch.inference_mode():
        applied = ApplyInstDiff.execute(model, clip, weights, frames(FOX, OWL, CAT), 1.0, 0.0, 1.0).args[0]
    prompts = ["a red fox", "an owl", "a cat"]
    sample(with_multi_instance(applied, 0.5, "average", 0), noise())
    assert clip.encoded == prompts
    sample(with_multi_instance(applied, 0.5, "average", 0, "two groups"), noise())
    assert len(clip.encoded) == len(prompts) + 1 and ", " in clip.encoded[-1]


def test_known_tokens_are_the_same_bit_for_bit(runs):
    first = tokens(apply(frames(FOX, OWL, CAT)))
    apply(frames(OWL, FOX))
    base()[1].known_tokens._known.clear()
    assert torch.equal(tokens(apply(frames(FOX, OWL, CAT))), first)
    apply(frames(CAT))
    assert torch.equal(tokens(apply(frames(FOX, OWL, CAT))), first)


def test_a_mask_of_half_strength_is_another_mask(runs):
    apply(frames(CAT))
    runs.clear()
    apply(frames(replace(CAT, strength=0.5)))
    assert sum(runs) == 1


def test_patched_weights_are_other_weights(runs):
    weights = base()[1]
    patched = replace(weights, tokenizer=weights.tokenizer.clone())
    patched.tokenizer.patches_uuid = "a LoRA on the tokenizer"
    inputs = null_grounding()
    for expected in (1, 1, 2, 2):
        (weights if expected == 1 else patched).tokenize(inputs)
        assert sum(runs) == expected


def test_the_ones_longest_unused_are_forgotten():
    cache, runs = TokenCache(rows=2), []

    def tokenizer(inputs):
        runs.append(inputs.boxes[0, 0, 0].item())
        return inputs.boxes[:, :1]

    for number in (1.0, 2.0, 1.0, 3.0, 1.0, 2.0):
        inputs = null_grounding(slots=2)
        inputs.boxes[0, 0, 0] = number
        assert cache.tokens(inputs, tokenizer, "weights")[0, 0, 0] == number
        assert len(cache) <= 2
    assert runs == [1.0, 2.0, 3.0, 2.0]


def test_every_input_counts_but_not_the_pixels_that_nobody_looks_at():
    plain = null_grounding(slots=2)
    seen = {content(plain)}
    for name in plain._fields:
        changed = plain._replace(**{name: torch.ones_like(getattr(plain, name))})
        seen.add(content(changed))
    assert len(seen) == len(plain._fields)  # segs alone, with no mask present, are not looked at
    full = plain._replace(seg_mask=torch.ones(1))
    first, second = (full._replace(segs=torch.zeros_like(full.segs)) for _ in range(2))
    first.segs[0, 0, 5, 5] = second.segs[0, 1, 5, 5] = 1
    assert len({content(full), content(first), content(second)}) == 3


def test_prompts_are_encoded_once_by_each_clip():
    weights, clips = base()[1], [FakeClip(), FakeClip()]

    def encode(clip, prompt="a fox"):
        return weights.known_prompts.encode(clip, prompt, (768, 768))

    first = encode(clips[0])
    assert encode(clips[0]) is first and clips[0].encoded == ["a fox"]
    encode(clips[1])
    clips[0].layer_idx = -2  # CLIP skip
    encode(clips[0])
    assert [clip.encoded for clip in clips] == [["a fox"] * 2, ["a fox"]]
    known = weights.known_prompts._known
    gc.collect()  # those of other tests' models
    before = len(known)
    del clips
    gc.collect()
    assert len(known) == before - 2


def test_of_many_prompts_the_ones_longest_unused_are_forgotten():
    clip, known = FakeClip(), KnownPrompts(prompts=2)
    for prompt in ("fox", "owl", "fox", "cat", "fox", "owl"):
        known.encode(clip, prompt, (768, 768))
    assert clip.encoded == ["fox", "owl", "cat", "owl"]
