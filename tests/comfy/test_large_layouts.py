"""Large layouts: refused at once where the weights cannot hold them, and nothing is done that the run does not need."""

import time
from dataclasses import replace

import pytest
import torch
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.sampling import branch
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.sampler import with_multi_instance
from support.small_pack import FOX, FakeClip, apply, base, frames, noise, sample


def crowd(count):
    return [
        Instance(str(i), f"thing {i}", box=(i / (2 * count), 0.1, 0.5 + i / (2 * count), 0.9)) for i in range(count)
    ]


def test_200_instances_are_refused_before_any_prompt_is_encoded():
    clip, (model, weights) = FakeClip(), base()
    before = time.process_time()
    with pytest.raises(ValueError, match="The layout has 200 instances, the loaded model takes at most 30"):
        ApplyInstDiff.execute(model, clip, weights, frames(*crowd(200)), 1.0, 0.0, 1.0)
    assert clip.encoded == [] and time.process_time() - before < 1


def test_only_instances_that_act_at_the_same_time_need_slots_of_their_own():
    early, late = [replace(i, end=0.5) for i in crowd(20)], [replace(i, id=f"l{i.id}", start=0.5) for i in crowd(20)]
    assert torch.isfinite(sample(apply(frames(*early, *late)), noise(), steps=2)).all()
    with pytest.raises(ValueError, match="The layout has 31 instances"):
        apply(frames(*early, *[replace(i, start=0.4) for i in late[:11]]))


def test_groups_are_made_only_where_they_are_asked_for(monkeypatch):
    def refused(instances):
        raise AssertionError("nobody asked for groups")

    monkeypatch.setattr(branch, "two_groups", refused)
    patched = apply(frames(*crowd(4)))
    sample(patched, noise(), steps=1)
    sample(with_multi_instance(patched, 0.5, "average", 0), noise(), steps=1)
    with pytest.raises(AssertionError, match="nobody asked"):
        sample(with_multi_instance(patched, 0.5, "average", 0, "two groups"), noise(), steps=1)


def test_many_frames_cost_their_tokens_and_no_more():
    """Each frame is tokenized once, the empty layout once; the frames of a run are looked up, not made again."""
    weights, runs = base()[1], []
    handle = weights.tokenizer.model.register_forward_hook(lambda *_: runs.append(1))
    try:
        layouts = tuple(frames(replace(FOX, box=(0.0, 0.0, 0.2 + i / 1000, 0.9)))[0] for i in range(120))
        patched = apply(layouts)
        assert len(runs) <= len(layouts) + 1
        runs.clear()
        sample(patched, noise(120, 2, 3), steps=1, cfg=1.0)
        assert not runs
    finally:
        handle.remove()
