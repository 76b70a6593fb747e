"""The node that draws a layout."""

from comfy_api.latest import io, ui
from torch import Tensor

from ..instdiff_modules.layout.fields import MAX_SIDE
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.preview.batch import draw_frames
from .types import Instances


class InstDiffPreview(io.ComfyNode):
    """INSTANCES -> IMAGE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        side = {"default": 0, "min": 0, "max": MAX_SIDE, "optional": True}
        return io.Schema(
            node_id="InstDiffPreview",
            display_name="Preview Layout",
            category="InstDiff",
            is_output_node=True,
            description="Draws the layout: boxes, masks, points, strokes and prompts, over an image if one is connected.",
            inputs=[
                Instances.Input("instances", tooltip="The layout to draw; several frames give a batch of pictures."),
                io.Image.Input(
                    "background",
                    optional=True,
                    tooltip="Image to draw on, for example the generated one. A batch is matched with the frames. Not connected: a dark canvas.",
                ),
                io.Int.Input(
                    "width",
                    **side,
                    tooltip="Width of the picture in pixels, 0..16384. 0: that of the background, else of the layout, else 512.",
                ),
                io.Int.Input(
                    "height",
                    **side,
                    tooltip="Height of the picture in pixels, 0..16384. 0: that of the background, else of the layout, else 512.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image",
                    tooltip="The drawing, one picture per frame or background image; a single picture up to 44 megapixels.",
                )
            ],
        )

    @classmethod
    def execute(
        cls, instances: Frames, background: Tensor | None = None, width: int = 0, height: int = 0
    ) -> io.NodeOutput:
        image = draw_frames(as_frames(instances), width, height, background)
        return io.NodeOutput(image, ui=ui.PreviewImage(image, cls=cls))


NODES = [InstDiffPreview]
