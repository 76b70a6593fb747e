"""The instances' prompts as a CLIP encodes them, remembered as long as that CLIP is there."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from . import checks

MAX_PROMPTS = 128  # of one CLIP, 0.24 MB each
Encoded = tuple[Tensor, Tensor]


class KnownPrompts:
    """Encodings by CLIP and prompt; of each CLIP at most `prompts`, the ones longest unused go first.

    Apply runs again for every change of the layout. Encoding anew would bring the CLIP back into the GPU's memory, and on a
    small card push the UNet out of it.
    """

    def __init__(self, prompts: int = MAX_PROMPTS) -> None:
        self.prompts = prompts
        self._known: WeakKeyDictionary[Any, OrderedDict[Hashable, Encoded]] = WeakKeyDictionary()

    def encode(self, clip: Any, prompt: str, widths: tuple[int, int]) -> Encoded:
        """Cross-attention prompt (1, tokens, widths[0]) and text feature (widths[1],), float32 on the CPU.

        The feature is CLIP's pooled output before its projection, as the authors use it. ValueError for a CLIP of other widths.
        """
        known = self._known.setdefault(clip, OrderedDict())
        # A LoRA and a CLIP skip make a new CLIP object; who changes one in place changes these.
        key = (
            prompt,
            widths,
            getattr(clip, "layer_idx", None),
            getattr(getattr(clip, "patcher", None), "patches_uuid", None),
        )
        if key not in known:
            cond, pooled = clip.encode_from_tokens(clip.tokenize(prompt), return_pooled="unprojected")
            checks.check_encoding(cond, pooled, widths)
            known[key] = (cond.float().cpu(), pooled[0].float().cpu())
        known.move_to_end(key)
        if len(known) > self.prompts:
            known.popitem(last=False)
        return known[key]
