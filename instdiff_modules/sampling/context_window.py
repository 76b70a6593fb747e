"""Which frames of a batch one call of the model holds, where a batch is sampled in overlapping windows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

AD_PARAMS = "ad_params"  # transformer option of AnimateDiff-Evolved: {"full_length", "context_length", "sub_idxs"}
CORE = "context_window"  # transformer option of ComfyUI's own context windows: dim, index_list, total_frames


class ContextWindow(NamedTuple):
    """frames: the number, from 0, of the frame that each item of the call is. total: frames of the whole batch, 0 if unknown."""

    frames: Sequence[int]
    total: int


def context_window(options: Mapping[str, Any], items: int) -> ContextWindow | None:
    """The window of this call for `items` latents, None where it holds the whole batch. ValueError if the window holds another number."""
    window = _animatediff(options.get(AD_PARAMS)) or _core(options.get(CORE))
    if window is None or items == window.total != len(window.frames):  # the options of an earlier call, left behind
        return None
    if len(window.frames) != items:
        raise ValueError(
            f"A context window names {len(window.frames)} frames, but the model was given {items}. Apply InstDiff "
            "cannot assign the layouts to the frames: sample without context windows."
        )
    return window


def _animatediff(params: Any) -> ContextWindow | None:
    if not isinstance(params, Mapping) or params.get("sub_idxs") is None:
        return None
    return ContextWindow([int(i) for i in params["sub_idxs"]], int(params.get("full_length") or 0))


def _core(window: Any) -> ContextWindow | None:
    # along another axis than that of the batch a window holds parts of one video latent
    if window is None or getattr(window, "dim", None) != 0:
        return None
    anchor = getattr(window, "causal_anchor_index", None)
    frames = [int(i) for i in window.index_list]
    return ContextWindow(
        frames if anchor is None or anchor < 0 else [int(anchor), *frames], int(getattr(window, "total_frames", 0) or 0)
    )
