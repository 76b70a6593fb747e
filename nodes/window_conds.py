"""A conditioning as a window of the picture sees it: areas, masks, concatenated latents and control hints cut to it."""

import copy
from typing import Any

import comfy.conds
import comfy.controlnet
import comfy.utils

from ..instdiff_modules.layout.instance import Box
from ..instdiff_modules.sampling.branch_window import Cells
from .model_calls import FITTED_CONTROLS

Size = tuple[int, int]  # height and width of the whole latent


def in_window(cond: dict, cells: Cells, size: Size, controls: dict[Any, Any]) -> dict | None:
    """A prepared conditioning for the window alone; None if its area lies elsewhere. controls: what is known, by identity."""
    if cells == (0, 0, *size):
        return cond
    out = {**cond, "model_conds": {name: _cut(value, cells, size) for name, value in cond["model_conds"].items()}}
    if "area" in cond:
        area = _moved(cond["area"], cells, size)
        if area is None:
            return None
        out["area"] = area
    if cond.get("mask") is not None:
        out["mask"] = cells.of(cond["mask"])
    if cond.get("control") is not None:
        out["control"] = _cut_control(cond["control"], cells, size, controls)
    return out


def part_in(entry: dict, cells: Cells, height: int, width: int) -> Box:
    """The part of the whole picture that a conditioning of the window acts in."""
    if "area" not in entry:
        return cells.part(height, width)
    h, w, y, x = _rectangle(entry["area"])
    return Cells(cells.top + y, cells.left + x, min(h, cells.height - y), min(w, cells.width - x)).part(height, width)


def _rectangle(area: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Height, width, y and x of ComfyUI's area, which may have frames before them."""
    dims = len(area) // 2
    return area[dims - 2], area[dims - 1], area[-2], area[-1]


def _moved(area: tuple[int, ...], cells: Cells, size: Size) -> tuple[int, ...] | None:
    h, w, y, x = _rectangle(area)
    top, left = max(y, cells.top), max(x, cells.left)
    bottom = min(y + h, size[0], cells.top + cells.height)
    right = min(x + w, size[1], cells.left + cells.width)
    if top >= bottom or left >= right:
        return None
    dims = len(area) // 2
    return (
        *area[: dims - 2], bottom - top, right - left, *area[dims : 2 * dims - 2], top - cells.top, left - cells.left
    )  # fmt: skip


def _cut(value: Any, cells: Cells, size: Size) -> Any:
    if not isinstance(value, comfy.conds.CONDNoiseShape) or tuple(value.cond.shape[-2:]) != size:
        return value
    return type(value)(cells.of(value.cond))


def _cut_control(control: Any, cells: Cells, size: Size, known: dict[Any, Any]) -> Any:
    """A copy of ComfyUI's control whose hint is the window's part of the one that the whole picture would get."""
    assert isinstance(control, FITTED_CONTROLS), type(control)  # others were refused
    key = "cut", id(control)
    if key not in known:
        own = copy.copy(control)
        own.cond_hint = own.extra_concat = None
        if isinstance(own, comfy.controlnet.T2IAdapter):
            own.control_input = None
        pixels = control.compression_ratio * (control.vae.spacial_compression_encode() if control.vae else 1)
        own.cond_hint_original = _cut_hint(control.cond_hint_original, cells, size, pixels, control.upscale_algorithm)
        own.extra_concat_orig = [_cut_hint(h, cells, size, pixels, "nearest-exact") for h in control.extra_concat_orig]
        if own.previous_controlnet is not None:
            own.previous_controlnet = _cut_control(own.previous_controlnet, cells, size, known)
        known[key] = own, control  # the given one is kept, for its identity
    return known[key][0]


def _cut_hint(hint: Any, cells: Cells, size: Size, pixels: int, how: str) -> Any:
    if hint is None or hint.shape[-2:] == (1, 1):
        return hint
    whole = comfy.utils.common_upscale(hint, size[1] * pixels, size[0] * pixels, how, "center")
    return Cells(*(pixels * side for side in cells)).of(whole)


def check_windows(guider: Any) -> None:
    """ValueError for what cannot be cut to the windows of Apply Layout's instances."""
    if guider.model_options.get("context_handler") is not None:
        raise _uncut("context windows")
    for cond in (cond for conds in guider.conds.values() for cond in conds or ()):
        if "gligen" in cond:
            raise _uncut("GLIGEN's boxes")
        control = cond.get("control")
        while control is not None:
            if type(control) not in FITTED_CONTROLS:
                raise _uncut(f"a control of kind {type(control).__name__}")
            control = control.previous_controlnet


def _uncut(what: str) -> ValueError:
    return ValueError(
        f"Multi-instance sampling paints each instance of Apply Layout in its part of the picture, but {what} cannot be cut "
        "to parts. Remove that, or sample without multi-instance sampling."
    )
