"""Branches, their batch and their noise, without ComfyUI."""

from dataclasses import replace

import pytest
import torch
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.sampling.branch import EXACT, TWO_GROUPS, Branch, branches_of, instance_key
from instdiff.instdiff_modules.sampling.branched_batch import BranchedBatch
from instdiff.instdiff_modules.sampling.merge import MERGES, merge, region
from instdiff.instdiff_modules.sampling.shared_noise import SharedNoise

FOX = Instance("a", "a red fox", box=(0.0, 0.0, 0.5, 1.0), start=0.1, end=0.8)
OWL = Instance("b", "an owl", box=(0.25, 0.5, 1.0, 1.0))
CAT = Instance("c", "a cat", point=(0.9, 0.1))


def latents(items, height=4, width=6):
    return torch.randn(items, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_the_global_branches_come_first_then_a_row_for_each_instance():
    branches = branches_of([[(FOX, OWL)]], 2)
    assert [(b.image, b.members) for b in branches] == [(0, ()), (1, ()), (0, (0,)), (1, (0,)), (0, (1,)), (1, (1,))]
    assert [b.is_global for b in branches] == [True, True, False, False, False, False]
    assert branches[2].prompt == "a red fox" and branches[0].prompt is None
    assert branches[2].interval == (0.1, 0.8) and branches[0].interval == (0.0, 1.0)
    assert branches[2].keys == {instance_key(FOX)} and branches[0].keys is None


def test_the_negative_prompts_of_a_branch_are_those_of_its_instances():
    a, b, c = (
        Instance(id=name, prompt=name, box=(0, 0, 1, 1), negative=words)
        for name, words in (("a", " x\n"), ("b", ""), ("c", "y"))
    )
    assert [branch.negative for branch in branches_of([[[a, b, c]]], 1)] == ["", "x", "", "y"]
    assert Branch(0, 0, (0, 1, 2), (a, b, c), (0, 1, 2)).negative == "x, y"


def test_layouts_of_two_nodes_lie_on_each_other():
    branches = branches_of([[(FOX,)], [(OWL, replace(CAT, strength=0.0), CAT)]], 1)
    assert [(b.layer, b.members, b.depths) for b in branches[1:]] == [(0, (0,), (0,)), (1, (0,), (1,)), (1, (2,), (3,))]


def test_an_image_with_fewer_instances_has_idle_copies_of_its_global_branch():
    branches = branches_of([[(FOX, OWL), (CAT,)]], 2)
    assert branches[-1].is_global and branches[-1].image == 1 and len(branches) == 6


def test_groups_are_two_at_most():
    assert (
        len(branches_of([[(FOX, OWL, CAT)]], 1, TWO_GROUPS)) == 3 and len(branches_of([[(FOX,)]], 1, TWO_GROUPS)) == 2
    )
    assert branches_of([[()]], 3, EXACT) == branches_of([], 3)


@pytest.mark.parametrize("mode", MERGES)
@pytest.mark.parametrize("feather", [0, 1])
def test_items_are_merged_as_the_branches_of_each_image(mode, feather):
    frames = ((FOX, OWL), (CAT, FOX))
    batch = BranchedBatch(branches_of([frames], 2), 2, mode=mode, feather=feather)
    items = latents(6)
    for image, instances in enumerate(frames):
        regions = [region(instance, 4, 6) for instance in instances]
        expected = merge(items[image::2], regions, mode, feather)
        torch.testing.assert_close(batch.merge_items(items)[image], expected)


def test_equal_items_are_merged_to_what_they_are():
    batch = BranchedBatch(branches_of([[(FOX, OWL), (CAT,)]], 2), 2, mode="masked average", feather=2)
    images = latents(2)
    torch.testing.assert_close(batch.merge_items(batch.spread(images)), images)
    assert torch.equal(batch.global_branches(batch.spread(images)), images)
    assert torch.equal(batch.spread(images[:1]), images[:1].expand(6, -1, -1, -1))


def test_a_latent_of_another_size_has_its_own_weights():
    batch = BranchedBatch(branches_of([[(FOX,)]], 1), 1, mode="crop and paste")
    small, large = latents(2), latents(2, 8, 12)
    assert batch.merge_items(small).shape == (1, 3, 4, 6) and batch.merge_items(large).shape == (1, 3, 8, 12)


def test_the_branches_are_over_at_the_noise_level_of_the_next_step():
    batch = BranchedBatch(branches_of([[(FOX,)]], 1), 1, share=0.5)
    sigmas = [8.0, 4.0, 2.0, 1.0, 0.0]
    assert [batch.is_over(sigmas, sigma, None) for sigma in (8.0, 4.0, 2.1, 2.0, 1.0)] == [False] * 3 + [True] * 2
    assert [batch.is_over(sigmas, 8.0, step) for step in range(4)] == [False, False, True, True]
    assert not BranchedBatch(batch.branches, 1, share=1.0).is_over(sigmas, 0.0, None)


def test_noise_is_drawn_for_the_images_and_shared_by_their_branches():
    image_of = [0, 1, 0, 1, 0, 1]

    def drawn(count):
        generator = torch.Generator().manual_seed(3)
        shape = torch.empty(count, 4, 2, 3)
        return (
            torch.randn(shape.size(), dtype=torch.float32, generator=generator),
            torch.randn(count, 4, 2, 3, generator=generator),
            torch.randn(size=(count, 5), generator=generator),
            torch.randn(3, generator=generator),
        )

    torch.manual_seed(5)
    expected, like = drawn(2), torch.randn_like(torch.empty(2, 7))
    torch.manual_seed(5)
    with SharedNoise(image_of, 2) as noise:
        shared, shared_like = drawn(6), torch.randn_like(torch.empty(6, 7))
        with noise.paused():
            assert torch.randn(6, 2).unique().numel() == 12
    for one, other in zip((*expected[:3], like), (*shared[:3], shared_like), strict=True):
        assert torch.equal(one[image_of], other)
    assert torch.equal(expected[3], shared[3])  # not a batch
