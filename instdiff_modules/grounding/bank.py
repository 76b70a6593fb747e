"""The token bank: every token set that one sampling run can need, each made once.

A token set is named by what it holds (`TokenSet`): instances of a frame, as they stand in the whole picture or in a part
of it. The null set, for the unconditional pass, holds none.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..geometry.crop import crop_instances
from ..layout.instance import Box, Instance
from .inputs import TEXT_DIM, GroundingInputs, build_grounding, null_grounding

GROUPS = 4  # of tokens with one token per slot: box, point, scribble, polygon
Presence = Callable[[GroundingInputs], GroundingInputs]
# (grounding inputs, whether a sampling run is under way) -> tokens
Tokenizer = Callable[[GroundingInputs, bool], Tensor]


class TokenSet(NamedTuple):
    """The tokens of some instances (their indices) of a frame, in a part of the picture (None: the whole)."""

    frame: int = 0
    members: tuple[int, ...] = ()
    part: Box | None = None


NULL = TokenSet()


class Interval(NamedTuple):
    """A token set holds from start to end, shares of the denoising (0..1)."""

    start: float
    end: float
    tokens: TokenSet


Timeline = tuple[Interval, ...]


class Grounding(NamedTuple):
    """What a token set is: its tokens (1, 4 slots + 64, C) on the CPU, and the boxes of its slots (None: no box)."""

    tokens: Tensor
    boxes: tuple[Box | None, ...]


class TokenBank:
    """What the fusers see, and when.

    frames[f][i] is an instance and text[f][i] its text feature (text_dim,); instances of strength 0 count as absent.
    `presence` may replace the rule of which location formats count as given. The tokenizer is given one layout at a time.
    Instances without masks know nothing of their neighbours: their tokens are picked out of their frame's, for which the
    tokenizer runs once. ValueError if more instances are to act at once than there are slots.
    """

    def __init__(
        self,
        frames: Sequence[Sequence[Instance]],
        text: Sequence[Sequence[Tensor]],
        tokenizer: Tokenizer,
        slots: int,
        seed: int = 0,
        presence: Presence = lambda inputs: inputs,
    ) -> None:
        self.slots = slots
        self._frames, self._text, self._tokenizer = frames, text, tokenizer
        self._seed, self._presence = seed, presence
        self._same = first_equals(frames, text)
        self._known: dict[TokenSet, Grounding] = {}
        self._whole: dict[tuple[int, Box | None], Tensor] = {}
        # memories of this bank's own, which go with it
        self.timeline = cache(self._timeline)
        self._shown = cache(self._instances_shown)
        check_slots(frames, slots)

    @property
    def frames(self) -> int:
        return len(self._frames)

    def _timeline(self, frame: int, members: tuple[int, ...] | None = None, part: Box | None = None) -> Timeline:
        """When which of the members of a frame (None: all) act; outside every interval nobody does.

        Frames that are alike have the token sets of the first of them.
        """
        frame = self._same[frame]
        shown = self._shown(frame, part)
        chosen = {i: shown[i] for i in (shown if members is None else members) if i in shown}
        edges = sorted({0.0, 1.0, *(i.start for i in chosen.values()), *(i.end for i in chosen.values())})
        intervals = []
        for start, end in pairwise(edges):
            active = tuple(i for i, one in chosen.items() if one.start <= start and one.end >= end)
            if active:
                intervals.append(Interval(start, end, TokenSet(frame, active, part)))
        return tuple(intervals)

    def _instances_shown(self, frame: int, part: Box | None) -> dict[int, Instance]:
        instances = self._frames[frame]
        inside = enumerate(instances) if part is None else crop_instances(instances, part)
        return {i: instance for i, instance in inside if instance.strength != 0}

    def prepare(self, token_sets: Iterable[TokenSet], sampling: bool = False) -> None:
        """Make these token sets and the null set, if they are not there. sampling: whether a run is under way."""
        for token_set in (NULL, *token_sets):
            if token_set not in self._known:
                self._known[token_set] = self._make(token_set, sampling)

    def tokens(self, token_set: TokenSet) -> Tensor:
        """(1, 4 slots + 64, C) on the CPU. KeyError if it was not prepared."""
        return self._known[token_set].tokens

    def boxes(self, token_set: TokenSet) -> tuple[Box | None, ...]:
        """Of the slots in use; None where an instance has no box. KeyError if it was not prepared."""
        return self._known[token_set].boxes

    def instances(self, token_set: TokenSet) -> tuple[Instance, ...]:
        """Of the slots in use, as they stand in the token set's part of the picture."""
        shown = self._shown(token_set.frame, token_set.part) if token_set.members else {}
        return tuple(shown[i] for i in token_set.members)

    def _make(self, token_set: TokenSet, sampling: bool) -> Grounding:
        if token_set == NULL:
            text_dim = next((t.shape[-1] for features in self._text for t in features), TEXT_DIM)
            null = null_grounding(self.slots, text_dim)
            return Grounding(self._tokenizer(self._presence(null), sampling), ())
        frame, members, part = token_set
        shown, null = self._shown(frame, part), self.tokens(NULL)
        inputs = self._grounding(token_set)
        strengths = torch.ones(1, self.slots)
        strengths[0, : len(members)] = torch.tensor([shown[i].strength for i in members])
        if inputs.seg_mask.any() or len(shown) > self.slots:  # so many never act at once, or the slots would not do
            tokens = self._tokenizer(self._presence(scale_masks(inputs, strengths)), sampling)
        else:
            everyone = tuple(shown)
            whole = self._whole_frame(TokenSet(frame, everyone, part), sampling)
            tokens = pick(null, whole, [everyone.index(i) for i in members], self.slots)
        return Grounding(blend(null, tokens, strengths), slot_boxes(inputs)[0])

    def _whole_frame(self, everyone: TokenSet, sampling: bool) -> Tensor:
        """Tokens of all instances of a frame, without the mask image: its tokens are not picked."""
        key = everyone.frame, everyone.part
        if key not in self._whole:
            inputs = self._grounding(everyone)
            null = null_grounding(self.slots)
            inputs = inputs._replace(segs=null.segs, seg_mask=null.seg_mask)
            self._whole[key] = self._tokenizer(self._presence(inputs), sampling)
        return self._whole[key]

    def _grounding(self, token_set: TokenSet) -> GroundingInputs:
        shown, text = self._shown(token_set.frame, token_set.part), self._text[token_set.frame]
        instances, features = [shown[i] for i in token_set.members], [text[i] for i in token_set.members]
        return build_grounding([instances], [torch.stack(features)], self.slots, self._seed)


