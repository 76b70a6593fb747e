"""Apply References: instances take their look from pictures, by the model's own self-attention."""

import logging
import math
from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.geometry.raster import output_size
from ..instdiff_modules.layout.fields import text
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Frames
from ..instdiff_modules.references.blocks import self_attentions
from ..instdiff_modules.references.places import Places
from ..instdiff_modules.shapeworld.canvases import drawn_at
from . import checks
from .demo_model import picture_sides
from .reference_calls import References, attach_references
from .reference_files import FILES
from .reference_pictures import LATENTS, WHERE, Gathered
from .types import Instances

_log = logging.getLogger(__name__)
RANGES = {"strength": (0, 2), "start": (0, 1), "end": (0, 1), "noise": (0, 1)}


class InstDiffApplyReferences(io.ComfyNode):
    """MODEL + CLIP + VAE + INSTANCES (+ IMAGE) -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share: dict[str, Any] = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="InstDiffApplyReferences",
            display_name="Apply References",
            category="InstDiff",
            description="Each instance takes its look (colour, texture, kind) from a picture of its own, in its location only. For SD1.5 "
            "and SDXL; needs no extra weights.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="A model with a UNet (SD1.5, SD2, SDXL), before or after Apply InstDiff. The output is a patched copy.",
                ),
                io.Clip.Input("clip", tooltip="The text encoder that goes with the MODEL."),
                io.Vae.Input("vae", tooltip="The VAE that goes with the MODEL: it encodes the pictures."),
                Instances.Input(
                    "instances",
                    tooltip="The same layout as for Apply InstDiff. In the Layout Editor an instance has a row Reference for its "
                    "picture.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How much an instance takes from its reference, 0..2. 0: nothing. 1: it sees the reference beside the picture "
                    "itself. 2: it sees the reference instead. An instance's own strength multiplies it.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    **share,
                    tooltip="When the references begin to act, as a share of the denoising: 0 (first step) .. 1 (last step).",
                ),
                io.Float.Input(
                    "end",
                    default=1.0,
                    **share,
                    tooltip="When the references stop acting, as a share of the denoising: 0 (first step) .. 1 (last step); above start. "
                    "Lower it if the picture's own light and style should win.",
                ),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Reference pictures, in the order of the instances or of `of`. They replace those of the layout.",
                ),
                io.String.Input(
                    "of",
                    default="",
                    optional=True,
                    tooltip="Which instances the images belong to: ids, or numbers from 1, back to front, separated by commas. Empty: "
                    "image 1 is for instance 1, and so on.",
                ),
                io.Float.Input(
                    "noise",
                    default=1.0,
                    **share,
                    optional=True,
                    advanced=True,
                    tooltip="How noisy the model sees a reference, as a share (0..1) of the picture's own noise. 1: as noisy, one more model "
                    "call for each step. 0: clear, one more call for the whole run.",
                ),
            ],
            outputs=[io.Model.Output(tooltip="The model with its references, for Apply InstDiff or any sampler node.")],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        """Changes when a picture that was read is replaced."""
        return FILES.fingerprint()

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        instances: Frames,
        strength: float,
        start: float,
        end: float,
        images: Tensor | None = None,
        of: str = "",
        noise: float = 1.0,
    ) -> io.NodeOutput:
        for name, value in (("strength", strength), ("start", start), ("end", end), ("noise", noise)):
            checks.number_in(value, *RANGES[name], WHERE, name)
        of = text("" if of is None else of, WHERE, "of")
        checks.check_model(model)
        checks.check_text_encoder(clip)
        checks.check_vae(vae)
        check_unet(model)
        if start >= end:
            raise ValueError(
                f"{WHERE}: expected start below end, got start {start:g} and end {end:g}: the references would never act."
            )
        frames = as_frames(instances)
        found = Gathered(frames, images, of)
        if strength == 0 or not found.pictures:
            if strength:
                _log.warning(
                    "Apply References: no visible instance has a reference picture, so the node does nothing. Choose one in the Layout "
                    "Editor or connect images."
                )
            return io.NodeOutput(model.clone())
        encode = LATENTS.of(vae, math.prod(drawn_at(*output_size(frames[0], 0, 0), picture_sides(model))))
        pictures = tuple(encode(picture) for picture in found.pictures)
        check_channels(model, pictures[0].latent)
        for picture in pictures:
            checks.check_finite(picture.latent, "latent of a reference picture")
        prompt = clip.encode_from_tokens_scheduled(clip.tokenize(""))
        check_width(model, prompt)
        places = Places(
            [[found.member(instance, i, strength) for instance in seen] for i, seen in enumerate(found.seen)]
        )
        canvases = tuple((layout.width, layout.height) for layout in frames)
        return io.NodeOutput(
            attach_references(model, References(pictures, places, prompt, start, end, noise, canvases))
        )


def check_unet(model: Any) -> None:
    """ValueError for a model without self-attention that could look at a reference."""
    if not self_attentions(model.get_model_object("diffusion_model")):
        kind = type(getattr(model.model, "model_config", model.model)).__name__
        raise ValueError(
            f"{WHERE} needs a model with a UNet (SD1.5, SD2, SDXL), got one of kind {kind}. Connect such a model, or leave this node out."
        )


def check_channels(model: Any, latent: Tensor) -> None:
    """ValueError for the VAE of another family of models."""
    channels = model.model.latent_format.latent_channels
    if latent.ndim != 4 or latent.shape[1] != channels:
        raise ValueError(
            f"{WHERE}: expected a VAE with latents of {channels} channels, got {latent.shape[1]}. Connect the VAE of the MODEL's checkpoint."
        )


def check_width(model: Any, prompt: Sequence[Any]) -> None:
    """ValueError for the text encoder of another family of models."""
    width, found = checks.prompt_width(model.get_model_object("diffusion_model")), prompt[0][0].shape[-1]
    if width is not None and found != width:
        raise ValueError(
            f"{WHERE}: expected a CLIP whose prompts have width {width}, got {found}. Connect the CLIP of the MODEL's checkpoint."
        )


NODES = [InstDiffApplyReferences]
