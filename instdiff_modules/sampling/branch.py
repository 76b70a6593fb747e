"""The branches of multi-instance sampling (paper section 3.5): who is denoised in which item of the batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..geometry.grouping import two_groups
from ..layout.instance import Instance

EXACT, TWO_GROUPS = GROUPINGS = ("exact", "two groups")


class InstanceKey(NamedTuple):
    """What tells an instance from the others, also from those of a second layout, whose ids may be the same."""

    id: str
    prompt: str


def instance_key(instance: Instance) -> InstanceKey:
    return InstanceKey(instance.id, instance.prompt)


@dataclass(frozen=True)
class Branch:
    """One item of a batch of branches: image `image`, of which it sees some instances, or all (the global branch).

    layer: which Apply node's layout the instances belong to; None: the global branch. members: their indices in their
    frame of that layout. depths: their places in the order of all layouts, back to front. apart: predicted by itself, in a
    window of the picture; around it the branch is as the global one.
    """

    image: int
    layer: int | None = None
    members: tuple[int, ...] = ()
    instances: tuple[Instance, ...] = ()
    depths: tuple[int, ...] = ()
    apart: bool = False

    @property
    def is_global(self) -> bool:
        return self.layer is None

    @property
    def prompt(self) -> str | None:
        """The prompt of its predictions; None: the conditioning's own."""
        return None if self.is_global else ", ".join(instance.prompt for instance in self.instances)

    @property
    def negative(self) -> str:
        """The negative prompts of its instances, to avoid beside the conditioning's own; empty if they have none."""
        return ", ".join(words for instance in self.instances if (words := instance.negative.strip()))

    @property
    def interval(self) -> tuple[float, float]:
        """When any of its instances acts, as shares of the denoising."""
        if self.is_global:
            return 0.0, 1.0
        return min(i.start for i in self.instances), max(i.end for i in self.instances)

    @property
    def keys(self) -> frozenset[InstanceKey] | None:
        """For the conditionings that belong to one of its instances; None: the global branch."""
        return None if self.is_global else frozenset(map(instance_key, self.instances))


Frames = Sequence[Sequence[Instance]]


def branches_of(
    layers: Sequence[Frames], images: int, grouping: str = EXACT, apart: Sequence[Frames] = ()
) -> tuple[Branch, ...]:
    """The branches of a batch, layers[Apply node][frame] being its instances: first one global branch for each image.

    Then come as many rows of `images` branches as the image with the most branches needs: one for each instance (exact)
    or for each of two groups of them, those of strength 0 left out. An image with fewer has idle copies of its global
    branch there, so that whatever ComfyUI repeats over the batch (hints, masks, latents) keeps meeting the right image.
    apart: further layers, in front; their branches follow in rows of their own, always one for each instance.
    """
    together = _rows([[Branch(i), *_of_image(layers, i, grouping)] for i in range(images)])
    alone = _rows([[Branch(i), *_of_image((*layers, *apart), i, EXACT, len(layers))] for i in range(images)])
    return together + alone[images:]


def _rows(columns: Sequence[Sequence[Branch]]) -> tuple[Branch, ...]:
    longest = max(map(len, columns), default=0)
    return tuple(column[row] if row < len(column) else column[0] for row in range(longest) for column in columns)


def _of_image(layers: Sequence[Frames], image: int, grouping: str, apart: int | None = None) -> list[Branch]:
    """Of an image, without its global one. apart: the first layer whose branches are predicted apart; only those, then."""
    column, below = [], 0
    for layer, frames in enumerate(layers):
        instances = frames[image % len(frames)]
        alone = tuple((i,) for i, instance in enumerate(instances) if instance.strength != 0)
        for members in alone if grouping == EXACT else two_groups(instances):
            depths = tuple(below + i for i in members)
            if apart is None or layer >= apart:
                own = tuple(instances[i] for i in members)
                column.append(Branch(image, layer, members, own, depths, apart is not None))
        below += len(instances)
    return column
