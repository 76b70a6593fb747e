"""ScaleU's filter in half precision: one product on small planes, two thin ones on large, as in full precision."""

import pytest
import torch
from instdiff.instdiff_modules.networks.scaleu import filter_skip, gains, scaleu


@pytest.mark.parametrize("size", [(4, 6), (16, 16), (16, 24), (1, 1), (3, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_skip_is_filtered_in_full_precision(size, dtype):
    skip = torch.randn(2, 5, *size, generator=torch.Generator().manual_seed(1)).to(dtype)
    expected = filter_skip(skip.float(), torch.tensor(1.7))
    with torch.no_grad():
        for gain in (1.7, torch.tensor(1.7)):
            out = filter_skip(skip, gain)
            assert out.dtype == dtype and out.shape == skip.shape
            torch.testing.assert_close(out, expected.to(dtype), atol=0, rtol=2 * torch.finfo(dtype).eps)


def test_gains_are_those_of_the_parameters_and_leave_what_comes_in_alone():
    b, s = torch.linspace(-1, 1, 5), torch.tensor([0.4])
    h, skip = torch.ones(1, 5, 4, 6), torch.ones(1, 7, 4, 6)
    with torch.no_grad():
        main, low = scaleu(h, skip, gains(b, s, h))
    torch.testing.assert_close(main[0, :, 0, 0], torch.tanh(b) + 1)
    torch.testing.assert_close(low.mean(), torch.tanh(s[0]) + 1)  # a flat plane has the lowest frequency alone
    assert (h == 1).all() and (skip == 1).all()
