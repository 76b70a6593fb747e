"""The token bank: every set of grounding tokens that one sampling run can need, each made once, when it is needed.

Row 0 holds the null tokens (the unconditional pass). The others hold the tokens of a layout, or of some of its instances
(a branch of the multi-instance sampler), for each stretch of the denoising in which the same instances are active.
"""

from dataclasses import dataclass
from functools import cache
from typing import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ..geometry.grouping import two_groups
from ..layout.instance import Box, Instance
from .inputs import TEXT_DIM, GroundingInputs, build_grounding, null_grounding

FORMATS = 4  # token groups with one token per slot: box, point, scribble, polygon
Tokenizer = Callable[[GroundingInputs], Tensor]
Presence = Callable[[GroundingInputs], GroundingInputs]
Percent = float  # share of the denoising: 0 at the start, 1 at the end


@dataclass(frozen=True)
class Stretch:
    """Row `row` holds from `start` to `end` (shares of the denoising)."""

    start: Percent
    end: Percent
    row: int


Timeline = tuple[Stretch, ...]
Row = tuple[Tensor, tuple[Box | None, ...]]


class TokenBank:
    """What the fusers see: rows of tokens, and when which row holds. A row is made when it is first asked for, and kept.

    layouts[frame] and apart[frame][indices of the instances in a branch] say which row holds when; outside every stretch
    nothing is active.
    """

    def __init__(
        self,
        make: Callable[[int], Row],
        layouts: Sequence[Timeline],
        apart: Sequence[Mapping[tuple[int, ...], Timeline]],
        slots: int,
    ) -> None:
        """make(row) -> its tokens (1, T, C) on the CPU, and the boxes of its slots."""
        self.layouts, self.apart, self.slots = tuple(layouts), tuple(apart), slots
        self._row = cache(make)

    @property
    def frames(self) -> int:
        return len(self.layouts)

    def tokens(self, rows: Iterable[int]) -> Tensor:
        """(rows, T, C) on the CPU. To be asked once before sampling, since making a row loads the tokenizer."""
        return torch.cat([self._row(row)[0] for row in rows])

    def boxes(self, row: int) -> tuple[Box | None, ...]:
        """Of the row's slots; None where an instance has no box."""
        return self._row(row)[1]


def rows_of(timelines: Iterable[Timeline]) -> list[int]:
    """The rows that some timelines need."""
    return list(dict.fromkeys(stretch.row for timeline in timelines for stretch in timeline))


def build_bank(
    frames: Sequence[Sequence[Instance]],
    text: Sequence[Sequence[Tensor]],
    tokenizer: Tokenizer,
    slots: int,
    seed: int = 0,
    presence: Presence = lambda inputs: inputs,
) -> TokenBank:
    """Tokens of every layout (made here), of every instance alone and of the two groups of instances (made when asked for).

    frames[f][i] is an instance and text[f][i] its text feature (text_dim,). Instances of strength 0 count as absent.
    `presence` may replace the rule of which location formats count as given. The tokenizer is given one layout at a
    time: each holds a 30 x 512 x 512 mask image. Instances without masks know nothing of their neighbours: their tokens are picked out
    of the whole frame's, for which the tokenizer is asked once.
    """
    sets: dict[tuple[tuple[int, int], ...], int] = {(): 0}  # (frame, instance) pairs that are active together -> row

    def timeline(pairs: Sequence[tuple[int, int]]) -> Timeline:
        pairs = [(f, i) for f, i in pairs if frames[f][i].strength != 0]
        edges = sorted({0.0, 1.0, *(frames[f][i].start for f, i in pairs), *(frames[f][i].end for f, i in pairs)})
        stretches = []
        for start, end in zip(edges[:-1], edges[1:]):
            active = tuple((f, i) for f, i in pairs if frames[f][i].start <= start and frames[f][i].end >= end)
            if active:
                stretches.append(Stretch(start, end, sets.setdefault(active, len(sets))))
        return tuple(stretches)

    layouts = tuple(timeline([(f, i) for i in range(len(frame))]) for f, frame in enumerate(frames))
    apart = tuple(
        {
            members: timeline([(f, i) for i in members])
            for members in (*((i,) for i in range(len(frame))), *two_groups(frame))
        }
        for f, frame in enumerate(frames)
    )

    def ground(pairs: Sequence[tuple[int, int]]) -> GroundingInputs:
        return build_grounding(
            [[frames[f][i] for f, i in pairs]], [torch.stack([text[f][i] for f, i in pairs])], slots, seed
        )

    shown = [[i for i, instance in enumerate(frame) if instance.strength != 0] for frame in frames]

    @cache
    def whole(frame: int) -> Tensor:
        inputs = ground([(frame, i) for i in shown[frame]])  # without the mask image: its tokens are not picked
        return tokenizer(
            presence(inputs._replace(segs=torch.zeros_like(inputs.segs), seg_mask=torch.zeros_like(inputs.seg_mask)))
        )

    text_dim = next((t.shape[-1] for features in text for t in features), TEXT_DIM)
    null = tokenizer(presence(null_grounding(slots, text_dim)))
    known = list(sets)

    def make(row: int) -> Row:
        active = known[row]
        if not active:
            return null, ()
        instances, inputs = [frames[f][i] for f, i in active], ground(active)
        strengths = torch.ones(1, slots)
        strengths[0, : len(active)] = torch.tensor([instance.strength for instance in instances])
        frame = active[0][0]
        if inputs.seg_mask.any() or len(shown[frame]) > slots:  # so many never act at once, or the slots would not do
            tokens = tokenizer(presence(scale_masks(inputs, strengths)))
        else:
            tokens = pick(null, whole(frame), [shown[frame].index(i) for _, i in active], slots)
        return blend(null, tokens, strengths), _boxes(inputs)[0]

    bank = TokenBank(make, layouts, apart, slots)
    bank.tokens([0, *rows_of(layouts)])
    return bank


def pick(null: Tensor, tokens: Tensor, members: Sequence[int], slots: int) -> Tensor:
    """The tokens (1, 4 N + 64, C) of some instances in the first slots, out of those of a layout without masks."""
    out = null.clone()
    for token_group in range(FORMATS):
        first = token_group * slots
        out[:, first : first + len(members)] = tokens[:, [first + i for i in members]]
    return out


def scale_masks(inputs: GroundingInputs, strengths: Tensor) -> GroundingInputs:
    """Masks weighed by the strength (B, N) of their instance: the mask image is common to all instances."""
    if not inputs.seg_mask.any():
        return inputs  # nothing to weigh in some eight million zeros
    return inputs._replace(segs=inputs.segs * strengths[:, :, None, None])


def blend(null: Tensor, tokens: Tensor, strengths: Tensor) -> Tensor:
    """Move each instance's own tokens from the null token (strength 0) to its own (1) or beyond.

    null (1, 4 N + 64, C), tokens (B, 4 N + 64, C), strengths (B, N).
    """
    weight = strengths.repeat(1, FORMATS)
    weight = torch.cat((weight, weight.new_ones(weight.shape[0], tokens.shape[1] - weight.shape[1])), 1).unsqueeze(-1)
    # Not torch.lerp: where the weight is 1 the tokens must come out bit for bit.
    return torch.where(weight == 1, tokens, null + weight.to(tokens) * (tokens - null))


def _boxes(inputs: GroundingInputs) -> list[tuple[Box | None, ...]]:
    return [
        tuple(tuple(box) if present else None for box, present in zip(row.tolist(), mask.tolist()))
        for row, mask in zip(inputs.boxes, inputs.box_mask)
    ]
