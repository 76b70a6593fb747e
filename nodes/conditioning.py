"""The node that lets other methods use a layout: masked and area conditioning, attention couple, GLIGEN."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from comfy_api.latest import io

from ..instdiff_modules.exporters.conditioning import ALONE, GLIGEN, METHODS, in_region, with_gligen
from ..instdiff_modules.exporters.regions import shared_out, to_regions
from ..instdiff_modules.geometry.masks import extent
from ..instdiff_modules.geometry.overlaps import visible_parts
from ..instdiff_modules.geometry.raster import layout_masks, output_size
from ..instdiff_modules.layout import fields
from ..instdiff_modules.layout.document import check_prompts, visible_instances
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.regions.weights import FRONT, SHARED
from . import checks
from .types import Instances, Regions

WHERE = "Instances to Conditioning"
MAX_STRENGTH = 10
_log = logging.getLogger(__name__)


class InstDiffToConditioning(io.ComfyNode):
    """CONDITIONING + CLIP + INSTANCES -> CONDITIONING with a region for each instance, Regions, masks, negative CONDITIONING."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        side = {"default": 0, "min": 0, "max": fields.MAX_SIDE, "optional": True}
        return io.Schema(
            node_id="InstDiffToConditioning",
            display_name="Instances to Conditioning",
            category="InstDiff",
            description="Encodes each instance's prompt for its region: for masked or area conditioning, GLIGEN, "
            "and attention couple. Compares these methods on one layout, also with SDXL and other models.",
            inputs=[
                io.Conditioning.Input("positive", tooltip="The prompt of the whole picture; it acts everywhere."),
                io.Clip.Input("clip", tooltip="The CLIP of the same model: it encodes the prompt of each instance."),
                Instances.Input("instances", tooltip="The layout; a single frame. Hidden instances do not count."),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default=METHODS[0],
                    tooltip='"masks": each prompt counts inside its mask. "mask bounds": the same, computed on '
                    'the mask\'s rectangle alone. "areas": the box is sampled separately, as by Conditioning (Set Area). '
                    '"GLIGEN": boxes for a GLIGEN model. "prompts alone": the encoded prompts '
                    "without regions, for nodes with mask sockets of their own.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=float(MAX_STRENGTH),
                    step=0.05,
                    tooltip="Weight of the regions against the whole, 0..10; times the strength of each instance. Not for GLIGEN, which has none.",
                ),
                io.Gligen.Input("gligen", optional=True, tooltip="Only for GLIGEN: its model, from GLIGENLoader."),
                io.Int.Input(
                    "width",
                    **side,
                    tooltip="Width of the picture in pixels, 0..16384: that of the latent. 0: the canvas's own (512 if unknown).",
                ),
                io.Int.Input(
                    "height",
                    **side,
                    tooltip="Height of the picture in pixels, 0..16384: that of the latent. 0: the canvas's own (512 if unknown).",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="The negative prompt of the whole picture; it acts everywhere. Not connected: an empty prompt.",
                ),
                io.Combo.Input(
                    "overlap",
                    options=[SHARED, FRONT],
                    default=SHARED,
                    optional=True,
                    tooltip="Where instances overlap, with masks. shared: all of them. front only: the front one alone, as far as it is opaque. "
                    "The output regions is always the latter.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="For the sampler's positive: the whole picture's prompt and the instances'.",
                ),
                Regions.Output(
                    display_name="regions",
                    tooltip="The same for Regions Attention Mask of Tooling Nodes (attention couple): background and a region for each instance.",
                ),
                io.Mask.Output(
                    display_name="masks",
                    tooltip="The mask of each instance, back to front. A single black mask if there are none.",
                ),
                io.Conditioning.Output(
                    display_name="negative",
                    tooltip="For the sampler's negative: the whole picture's negative prompt, and in their regions those of the instances that have one.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: Any,
        clip: Any,
        instances: Frames,
        method: str,
        strength: float,
        gligen: Any = None,
        width: int = 0,
        height: int = 0,
        negative: Any = None,
        overlap: str = SHARED,
    ) -> io.NodeOutput:
        checks.check_choice(method, METHODS, WHERE, "method")
        checks.check_choice(overlap, (SHARED, FRONT), WHERE, "overlap")
        strength = checks.number_in(strength, 0, MAX_STRENGTH, WHERE, "strength")
        checks.check_conditioning(positive, "positive", None)
        (checks.check_clip if method == GLIGEN else checks.check_text_encoder)(clip)
        if negative is not None:
            checks.check_conditioning(negative, "negative", None)
        frames = as_frames(instances)
        if len(frames) != 1:
            raise ValueError(
                f"{WHERE}: expected a single layout, got {len(frames)} frames. Connect this node before Frames of Instances, one for each frame."
            )
        if (method == GLIGEN or gligen is not None) and not hasattr(gligen, "model"):
            raise ValueError(f"{WHERE}: the method GLIGEN needs its model. Connect GLIGENLoader.")
        check_prompts(frames[0])
        width, height = output_size(frames[0], width, height)
        shown, masks = visible_instances(frames[0]), layout_masks(frames, height, width)
        boxes = [extent(instance) for instance in shown]
        regions = shared_out(masks[: len(shown)], shown)
        if overlap == FRONT and shown:
            masks = visible_parts(masks, shown)

        def encode(prompt: str) -> Any:
            return clip.encode_from_tokens_scheduled(clip.tokenize(prompt))

        encoded = [encode(instance.prompt) for instance in shown]
        negative = encode("") if negative is None else negative
        if method == GLIGEN:
            features = [clip.encode_from_tokens(clip.tokenize(i.prompt), return_pooled="unprojected")[1] for i in shown]
            conditioning = with_gligen(positive, gligen, features, boxes, width, height)
            if any(instance.negative.strip() for instance in shown):
                _log.warning("%s: GLIGEN has no negative prompts for single instances; they are ignored.", WHERE)
        else:
            # not strict: without instances there is one black mask
            rows = list(zip(encoded, shown, masks, boxes, strict=False))
            conditioning = [
                *([] if method == ALONE and shown else positive),
                *(pair for row in rows for pair in in_region(*row, method, strength)),
            ]
            if any(instance.negative.strip() for instance in shown):
                negative = _negatives(negative, encode, rows, method, strength)
        return io.NodeOutput(conditioning, to_regions(positive, regions, encoded), masks, negative)


def _negatives(
    whole: Any, encode: Callable[[str], Any], rows: Sequence[Any], method: str, strength: float
) -> list[Any]:
    """The negative prompts of the instances beside that of the whole picture; alone: one for each, the whole's where it has none."""
    given = [] if method == ALONE else list(whole)
    for _, instance, mask, box in rows:
        words = instance.negative.strip()
        if words or method == ALONE:
            given += in_region(encode(words) if words else whole, instance, mask, box, method, strength)
    return given


NODES = [InstDiffToConditioning]
