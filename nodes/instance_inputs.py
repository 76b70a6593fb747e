"""The inputs that nodes of single instances share."""

from typing import Any

from comfy_api.latest import io

from ..instdiff_modules.layout import fields as layout_fields
from ..instdiff_modules.layout.units import FRACTIONS, PIXELS
from .types import Instances

POINT_UNITS = (FRACTIONS, PIXELS)


def prompt_input() -> io.Input:
    return io.String.Input(
        "prompt",
        multiline=True,
        default="",
        dynamic_prompts=True,
        tooltip="Prompt for this object. May be empty only if target names an instance that already has a prompt.",
    )


def common_inputs() -> list[io.Input]:
    share: dict[str, Any] = {"min": 0.0, "max": 1.0, "step": 0.01, "optional": True, "advanced": True}
    return [
        Instances.Input(
            "instances",
            optional=True,
            tooltip="Layout to add to; the new instance lies in front of all others. Not connected: a new layout.",
        ),
        io.String.Input(
            "target",
            default="",
            optional=True,
            advanced=True,
            tooltip="Empty: a new instance. Id or number (from 1) of an incoming instance: it gets this location as well and keeps its strength, "
            "start, end and opacity. Where prompt or negative is empty here, it keeps its own.",
        ),
        io.Float.Input(
            "strength",
            default=1.0,
            min=0.0,
            max=2.0,
            step=0.05,
            optional=True,
            advanced=True,
            tooltip="How strongly this instance steers, 0..2. 0: no effect. 1: as trained. Apply InstDiff has a strength for all.",
        ),
        io.Float.Input(
            "start",
            default=0.0,
            **share,
            tooltip="When this instance begins to act, as a share of the denoising: 0 (first step) .. 1 (last step).",
        ),
        io.Float.Input(
            "end",
            default=1.0,
            **share,
            tooltip="When this instance stops acting, as a share of the denoising: 0 (first step) .. 1 (last step). Apply InstDiff's end also applies.",
        ),
        io.String.Input(
            "negative",
            default="",
            optional=True,
            advanced=True,
            tooltip="Negative prompt for this object: what its own branch of multi-instance sampling avoids, beside the negative prompt of the "
            "whole picture. Instances to Conditioning uses it too. Plain sampling ignores it.",
        ),
        opacity_input("How much of what is behind it this instance hides, 0..1. 1: all of it. 0: nothing."),
    ]


def opacity_input(tooltip: str) -> io.Input:
    return io.Float.Input(
        "opacity", default=1.0, min=0.0, max=1.0, step=0.05, optional=True, advanced=True, tooltip=tooltip
    )


def point_inputs(text: str, tooltip: str) -> list[io.Input]:
    side: dict[str, Any] = {"default": 0, "min": 0, "max": layout_fields.MAX_SIDE, "optional": True, "advanced": True}
    return [
        prompt_input(),
        io.String.Input("points", multiline=True, default=text, tooltip=tooltip),
        io.Combo.Input(
            "units",
            options=list(POINT_UNITS),
            default=FRACTIONS,
            tooltip="What the numbers are: fractions of the canvas (0..1), or pixels (as point editors give them).",
        ),
        io.Int.Input(
            "width",
            **side,
            tooltip="Only for pixels: width of the canvas they were measured on, 0..16384 pixels. 0: that of the incoming layout.",
        ),
        io.Int.Input(
            "height",
            **side,
            tooltip="Only for pixels: height of the canvas they were measured on, 0..16384 pixels. 0: that of the incoming layout.",
        ),
        *common_inputs(),
    ]


def instances_output() -> list[io.Output]:
    return [Instances.Output(display_name="instances", tooltip="The layout with the new instance in front.")]