def first_equals(frames: Sequence[Sequence[Instance]], text: Sequence[Sequence[Tensor]]) -> list[int]:
    """Of each frame the number of the first one with the same locations, times, strengths, opacities and text features."""
    known: dict[tuple, int] = {}
    return [
        known.setdefault(tuple(map(_content, frame, features)), i)
        for i, (frame, features) in enumerate(zip(frames, text, strict=True))
    ]


def _content(instance: Instance, feature: Tensor) -> tuple:
    """What the tokens of an instance and their masks are made of. Equal prompts share one feature, which has to be the same object."""
    place = instance.box, instance.point, instance.scribble, instance.mask
    return *place, instance.strength, instance.start, instance.end, instance.opacity, id(feature)


def token_sets_of(timelines: Iterable[Timeline]) -> list[TokenSet]:
    """The token sets that some timelines need."""
    return list(dict.fromkeys(interval.tokens for timeline in timelines for interval in timeline))


def check_slots(frames: Sequence[Sequence[Instance]], slots: int) -> None:
    """ValueError if more instances of a frame act at the same time than the weights have slots."""
    for frame in frames:
        shown = [instance for instance in frame if instance.strength != 0]
        if len(shown) > slots:
            most = max(sum(one.start <= at.start < one.end for one in shown) for at in shown)
            if most > slots:
                raise ValueError(
                    f"The layout has {most} instances, the loaded model takes at most {slots}. Remove some."
                )


def pick(null: Tensor, tokens: Tensor, members: Sequence[int], slots: int) -> Tensor:
    """The tokens (1, 4 N + 64, C) of some instances in the first slots, out of those of a layout without masks."""
    out = null.clone()
    for group in range(GROUPS):
        first = group * slots
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
    weight = strengths.repeat(1, GROUPS)
    rest = weight.new_ones(weight.shape[0], tokens.shape[1] - weight.shape[1])
    weight = torch.cat((weight, rest), 1).unsqueeze(-1)
    # Not torch.lerp: where the weight is 1 the tokens must come out bit for bit.
    return torch.where(weight == 1, tokens, null + weight.to(tokens) * (tokens - null))


def slot_boxes(inputs: GroundingInputs) -> list[tuple[Box | None, ...]]:
    """For each layout the boxes of its slots, None where there is none."""
    return [
        tuple(tuple(box) if present else None for box, present in zip(row.tolist(), mask.tolist(), strict=True))
        for row, mask in zip(inputs.boxes, inputs.box_mask, strict=True)
    ]
