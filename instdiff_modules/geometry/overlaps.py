"""What is seen of instances that lie behind others: their masks, less what is in front of them, as far as that is opaque."""

from collections.abc import Sequence

from torch import Tensor

from ..layout.instance import Instance
from ..layout.parts import families


def visible_parts(masks: Tensor, instances: Sequence[Instance], parts_hide: bool = True) -> Tensor:
    """masks (n, H, W) of n instances, back to front, in 0..1 -> the same, times what those in front let through.

    parts_hide: whether parts hide what they are a part of; else a donkey's shape includes its ears. Instances of strength 0 hide nothing.
    """
    hides = [instance.opacity if instance.strength else 0.0 for instance in instances]
    through, result = masks.new_ones(masks.shape[1:]), masks.clone()
    own = {} if parts_hide else families(instances, range(len(instances)))
    for i in reversed(range(len(instances))):
        parts = {k for k in own.get(i, ()) if k > i}
        if parts:
            result[i] *= _through(masks, [hides[k] if k > i and k not in parts else 0.0 for k in range(len(hides))])
        else:
            result[i] *= through
        through = through * (1 - hides[i] * masks[i])
    return result


def _through(masks: Tensor, hides: Sequence[float]) -> Tensor:
    found = masks.new_ones(masks.shape[1:])
    for mask, share in zip(masks, hides, strict=True):
        if share:
            found *= 1 - share * mask
    return found
