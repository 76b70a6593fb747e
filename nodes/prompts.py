"""The instances' prompts as a CLIP encodes them, remembered as long as that CLIP is there."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..instdiff_modules.sampling.branched_batch import Words
from . import checks

Value = TypeVar("Value")
MAX_PROMPTS = 128  # of one CLIP, 0.24 MB each; SDXL's have three times as much


class Encoded(NamedTuple):
    """words: what a branch tells the UNet. feature (text_dim,): what the tokenizer sees of an instance's prompt."""

    words: Words
    feature: Tensor


class Remembered:
    """What was made with a CLIP, by what it was made of; of each CLIP at most `most` things, the ones longest unused go first.

    Apply runs again for every change of the layout. Encoding anew would bring the CLIP back into the GPU's memory, and on a
    small card push the model out of it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._known: WeakKeyDictionary[Any, OrderedDict[Hashable, Any]] = WeakKeyDictionary()

    def get(self, clip: Any, made_of: Hashable, make: Callable[[], Value]) -> Value:
        """What `make` gave for it before, or gives now."""
        known = self._known.setdefault(clip, OrderedDict())
        # A LoRA and a CLIP skip make a new CLIP object; who changes one in place changes these.
        key = (
            made_of,
            getattr(clip, "layer_idx", None),
            getattr(getattr(clip, "patcher", None), "patches_uuid", None),
            repr(sorted(getattr(clip, "tokenizer_options", {}).items())),
        )
        if key not in known:
            known[key] = make()
        known.move_to_end(key)
        if len(known) > self.most:
            known.popitem(last=False)
        return known[key]


class KnownPrompts(Remembered):
    """Encodings for Apply InstDiff, by CLIP and prompt."""

    def __init__(self, prompts: int = MAX_PROMPTS) -> None:
        super().__init__(prompts)

    def encode(self, clip: Any, prompt: str, widths: tuple[int, int]) -> Encoded:
        """Cross-attention prompt of widths[0] and text feature of widths[1], float32 on the CPU.

        The feature is CLIP's pooled output before its projection, as the authors use it; with SDXL's two encoders that of CLIP-L, and
        behind it CLIP-G's after its projection (IGLIGEN-XL). ValueError for a CLIP of other widths.
        """

        def encoded() -> Encoded:
            cond, pooled, vector = _encode(clip, clip.tokenize(prompt))
            checks.check_encoding(cond, pooled, widths)
            words = Words(cond.float().cpu(), None if vector is None else vector[0].float().cpu())
            return Encoded(words, pooled[0].float().cpu())

        return self.get(clip, (prompt, widths), encoded)


def has_two_encoders(clip: Any) -> bool:
    """Whether it is SDXL's kind of CLIP: CLIP-L and CLIP-G side by side. One of several encoders that was not loaded is None."""
    stage = getattr(clip, "cond_stage_model", None)
    return all(getattr(stage, name, None) is not None for name in ("clip_l", "clip_g"))


def _encode(clip: Any, tokens: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    """Prompt (1, tokens, width), pooled feature (1, text_dim), and the pooled vector (1, n) that an SDXL UNet takes beside the prompt."""
    if not has_two_encoders(clip):
        return *clip.encode_from_tokens(tokens, return_pooled="unprojected"), None
    cond, vector = clip.encode_from_tokens(tokens, return_pooled=True)
    small = clip.cond_stage_model.clip_l
    small.set_clip_options({"projected_pooled": False})  # until the next encoding, which begins with the defaults
    pooled = small.encode_token_weights(tokens["l"])[1]
    return cond, torch.cat((pooled.to(vector), vector), -1), vector
