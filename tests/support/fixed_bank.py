"""A token bank whose token sets are given as tensors, for the comparison with recorded ones."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from instdiff.instdiff_modules.grounding.bank import NULL, Interval, Timeline, TokenSet
from instdiff.instdiff_modules.layout.instance import Box
from support.goldens import SLOTS
from torch import Tensor

Boxes = tuple[Box | None, ...]


class FixedBank:
    """Stands for a TokenBank: layouts[frame] and alone[frame][instance] hold through the whole denoising."""

    def __init__(
        self,
        null: Tensor,
        layouts: Sequence[tuple[Tensor, Boxes]],
        alone: Sequence[Mapping[int, tuple[Tensor, Boxes]]] = (),
    ) -> None:
        self.slots, self.frames = SLOTS, len(layouts)
        self._sets = {NULL: (null, ())}
        for frame, layout in enumerate(layouts):
            self._sets[TokenSet(frame, (-1,))] = layout
        for frame, instances in enumerate(alone):
            self._sets |= {TokenSet(frame, (i,)): one for i, one in instances.items()}

    def timeline(self, frame: int, members: tuple[int, ...] | None = None, part: Box | None = None) -> Timeline:
        assert part is None
        return (Interval(0.0, 1.0, TokenSet(frame, (-1,) if members is None else members)),)

    def prepare(self, token_sets: Iterable[TokenSet], sampling: bool = False) -> None:
        assert set(token_sets) <= set(self._sets)

    def tokens(self, token_set: TokenSet) -> Tensor:
        return torch.as_tensor(self._sets[token_set][0])

    def boxes(self, token_set: TokenSet) -> Boxes:
        return self._sets[token_set][1]
