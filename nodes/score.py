"""The nodes that compare a picture with its layout, and choose what to repaint."""

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
            description="Shows which instances are where the layout puts them: a score, a table, and the picture with green and red marks.",
            inputs=[
                io.Image.Input(
                    "image", tooltip="The picture to score. In a batch every picture is scored; the score is the mean."
                ),
                Instances.Input(
                    "instances",
                    tooltip="The requested layout. Hidden instances do not count.",
                ),
                io.Combo.Input(
                    "detector",
                    options=list(DETECTORS),
                    default=DETECTORS[0],
                    tooltip="Where the detections come from: boxes and masks, or an exact detector of the demo model's shapes.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Minimum IoU to pass, 0..1; typically 0.5. Of points: the share that must lie inside.",
                ),
                io.BoundingBox.Input(
                    "boxes",
                    optional=True,
                    force_input=True,
                    tooltip="BOUNDING_BOX of a detector such as RT-DETR or SAM3, in pixels of this image. Not needed for shape world.",
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="Masks of the detector: one for each box, or without boxes one for each object.",
                ),
                io.Boolean.Input(
                    "compare_labels",
                    default=True,
                    optional=True,
                    tooltip="On: the prompt must contain the detection's label. Off: only locations are compared.",
                ),
            ],
            outputs=[
                io.Float.Output(
                    display_name="score",
                    tooltip="Share of the instances that pass, 0..1; the mean over a batch. 1 for a layout without instances.",
                ),
                io.String.Output(display_name="table", tooltip="A line for each instance, as text."),
                io.Image.Output(
                    display_name="picture",
                    tooltip="The image with the requested regions: green if the instance passed, red if not. Small images are enlarged.",
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
            description="Gives the instances that failed in Layout Score, and the regions to repaint: for inpainting, for detailers, or for another round.",
            inputs=[
                Instances.Input("instances", tooltip="The scored layout: the same as for Layout Score."),
                io.String.Input("results", force_input=True, tooltip="The output results of Layout Score."),
                io.Int.Input(
                    "grow",
                    default=16,
                    min=0,
                    max=MAX_GROW,
                    optional=True,
                    tooltip="How far a region reaches beyond the instance's location on each side, in pixels of the picture, "
                    "0..1024. Surroundings help inpainting to blend.",
                ),
                io.Boolean.Input(
                    "erase",
                    default=True,
                    optional=True,
                    tooltip="On: the region where a misplaced instance was found is repainted too, which removes it. Regions of "
                    "instances that passed are spared. Off: only the requested regions.",
                ),
            ],
            outputs=[
                Instances.Output(
                    display_name="instances",
                    tooltip="The failed instances alone, a layout for each picture. Without any: a layout without instances.",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="One mask for each picture, white where the picture needs repainting: for Set Latent Noise Mask. Black if all passed.",
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
