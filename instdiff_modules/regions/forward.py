"""One forward pass of a model under regions: the function around every attention call, and what it counts."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .calls import Call
from .families import Family, centred, refined_apart, restarted
from .mask import additive, joined, with_text
from .plan import Row
from .weights import Patch, grid_of

OVERRIDE = "optimized_attention_override"


class Forward:
    """rows: for each row of the batch what steers it, None where the plain model acts.

    latent: height and width in cells; text: text tokens in the call. kept: masks, which serve further calls of the run.
    masked counts the attention calls that were masked; positioned: whether text positions were set anew, where they have to be.
    """

    def __init__(
        self,
        family: Family,
        network: Any,
        rows: Sequence[Row | None],
        latent: tuple[int, int],
        text: int,
        kept: MutableMapping[Any, Any],
    ) -> None:
        self.family, self.network, self.rows, self.latent = family, network, rows, latent
        self.calls, self.kept, self.masked, self.positioned = family.calls(network), kept, 0, False
        self.previous: Callable[..., Tensor] | None = None
        multiple = family.padding(network)
        plain = torch.zeros(text, dtype=torch.long)
        self.segments = [plain if row is None else row.segments for row in rows]
        self.text = -(-text // multiple) * multiple

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of ComfyUI's transformer options with which the model runs under the masks.

        What runs inside the model is kept from torch.compile: ComfyUI's node compiles without guards on the options, so the masks of
        one call would be frozen.
        """
        uncompiled = torch.compiler.disable
        patches = {name: list(some) for name, some in options.get("patches", {}).items()}
        for name, patch in self.calls.patches().items():
            patches[name] = [*patches.get(name, ()), uncompiled(patch)]
        if self.family.trained_positions:
            patches["post_input"] = [*patches.get("post_input", ()), uncompiled(self._positions)]
        self.previous = options.get(OVERRIDE)
        return {**options, "patches": patches, OVERRIDE: uncompiled(self.attend)}

    def attend(self, func: Callable, *args: Any, **kwargs: Any) -> Tensor:
        """An attention call under the masks, by the function that was there before us, if there was one."""
        args, kwargs = self._with_mask(args, kwargs)
        return func(*args, **kwargs) if self.previous is None else self.previous(func, *args, **kwargs)

    def refine(self, text: Tensor, timesteps: Tensor, mask: Tensor | None) -> Tensor:
        """HunyuanVideo's refined text (B, T, C), each segment by itself."""
        rows = []
        for i, segments in enumerate(self.segments):
            own = mask if mask is None or len(mask) == 1 else mask[i : i + 1]
            rows.append(refined_apart(self.network, text[i : i + 1], timesteps[i : i + 1], own, segments))
        return torch.cat(rows)

    def _positions(self, given: dict[str, Any]) -> dict[str, Any]:
        self.positioned = True
        ids, places = given["txt_ids"], given["img_ids"]
        rows = [restarted(ids[i : i + 1], segments) for i, segments in enumerate(self.segments)]
        trained = torch.tensor([row is not None and row.placed.trained for row in self.rows], device=places.device)
        return {**given, "txt_ids": torch.cat(rows), "img_ids": centred(places, grid_of(*self.latent, 2), trained)}

    def _with_mask(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """The arguments of an attention call (q, k, v, heads, mask ...) with our mask in them."""
        q, k = (args[i] if len(args) > i else kwargs[name] for i, name in enumerate(("q", "k")))
        queries, keys, options = q.shape[-2], k.shape[-2], kwargs.get("transformer_options") or {}
        patch = self.family.patch or self._level(queries, options)
        rows, columns = grid_of(*self.latent, patch)
        kind = self.calls.kind(Call(queries, keys, self.text, rows * columns, options.get("block_index")))
        if len(q) != len(self.rows):  # another patch computes tiles of the picture as pictures
            kind = None
        own = None if kind is None else self._mask(kind, patch, queries, keys, q)
        if own is None:
            return args, kwargs
        self.masked += 1
        if len(args) > 4:
            return (*args[:4], joined(args[4], own), *args[5:]), kwargs
        return args, {**kwargs, "mask": joined(kwargs.get("mask"), own)}

    def _level(self, tokens: int, options: Mapping[str, Any]) -> Patch:
        """Of a UNet's level: latent cells along a token's side, or its own grid where another patch resizes it."""
        patch, given = 1, options.get("activations_shape")
        while (size := grid_of(*self.latent, patch)) != (1, 1) and size[0] * size[1] > tokens:
            patch *= 2
        return patch if given is None or tuple(given[-2:]) == size else tuple(given[-2:])

    def _mask(self, kind: str, patch: Patch, queries: int, keys: int, q: Tensor) -> Tensor | None:
        """(rows, 1, queries, keys) like q; None where no row is masked."""
        each = [None if row is None else self._of_row(row, kind, patch, queries, keys, q) for row in self.rows]
        if all(mask is None for mask in each):
            return None
        if each[0] is not None and all(mask is each[0] for mask in each):
            return each[0][None, None].expand(q.shape[0], 1, queries, keys)
        free = torch.zeros(queries, keys, dtype=q.dtype, device=q.device)
        return torch.stack([free if mask is None else mask for mask in each])[:, None]

    def _of_row(self, row: Row, kind: str, patch: Patch, queries: int, keys: int, q: Tensor) -> Tensor | None:
        key = (row, kind, patch, queries, keys, self.text, q.dtype, q.device)
        if key not in self.kept:
            meeting = with_text(row(patch), self.text) if self.family.patch else row(patch)
            biases = additive(kind, meeting, queries, keys)
            self.kept[key] = None if biases is None else biases.clamp(min=torch.finfo(q.dtype).min).to(q)
        return self.kept[key]
