"""The nodes that compare a picture with its layout, and choose what has to be painted anew."""

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor

from ..instdiff_modules.layout.fields import flag
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.metrics.batch import DETECTORS, score_batch
from ..instdiff_modules.metrics.failed import WHERE, select_failed
from .checks import check_choice, check_whole, number_in
from .types import Instances, Segs

MAX_GROW = 1024  # pixels


class InstDiffLayoutScore(io.ComfyNode):
    """IMAGE + INSTANCES + detections -> score, table, marked picture, numbers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLayoutScore",
            display_name="Layout Score",
            category="InstDiff",
            is_output_node=True,
            description="Tells which instances are where the layout wants them: a score, a table, and the picture with green and red marks.",
            inputs=[
                io.Image.Input(
                    "image", tooltip="The picture to score. Of a batch every picture is scored, and the mean is given."
                ),
                Instances.Input(
                    "instances",
                    tooltip="The layout that was asked for; several frames are matched with the batch. Hidden instances do not count.",
                ),
                io.Combo.Input(
                    "detector",
                    options=list(DETECTORS),
                    default=DETECTORS[0],
                    tooltip='What says where things are. "connected detections": boxes and masks of a detector '
                    'node. "shape world": our exact detector of the demo model\'s coloured shapes; boxes '
                    "and masks are not used then.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Overlap (intersection over union) with its place from which on an instance passes, "
                    "0..1. Usual is 0.5. Of instances with points alone: share of the points inside the "
                    "detection.",
                ),
                io.BoundingBox.Input(
                    "boxes",
                    optional=True,
                    force_input=True,
                    tooltip="BOUNDING_BOX of a detector, for example RT-DETR or SAM3, found in this image, in "
                    "its pixels. An empty list says that nothing was found.",
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="Masks of the detector: one for each box in their order (SAM3: individual_masks), or without boxes one for each object.",
                ),
                io.Boolean.Input(
                    "compare_labels",
                    default=True,
                    optional=True,
                    tooltip="On: a detection counts for an instance only if the prompt holds its label. "
                    "Detections without a label count for any. Off: only places are compared.",
                ),
            ],
            outputs=[
                io.Float.Output(
                    display_name="score",
                    tooltip="Share of the instances that pass, 0..1; the mean over a batch. 1 for a layout without instances.",
                ),
                io.String.Output(display_name="table", tooltip="A line for each instance, in Markdown."),
                io.Image.Output(
                    display_name="picture",
                    tooltip="The image with the wanted places: green with a tick where the instance is, red with a cross where it is not.",
                ),
                io.String.Output(display_name="results", tooltip="The numbers of each instance as JSON."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        instances: Frames,
        detector: str,
        threshold: float,
        boxes: Any = None,
        masks: Tensor | None = None,
        compare_labels: bool = True,
    ) -> io.NodeOutput:
        check_choice(detector, DETECTORS, "Layout Score", "detector")
        threshold = number_in(threshold, 0, 1, "Layout Score", "threshold")
        flag(compare_labels, "Layout Score", "compare_labels")
        scored = score_batch(image, as_frames(instances), detector, boxes, masks, threshold, compare_labels)
        return io.NodeOutput(*scored, ui=ui.PreviewImage(scored.pictures, cls=cls))


class InstDiffSelectFailed(io.ComfyNode):
    """INSTANCES + the results of Layout Score -> the failed ones, with masks and SEGS of their regions."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffSelectFailed",
            display_name="Select Failed Instances",
            category="InstDiff",
            description="Gives the instances that Layout Score found missing, and the regions to paint anew: for "
            "inpainting, for detailers, or for another round.",
            inputs=[
                Instances.Input("instances", tooltip="The layout that was scored: the same that Layout Score has."),
                io.String.Input("results", force_input=True, tooltip="The output results of Layout Score."),
                io.Int.Input(
                    "grow",
                    default=16,
                    min=0,
                    max=MAX_GROW,
                    optional=True,
                    tooltip="How far a region reaches beyond the instance's place on each side, in pixels of the "
                    "picture, 0..1024. Something to blend in helps inpainting.",
                ),
                io.Boolean.Input(
                    "erase",
                    default=True,
                    optional=True,
                    tooltip="On: where an instance was found off its place, that place is painted anew too, so "
                    "that the stray object goes. What other instances, which passed, cover is left out. "
                    "Off: only the wanted places.",
                ),
            ],
            outputs=[
                Instances.Output(
                    display_name="instances",
                    tooltip="The failed instances alone, a layout for each picture. Without any: a layout without instances.",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="One mask for each picture, white where something has to be painted anew: for Set Latent Noise Mask. Black if all passed.",
                ),
                io.Mask.Output(
                    display_name="masks",
                    tooltip="One mask for each failed instance, in the order of instances. A single black one if all passed.",
                ),
                Segs.Output(
                    display_name="segs",
                    is_output_list=True,
                    tooltip="The same as SEGS for the detailers of the Impact Pack; the label is the instance's prompt. A list with the SEGS of each picture.",
                ),
                io.Int.Output(display_name="count", tooltip="Number of failed instances. 0: all passed."),
            ],
        )

    @classmethod
    def execute(cls, instances: Frames, results: str, grow: int = 16, erase: bool = True) -> io.NodeOutput:
        check_whole(grow, 0, MAX_GROW, WHERE, "grow")
        flag(erase, WHERE, "erase")
        return io.NodeOutput(*select_failed(as_frames(instances), results, grow, erase))


NODES = [InstDiffLayoutScore, InstDiffSelectFailed]
