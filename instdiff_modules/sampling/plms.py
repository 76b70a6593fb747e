"""The authors' sampler: pseudo linear multi-step (PLMS), in the variance-exploding form of k-diffusion.

Reference: ldm.models.diffusion.plms_instance.PLMSSamplerInst.p_sample_plms at eta 0. With x = latent / sqrt(alpha)
its update is x + (sigma_next - sigma) * eps', where eps' is the Adams-Bashforth mean of the last guided predictions.
The first step evaluates the model twice (pseudo improved Euler).
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

# Adams-Bashforth weights, newest prediction first, by length of the history before the step.
WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
MAX_HISTORY = 3

# predict(x, sigma, step) -> guided eps, the shape of x. `step` is the step that the schedules count, which in the
# second evaluation of the first step is still 0 although sigma is already the next one.
Predict = Callable[[Tensor, Tensor, int], Tensor]


def sample_plms(
    predict: Predict,
    x: Tensor,
    sigmas: Tensor,
    on_step: Callable[[int, Tensor, Tensor], Any] | None = None,
    revise: Callable[[list[Tensor]], list[Tensor]] = lambda past: past,
) -> Tensor:
    """Run x (B, C, H, W) at sigmas[0] down to sigmas[-1].

    on_step(i, x, eps) is told of every step before it is taken; revise(past) may replace the earlier predictions (at
    most three, oldest first) after each new one.
    """
    past: list[Tensor] = []
    for step, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:], strict=True)):
        eps = predict(x, sigma, step)
        past = revise(past)
        if on_step is not None:
            on_step(step, x, eps)
        if past:
            weights = WEIGHTS[len(past)]
            slope = sum(w * e for w, e in zip(weights, (eps, *reversed(past)), strict=True))
        else:
            slope = (eps + predict(x + (following - sigma) * eps, following, step)) / 2
        past = (past + [eps])[-MAX_HISTORY:]
        x = x + (following - sigma) * slope
    return x
