"""Results that must be equal but for rounding: the norm of the difference as a share of the reference's norm.

A bound on single values would have to know how large they are: latents of random weights reach several hundred, and what they round
by differs from processor to processor. Of the whole tensor's norm, sums in another order cost at most 1.2e-5 under every CPU setting tried;
one image's null tokens forgotten in the last of four steps cost 7e-4.
"""

import comfy.model_management
from torch import Tensor

RELATIVE = 1e-4
LEAST = {"cuda": 1e-2}  # no bound is narrower there: TF32 keeps 10 bits, and another batch size is another algorithm


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """||actual - expected|| / ||expected||, wherever the two lie; an error if shapes differ or a value is not finite."""
    assert actual.shape == expected.shape, f"{tuple(actual.shape)} is not {tuple(expected.shape)}"
    actual, expected = actual.detach().cpu().double(), expected.detach().cpu().double()
    assert actual.isfinite().all() and expected.isfinite().all(), "a value is not finite"
    size = expected.norm().item()
    assert size > 0, "the reference is zero, so nothing can be measured by it"
    return (actual - expected).norm().item() / size


def assert_close(actual: Tensor, expected: Tensor, relative: float = RELATIVE) -> None:
    """Equal but for the rounding of sums in another order, as in batches put together differently.

    The same computation twice is compared with torch.equal instead: it must give the same bits, on a GPU too.
    """
    bound = max(relative, LEAST.get(comfy.model_management.get_torch_device().type, 0.0))
    error = relative_error(actual, expected)
    assert error <= bound, f"the relative error is {error:.2g}, the bound {bound:.0e}"


def assert_apart(actual: Tensor, expected: Tensor) -> None:
    """Differing by more than rounding can explain: at least ten times what `assert_close` allows."""
    least = 10 * max(RELATIVE, LEAST.get(comfy.model_management.get_torch_device().type, 0.0))
    error = relative_error(actual, expected)
    assert error >= least, f"the relative error is only {error:.2g}, at least {least:.0e} was expected"
