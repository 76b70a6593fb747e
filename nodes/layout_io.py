"""Nodes that read and write layouts."""

import torch
from comfy_api.latest import io

from ..instdiff_modules.exporters.boxes import ORDERS as BBOX_ORDERS
from ..instdiff_modules.exporters.boxes import other_boxes
from ..instdiff_modules.exporters.segs import layout_segs
from ..instdiff_modules.exporters.text import OURS, TEXT_FORMATS, frames_to_text
from ..instdiff_modules.geometry.overlaps import visible_parts
from ..instdiff_modules.geometry.raster import layout_boxes, layout_masks, output_size
from ..instdiff_modules.importers.frames import WHERE as JSON_WHERE
from ..instdiff_modules.importers.frames import read_frames
from ..instdiff_modules.importers.given import ALL_UNITS, NOT_DECLARED, ORDERS, current_order, given_units, sides_given
from ..instdiff_modules.layout import fields
from ..instdiff_modules.layout.document import visible_instances
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.regions.weights import FRONT, SHARED
from .checks import check_choice
from .types import Bbox, Elements, Instances, Segs, Tracking

CATEGORY = "InstDiff"
_CANVAS_SIDE = {"default": 0, "min": 0, "max": fields.MAX_SIDE, "optional": True, "advanced": True}
EXAMPLE = (
    '{"version": 1, "width": 512, "height": 512, "prompt": "two animals in a meadow", "instances": [\n'
    '  {"id": "cat", "prompt": "a ginger cat", "box": [0.05, 0.3, 0.45, 0.9]},\n'
    '  {"id": "dog", "prompt": "a white dog", "box": [0.55, 0.3, 0.95, 0.9]}\n]}'
)


def _instances(name: str, tooltip: str, optional: bool = False) -> io.Input:
    return Instances.Input(name, optional=optional, tooltip=tooltip)


def _size_inputs() -> list[io.Input]:
    side = {"default": 0, "min": 0, "max": fields.MAX_SIDE, "optional": True}
    return [
        io.Int.Input(
            "width",
            **side,
            tooltip="Width in pixels, 0..16384. 0: from the height and the shape of the canvas, or the canvas's own width (512 if unknown).",
        ),
        io.Int.Input(
            "height",
            **side,
            tooltip="Height in pixels, 0..16384. 0: from the width and the shape of the canvas, or the canvas's own height (512 if unknown).",
        ),
    ]


class InstDiffFromJSON(io.ComfyNode):
    """Text -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffFromJSON",
            display_name="Instances from JSON",
            category=CATEGORY,
            description="Reads a layout from text: our document, annotation files (COCO, LabelMe, Label Studio, YOLO), "
            "answers of detectors, and texts of other packs. It recognises them by their content. "
            "A list of layouts gives one per frame.",
            inputs=[
                io.String.Input(
                    "text",
                    multiline=True,
                    default=EXAMPLE,
                    tooltip="The JSON text, up to 32 MB. In our own format boxes are [left, top, right, bottom], "
                    "and all coordinates fractions of the canvas, 0..1.",
                ),
                io.String.Input(
                    "image",
                    default="",
                    optional=True,
                    tooltip="Only for data of several images (COCO, Label Studio, detections): id or file name of the one to read.",
                ),
                io.Int.Input(
                    "width",
                    **_CANVAS_SIDE,
                    tooltip="Width of the canvas in pixels, 0..16384, if the text does not state it. 0: unknown. Boxes in pixels need it.",
                ),
                io.Int.Input(
                    "height",
                    **_CANVAS_SIDE,
                    tooltip="Height of the canvas in pixels, 0..16384, if the text does not state it. 0: unknown. Boxes in pixels need it.",
                ),
                io.Combo.Input(
                    "order",
                    options=list(ORDERS),
                    default=NOT_DECLARED,
                    optional=True,
                    advanced=True,
                    tooltip="Only for boxes whose order the text does not state: order of their four numbers.",
                ),
                io.Combo.Input(
                    "units",
                    options=list(ALL_UNITS),
                    default=NOT_DECLARED,
                    optional=True,
                    advanced=True,
                    tooltip="Only for boxes whose units the text does not state: what their numbers are.",
                ),
            ],
            outputs=[
                Instances.Output(display_name="instances", tooltip="The layout, one per frame."),
                io.String.Output(
                    display_name="prompt", tooltip="Caption of the whole picture, for the text encoder; may be empty."
                ),
                io.Int.Output(
                    display_name="width", tooltip="Width of the canvas in pixels; 512 if the text does not say."
                ),
                io.Int.Output(
                    display_name="height", tooltip="Height of the canvas in pixels; 512 if the text does not say."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        text: str,
        image: str = "",
        width: int = 0,
        height: int = 0,
        order: str = NOT_DECLARED,
        units: str = NOT_DECLARED,
    ) -> io.NodeOutput:
        order, units = current_order(order), given_units(units)
        check_choice(order, ORDERS, JSON_WHERE, "order")
        check_choice(units, ALL_UNITS, JSON_WHERE, "units")
        image = fields.text("" if image is None else image, JSON_WHERE, "image")
        frames = read_frames(text, image, sides_given(width, height, JSON_WHERE), order, units)
        return io.NodeOutput(frames, frames[0].prompt, *output_size(frames[0], 0, 0))


class InstDiffToJSON(io.ComfyNode):
    """INSTANCES -> text."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffToJSON",
            display_name="Instances to JSON",
            category=CATEGORY,
            description="Writes the layout as our JSON document, several frames as a list of documents; or as the text that another pack takes.",
            inputs=[
                _instances("instances", "The layout to write."),
                io.Combo.Input(
                    "format",
                    options=list(TEXT_FORMATS),
                    default=OURS,
                    optional=True,
                    tooltip='What to write. "InstDiff": our document, the only one that holds everything. "Omost '
                    'canvas": for Omost Load Canvas Conditioning. "prompt-control": regions as COUPLE or '
                    'AND, for its text nodes. "elements": of box editors. "points": for point and spline '
                    "editors, in pixels.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="text",
                    tooltip="The text. Instances from JSON reads all but the points back; only our own format is lossless.",
                )
            ],
        )

    @classmethod
    def execute(cls, instances: Frames, format: str = OURS) -> io.NodeOutput:
        check_choice(format, TEXT_FORMATS, "Instances to JSON", "format")
        return io.NodeOutput(frames_to_text(as_frames(instances), format))


