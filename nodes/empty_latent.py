"""Empty Latent for Layout: the canvas of a layout as an empty latent, at the size that the model draws at."""

import logging

import comfy.model_management
import torch
from comfy_api.latest import io

from ..instdiff_modules.geometry.raster import MAX_PIXELS, output_size
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.shapeworld.canvases import CELL, FORMS, drawn_at, in_form
from .checks import check_model, check_whole
from .demo_model import picture_sides
from .types import Instances

_log = logging.getLogger(__name__)

CHANNELS = 4  # as all empty latents of ComfyUI; its samplers adapt them
MOST_PICTURES = 4096
WHERE = "Empty Latent for Layout"


class InstDiffEmptyLatent(io.ComfyNode):
    """MODEL + INSTANCES -> LATENT."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffEmptyLatent",
            display_name="Empty Latent for Layout",
            category="InstDiff",
            description="An empty latent of the layout's canvas. For the demo model the canvas is scaled to a shorter side of 256 pixels, which it draws at.",
            inputs=[
                io.Model.Input(
                    "model", tooltip="The model that will be sampled: it decides whether the canvas is scaled."
                ),
                Instances.Input("instances", tooltip="The layout whose canvas counts; 512x512 if it states none."),
                io.Int.Input(
                    "batch_size",
                    default=0,
                    min=0,
                    max=MOST_PICTURES,
                    optional=True,
                    tooltip="How many pictures to make, 0..4096. 0: one for each layout that comes in.",
                ),
            ],
            outputs=[io.Latent.Output(tooltip="The empty latent, for any sampler.")],
        )

    @classmethod
    def execute(cls, model: object, instances: Frames, batch_size: int = 0) -> io.NodeOutput:
        check_model(model)
        check_whole(batch_size, 0, MOST_PICTURES, WHERE, "batch_size")
        frames = as_frames(instances)
        canvas, sides = output_size(frames[0], 0, 0), picture_sides(model)
        width, height = drawn_at(*canvas, sides)
        if sides and not in_form(*canvas):
            _log.warning(
                "The demo model was trained on canvases from %s: on one of another form (%sx%s) objects miss their places.",
                *(FORMS, *canvas),
            )
        count = batch_size or len(frames)
        numbers = count * CHANNELS * (height // CELL) * (width // CELL)
        if numbers > MAX_PIXELS:
            raise ValueError(
                f"{WHERE}: {count} pictures of {width}x{height} pixels need {numbers / 2**28:.3g} GB as a latent, at most "
                f"{MAX_PIXELS / 2**28:.2g} GB are made. Choose a smaller batch_size or canvas."
            )
        samples = torch.zeros(
            count,
            CHANNELS,
            height // CELL,
            width // CELL,
            device=comfy.model_management.intermediate_device(),
        )
        return io.NodeOutput({"samples": samples, "downscale_ratio_spacial": CELL})


NODES = [InstDiffEmptyLatent]
