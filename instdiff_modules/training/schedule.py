"""The learning rate over a run, as a factor of the configured one. Names are those of diffusers and kohya's scripts."""

import math

NAMES = ("constant", "constant_with_warmup", "linear", "cosine")


def factor(name: str, step: int, warmup: int, total: int) -> float:
    """For the step with this number, from 0: a linear rise over `warmup` steps, then what the name says until `total`.

    "constant" has no warm-up. The first step of a warm-up has the rate 0, as in the authors' trainer.
    """
    if name == "constant":
        return 1.0
    if step < warmup:
        return step / warmup
    if name == "constant_with_warmup":
        return 1.0
    along = (step - warmup) / max(total - warmup, 1)
    if name == "linear":
        return max(1 - along, 0.0)
    return max(0.5 * (1 + math.cos(math.pi * along)), 0.0)
