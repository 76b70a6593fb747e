"""Apply References: instances take their look from pictures, by the model's own self-attention."""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.geometry.raster import output_size
from ..instdiff_modules.layout.document import visible_instances
from ..instdiff_modules.layout.fields import text
from ..instdiff_modules.layout.frames import as_frames, describe, find_index
from ..instdiff_modules.layout.instance import Frames, Instance
from ..instdiff_modules.references.blocks import self_attentions
from ..instdiff_modules.references.fit import fitted
from ..instdiff_modules.references.places import Member, Places
from . import checks
from .demo_model import picture_side
from .empty_latent import drawn_at
from .reference_calls import Picture, References, attach_references
from .reference_files import FILES, read_reference
from .types import Instances

WHERE = "Apply References"
RANGES = {"strength": (0, 2), "start": (0, 1), "end": (0, 1), "noise": (0, 1)}
MOST_KEPT = 64  # latents of one VAE, 16 KB each at 512 x 512


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
            return io.NodeOutput(model.clone())
        encode = LATENTS.of(vae, math.prod(drawn_at(*output_size(frames[0], 0, 0), picture_side(model))))
        pictures = tuple(encode(picture) for picture in found.pictures)
        check_channels(model, pictures[0].latent)
        prompt = clip.encode_from_tokens_scheduled(clip.tokenize(""))
        check_width(model, prompt)
        places = Places(
            [[found.member(instance, i, strength) for instance in seen] for i, seen in enumerate(found.seen)]
        )
        return io.NodeOutput(attach_references(model, References(pictures, places, prompt, start, end, noise)))


class Gathered:
    """The references of all frames. pictures: each (H, W, 3 or 4), once; seen: the instances of each frame that generate."""

    def __init__(self, frames: Frames, images: Tensor | None, of: str) -> None:
        self.pictures: list[Tensor] = []
        self.seen = [[one for one in visible_instances(layout) if one.strength] for layout in frames]
        self._numbers: dict[tuple[int, str], int] = {}  # of the instance of an id in a frame
        given = _given(frames, images, of)
        files: dict[str, int] = {}
        for frame, instances in enumerate(self.seen):
            for instance in instances:
                key = frame, instance.id
                if key in given:
                    self._numbers[key] = self._add(given[key])
                elif instance.reference and instance.reference_strength:
                    if instance.reference not in files:
                        where = f"Instance {instance.id[:40]}"
                        files[instance.reference] = self._add(read_reference(instance.reference, where))
                    self._numbers[key] = files[instance.reference]

    def _add(self, picture: Tensor) -> int:
        for number, known in enumerate(self.pictures):
            if known is picture:
                return number
        self.pictures.append(picture)
        return len(self.pictures) - 1

    def member(self, instance: Instance, frame: int, strength: float) -> Member:
        number = self._numbers.get((frame, instance.id))
        return Member(instance, number, min(strength * instance.reference_strength, 2.0))


def _given(frames: Frames, images: Tensor | None, of: str) -> dict[tuple[int, str], Tensor]:
    """The connected pictures by frame and id of the instance that each belongs to."""
    if images is None:
        return {}
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[-1] not in (3, 4) or not images.numel():
        came = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(
            f"{WHERE}: expected images of shape (pictures, height, width, 3), got {came}. Connect Load Image."
        )
    checks.check_finite(images, "reference picture")
    names = [name.strip() for name in of.split(",") if name.strip()]
    names = names or [str(i + 1) for i in range(len(images))]
    if len(names) != len(images):
        raise ValueError(
            f"{WHERE}: {len(images)} images are connected and `of` names {len(names)} instances. Name one instance for each image."
        )
    found = {}
    for name, picture in zip(names, list(images), strict=True):
        places = [(i, find_index(layout, name)) for i, layout in enumerate(frames)]
        if all(index is None for _, index in places):
            raise ValueError(f"{WHERE}: there is no instance {name!r} for an image. {describe(frames)}")
        found |= {(i, frames[i].instances[index].id): picture for i, index in places if index is not None}
    return found


class KnownLatents:
    """Pictures as a VAE encodes them, remembered as long as that VAE is there: a change of the layout encodes none anew."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, OrderedDict[bytes, Picture]] = WeakKeyDictionary()

    def of(self, vae: Any, area: float) -> Any:
        """picture (H, W, 3 or 4) in 0..1 -> Picture of about `area` pixels."""

        def encode(picture: Tensor) -> Picture:
            known = self._known.setdefault(vae, OrderedDict())
            pixels, inside = prepared(picture, area)
            content = hashlib.sha256(pixels.numpy().tobytes())
            content.update(b"" if inside is None else inside.numpy().tobytes())
            key = content.digest()
            if key not in known:
                known[key] = Picture(vae.encode(pixels), inside)
            known.move_to_end(key)
            if len(known) > MOST_KEPT:
                known.popitem(last=False)
            return known[key]

        return encode


LATENTS = KnownLatents()


def prepared(picture: Tensor, area: float) -> tuple[Tensor, Tensor | None]:
    """(1, h, w, 3) for the VAE, a cut-out picture on white; and its opacity (h, w), None where all of it is opaque."""
    picture = picture.detach().float().cpu()
    pixels = fitted(picture, area)
    if picture.shape[-1] == 3 or bool((picture[..., 3] == 1).all()) or not bool(picture[..., 3].any()):
        return pixels, None
    opacity = fitted(picture[..., 3:].expand(-1, -1, 3), area)[..., :1]
    return pixels * opacity + (1 - opacity), opacity[0, ..., 0]


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
