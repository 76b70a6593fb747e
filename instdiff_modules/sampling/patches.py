"""The callable objects through which the UNet meets the grounding tokens and ScaleU.

Both are plain ComfyUI patches: the call does the work, `to` answers device and dtype moves, `models` names the
ModelPatchers that must be loaded with the UNet, `cleanup` drops what was cached for one sampling run.
"""

from typing import Any, Callable, Mapping, NamedTuple, Sequence

import torch
from torch import Tensor

from ..grounding.bank import TokenBank
from ..networks.adapter import UNetAdapter
from ..networks.fuser import Attention
from ..networks.scaleu import scaleu
from .attention_mask import MaskedAttention, additive_mask
from .context_window import context_window
from .window import Window

BRANCHES = "instdiff_branches"  # transformer option: Branches, while the multi-instance sampler runs them
ALPHA = "instdiff_alpha"  # transformer option: the share of the fusers' strength at this step, set by samplers that count steps
UNCOND = "instdiff_uncond_uuids"  # transformer option: uuids of the conditionings that guide away
SCALEU_OWNER = "instdiff_scaleu_owner"  # transformer option: the ScaleU patch that acts, if several were applied


class Branch(NamedTuple):
    """One item of a batch of branches: image `sample` seen by some instances of `bank` (their indices), or by all (bank None).

    owners: what tells these instances from others, for the conditionings that belong to one of them (`owners.Owner`).
    """

    sample: int
    bank: TokenBank | None = None
    members: tuple[int, ...] = ()
    owners: frozenset[tuple[str, str]] | None = None


class Branches(NamedTuple):
    """The items of the batch that the model is given, and the number of images that they belong to."""

    images: int
    items: tuple[Branch, ...]


