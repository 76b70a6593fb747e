"""Nodes that join, line up and choose among layouts."""

from comfy_api.latest import io

from ..instdiff_modules.importers.frames import MAX_FRAMES
from ..instdiff_modules.layout.frames import SELECT_BY, as_frames, combine, select
from ..instdiff_modules.layout.instance import Frames
from .checks import check_whole
from .types import Instances

CATEGORY = "InstDiff"
MAX_REPEAT = 1024


def _instances(name: str, tooltip: str, optional: bool = False) -> io.Input:
    return Instances.Input(name, optional=optional, tooltip=tooltip)


class InstDiffCombine(io.ComfyNode):
    """Several INSTANCES -> one layout."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffCombine",
            display_name="Combine Instances",
            category=CATEGORY,
            description="Joins layouts into one picture, later inputs in front; each keeps its own order. "
            "To give each image of a batch its own layout, use Frames of Instances.",
            inputs=[
                _instances(
                    "instances_1",
                    "The layout at the back. The last of its instances lies in front of its others, but behind the next input.",
                )
            ]
            + [
                _instances(
                    f"instances_{i}",
                    "In front of the inputs above; its own back-to-front order stays. Equal number of frames, or a single one for all.",
                    optional=True,
                )
                for i in (2, 3, 4)
            ],
            outputs=[
                Instances.Output(
                    display_name="instances",
                    tooltip="All instances, in one layout per frame. Canvas and caption are those of the first input that has them.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        instances_1: Frames,
        instances_2: Frames | None = None,
        instances_3: Frames | None = None,
        instances_4: Frames | None = None,
    ) -> io.NodeOutput:
        parts = [as_frames(part) for part in (instances_1, instances_2, instances_3, instances_4) if part is not None]
        return io.NodeOutput(combine(parts))


class InstDiffFrames(io.ComfyNode):
    """Several INSTANCES -> frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffFrames",
            display_name="Frames of Instances",
            category=CATEGORY,
            description="Puts layouts in sequence, one per image of a batch: the first layout for the first image, and so on. Chain for more.",
            inputs=[_instances("instances_1", "Layout of the first frame (image of the batch), or several frames.")]
            + [_instances(f"instances_{i}", "The frames that follow.", optional=True) for i in (2, 3, 4)]
            + [
                io.Int.Input(
                    "repeat",
                    default=1,
                    min=1,
                    max=MAX_REPEAT,
                    optional=True,
                    tooltip="How many times each layout is repeated, 1..1024: for batches with several images of each layout.",
                )
            ],
            outputs=[
                Instances.Output(display_name="instances", tooltip="The frames in their order."),
                io.Int.Output(display_name="count", tooltip="Number of frames: the batch size that fits."),
            ],
        )

    @classmethod
    def execute(
        cls,
        instances_1: Frames,
        instances_2: Frames | None = None,
        instances_3: Frames | None = None,
        instances_4: Frames | None = None,
        repeat: int = 1,
    ) -> io.NodeOutput:
        parts = [as_frames(part) for part in (instances_1, instances_2, instances_3, instances_4) if part is not None]
        if not parts:
            raise ValueError("Nothing is connected. Connect the layout of the first frame.")
        check_whole(repeat, 1, MAX_REPEAT, "Frames of Instances", "repeat")
        count = repeat * sum(map(len, parts))
        if count > MAX_FRAMES:
            raise ValueError(
                f"This would make {count} frames, at most {MAX_FRAMES} are possible. Lower repeat or connect fewer."
            )
        frames = tuple(layout for part in parts for layout in part for _ in range(repeat))
        return io.NodeOutput(frames, len(frames))


class InstDiffSelect(io.ComfyNode):
    """INSTANCES -> some of them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffSelect",
            display_name="Select Instances",
            category=CATEGORY,
            description="Keeps the selected instances, in every frame.",
            inputs=[
                _instances("instances", "The layout to choose from."),
                io.String.Input(
                    "which",
                    default="1",
                    tooltip='By number: "1,3-5" (from 1, back to front). By id: ids separated by commas. By '
                    "text: words to look for in the prompts, separated by commas.",
                ),
                io.Combo.Input(
                    "by",
                    options=list(SELECT_BY),
                    default=SELECT_BY[0],
                    tooltip="What `which` holds: numbers, ids, or words of the prompts.",
                ),
                io.Boolean.Input("invert", default=False, optional=True, tooltip="Keep all other instances instead."),
            ],
            outputs=[
                Instances.Output(display_name="instances", tooltip="The instances that are kept, in their order.")
            ],
        )

    @classmethod
    def execute(cls, instances: Frames, which: str, by: str, invert: bool = False) -> io.NodeOutput:
        return io.NodeOutput(select(as_frames(instances), which, by, invert))


NODES = [InstDiffCombine, InstDiffFrames, InstDiffSelect]
