"""Apply Layout on every family that it steers: ComfyUI's own classes, tiny and with random weights."""

import pytest
from support.region_models import MODELS
from support.region_proof import UNETS, Locality, Proof, locality, proof

ROUNDING = 2e-5


@pytest.mark.parametrize("name", MODELS)
def test_words_stay_in_their_region_and_all_else_is_as_in_the_plain_model(name):
    found = proof(name)
    check_locality(name, found)
    assert max(found.allowed, found.batch, found.apart) < ROUNDING
    assert found.again == found.absent == 0


@pytest.mark.parametrize("name", [name for name in MODELS if name != "HunyuanVideo"])  # it takes even sizes only
def test_words_stay_in_their_region_at_odd_sizes(name):
    check_locality(name, locality(name, 15, 11))


def check_locality(name: str, found: Locality | Proof) -> None:
    assert found.calls > 0
    assert found.first_outside == 0 < found.first_inside
    assert found.final_inside > 0 and (found.final_outside == 0 or name in UNETS)
