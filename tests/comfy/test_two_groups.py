"""Multi-instance sampling with the instances dealt into two groups."""

from dataclasses import replace

import pytest
import torch
from instdiff.instdiff_modules.layout.document import Instance
from instdiff.instdiff_modules.sampling.branch import EXACT, TWO_GROUPS, branches_of
from instdiff.instdiff_modules.sampling.merge import MERGES
from instdiff.nodes.patching import MultiInstance, attach_multi_instance
from instdiff.nodes.sampler import with_multi_instance
from support.closeness import assert_close
from support.small_pack import FOX, OWL, apply, base, frames, noise, sample

CAT = Instance(id="c", prompt="a cat", box=(0.1, 0.0, 0.4, 0.2))
DOG = Instance(id="d", prompt="a dog", box=(0.6, 0.7, 0.9, 0.95))
FOUR = frames(FOX, OWL, CAT, DOG)  # fox and cat touch, so do owl and fox


def branched(layouts, speed=TWO_GROUPS, share=0.5, merge="average"):
    return with_multi_instance(apply(layouts), share, merge, 0, speed)


def groups_of(layouts):
    applied = apply(layouts).get_attachment("instdiff")
    return branches_of([one.frames for one in applied], 1, TWO_GROUPS)


def model_rows(monkeypatch, patched) -> list[int]:
    rows, forward = [], type(base()[0].model).apply_model

    def spy(self, x, *args, **kwargs):
        rows.append(x.shape[0])
        return forward(self, x, *args, **kwargs)

    monkeypatch.setattr(type(base()[0].model), "apply_model", spy)
    sample(patched, noise(), steps=4, cfg=1.0)
    monkeypatch.undo()
    return rows


def test_two_instances_are_sampled_as_exactly_as_ever():
    assert torch.equal(sample(branched(frames(FOX, OWL)), noise()), sample(branched(frames(FOX, OWL), EXACT), noise()))


def test_many_instances_cost_no_more_than_two(monkeypatch):
    two = model_rows(monkeypatch, branched(frames(FOX, OWL)))
    assert sum(two) == 2 * 3 + 2
    assert model_rows(monkeypatch, branched(FOUR)) == two
    assert sum(model_rows(monkeypatch, branched(FOUR, EXACT))) == 2 * 5 + 2


def test_neighbours_are_apart_and_each_group_has_its_words_and_tokens():
    one = apply(FOUR).get_attachment("instdiff")[0]
    everyone, *groups = groups_of(FOUR)
    assert everyone.is_global and everyone.prompt is None
    assert sorted(i for group in groups for i in group.members) == [0, 1, 2, 3]
    together = next(group.members for group in groups if 0 in group.members)
    assert not {1, 2} & set(together)
    for group in groups:
        assert group.prompt == ", ".join(FOUR[0].instances[i].prompt for i in group.members)
        assert len(one.bank.timeline(0, group.members)) == 1 and group.depths == group.members


@pytest.mark.parametrize("merge", MERGES)
def test_it_repeats_and_is_another_picture_than_exact(merge):
    patched = branched(FOUR, merge=merge)
    first = sample(patched, noise())
    assert torch.equal(first, sample(patched, noise()))
    assert (first - sample(branched(FOUR, EXACT, merge=merge), noise())).abs().max() > 1e-2


def test_a_group_counts_once_for_each_of_its_instances():
    """Three instances with one prompt and one place in two groups: the mean weighs the group of two twice."""
    same = [replace(FOX, id=str(i), prompt="a scene") for i in range(3)]
    weights = []

    def merge(branches, regions, mode, feather):
        weights.append((len(branches), len(regions)))
        return branches.mean(0)

    sample(attach_multi_instance(apply(frames(*same)), MultiInstance(1.0, grouping=TWO_GROUPS, merge=merge)), noise())
    assert weights == [(4, 3)]


def test_a_batch_of_two_equals_two_singles():
    both, layouts = noise(2), FOUR + frames(OWL)
    singles = torch.cat([sample(branched(layouts[:1]), both[:1]), sample(branched(layouts[1:]), both[1:])])
    assert_close(sample(branched(layouts), both), singles)


def test_hidden_and_silent_instances_are_in_no_group():
    silent = frames(FOX, replace(OWL, strength=0.0), CAT)
    assert [branch.members for branch in groups_of(silent)] == [(), (0,), (2,)]
