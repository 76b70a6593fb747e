"""Which token set each item of a model call meets: by its image or branch, its part of the picture, and the noise level."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..grounding.bank import NULL, TokenBank, TokenSet
from ..layout.frames import check_batch
from ..layout.instance import Box
from .branch import Branch
from .context_window import context_window
from .options import Items, RunOptions, run_options
from .part import part_of_window
from .window import ToSigma, token_set_at

_log = logging.getLogger(__name__)


class TokenSets:
    """The token sets of one Apply node's layouts (its number is `layer`) for the calls of a model."""

    def __init__(self, bank: TokenBank, layer: int = 0) -> None:
        self.bank, self.layer = bank, layer
        self._warned = False

    def of_call(
        self, batch: int, sigma: float, to_sigma: ToSigma, options: Mapping[str, Any]
    ) -> tuple[TokenSet, ...] | None:
        """One for each of the `batch` items, or None where no instance is active at this sigma."""
        run = run_options(options)
        kinds = options.get("cond_or_uncond") or [0]
        items = items_of_chunk(batch // len(kinds), options, run)
        check_batch(self.bank.frames, items.images)
        # By the layouts, not by the items: the branches may come in parts, and the negative without them.
        frames = range(self.bank.frames)
        if all(token_set_at(self.bank.timeline(frame), sigma, to_sigma) == NULL for frame in frames):
            return None
        found: list[TokenSet] = []
        for part, negative in zip(self._parts(kinds, options, run), negatives(kinds, options, run), strict=True):
            for branch in items.branches:
                timeline = () if negative else self._timeline(branch, part)
                found.append(token_set_at(timeline, sigma, to_sigma))
        # Parts that a context window cuts out are known only now.
        self.bank.prepare(found, sampling=True)
        return tuple(found)

    def _timeline(self, branch: Branch, part: Box | None) -> Any:
        if not branch.is_global and branch.layer != self.layer:
            return ()  # instances of another Apply node leave this one with nothing to say
        members = None if branch.is_global else branch.members
        return self.bank.timeline(branch.image % self.bank.frames, members, part)

    def _parts(self, kinds: Sequence[int], options: Mapping[str, Any], run: RunOptions) -> list[Box | None]:
        """The part of the picture that each chunk of the call sees; None: the whole."""
        parts = parts_of_chunks(len(kinds), options, run)
        if None in parts and run.latent_size is not None and not self._warned:
            seen = tuple(options.get("original_shape", ())[-2:]) or run.latent_size
            if seen[0] < run.latent_size[0] or seen[1] < run.latent_size[1]:
                self._warned = True
                _log.warning(
                    "The model is given parts of the picture (%dx%d cells of %dx%d) without their positions: each gets "
                    "the whole layout. In tiled sampling use the MODEL without Apply InstDiff.",
                    *reversed(seen), *reversed(run.latent_size),
                )  # fmt: skip
        return parts

    def forget(self) -> None:
        """The run is over: the next one is warned again."""
        self._warned = False


def parts_of_chunks(count: int, options: Mapping[str, Any], run: RunOptions) -> list[Box | None]:
    """The part of the picture that each of `count` chunks of a call sees, as far as it is known; None: the whole."""
    window = part_of_window(options)
    uuids = options.get("uuids") or []
    if len(uuids) != count:
        uuids = [None] * count
    return [run.parts.get(uuid, window) for uuid in uuids]


def items_of_chunk(count: int, options: Mapping[str, Any], run: RunOptions) -> Items:
    """What the items of one chunk are: branches, frames of a context window, or simply the images of the batch."""
    window = context_window(options, count)
    if window is None:
        return run.items or Items(count, tuple(Branch(i) for i in range(count)))
    if run.items is not None:  # a window of the batch of branches
        return run.items._replace(branches=tuple(run.items.branches[i] for i in window.frames))
    return Items(window.total or max(window.frames) + 1, tuple(Branch(i) for i in window.frames))


def negatives(kinds: Sequence[int], options: Mapping[str, Any], run: RunOptions) -> list[bool]:
    """Of each chunk of a call, whether its conditioning is a negative one.

    Guiders with three conditionings number them differently (core's dual guider puts the negative first), so the uuids
    that were collected by name as sampling began win over the number.
    """
    uuids = options.get("uuids")
    if run.negatives is not None and uuids is not None and len(uuids) == len(kinds):
        return [uuid in run.negatives for uuid in uuids]
    return [kind != 0 for kind in kinds]
