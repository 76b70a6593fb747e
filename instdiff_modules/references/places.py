"""Where each reference acts: the tokens of its instance's location that are seen, at every level of the UNet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from ..geometry.coverage import Widths, coverage
from ..geometry.crop import WHOLE, crop_instances
from ..layout.instance import Box, Instance
from ..sampling.branch import Branch, instance_key
from ..sampling.occlusion import seen
from ..sampling.window import ToSigma


class Share(NamedTuple):
    """What some tokens of a level take from a reference. tokens: (n,) their numbers; weights: (n, 1) in 0..1; strength: 0..2."""

    reference: int
    tokens: Tensor
    weights: Tensor
    strength: float


@dataclass(frozen=True)
class Member:
    """An instance of a layout. reference: the number of its picture, None if it has none; strength: 0..2, of the reference."""

    instance: Instance
    reference: int | None = None
    strength: float = 1.0

    @property
    def shares(self) -> bool:
        return self.reference is not None and self.strength > 0


class Plan:
    """The instances that act in one part of a picture, back to front, and what each level takes from their references."""

    def __init__(self, members: Sequence[Member], part: Box = WHOLE) -> None:
        self.placed = [(members[i], cut) for i, cut in crop_instances([m.instance for m in members], part)]
        self.acts = any(member.shares for member, _ in self.placed)
        self._levels: dict[tuple[int, int], list[Share]] = {}

    def shares(self, height: int, width: int) -> list[Share]:
        """For a level of that many tokens. In front of others an instance hides their references as far as it is opaque."""
        if (height, width) not in self._levels:
            through = seen([cut for _, cut in self.placed], height, width)
            self._levels[height, width] = [
                share
                for (member, cut), open_ in zip(self.placed, through, strict=True)
                if member.shares and (share := self._share(member, cut, open_)) is not None
            ]
        return self._levels[height, width]

    def _share(self, member: Member, cut: Instance, through: Tensor) -> Share | None:
        height, width = through.shape
        weights = (coverage(cut, height, width, Widths()) * through).flatten()
        tokens = weights.nonzero()[:, 0]
        assert member.reference is not None
        return Share(member.reference, tokens, weights[tokens, None], member.strength) if len(tokens) else None


class Places:
    """The layouts of a batch, frame by frame, with their references."""

    def __init__(self, frames: Sequence[Sequence[Member]]) -> None:
        self.frames = tuple(map(tuple, frames))
        self._plans: dict[tuple, Plan] = {}

    def plan(self, branch: Branch, part: Box | None, sigma: float, to_sigma: ToSigma) -> Plan | None:
        """For one item of a model call: its image, or the branch of some instances. None where no reference acts."""
        frame = branch.image % len(self.frames)
        keys = branch.keys
        acting = tuple(
            i
            for i, member in enumerate(self.frames[frame])
            if (keys is None or instance_key(member.instance) in keys)
            and to_sigma(member.instance.end) <= sigma <= to_sigma(member.instance.start)
        )
        key = frame, acting, part
        if key not in self._plans:
            self._plans[key] = Plan([self.frames[frame][i] for i in acting], part or WHOLE)
        return self._plans[key] if self._plans[key].acts else None
