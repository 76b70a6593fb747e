"""The grounding tokens' keys and values, which are the same in every step of a run: each made once."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..grounding.bank import TokenBank, TokenSet
from ..networks.fuser import Fuser

MAX_CALLS = 8  # kinds of call of a run whose keys and values are kept: with and without the negative, parts, branches


class KeyValues:
    """Of one token bank, for every fuser; `clear` at the end of a run."""

    def __init__(self, bank: TokenBank) -> None:
        self.bank = bank
        self._known: OrderedDict[tuple[TokenSet, ...], dict[Any, Tensor]] = OrderedDict()

    def of_call(self, place: Any, fuser: Fuser, token_sets: tuple[TokenSet, ...], x: Tensor) -> Tensor:
        """(U, T, 2 dim) for x (B, n, dim): item i of the batch meets row i // (B / U)."""
        distinct = in_runs(token_sets)
        known = self._known.setdefault(distinct, {})
        self._known.move_to_end(distinct)
        if len(self._known) > MAX_CALLS:
            self._known.popitem(last=False)
        key = (place, x.device, x.dtype)
        if key not in known:
            known[key] = self._make(fuser, distinct, x)
        return known[key]

    def _make(self, fuser: Fuser, token_sets: tuple[TokenSet, ...], x: Tensor) -> Tensor:
        single = tuple(dict.fromkeys(token_sets))
        rows = fuser.key_values(torch.cat([self.bank.tokens(one) for one in single]).to(x))
        return rows if single == token_sets else rows[[single.index(one) for one in token_sets]]

    def clear(self) -> None:
        self._known.clear()


def in_runs(token_sets: Sequence[TokenSet]) -> tuple[TokenSet, ...]:
    """The shortest row whose every element, repeated equally often in a run, gives the sequence."""
    for length in range(1, len(token_sets)):
        if len(token_sets) % length == 0:
            repeats = len(token_sets) // length
            row = tuple(token_sets[::repeats])
            if all(one == row[i // repeats] for i, one in enumerate(token_sets)):
                return row
    return tuple(token_sets)
