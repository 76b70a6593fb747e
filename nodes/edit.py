"""The node that changes a layout by one step."""

from typing import Any

from comfy_api.latest import io

from ..instdiff_modules.geometry.edit_instances import (
    ANCHORS,
    AT_BORDER,
    EDIT_UNITS,
    MAX_VALUE,
    OPERATIONS,
    Edit,
    edit_instances,
)
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.layout.units import FRACTIONS, current_units
from .checks import check_choice, units_are_known
from .instance_inputs import opacity_input
from .types import Instances


def _number(name: str, low: float, tooltip: str) -> io.Input:
    return io.Float.Input(
        name, default=0.0, min=low, max=float(MAX_VALUE), step=0.01, round=False, optional=True, tooltip=tooltip
    )


class InstDiffEditInstances(io.ComfyNode):
    """INSTANCES -> INSTANCES, changed by one operation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffEditInstances",
            display_name="Edit Instances",
            category="InstDiff",
            description="Adds, replaces, moves, resizes, removes or reorders an instance, or makes it a part of another: "
            "one operation, in every frame. Chain them for rounds of changes.",
            inputs=[
                Instances.Input("instances", tooltip="The layout to change. To start a new layout, use Instance Box."),
                io.Combo.Input(
                    "operation",
                    options=list(OPERATIONS),
                    default=OPERATIONS[0],
                    tooltip='"add" a box, "replace" the prompt, "move by" a shift, "move to" a position, "resize '
                    'by" a factor, "resize to" a size, "remove", "make part" of another, "set opacity", or four changes of who is in front. '
                    "Parts follow their instance.",
                ),
                io.String.Input(
                    "which",
                    default="",
                    tooltip="The instance: its id, or its number from 1, back to front. Several separated by "
                    "commas. For add: the id of the new instance, or empty.",
                ),
                io.String.Input(
                    "prompt", default="", optional=True, tooltip="Prompt of the object, for add and replace."
                ),
                _number(
                    "x",
                    -float(MAX_VALUE),
                    "In the units below. add, move to: left edge. move by: shift to the right. replace: left edge, if width and height are given.",
                ),
                _number(
                    "y",
                    -float(MAX_VALUE),
                    "In the units below. add, move to: top edge. move by: shift downwards. replace: top edge, if width and height are given.",
                ),
                _number(
                    "width",
                    0.0,
                    "add, resize to: width in the units below. resize by: factor, 0..100. replace: 0 keeps the location. "
                    "0 with a height, in resize: keep the proportions.",
                ),
                _number(
                    "height",
                    0.0,
                    "add, resize to: height in the units below. resize by: factor, 0..100. replace: 0 keeps the "
                    "location. 0 with a width, in resize: keep the proportions.",
                ),
                io.Combo.Input(
                    "units",
                    options=list(EDIT_UNITS),
                    default=FRACTIONS,
                    optional=True,
                    tooltip="Units of x, y, width and height: fractions of the canvas, or its pixels. Factors have none.",
                ),
                io.Combo.Input(
                    "anchor",
                    options=list(ANCHORS),
                    default=next(iter(ANCHORS)),
                    optional=True,
                    tooltip="The point that stays fixed when an instance is resized. bottom keeps it on the ground.",
                ),
                io.Combo.Input(
                    "at_border",
                    options=list(AT_BORDER),
                    default=AT_BORDER[0],
                    optional=True,
                    tooltip='"stop": an instance moves and grows as far as the border of the canvas. "cut": parts outside the canvas are cut off.',
                ),
                io.String.Input(
                    "part_of",
                    default="",
                    optional=True,
                    tooltip="For add and make part: id or number of the instance that it becomes a part of. "
                    "Empty: none. Parts move, grow, are reordered and removed with their instance.",
                ),
                opacity_input("For add and set opacity: how much of what is behind it the instance hides, 0..1."),
            ],
            outputs=[
                Instances.Output(
                    display_name="instances",
                    tooltip="The changed layout. Ids stay. Numbers follow the order: remove and the four changes of order move them.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, units: Any = None) -> bool | str:
        return units_are_known(units, EDIT_UNITS, "Edit Instances")

    @classmethod
    def execute(
        cls,
        instances: Frames,
        operation: str,
        which: str,
        prompt: str = "",
        x: float = 0.0,
        y: float = 0.0,
        width: float = 0.0,
        height: float = 0.0,
        units: str = FRACTIONS,
        anchor: str = "center",
        at_border: str = AT_BORDER[0],
        part_of: str = "",
        opacity: float = 1.0,
    ) -> io.NodeOutput:
        units = current_units(units)
        choices = {
            "operation": (operation, OPERATIONS),
            "units": (units, EDIT_UNITS),
            "anchor": (anchor, ANCHORS),
            "at_border": (at_border, AT_BORDER),
        }
        for field, (value, options) in choices.items():
            check_choice(value, options, "Edit Instances", field)
        edit = Edit(operation, which, prompt, x, y, width, height, units, anchor, at_border, part_of, opacity)
        return io.NodeOutput(edit_instances(as_frames(instances), edit))


NODES = [InstDiffEditInstances]
