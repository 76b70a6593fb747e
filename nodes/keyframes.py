"""The node that turns a few layouts into one for every image of a batch."""

from comfy_api.latest import io

from ..instdiff_modules.geometry.keyframes import GAPS, MOTIONS, WHERE, between_keyframes, keyframe_numbers
from ..instdiff_modules.importers.frames import MAX_FRAMES
from ..instdiff_modules.layout import fields
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from .checks import check_choice, check_whole
from .types import Instances


class InstDiffKeyframes(io.ComfyNode):
    """Layouts at some frames -> a layout for every frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffKeyframes",
            display_name="Keyframes of Instances",
            category="InstDiff",
            description="Layouts at a few frames of a batch; between them boxes, points and scribbles move. Image k of the batch gets layout k.",
            inputs=[
                Instances.Input(
                    "instances",
                    tooltip="The layouts at the keyframes, in their order: from Frames of Instances, or a list "
                    "in Instances from JSON. Instances with the same id are the same object.",
                ),
                io.Int.Input(
                    "count",
                    default=16,
                    min=1,
                    max=MAX_FRAMES,
                    tooltip="How many frames to make, 1..4096: the batch size. All frames together may have 200,000 instances.",
                ),
                io.String.Input(
                    "at",
                    default="",
                    optional=True,
                    tooltip='The frame of each layout, from 0: "0, 8, 15". Empty: as the field "frame" of the layouts says, else spread evenly.',
                ),
                io.Combo.Input(
                    "motion",
                    options=list(MOTIONS),
                    default=MOTIONS[0],
                    optional=True,
                    tooltip="linear: at a steady pace. smooth: slow at the keyframes. hold: each keyframe until "
                    "the next. Masks are always held, from the nearest keyframe.",
                ),
                io.Combo.Input(
                    "gaps",
                    options=list(GAPS),
                    default=GAPS[0],
                    optional=True,
                    tooltip="An instance that a keyframe lacks: leave out, or bridge it from the keyframe before to the one "
                    "after, as for an object that a detector missed.",
                ),
            ],
            outputs=[
                Instances.Output(display_name="instances", tooltip="One layout for each frame, for Apply InstDiff."),
                io.Int.Output(display_name="count", tooltip="Number of frames: the batch size that fits."),
            ],
        )

    @classmethod
    def execute(
        cls, instances: Frames, count: int, at: str = "", motion: str = MOTIONS[0], gaps: str = GAPS[0]
    ) -> io.NodeOutput:
        check_whole(count, 1, MAX_FRAMES, WHERE, "count")
        check_choice(motion, MOTIONS, WHERE, "motion")
        check_choice(gaps, GAPS, WHERE, "gaps")
        frames = as_frames(instances)
        numbers = keyframe_numbers(fields.text("" if at is None else at, WHERE, "at"), frames, count)
        return io.NodeOutput(between_keyframes(frames, numbers, count, motion, gaps), count)


NODES = [InstDiffKeyframes]
