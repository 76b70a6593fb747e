"""The grounding tokens' keys and values, which are the same in every step of a run: each made once."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..grounding.bank import TokenBank, TokenSet
from ..networks.fuser import Fuser

MAX_CALLS = 8  # kinds of call of a run whose keys and values are kept: with and without the negative, parts, branches


class CallKeyValues:
    """Of one kind of model call, for every fuser. token_sets: one for each of equally long runs of the batch's items."""

    def __init__(self, bank: TokenBank, token_sets: tuple[TokenSet, ...]) -> None:
        self.bank, self.token_sets = bank, token_sets
        self._known: dict[Any, Tensor] = {}

    def of(self, place: Any, fuser: Fuser, x: Tensor) -> Tensor:
        """(U, T, 2 dim) for x (B, n, dim): item i of the batch meets row i // (B / U)."""
        key = (place, x.device, x.dtype)
        if key not in self._known:
            distinct = list(dict.fromkeys(self.token_sets))
            rows = fuser.key_values(torch.cat([self.bank.tokens(one) for one in distinct]).to(x))
            order = [distinct.index(one) for one in self.token_sets]
            self._known[key] = rows if len(distinct) == len(order) else rows[order]
        return self._known[key]


class KeyValues:
    """Of one token bank; `clear` at the end of a run."""

    def __init__(self, bank: TokenBank) -> None:
        self.bank = bank
        self._known: OrderedDict[tuple[TokenSet, ...], CallKeyValues] = OrderedDict()

    def of_call(self, token_sets: Sequence[TokenSet]) -> CallKeyValues:
        """For a call whose items meet these token sets, one for each item."""
        runs = in_runs(token_sets)
        call = self._known.setdefault(runs, CallKeyValues(self.bank, runs))
        self._known.move_to_end(runs)
        if len(self._known) > MAX_CALLS:
            self._known.popitem(last=False)
        return call

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
