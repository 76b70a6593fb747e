"""Order in depth: the last instance of a layout is the front-most. Parts go along with what they are a part of."""

from collections.abc import Sequence

from .instance import Instance
from .parts import families

TO_FRONT, FORWARD, BACKWARD, TO_BACK = STEPS = ("bring to front", "bring forward", "send backward", "send to back")


def reordered(instances: Sequence[Instance], chosen: Sequence[int], step: str) -> tuple[Instance, ...]:
    """The instances with the chosen ones and their parts moved by one of STEPS: to an end, or past one that is not chosen.

    What moves keeps its own order. The same as web/js/state/arrange.js's `arranged`.
    """
    moving = {k for one in families(instances, chosen).values() for k in one}
    if step in (TO_FRONT, TO_BACK):
        picked = [i for i in range(len(instances)) if i in moving]
        others = [i for i in range(len(instances)) if i not in moving]
        return tuple(instances[i] for i in (others + picked if step == TO_FRONT else picked + others))
    order = list(range(len(instances)))
    way = 1 if step == FORWARD else -1
    # from the end towards which they go, so that neighbours do not jump over each other
    for i in reversed(range(len(order))) if way > 0 else range(len(order)):
        other = i + way
        if order[i] in moving and 0 <= other < len(order) and order[other] not in moving:
            order[i], order[other] = order[other], order[i]
    return tuple(instances[i] for i in order)
