"""The window of the instances follows the schedule of the run; a share of multi-instance steps is at least one step."""

import comfy_extras.nodes_model_advanced as nodes_model_advanced
import pytest
import torch
from instdiff.instdiff_modules.sampling.schedule import branch_steps
from instdiff.nodes.sampler import SHARE_TOOLTIP, with_multi_instance
from support.small_pack import FOX, OWL, apply, base, frames, noise, sample


def continuous_edm(model):
    patched = nodes_model_advanced.ModelSamplingContinuousEDM().patch(model, "v_prediction", 120.0, 0.002)
    return patched[0] if isinstance(patched, tuple) else patched.args[0]


@pytest.mark.parametrize("fade", [0.0, 0.3])
def test_a_sampling_node_behind_apply_is_as_one_before_it(fade):
    before = apply(frames(FOX, OWL), model=continuous_edm(base()[0]), end=0.6, fade=fade)
    behind = continuous_edm(apply(frames(FOX, OWL), end=0.6, fade=fade))
    assert torch.equal(sample(behind, noise(), steps=8), sample(before, noise(), steps=8))
    assert not torch.equal(sample(behind, noise(), steps=8), sample(continuous_edm(base()[0]), noise(), steps=8))


def test_a_share_above_0_is_a_step_at_least():
    assert [branch_steps(4, share) for share in (0.0, 0.01, 0.2, 0.3, 0.5, 1.0)] == [0, 1, 1, 1, 2, 4]
    assert [branch_steps(20, 0.2), branch_steps(50, 0.36), branch_steps(50, 0.58), branch_steps(0, 0.5)] == [
        4,
        18,
        28,
        0,
    ]
    assert "Of 20 steps 0.2 gives 4, of 4 steps 1" in SHARE_TOOLTIP


def test_four_steps_with_the_default_share_run_one_in_branches():
    plain = sample(apply(frames(FOX, OWL)), noise(), steps=4)
    assert not torch.equal(sample(with_multi_instance(apply(frames(FOX, OWL)), 0.2, "average", 0), noise()), plain)