class InstDiffToMasks(io.ComfyNode):
    """INSTANCES -> MASK batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffToMasks",
            display_name="Instances to Masks",
            category=CATEGORY,
            description="One mask per visible instance: its mask, else its box, else a stroke along its scribble or a disc at its point.",
            inputs=[
                _instances("instances", "The layout; the masks of several frames follow each other."),
                *_size_inputs(),
                io.Combo.Input(
                    "overlap",
                    options=[SHARED, FRONT],
                    default=SHARED,
                    optional=True,
                    tooltip="Where instances overlap. shared: every mask is whole. front only: what lies in front is cut out of the masks behind, "
                    "as far as it is opaque. Parts belong to their instance and are not cut out of it.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    display_name="masks",
                    tooltip="A batch with one mask per visible instance, back to front. A single black mask if there are none.",
                ),
                Segs.Output(
                    display_name="segs",
                    is_output_list=True,
                    tooltip="The same as SEGS for the Impact Pack's detailers, the prompts as labels. A list with the SEGS of each frame.",
                ),
            ],
        )

    @classmethod
    def execute(cls, instances: Frames, width: int = 0, height: int = 0, overlap: str = SHARED) -> io.NodeOutput:
        check_choice(overlap, (SHARED, FRONT), "Instances to Masks", "overlap")
        frames = as_frames(instances)
        width, height = output_size(frames[0], width, height)
        masks = layout_masks(frames, height, width)
        shown = [visible_instances(layout) for layout in frames]
        each = masks[: sum(map(len, shown))].split([len(some) for some in shown])
        if overlap == FRONT:
            each = [visible_parts(own, some, parts_hide=False) for own, some in zip(each, shown, strict=True)]
            masks = torch.cat(each) if any(shown) else masks
        return io.NodeOutput(masks, [layout_segs(layout, own) for layout, own in zip(frames, each, strict=True)])


class InstDiffToBoxes(io.ComfyNode):
    """INSTANCES -> BOUNDING_BOX."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffToBoxes",
            display_name="Instances to Boxes",
            category=CATEGORY,
            description="One box in pixels per visible instance, in the kinds that other nodes take: BOUNDING_BOX, elements, BBOX, TRACKING.",
            inputs=[
                _instances("instances", "The layout. Several frames give a list of boxes per frame."),
                *_size_inputs(),
                io.Combo.Input(
                    "order",
                    options=list(BBOX_ORDERS),
                    default=BBOX_ORDERS[0],
                    optional=True,
                    tooltip="Order of the four numbers of the output bbox: the order that the next node expects.",
                ),
            ],
            outputs=[
                io.BoundingBox.Output(
                    display_name="boxes",
                    tooltip="A list of boxes {x, y, width, height, label} in pixels, back to front.",
                ),
                io.String.Output(display_name="labels", tooltip="The prompts of the boxes, one per line."),
                Elements.Output(
                    display_name="elements",
                    tooltip="Elements of box editors with their descriptions, bbox [ymin, xmin, ymax, xmax] in 0..1000; of the first frame.",
                ),
                Bbox.Output(
                    display_name="bbox",
                    tooltip="BBOX as KJNodes and others take it: four numbers each, in pixels; a list per frame if there are several.",
                ),
                Tracking.Output(
                    display_name="tracking",
                    tooltip="TRACKING of the older InstanceDiffusion pack and of KJNodes; instances of one id are one object over the frames.",
                ),
                io.String.Output(
                    display_name="tracking_prompts", tooltip="The prompts of the TRACKING, in its own form."
                ),
            ],
        )

    @classmethod
    def execute(cls, instances: Frames, width: int = 0, height: int = 0, order: str = BBOX_ORDERS[0]) -> io.NodeOutput:
        check_choice(order, BBOX_ORDERS, "Instances to Boxes", "order")
        frames = as_frames(instances)
        width, height = output_size(frames[0], width, height)
        boxes = [layout_boxes(layout, height, width) for layout in frames]
        labels = "\n".join(" ".join(box["label"].split()) for frame in boxes for box in frame)
        return io.NodeOutput(
            boxes[0] if len(boxes) == 1 else boxes, labels, *other_boxes(frames, boxes, width, height, order)
        )


NODES = [InstDiffFromJSON, InstDiffToJSON, InstDiffToMasks, InstDiffToBoxes]
