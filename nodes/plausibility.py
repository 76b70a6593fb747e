"""The node that checks whether a layout is plausible."""

from comfy_api.latest import io

from ..instdiff_modules.language.request import MAX_COUNT
from ..instdiff_modules.layout.fields import flag
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.plausibility.check import check_frames
from ..instdiff_modules.plausibility.rules import Rules
from .checks import check_whole, number_in
from .types import Instances

WHERE = "Check Layout"
MAX_SMALLEST = 4096


def _rule(name: str, tooltip: str) -> io.Input:
    return io.Boolean.Input(name, default=True, optional=True, tooltip=tooltip)


class InstDiffCheckLayout(io.ComfyNode):
    """INSTANCES -> INSTANCES, plausible or corrected, and what was found."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffCheckLayout",
            display_name="Check Layout",
            category="InstDiff",
            description="Reports what is implausible in a layout: boxes too small for their object, broken perspective, "
            "objects cut off, duplicates, a wrong number. Corrects it on request.",
            inputs=[
                Instances.Input(
                    "instances",
                    tooltip="The layout to check; each frame is checked separately. Hidden instances do not count.",
                ),
                io.Boolean.Input(
                    "correct",
                    default=False,
                    tooltip="On: correct what can be corrected, in a frame of up to 500 instances. Off: the layout passes unchanged. "
                    "Locked instances stay as they are.",
                ),
                io.Int.Input(
                    "count",
                    default=0,
                    min=0,
                    max=MAX_COUNT,
                    tooltip="Requested number of instances, 1..30. 0: any number. Missing ones are only reported.",
                ),
                _rule("edges", "Objects that reach beyond the canvas. Corrected by moving them in."),
                _rule(
                    "duplicates",
                    "Two instances in the same region. Corrected, if their prompts are the same, by removing the second.",
                ),
                _rule(
                    "sizes",
                    "Objects too small or too large beside another at the same distance, by the real sizes of "
                    "about 160 common things. Corrected to the nearest size that fits.",
                ),
                _rule(
                    "perspective",
                    "Objects farther away that are drawn larger for their real size than nearer ones. Corrected like sizes.",
                ),
                io.Int.Input(
                    "smallest",
                    default=32,
                    min=0,
                    max=MAX_SMALLEST,
                    optional=True,
                    tooltip="Shortest side that a box may have, in pixels of the canvas, 0..4096. 0: any. Below "
                    "32 an SD1.5 model cannot draw much. Corrected by growing.",
                ),
                io.Float.Input(
                    "horizon",
                    default=0.35,
                    min=-1.0,
                    max=0.95,
                    step=0.01,
                    optional=True,
                    tooltip="Height of the horizon in the picture, -1..0.95: 0 is the top, 1 the bottom. Below 0 the camera looks down and sees only ground.",
                ),
            ],
            outputs=[
                Instances.Output(display_name="instances", tooltip="The layout, corrected if requested."),
                io.Float.Output(
                    display_name="score",
                    tooltip="Share of the instances, or of the requested number, without a finding, 0..1, before corrections; the mean of several frames.",
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="The findings and corrections as text, for Preview as Text or for another answer of the language model.",
                ),
                io.String.Output(display_name="findings", tooltip="The same as JSON, for programs."),
            ],
        )

    @classmethod
    def execute(
        cls,
        instances: Frames,
        correct: bool,
        count: int,
        edges: bool = True,
        duplicates: bool = True,
        sizes: bool = True,
        perspective: bool = True,
        smallest: int = 32,
        horizon: float = 0.35,
    ) -> io.NodeOutput:
        switches = {
            "correct": correct,
            "edges": edges,
            "duplicates": duplicates,
            "sizes": sizes,
            "perspective": perspective,
        }
        for name, value in switches.items():
            flag(value, WHERE, name)
        check_whole(count, 0, MAX_COUNT, WHERE, "count")
        check_whole(smallest, 0, MAX_SMALLEST, WHERE, "smallest")
        rules = Rules(
            edges, duplicates, sizes, perspective, smallest, count, number_in(horizon, -1, 0.95, WHERE, "horizon")
        )
        return io.NodeOutput(*check_frames(as_frames(instances), rules, correct))


NODES = [InstDiffCheckLayout]
