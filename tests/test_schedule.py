"""Noise levels and the strength of the fusers over the steps."""

import pytest
import torch
from instdiff.instdiff_modules.sampling.schedule import plms_timesteps
from support.authors_schedule import alpha_schedule, noise_tables, plms_sigmas


def test_the_fusers_act_fully_then_fall_then_rest():
    assert alpha_schedule(10, (0.3, 0.4, 0.3)) == [1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
    assert alpha_schedule(4) == [1, 1, 1, 1]
    assert alpha_schedule(0, (0.5, 0.0, 0.5)) == []


@pytest.mark.parametrize("length, kind", [(50, (0.7, 0.2, 0.1)), (49, (0, 1, 0)), (98, (0, 1, 0))])
def test_rounding_fails_only_in_the_authors_mode(length, kind):
    assert len(alpha_schedule(length, kind)) == length
    with pytest.raises(ValueError):
        alpha_schedule(length, kind, authors=True)


def test_shares_are_not_cut_by_rounding():
    assert sum(alpha_schedule(50, (0.58, 0, 0.42))) == 29
    assert sum(alpha_schedule(50, (0.58, 0, 0.42), authors=True)) == 28


@pytest.mark.parametrize("length", [1, 7, 20, 31, 50, 100])
@pytest.mark.parametrize("kind", [None, (0.8, 0.0, 0.2), (0.75, 0.0, 0.25), (0.5, 0.25, 0.25), (0, 0, 1)])
def test_both_modes_agree_where_the_authors_works(length, kind):
    assert alpha_schedule(length, kind) == pytest.approx(alpha_schedule(length, kind, authors=True), abs=1e-12)


@pytest.mark.parametrize("kind", [(0.8, 0.1, 0.2), (0.5, 0.5), (1.2, -0.2, 0.0), (float("nan"), 0, 1)])
@pytest.mark.parametrize("authors", [False, True])
def test_shares_that_make_no_whole_are_refused(kind, authors):
    with pytest.raises(ValueError):
        alpha_schedule(50, kind, authors)


def test_fifty_steps_run_from_981_to_1():
    steps = plms_timesteps(50)
    assert steps == plms_timesteps(50, authors=True)
    assert (steps[0], steps[-1], len(steps)) == (981, 1, 50)


@pytest.mark.parametrize("count", [1, 3, 9, 15, 27, 30, 333, 501, 999])
def test_any_number_of_steps_is_exact_and_inside_the_table(count):
    steps = plms_timesteps(count)
    assert len(set(steps)) == len(steps) == count
    assert steps == sorted(steps, reverse=True) and 1 <= steps[-1] and steps[0] <= 999


@pytest.mark.parametrize("count", [9, 27, 501])
def test_the_authors_mode_refuses_what_their_code_cannot_run(count):
    with pytest.raises(ValueError, match=f"cannot run {count} steps"):
        plms_timesteps(count, authors=True)


@pytest.mark.parametrize("count", [0, -1, 1000])
def test_an_impossible_number_of_steps_is_refused(count):
    with pytest.raises(ValueError, match=r"1\.\.999"):
        plms_timesteps(count)


def test_the_authors_mode_gives_their_extra_steps():
    assert [len(plms_timesteps(s, authors=True)) for s in (15, 30, 46)] == [16, 31, 48]


def test_the_tables_are_those_of_stable_diffusion():
    tables = noise_tables()
    assert tables.betas[0].item() == pytest.approx(0.00085) and tables.betas[-1].item() == pytest.approx(0.012)
    assert tables.alphas_cumprod[0].item() == pytest.approx(0.99915)
    assert tables.sigmas[0].item() == pytest.approx(0.0292, abs=1e-4) and tables.sigmas[-1].item() == pytest.approx(
        14.6146, abs=1e-3
    )


def test_the_last_noise_level_is_that_of_step_zero():
    sigmas = plms_sigmas(50)
    assert sigmas.shape == (51,) and (sigmas.diff() < 0).all()
    torch.testing.assert_close(sigmas[-1], noise_tables().sigmas[0])
