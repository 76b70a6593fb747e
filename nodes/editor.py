"""The node in which a layout is drawn. The drawing itself is web/js; its widget's value is the layout's JSON text."""

from typing import Any
from uuid import uuid4

from comfy_api.latest import io, ui
from torch import Tensor

from ..instdiff_modules.geometry.raster import DEFAULT_SIDE, layout_boxes, layout_masks, output_size
from ..instdiff_modules.layout.document import layout_to_json, parse_layout
from ..instdiff_modules.layout.incoming import SOURCE, take_incoming
from ..instdiff_modules.layout.instance import Frames, Layout
from ..instdiff_modules.preview.batch import draw_frames, first_picture, preview_size
from ..instdiff_modules.shapeworld.canvases import SIDES as DEMO_SIDES
from ..instdiff_modules.shapeworld.demo_header import demo_slots
from ..instdiff_modules.shapeworld.known_words import CHOICE
from ..instdiff_modules.shapeworld.vocabulary import COLOR_NAMES, SHAPES, TEXTURES
from .types import Instances

EMPTY = layout_to_json(Layout(width=DEFAULT_SIDE, height=DEFAULT_SIDE))
WIDGET = "INSTDIFF_LAYOUT"  # the widget that web/js registers
DEMO = "InstDiffLoadDemoModel"
CHOICES = "InstDiffLoadCheckpoint"  # has a menu, in which CHOICE is the demo model
# How many instances weights take, by their loader, or by what is chosen there; all others take 30. The words that they know, if they are few.
MOST = demo_slots()
SLOTS = {DEMO: MOST, CHOICES: {CHOICE: MOST}} if MOST else {}
# Pixels: the shorter side and the longest one of models that were made for few sizes.
SIDES = {DEMO: [*DEMO_SIDES], CHOICES: {CHOICE: [*DEMO_SIDES]}}
KNOWN_WORDS = [*SHAPES, *COLOR_NAMES, *TEXTURES[1:], "background"]
WORDS = {DEMO: KNOWN_WORDS, CHOICES: {CHOICE: KNOWN_WORDS}}


class InstDiffLayoutEditor(io.ComfyNode):
    """Drawn layout (+ background, + incoming layout) -> INSTANCES and what other nodes take."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLayoutEditor",
            display_name="Layout Editor",
            category="InstDiff",
            is_output_node=True,
            description="Draw boxes, masks, points and scribbles on the node, with a prompt for each. Press ? for the keys.",
            inputs=[
                # without a tooltip: Nodes 2.0 would show it over the neighbour whenever the mouse rests while drawing
                io.String.Input(
                    "layout",
                    default=EMPTY,
                    socketless=True,
                    extra_dict={"widgetType": WIDGET, "slots": SLOTS, "words": WORDS, "sides": SIDES},
                ),
                io.Image.Input(
                    "background",
                    optional=True,
                    tooltip="Picture to draw on, behind the instances; of a batch the first one. The layout stays the same. Not connected: an empty canvas.",
                ),
                Instances.Input(
                    "instances",
                    optional=True,
                    tooltip="A layout to start from: it fills the editor when the graph runs. What you change afterwards stays, until another layout comes in.",
                ),
            ],
            outputs=[
                Instances.Output(display_name="instances", tooltip="The layout as it is drawn."),
                io.Int.Output(display_name="width", tooltip="Width of the canvas in pixels."),
                io.Int.Output(display_name="height", tooltip="Height of the canvas in pixels."),
                io.String.Output(
                    display_name="prompt", tooltip="Caption of the whole picture, for the text encoder; may be empty."
                ),
                io.BoundingBox.Output(
                    display_name="boxes",
                    tooltip="A list of boxes {x, y, width, height, label} in pixels, one per visible instance, back to front.",
                ),
                io.Mask.Output(
                    display_name="masks",
                    tooltip="A batch with one mask per visible instance, back to front. A single black mask if there are none.",
                ),
                io.Image.Output(
                    display_name="preview",
                    tooltip="The layout as a picture, over the background if one is connected. A canvas of more than 44 megapixels is drawn smaller.",
                ),
            ],
        )

    @classmethod
    def execute(cls, layout: str, background: Tensor | None = None, instances: Frames | None = None) -> io.NodeOutput:
        drawn, new = take_incoming(parse_layout(layout), instances)
        width, height = output_size(drawn, 0, 0)
        boxes, masks = layout_boxes(drawn, height, width), layout_masks([drawn], height, width)
        preview = draw_frames((drawn,), *preview_size(width, height), background)
        shown = for_the_page(drawn if new else None, background)
        outputs = ((drawn,), width, height, drawn.prompt, boxes, masks, preview)
        return io.NodeOutput(*outputs, ui=shown) if shown else io.NodeOutput(*outputs)


def for_the_page(incoming: Layout | None, background: Tensor | None) -> dict[str, list[Any]]:
    """What web/js hears when the node has run: the layout to fill the editor with, and the background's file.

    The page could find a background behind the link itself, but not across the border of a subgraph.
    """
    shown: dict[str, list[Any]] = {}
    if incoming is not None:
        shown["instdiff_incoming"] = [{"layout": layout_to_json(incoming), "source": incoming.extra[SOURCE]}]
    if background is not None:
        # A name of its own: browsers keep what they once loaded, and the counter starts anew with each server.
        prefix = f"instdiff_background_{uuid4().hex[:8]}"
        image = first_picture(background)
        shown["instdiff_background"] = ui.ImageSaveHelper.save_images(
            image, prefix, io.FolderType.temp, None, compress_level=1
        )
    return shown


NODES = [InstDiffLayoutEditor]
