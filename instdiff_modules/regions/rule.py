"""Who sees whom, as biases that are added to attention's logits: from a gentle pull to a hard mask.

A text segment is the columns of one region's prompt; all other text (the global prompt, padding) is segment 0. Segments
never see each other. A segment sees its region of the picture, the picture sees the segments of its regions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FREE, CUT = PICTURES = ("free", "cut")
GLOBAL, EVERYTHING = OUTSIDES = ("global prompt", "everything")
SOFTEST = 4.0  # a strength of 0.5 leaves the outside exp(-4) of its weight


@dataclass(frozen=True)
class Rule:
    """outside: what picture tokens outside all regions see. picture: cut = nothing of a region reaches the rest of the picture.

    repeated: the regions hold for reference pictures of the same size as well, as EliGen has it.
    """

    outside: str = GLOBAL
    picture: str = FREE
    repeated: bool = False


@dataclass(frozen=True)
class Force:
    """Of one region. strength 0..1: 1 = hard mask; global_share 0..1: how much of the global prompt acts inside; gain > 0."""

    strength: float = 1.0
    global_share: float = 1.0
    gain: float = 1.0

    @property
    def leak(self) -> float:
        """Weight of the segment outside its region."""
        return 0.0 if self.strength >= 1 else float(torch.tensor(-SOFTEST * self.strength / (1 - self.strength)).exp())


@dataclass(frozen=True, eq=False)
class Meeting:
    """One picture and its text. weights (n, N) float32: picture tokens in each region; forces: one for each region.

    segments (T,) int64: 0 for the global text, i + 1 for region i's, n + 1 and more for text that nobody reads.
    """

    weights: Tensor
    forces: tuple[Force, ...]
    segments: Tensor
    rule: Rule

    def picture_to_text(self) -> Tensor:
        """(N, T): biases of picture queries on text keys; -inf where hidden."""
        anywhere = self.weights.amax(0) if len(self.weights) else torch.zeros(self.weights.shape[1])
        less = [w * (1 - force.global_share) for w, force in zip(self.weights, self.forces, strict=True)]
        columns = [(1 - torch.stack(less).amax(0)).log() if less else anywhere.log1p()]
        for weight, force in zip(self.weights, self.forces, strict=True):
            reach = weight + (1 - weight) * force.leak
            if self.rule.outside == EVERYTHING:
                reach = torch.where(anywhere == 0, torch.ones_like(reach), reach)
            columns.append((reach * force.gain).log())
        columns.append(torch.full_like(anywhere, -torch.inf))
        return torch.stack(columns, 1)[:, self.segments.clamp(max=len(self.weights) + 1)]

    def text_to_picture(self) -> Tensor:
        """(T, N)."""
        free = self.rule.picture == FREE
        rows = [torch.full((self.weights.shape[1],), 0.0 if free else -torch.inf)]
        rows += [(w + (1 - w) * force.leak).log() for w, force in zip(self.weights, self.forces, strict=True)]
        rows.append(torch.full_like(rows[0], -torch.inf))
        return torch.stack(rows)[self.segments.clamp(max=len(self.weights) + 1)]

    def text_to_text(self) -> Tensor:
        """(T, T): within a segment only."""
        same = self.segments[:, None] == self.segments[None]
        return torch.zeros(same.shape).masked_fill_(~same, -torch.inf)

    def picture_to_picture(self) -> Tensor | None:
        """(N, N): free (None), or only between tokens of the same regions."""
        if self.rule.picture == FREE or not len(self.weights):
            return None
        _, group = torch.unique(self.weights > 0, dim=1, return_inverse=True)
        same = group[:, None] == group[None]
        return torch.zeros(same.shape).masked_fill_(~same, -torch.inf)