class FuserPatch:
    """`middle_patch`: fuses the grounding tokens in, between self- and cross-attention of every transformer block."""

    def __init__(
        self,
        patcher: Any,
        bank: TokenBank,
        window: Window,
        attention: Callable[[Mapping[str, Any]], Attention],
        strength: float = 1.0,
        masked: MaskedAttention | None = None,
    ) -> None:
        """patcher.model is the UNetAdapter; attention(extra_options) gives the attention function of that block."""
        self.patcher, self.bank, self.window, self.attention = patcher, bank, window, attention
        self.strength, self.masked = strength, masked
        self._cache: dict[Any, Any] = {}
        self._now: tuple[Tensor | None, float, float] | None = None
        self._last_mask: tuple[Tensor, Tensor] | None = None

    @torch.compiler.disable  # ComfyUI's node compiles without guards on the options: a decision made here would be frozen
    def __call__(self, x: Tensor, extra_options: Mapping[str, Any]) -> Tensor:
        """x (B, tokens, channels) -> the same shape."""
        sigma, share = self._time(extra_options)
        scale = self.strength * extra_options.get(ALPHA, share)
        fuser = self.adapter.fuser(extra_options["block"])
        if scale == 0 or fuser is None:
            return x
        rows = self.rows(x.shape[0], sigma, extra_options)
        if rows is None:
            return x
        keys, values = self._keys_values(fuser, rows, x, extra_options)
        attention = self.attention(extra_options)
        if self.masked is not None:
            attention = self._masked(attention, rows, x, extra_options)
        return fuser(x, keys, values, extra_options["n_heads"], attention, scale)

    @property
    def adapter(self) -> UNetAdapter:
        return self.patcher.model

    def rows(self, batch: int, sigma: float, options: Mapping[str, Any]) -> tuple[int, ...] | None:
        """The bank's row of every batch item, or None where no instance is active at this sigma."""
        kinds = options.get("cond_or_uncond") or [0]
        per_chunk = batch // len(kinds)
        cond = self._cond_rows(self._branches(per_chunk, options), sigma)
        # Asked of the layouts, not of the items: the branches may come in parts, and what guides away without them.
        if not any(self.window.row(timeline, sigma) for timeline in self.bank.layouts):
            return None
        rows: list[int] = []
        for unconditional in self._unconditional(kinds, options):
            rows += [0] * per_chunk if unconditional else cond
        return tuple(rows)

    @staticmethod
    def _branches(items: int, options: Mapping[str, Any]) -> Branches:
        """What the items of one chunk are: branches, frames of a context window, or simply the images of the batch."""
        branches, window = options.get(BRANCHES), context_window(options, items)
        if window is None:
            return branches or Branches(items, tuple(Branch(i) for i in range(items)))
        if branches is not None:  # a window of the batch of branches
            return branches._replace(items=tuple(branches.items[i] for i in window.frames))
        return Branches(window.total or max(window.frames) + 1, tuple(Branch(i) for i in window.frames))

    def _cond_rows(self, branches: Branches, sigma: float) -> list[int]:
        frames = self.bank.frames
        if branches.images % frames:
            raise ValueError(
                f"The layout has {frames} frames, which do not fit a latent batch of {branches.images}. "
                f"Set batch_size to {frames}, or give one layout for all images."
            )
        rows = []
        for item in branches.items:
            frame = item.sample % frames
            if item.bank is None:
                timeline = self.bank.layouts[frame]
            else:  # instances of another Apply node leave this one with nothing to say
                timeline = self.bank.apart[frame][item.members] if item.bank is self.bank else ()
            rows.append(self.window.row(timeline, sigma))
        return rows

    @staticmethod
    def _unconditional(kinds: Sequence[int], options: Mapping[str, Any]) -> list[bool]:
        # Guiders with three conditionings number them differently (core's dual guider puts the negative first), so
        # the uuids that the sampling wrapper collected by name win over the number.
        negatives, uuids = options.get(UNCOND), options.get("uuids")
        if negatives is not None and uuids is not None and len(uuids) == len(kinds):
            return [uuid in negatives for uuid in uuids]
        return [kind != 0 for kind in kinds]

    def _time(self, options: Mapping[str, Any]) -> tuple[float, float]:
        """(sigma, share of the strength) of this model call."""
        sigmas = options.get("sigmas")
        if self._now is None or self._now[0] is not sigmas:  # one device read per model call, not one per block
            sigma = self.window.to_sigma(self.window.start) if sigmas is None else float(sigmas.max())
            self._now = (sigmas, sigma, self.window.share(sigma))
        return self._now[1:]

    def _keys_values(
        self, fuser: Any, rows: Sequence[int], x: Tensor, options: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor]:
        place = (options["block"], x.device, x.dtype)
        missing = [row for row in dict.fromkeys(rows) if (place, row) not in self._cache]
        if missing:
            k, v = fuser.keys_values(self.bank.tokens(missing).to(x))
            self._cache.update({(place, row): (k[i], v[i]) for i, row in enumerate(missing)})
        pairs = [self._cache[place, row] for row in rows]
        return torch.stack([k for k, _ in pairs]), torch.stack([v for _, v in pairs])

    def _masked(self, attention: Attention, rows: Sequence[int], x: Tensor, options: Mapping[str, Any]) -> Attention:
        """Attention in which the items of each row see only what that row allows; unmasked rows need no mask at all."""
        groups: dict[int, list[int]] = {}
        for item, row in enumerate(rows):
            groups.setdefault(row, []).append(item)
        allowed = {row: self._allowed(row, x, options) for row in groups}
        if all(pairs is None for pairs in allowed.values()):
            return attention

        def run(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
            out = torch.empty_like(q)
            for row, items in groups.items():
                own = (
                    None
                    if allowed[row] is None
                    else self._additive(allowed[row], q.dtype)[None].expand(len(items), -1, -1)
                )
                out[items] = attention(q[items], k[items], v[items], heads, own)
            return out

        return run

    def _additive(self, allowed: Tensor, dtype: torch.dtype) -> Tensor:
        # Only the last one is kept: the blocks of a level follow each other, and at 1024x1024 each takes half a gigabyte.
        if self._last_mask is None or self._last_mask[0] is not allowed or self._last_mask[1].dtype != dtype:
            self._last_mask = None
            self._last_mask = (allowed, additive_mask(allowed, dtype))
        return self._last_mask[1]

    def _allowed(self, row: int, x: Tensor, options: Mapping[str, Any]) -> Tensor | None:
        size = tuple(options["original_shape"][-2:])
        key = ("allowed", row, x.shape[1], size, x.device)
        if key not in self._cache:
            pairs = self.masked.allowed(self.bank.boxes(row), self.bank.slots, x.shape[1], size)
            self._cache[key] = None if pairs is None else pairs.to(x.device)
        return self._cache[key]

    def to(self, device_or_dtype: Any) -> "FuserPatch":
        """Nothing to move: tokens follow the UNet's own tensors, weights belong to their ModelPatcher."""
        return self

    def models(self) -> list[Any]:
        return [self.patcher]

    def cleanup(self) -> None:
        """Drop the keys and values of the run."""
        self._cache.clear()
        self._now = self._last_mask = None


class ScaleUPatch:
    """`output_block_patch`: ScaleU on every decoder block, after ControlNet was added to the skip."""

    def __init__(self, patcher: Any, se: bool = False) -> None:
        self.patcher, self.se = patcher, se

    def __call__(self, h: Tensor, skip: Tensor, options: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """h (B, C, H, W) and skip (B, C', H, W) before their concatenation."""
        if options.get(SCALEU_OWNER, self) is not self:
            return h, skip  # another Apply node came later: the gains must act once
        parameters = self.patcher.model.scaleu(options["block"][1])
        return (h, skip) if parameters is None else scaleu(h, skip, *parameters, se=self.se)

    def to(self, device_or_dtype: Any) -> "ScaleUPatch":
        return self

    def models(self) -> list[Any]:
        return [self.patcher]
