"""Nodes between words and layouts: the request to a language model, and its answer."""

from typing import Any

from comfy_api.latest import io

from ..instdiff_modules.language.answer import read_answer, report
from ..instdiff_modules.language.coordinates import ANSWER_UNITS, DECLARED, ORDERS
from ..instdiff_modules.language.request import MAX_COUNT, MAX_EXAMPLES, REQUEST_UNITS, answer_schema, build_request
from ..instdiff_modules.layout import fields
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.layout.units import current_units
from .checks import check_choice, check_whole, units_are_known
from .types import Instances

CATEGORY = "InstDiff"


class InstDiffLayoutRequest(io.ComfyNode):
    """A wish -> the instruction text for a language model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLayoutRequest",
            display_name="Layout Request",
            category=CATEGORY,
            description="Writes the instruction for a text generation node, which plans the layout. Layout from Text reads the answer.",
            inputs=[
                io.String.Input(
                    "wish",
                    multiline=True,
                    default="two cats and a dog on a sofa",
                    tooltip="What the picture shows, in any words and language. Up to 20000 characters together with the style.",
                ),
                io.Int.Input(
                    "width", default=512, min=1, max=fields.MAX_SIDE, tooltip="Width of the canvas in pixels, 1..16384."
                ),
                io.Int.Input(
                    "height",
                    default=512,
                    min=1,
                    max=fields.MAX_SIDE,
                    tooltip="Height of the canvas in pixels, 1..16384.",
                ),
                io.Int.Input(
                    "count",
                    default=0,
                    min=0,
                    max=MAX_COUNT,
                    tooltip="Number of instances to request, 1..30. 0: the model decides.",
                ),
                io.String.Input(
                    "style",
                    default="",
                    optional=True,
                    tooltip="Style of the picture, for its caption: for example watercolour. May be empty.",
                ),
                io.Combo.Input(
                    "units",
                    options=list(REQUEST_UNITS),
                    default=REQUEST_UNITS[0],
                    optional=True,
                    tooltip="Units that the model is told to use: fractions, thousandths, or pixels of the "
                    "canvas. Models trained to locate objects do best with thousandths.",
                ),
                io.Int.Input(
                    "examples",
                    default=1,
                    min=0,
                    max=MAX_EXAMPLES,
                    optional=True,
                    tooltip="Examples of a wish with its answer, 0..2. Small models need them; they lengthen the text.",
                ),
                Instances.Input(
                    "instances",
                    optional=True,
                    tooltip="A layout for the model to change as the wish says. Not connected: a new layout. "
                    "Its boxes, and those around its masks, are put into words; of several frames those of the first. "
                    "Connect it to Layout from Text as well: it keeps what has no words.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="text", tooltip="The instruction: the prompt of a text generation node."),
                io.String.Output(
                    display_name="schema",
                    tooltip="JSON schema of the answer, for nodes and services that take one (structured output).",
                ),
                io.Int.Output(display_name="width", tooltip="The width, for Layout from Text and the latent."),
                io.Int.Output(display_name="height", tooltip="The height, for Layout from Text and the latent."),
                io.Int.Output(display_name="count", tooltip="The count, for Check Layout."),
            ],
        )

    @classmethod
    def validate_inputs(cls, units: Any = None) -> bool | str:
        return units_are_known(units, REQUEST_UNITS, "Layout Request")

    @classmethod
    def execute(
        cls,
        wish: str,
        width: int,
        height: int,
        count: int,
        style: str = "",
        units: str = REQUEST_UNITS[0],
        examples: int = 1,
        instances: Frames | None = None,
    ) -> io.NodeOutput:
        check_whole(count, 0, MAX_COUNT, "Layout Request", "count")
        check_whole(examples, 0, MAX_EXAMPLES, "Layout Request", "examples")
        units = current_units(units)
        check_choice(units, REQUEST_UNITS, "Layout Request", "units")
        text = build_request(wish, width, height, count, style, units, examples, as_frames(instances))
        return io.NodeOutput(text, answer_schema(width, height, count, units), width, height, count)


class InstDiffLayoutFromText(io.ComfyNode):
    """A language model's answer -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLayoutFromText",
            display_name="Layout from Text",
            category=CATEGORY,
            description="Reads the layout in a language model's answer, past chatter and small mistakes, and reports what it "
            "changed. Nothing in the answer is executed.",
            inputs=[
                io.String.Input(
                    "text",
                    multiline=True,
                    default="",
                    tooltip="The answer of the model, up to 262144 characters: JSON in almost any form with any text around it, the tags of "
                    "models that locate objects, CSS, Omost's program, or lines such as a red fox: [0.1, 0.2, 0.5, 0.9].",
                ),
                io.Combo.Input(
                    "units",
                    options=[DECLARED, *ANSWER_UNITS],
                    default=DECLARED,
                    tooltip='Units of the coordinates. "as declared": as the answer says; if it does not say, '
                    "the node asks. Any other choice overrides the answer.",
                ),
                io.Combo.Input(
                    "order",
                    options=[DECLARED, *ORDERS],
                    default=DECLARED,
                    tooltip='What the four numbers of a box are. "as declared": as the answer says; if it does not say, the node asks.',
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=fields.MAX_SIDE,
                    optional=True,
                    tooltip="Width of the canvas in pixels, 0..16384. 0: as the answer says.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=fields.MAX_SIDE,
                    optional=True,
                    tooltip="Height of the canvas in pixels, 0..16384. 0: as the answer says.",
                ),
                Instances.Input(
                    "instances",
                    optional=True,
                    tooltip="The layout that Layout Request was given to change. What the answer does not mention of an instance "
                    "that it names by its id stays: negative prompt, strength, start, end, opacity, colour, mask and the like.",
                ),
            ],
            outputs=[
                Instances.Output(
                    display_name="instances",
                    tooltip="The layout. Boxes that reached beyond the canvas are cut; Check Layout can move them in.",
                ),
                io.String.Output(
                    display_name="prompt", tooltip="Caption of the whole picture, for the text encoder; may be empty."
                ),
                io.Int.Output(display_name="width", tooltip="Width of the canvas in pixels; 512 if not stated."),
                io.Int.Output(display_name="height", tooltip="Height of the canvas in pixels; 512 if not stated."),
                io.String.Output(
                    display_name="report",
                    tooltip="What was read, with a line for each repair or omission.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, units: Any = None) -> bool | str:
        return units_are_known(units, [DECLARED, *ANSWER_UNITS], "Layout from Text")

    @classmethod
    def execute(
        cls, text: str, units: str, order: str, width: int = 0, height: int = 0, instances: Frames | None = None
    ) -> io.NodeOutput:
        units = current_units(units)
        check_choice(units, [DECLARED, *ANSWER_UNITS], "Layout from Text", "units")
        check_choice(order, [DECLARED, *ORDERS], "Layout from Text", "order")
        earlier = None if instances is None else as_frames(instances)[0]
        answer = read_answer(text, units, order, width, height, earlier)
        layout = answer.layout
        return io.NodeOutput((layout,), layout.prompt, layout.width or 512, layout.height or 512, report(answer))


NODES = [InstDiffLayoutRequest, InstDiffLayoutFromText]
