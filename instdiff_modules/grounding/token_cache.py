"""Tokens that were made before, by what they were made from: only what changed is tokenized again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from .inputs import GroundingInputs

MAX_ROWS = 128  # layouts; with 30 slots and tokens of width 768 that is 72 MB


class TokenCache:
    """The last tokens of one tokenizer, at most `rows` layouts; the ones longest unused go first.

    Layouts are tokenized one at a time: in a batch their sums would round by who else is in it, and the same picture
    would come out a little different from one run to the next.
    """

    def __init__(self, rows: int = MAX_ROWS) -> None:
        self.rows = rows
        self._known: OrderedDict[Hashable, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def tokens(
        self, inputs: GroundingInputs, tokenizer: Callable[[GroundingInputs], Tensor], state: Hashable
    ) -> Tensor:
        """Grounding inputs of B layouts -> tokens (B, 4 slots + 64, out_dim), as tokenizer(inputs) gives them.

        state: what else the tokens depend on (weights, device, number type); with another state nothing is known.
        """
        out = []
        for row in range(inputs.boxes.shape[0]):
            one = GroundingInputs(*(tensor[row : row + 1] for tensor in inputs))
            key = (state, content(one))
            if key not in self._known:
                self._known[key] = tokenizer(one)
            self._known.move_to_end(key)
            out.append(self._known[key])
            while len(self._known) > self.rows:
                self._known.popitem(last=False)
        return torch.cat(out)


def content(inputs: GroundingInputs) -> bytes:
    """Digest of the grounding inputs of one layout: equal inputs, equal digest.

    Masks count only where the tokenizer looks at them, and slots without one are left out: they are nearly all of the data.
    """
    digest = hashlib.blake2b(digest_size=16)
    segs = inputs.segs[0]
    used = [slot for slot in range(len(segs)) if segs[slot].any()] if inputs.seg_mask.any() else []
    for tensor in (*inputs._replace(segs=segs[used]), torch.tensor([*segs.shape, *used])):
        digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.digest()
