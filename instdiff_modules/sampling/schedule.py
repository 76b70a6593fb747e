"""How long the branches run, and the time steps of the authors' sampler."""

TIMESTEPS = 1000


def branch_steps(steps: int, share: float) -> int:
    """Number of steps, from the first on, that run in branches: int(steps * share) as in the reference.

    A share above 0 means one step at least: of 4 steps a share of 0.2 would else be none. share 0..1, else ValueError.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share of multi-instance steps must lie in 0..1, got {share}.")
    return min(steps, max(1, int(steps * share))) if share > 0 else 0


def plms_timesteps(steps: int, authors: bool = False) -> list[int]:
    """Time steps of the authors' sampler, falling, 1..999; 981 ... 1 for 50 steps.

    Evenly spaced, exactly `steps` of them. authors=True is PLMSSampler.make_schedule: the spacing is 1000 // steps, so
    a number that does not divide 1000 gives more steps, and some (9, 27, ...) raise ValueError because the first one
    would lie beyond the table.
    """
    if not 1 <= steps < TIMESTEPS:
        raise ValueError(f"The number of steps must lie in 1..{TIMESTEPS - 1}, got {steps}.")
    if not authors:
        return [i * TIMESTEPS // steps + 1 for i in reversed(range(steps))]
    ascending = range(1, TIMESTEPS + 1, TIMESTEPS // steps)
    if ascending[-1] >= TIMESTEPS:
        raise ValueError(
            f"The authors' sampler cannot run {steps} steps: it would start at step {ascending[-1]} of {TIMESTEPS}."
        )
    return list(reversed(ascending))
