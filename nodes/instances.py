"""Nodes that make instances: each adds one to the layout that comes in, or another location to one of its instances."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.geometry.points import spread_points
from ..instdiff_modules.geometry.raster import masks_per_frame
from ..instdiff_modules.layout import fields as layout_fields
from ..instdiff_modules.layout.frames import add_location, as_frames, canvas_of
from ..instdiff_modules.layout.instance import Frames, Point
from ..instdiff_modules.layout.point_text import parse_points, prompts_of, split_lists
from ..instdiff_modules.layout.units import FRACTIONS
from .checks import check_choice
from .instance_inputs import POINT_UNITS, common_inputs, instances_output, point_inputs, prompt_input

NEW = "The new instance"


class InstDiffBox(io.ComfyNode):
    """Prompt + box -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share: dict[str, Any] = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="InstDiffBox",
            display_name="Instance Box",
            category="InstDiff",
            description="An object and the box it fills. Chain these nodes, or any of their kind, to build a layout.",
            inputs=[
                prompt_input(),
                io.Float.Input(
                    "left", default=0.25, **share, tooltip="Left edge as a fraction of the canvas width, 0..1."
                ),
                io.Float.Input(
                    "top", default=0.25, **share, tooltip="Top edge as a fraction of the canvas height, 0..1."
                ),
                io.Float.Input(
                    "right",
                    default=0.75,
                    **share,
                    tooltip="Right edge as a fraction of the canvas width, 0..1; more than left.",
                ),
                io.Float.Input(
                    "bottom",
                    default=0.75,
                    **share,
                    tooltip="Bottom edge as a fraction of the canvas height, 0..1; more than top.",
                ),
                *common_inputs(),
            ],
            outputs=instances_output(),
        )

    @classmethod
    def execute(
        cls,
        prompt: str,
        left: float,
        top: float,
        right: float,
        bottom: float,
        instances: Frames | None = None,
        target: str = "",
        strength: float = 1.0,
        start: float = 0.0,
        end: float = 1.0,
        negative: str = "",
        opacity: float = 1.0,
    ) -> io.NodeOutput:
        box = layout_fields.box((left, top, right, bottom), NEW)
        return io.NodeOutput(
            add_location(as_frames(instances), {"box": box}, prompt, target, strength, start, end, negative, opacity)
        )


class InstDiffMask(io.ComfyNode):
    """Prompt + MASK -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffMask",
            display_name="Instance Mask",
            category="InstDiff",
            description="An object and the mask of its shape over the whole canvas, at any resolution.",
            inputs=[
                prompt_input(),
                io.Mask.Input(
                    "mask",
                    tooltip="White where the object belongs. It covers the whole canvas and has its shape (width to height), at any size in pixels. "
                    "A batch of masks is joined into one; if the incoming layout has as many frames, each frame gets its own mask, "
                    "and no instance where that is black.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Brightness (0..1) above which a pixel of the mask is inside.",
                ),
                *common_inputs(),
            ],
            outputs=instances_output(),
        )

    @classmethod
    def execute(
        cls,
        prompt: str,
        mask: Tensor,
        threshold: float = 0.5,
        instances: Frames | None = None,
        target: str = "",
        strength: float = 1.0,
        start: float = 0.0,
        end: float = 1.0,
        negative: str = "",
        opacity: float = 1.0,
    ) -> io.NodeOutput:
        frames = as_frames(instances)
        threshold = layout_fields.number_in(threshold, 0, 1, NEW, "threshold")
        return io.NodeOutput(
            add_location(
                frames,
                masks_per_frame(mask, threshold, frames),
                prompt,
                target,
                strength,
                start,
                end,
                negative,
                opacity,
            )
        )


class InstDiffPoints(io.ComfyNode):
    """Prompt + points -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffPoints",
            display_name="Instance Points",
            category="InstDiff",
            description="An object and one or more points that lie on it. The model chooses the size.",
            inputs=point_inputs(
                "0.5, 0.5",
                'Points on the object: "x, y; x, y", or JSON: [[x, y], ...] or [{"x": .., "y": ..}, ...]. '
                "The first is the main point; with several, all of them also count as its scribble.",
            ),
            outputs=instances_output(),
        )

    @classmethod
    def execute(
        cls,
        prompt: str,
        points: str,
        units: str,
        width: int = 0,
        height: int = 0,
        instances: Frames | None = None,
        target: str = "",
        strength: float = 1.0,
        start: float = 0.0,
        end: float = 1.0,
        negative: str = "",
        opacity: float = 1.0,
    ) -> io.NodeOutput:
        frames = as_frames(instances)
        xy = read_points(points, units, width, height, frames)
        location: dict[str, Any] = {"point": xy[0]}
        if len(xy) > 1:
            location["scribble"] = spread_points(xy)
        return io.NodeOutput(add_location(frames, location, prompt, target, strength, start, end, negative, opacity))


class InstDiffScribble(io.ComfyNode):
    """Prompt + stroke -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffScribble",
            display_name="Instance Scribble",
            category="InstDiff",
            description="An object and a stroke through it: 20 points along the stroke steer the model.",
            inputs=point_inputs(
                "[[0.3, 0.7], [0.5, 0.5], [0.7, 0.7]]",
                'Points along the stroke, in their order: [[x, y], ...], [{"x": .., "y": ..}, ...] or "x, y; x, y". '
                "Several splines of a spline editor, a list of such lists, are an instance each, with a line of the prompt each.",
            ),
            outputs=instances_output(),
        )

    @classmethod
    def execute(
        cls,
        prompt: str,
        points: str,
        units: str,
        width: int = 0,
        height: int = 0,
        instances: Frames | None = None,
        target: str = "",
        strength: float = 1.0,
        start: float = 0.0,
        end: float = 1.0,
        negative: str = "",
        opacity: float = 1.0,
    ) -> io.NodeOutput:
        frames = as_frames(instances)
        strokes = split_lists(points)
        for one, words in zip(strokes, prompts_of(prompt, len(strokes)), strict=True):
            stroke = read_points(one, units, width, height, frames)
            frames = add_location(frames, {"scribble": stroke}, words, target, strength, start, end, negative, opacity)
        return io.NodeOutput(frames)


def read_points(text: str, units: str, width: int, height: int, frames: Frames) -> tuple[Point, ...]:
    """The text of a points widget -> fractions. ValueError if pixels are given and the size of the canvas is unknown."""
    check_choice(units, POINT_UNITS, NEW, "units")
    if units == FRACTIONS:
        return parse_points(text)
    given = layout_fields.side(width, NEW, "width"), layout_fields.side(height, NEW, "height")
    canvas = given if any(given) else canvas_of(frames[0])
    if canvas is None or not all(canvas):
        raise ValueError("The points are in pixels, but the size of the canvas is unknown. Set both width and height.")
    return parse_points(text, *canvas)


NODES = [InstDiffBox, InstDiffMask, InstDiffPoints, InstDiffScribble]
