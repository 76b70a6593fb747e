"""Empty Latent for Layout: the canvas of a layout as an empty latent, at the size that the model draws at."""

import logging

import comfy.model_management
import torch
from comfy_api.latest import io

from ..instdiff_modules.geometry.raster import MAX_PIXELS, output_size
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from .checks import check_model, check_whole
from .demo_model import picture_side
from .types import Instances

_log = logging.getLogger(__name__)

CHANNELS = 4  # as all empty latents of ComfyUI; its samplers adapt them
CELL = 8  # pixels of a latent's cell
SMALLEST, LARGEST = 64, 16384  # pixels of a side
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
            description="An empty latent of the layout's canvas. For the demo model, which draws at 256x256 alone, the canvas is scaled to that.",
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
        width, height = drawn_at(*output_size(frames[0], 0, 0), picture_side(model))
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


def drawn_at(width: int, height: int, side: int | None) -> tuple[int, int]:
    """The picture of a canvas, in multiples of 8 pixels; the longer side is `side` for a model that was made for one size."""
    if side is not None and width != height:
        _log.warning(
            "The demo model was trained on %sx%s alone: on a canvas of another shape (%sx%s) objects miss their places.",
            *(side, side, width, height),
        )
    scale = 1 if side is None else side / max(width, height)

    def cells(given: int) -> int:
        return min(max(round(given * scale / CELL) * CELL, SMALLEST), LARGEST)

    return cells(width), cells(height)


NODES = [InstDiffEmptyLatent]
