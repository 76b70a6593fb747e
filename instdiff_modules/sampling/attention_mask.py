"""Instance-masked attention in the fuser: who may see whom (paper section 3.2, reference 5.3.2 and 5.3.3).

Visual tokens see each other only inside a common instance; the box and polygon tokens of an instance meet only the
visual tokens inside its box; point, scribble and mask tokens meet everyone; every token sees itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry.points import attention_masks
from ..layout.instance import Box
from ..networks.unifusion import SEGMENT_TOKENS

REFERENCE_TOKENS = 64 * 64  # the only size at which the authors' code masks


@dataclass(frozen=True)
class MaskedAttention:
    """levels "finest": at the finest level with a fuser, as trained (SD1.5's has the latent's own resolution); "all": at every one.

    authors=True is the authors' code to the letter: only where there are exactly 64 x 64 visual tokens, and with
    width and height exchanged (their masks are written [x, y] and read [y, x]).
    """

    levels: str = "finest"
    authors: bool = False

    def allowed(
        self,
        boxes: Sequence[Box | None],
        slots: int,
        tokens: int,
        latent_hw: Sequence[int],
        finest: int | None = None,
    ) -> Tensor | None:
        """Who may see whom for one layout: bool (n, n + 4 slots + 64) for n = tokens, or None where nothing is masked.

        boxes[slot] is None where the instance has no box. latent_hw: height and width of the whole latent. finest: tokens of the
        finest level with a fuser; None: as many as the latent has cells.
        """
        size = self._grid(tokens, latent_hw, finest)
        given = [(slot, box) for slot, box in enumerate(boxes) if box is not None]
        if size is None or not given:
            return None
        inside = torch.zeros(slots, tokens, dtype=torch.bool)
        masks = attention_masks([box for _, box in given], *size, transposed=self.authors)
        inside[[slot for slot, _ in given]] = torch.as_tensor(masks).flatten(1).bool()
        return allowed_pairs(inside) if inside.any() else None

    def _grid(self, tokens: int, latent_hw: Sequence[int], finest: int | None) -> tuple[int, int] | None:
        if self.authors and tokens != REFERENCE_TOKENS:
            return None
        size = level_size(tokens, latent_hw)
        if self.levels == "finest" and not self.authors and tokens != (finest or math.prod(latent_hw)):
            return None
        return size


def level_size(tokens: int, latent_hw: Sequence[int]) -> tuple[int, int] | None:
    """Height and width of the level of the UNet with so many visual tokens; None if a latent of this size has none."""
    height, width = latent_hw
    while height * width > tokens:  # each level of the UNet halves with a padded stride-2 convolution
        height, width = (height + 1) // 2, (width + 1) // 2
    return (height, width) if height * width == tokens else None


def additive_mask(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where allowed, else the least number of the dtype: backends that work in chunks turn rows of -inf into NaN."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(
        ~allowed, torch.finfo(dtype).min / 2
    )


def allowed_pairs(inside: Tensor) -> Tensor:
    """Which keys each visual query may see. inside (slots, n) bool: is that token within that slot's region.

    Returns (n, n + 4 slots + 64) bool.
    """
    slots, n = inside.shape
    member = inside.T.float()  # (n, slots)
    visual = (member @ member.T > 0) | torch.eye(n, dtype=torch.bool)
    everyone = torch.ones(n, slots, dtype=torch.bool)
    segment = torch.ones(n, SEGMENT_TOKENS, dtype=torch.bool)
    return torch.cat((visual, inside.T, everyone, everyone, inside.T, segment), dim=1)
