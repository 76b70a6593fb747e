"""The callable object through which the UNet's transformer blocks meet the grounding tokens.

A plain ComfyUI patch: the call does the work, `to` answers device and dtype moves, `models` names the ModelPatchers that
must be loaded with the UNet, `cleanup` drops what was kept for one sampling run.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..grounding.bank import TokenBank, TokenSet
from ..networks.adapter import UNetAdapter
from ..networks.fuser import Attention
from .attention_mask import MaskedAttention, level_size
from .key_values import CallKeyValues, KeyValues
from .layout_masks import LayoutMasks
from .options import run_options
from .token_sets import TokenSets
from .window import ToSigma, Window

LARGE = 96 * 96  # visual tokens of 768 x 768 pixels: from here on attention is what a fuser costs


class Call(NamedTuple):
    """What all blocks of one model call have in common: the strength, the token set of every item, and their memory."""

    strength: float
    token_sets: tuple[TokenSet, ...]
    key_values: CallKeyValues


class FuserPatch:
    """`middle_patch`: fuses the grounding tokens in, between self- and cross-attention of every transformer block."""

    def __init__(
        self,
        patcher: Any,
        bank: TokenBank,
        window: Window,
        to_sigma: ToSigma,
        attention: Callable[[Mapping[str, Any]], Attention],
        strength: float = 1.0,
        masked: MaskedAttention | None = None,
        layer: int = 0,
        depth: bool = False,
        pool_from: int | None = None,
    ) -> None:
        """patcher.model is the UNetAdapter; attention(extra_options) gives the attention function of that block.

        to_sigma: for calls outside a sampling run, which has its own. layer: the number of the Apply node. depth: whether
        instances hide those behind them. pool_from: from so many visual tokens on, those of the finest level with a fuser
        have pooled keys, where nothing is masked.
        """
        self.patcher, self.window, self.to_sigma, self.attention = patcher, window, to_sigma, attention
        self.strength, self.pool_from = strength, pool_from
        self._token_sets = TokenSets(bank, layer)
        self._key_values = KeyValues(bank)
        self._masks = LayoutMasks(bank, masked, depth) if masked is not None or depth else None
        self._gates: Mapping[Any, tuple[float, float]] | None = None
        self._last: tuple[tuple[Any, ...], Call | None] | None = None
        self._first, self._finest = next(iter(self.adapter.fuser_dims)), None

    @property
    def adapter(self) -> UNetAdapter:
        return self.patcher.model

    @torch.compiler.disable  # ComfyUI's node compiles without guards on the options: a decision made here would be frozen
    def __call__(self, x: Tensor, extra_options: Mapping[str, Any]) -> Tensor:
        """x (B, tokens, channels) -> the same shape."""
        block, number = extra_options["block"], extra_options.get("block_index", 0)
        place = (*block, number)
        fuser = self.adapter.fuser(block, number)
        call = self._call(x.shape[0], extra_options)
        if fuser is None or call is None:
            return x
        if block == self._first:
            self._finest = x.shape[1]
        if self._gates is None:  # constants of a run; read once, since each reading waits for the device
            self._gates = self.adapter.gates()
        attn, dense = self._gates[place]
        gates = call.strength * attn, call.strength * dense
        attention = plain = self.attention(extra_options)
        if self._masks is not None:
            attention = self._masks.attention(plain, call.token_sets, x, extra_options, self._finest)
        pooled = self._pooled(x.shape[1], extra_options) if attention is plain else None
        key_values = call.key_values.of(place, fuser, x)
        return fuser(x, key_values, extra_options["n_heads"], attention, gates, pooled=pooled)

    def _pooled(self, tokens: int, options: Mapping[str, Any]) -> tuple[int, int] | None:
        """The grid of the visual tokens if their keys are pooled."""
        if self.pool_from is None or tokens < self.pool_from:
            return None
        return level_size(tokens, options["original_shape"][-2:]) if tokens == self._finest else None

    def _call(self, batch: int, options: Mapping[str, Any]) -> Call | None:
        """None: there is nothing to do in this call."""
        # New objects for every model call, and the same for all its blocks, which so share one look at the device.
        sight = (
            batch,
            options.get("sigmas"),
            options.get("uuids"),
            options.get("cond_or_uncond"),
            run_options(options),
        )
        if self._last is None or any(a is not b for a, b in zip(self._last[0], sight, strict=True)):
            self._last = sight, self._look(batch, options)
        return self._last[1]

    def _look(self, batch: int, options: Mapping[str, Any]) -> Call | None:
        run, sigmas = run_options(options), options.get("sigmas")
        to_sigma = run.to_sigma or self.to_sigma
        sigma = to_sigma(self.window.start) if sigmas is None else float(sigmas[0])
        strength = self.strength * (self.window.share(sigma, to_sigma) if run.alpha is None else run.alpha)
        token_sets = None if strength == 0 else self._token_sets.of_call(batch, sigma, to_sigma, options)
        return None if token_sets is None else Call(strength, token_sets, self._key_values.of_call(token_sets))

    def to(self, _device_or_dtype: Any) -> "FuserPatch":
        """Nothing to move: tokens follow the UNet's own tensors, weights belong to their ModelPatcher."""
        return self

    def models(self) -> list[Any]:
        return [self.patcher]

    def cleanup(self) -> None:
        """Drop what was kept for the run."""
        self._key_values.clear()
        self._token_sets.forget()
        if self._masks is not None:
            self._masks.clear()
        self._gates = self._last = None
