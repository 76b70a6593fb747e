"""Nodes that read what other packs have: boxes of every kind, and masks of every kind."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.importers.any_boxes import BOX_UNITS, WHERE, read_boxes
from ..instdiff_modules.importers.given import NOT_DECLARED, ORDERS, current_order, sides_given
from ..instdiff_modules.importers.regions import WHERE as MASKS_WHERE
from ..instdiff_modules.importers.regions import read_masks
from ..instdiff_modules.layout import fields
from ..instdiff_modules.layout.units import PIXELS, current_units
from ..instdiff_modules.preview.batch import pictures_of
from .checks import check_choice, number_in
from .types import Bbox, Elements, IdeogramPrompt, Instances, OmostCanvas, Regions, Segs, Tracking

CATEGORY = "InstDiff"
BOX_KINDS = [io.BoundingBox, Bbox, Elements, IdeogramPrompt, Tracking, OmostCanvas, io.Conditioning, io.String]
MASK_KINDS = [io.Mask, Segs, Regions]


def _prompts_input(more: str) -> io.Input:
    return io.String.Input(
        "prompts",
        multiline=True,
        default="",
        optional=True,
        tooltip="Prompts, one per line, in the order of the instances; an empty line keeps the prompt that came with "
        f"the instance, a single line applies to all. {more}",
    )


def _outputs() -> list[io.Output]:
    return [
        Instances.Output(
            display_name="instances",
            tooltip="The layout, or one for each frame. Nothing found: a layout without instances.",
        ),
        io.Int.Output(display_name="count", tooltip="Number of instances, over all frames."),
    ]


class InstDiffFromBoxes(io.ComfyNode):
    """Boxes of any pack -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        side = {"default": 0, "min": 0, "max": fields.MAX_SIDE, "optional": True}
        return io.Schema(
            node_id="InstDiffFromBoxes",
            display_name="Instances from Boxes",
            category=CATEGORY,
            description="Turns boxes from other nodes into instances: detectors, box editors, KJNodes, Omost, "
            "GLIGEN, and the TRACKING of the older InstanceDiffusion pack. It recognises them by their content.",
            inputs=[
                io.MultiType.Input(
                    "boxes",
                    BOX_KINDS,
                    optional=True,
                    tooltip="BOUNDING_BOX, BBOX, elements, an Ideogram prompt, an Omost canvas, TRACKING, "
                    "CONDITIONING with GLIGEN boxes, or JSON text of any kind that Instances from JSON reads. An empty list gives no instances.",
                ),
                Elements.Input(
                    "elements",
                    optional=True,
                    tooltip="Elements of the same box editor: its boxes have no prompts and take them from here. Can be connected alone.",
                ),
                _prompts_input(
                    'For TRACKING lines such as "0.person": "a tall man" (id -1: all of the class), as in the older pack.'
                ),
                io.Image.Input(
                    "image", optional=True, tooltip="The picture that the boxes were found in: its size is the canvas."
                ),
                io.Int.Input(
                    "width",
                    **side,
                    tooltip="Width of the canvas in pixels, 0..16384, if no image is connected. 0: unknown. Boxes in pixels need it.",
                ),
                io.Int.Input(
                    "height",
                    **side,
                    tooltip="Height of the canvas in pixels, 0..16384, if no image is connected. 0: unknown. Boxes in pixels need it.",
                ),
                io.Combo.Input(
                    "order",
                    options=list(ORDERS),
                    default=NOT_DECLARED,
                    optional=True,
                    tooltip="Only for boxes that do not state it (BBOX, many detectors): order of their four numbers. Never guessed.",
                ),
                io.Combo.Input(
                    "units",
                    options=list(BOX_UNITS),
                    default=PIXELS,
                    optional=True,
                    tooltip="Only for boxes that do not state it (BBOX, many detectors): what their numbers are.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def execute(
        cls,
        boxes: Any = None,
        elements: Any = None,
        prompts: str = "",
        image: Tensor | None = None,
        width: int = 0,
        height: int = 0,
        order: str = NOT_DECLARED,
        units: str = PIXELS,
    ) -> io.NodeOutput:
        order, units = current_order(order), current_units(units)
        check_choice(order, ORDERS, WHERE, "order")
        check_choice(units, BOX_UNITS, WHERE, "units")
        if boxes is None and elements is None:
            raise ValueError("Nothing is connected. Connect boxes or elements; an empty list of a detector will do.")
        frames = read_boxes(boxes, canvas(image, width, height), prompts, order, units, elements)
        return io.NodeOutput(frames, sum(len(layout.instances) for layout in frames))


class InstDiffFromMasks(io.ComfyNode):
    """MASK batch, SEGS or Regions -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffFromMasks",
            display_name="Instances from Masks",
            category=CATEGORY,
            description="Turns masks from other nodes into instances, one each: a MASK batch (SAM3), SEGS (Impact Pack), Regions (Tooling Nodes).",
            inputs=[
                io.MultiType.Input(
                    "masks",
                    MASK_KINDS,
                    tooltip="Each mask of the batch, or each region, becomes an instance; the canvas has their size. Black masks are left out.",
                ),
                _prompts_input("SEGS bring labels; a MASK has no words."),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Brightness (0..1) above which a pixel of a mask is inside.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def execute(cls, masks: Any, prompts: str = "", threshold: float = 0.5) -> io.NodeOutput:
        frames = read_masks(masks, number_in(threshold, 0, 1, MASKS_WHERE, "threshold"), prompts)
        return io.NodeOutput(frames, len(frames[0].instances))


def canvas(image: Tensor | None, width: int, height: int) -> tuple[int, int] | None:
    """(width, height) of the image, else of the widgets, else None. ValueError if only one side is set."""
    width, height = fields.side(width, WHERE, "width"), fields.side(height, WHERE, "height")
    return sides_given(width, height, WHERE) if image is None else pictures_of(image, "image")[0].size


NODES = [InstDiffFromBoxes, InstDiffFromMasks]
