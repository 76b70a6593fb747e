"""Apply InstDiff: a MODEL that knows its instances, for every sampler node there is."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import comfy.ldm.modules.attention
from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.grounding.bank import TokenBank, check_slots, token_sets_of
from ..instdiff_modules.grounding.inputs import GroundingInputs
from ..instdiff_modules.grounding.presence import CONFIGURATIONS, authors_presence
from ..instdiff_modules.layout.document import Frames, check_prompts, visible_instances
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Instance
from ..instdiff_modules.sampling.attention_mask import MaskedAttention
from ..instdiff_modules.sampling.fuser_patch import FuserPatch
from ..instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from ..instdiff_modules.sampling.window import Window
from . import checks
from .checks import check_fits
from .model import InstDiffModel
from .patching import Applied, applied_to, attach
from .types import Instances, InstDiffModelSocket

SCALEU = ("on", "off", "on (SE variant)")
MASKED = {
    "off": None,
    "finest level": MaskedAttention("finest"),
    "all levels": MaskedAttention("all"),
    "authors' (64x64 only, transposed)": MaskedAttention("finest", authors=True),
}
LOCATION_FORMATS = {"as given": None, **{f"authors' {name}": name for name in CONFIGURATIONS}}


class ApplyInstDiff(io.ComfyNode):
    """MODEL + CLIP + INSTDIFF_MODEL + INSTANCES -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share: dict[str, Any] = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="InstDiffApply",
            display_name="Apply InstDiff",
            category="InstDiff",
            description="Puts the instances into a Stable Diffusion 1.5 model: connect the MODEL to any sampler node.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip=(
                        "A Stable Diffusion 1.5 model (SDXL or Flux don't fit), with or without LoRA. It is not changed: the output is a patched copy."
                    ),
                ),
                io.Clip.Input(
                    "clip",
                    tooltip=(
                        "The CLIP of the same checkpoint: it encodes the prompt of each instance. With a LoRA, the CLIP "
                        "after the LoRA."
                    ),
                ),
                InstDiffModelSocket.Input(
                    "instdiff_model", tooltip="InstanceDiffusion's weights, from Load InstDiff Model."
                ),
                Instances.Input(
                    "instances",
                    tooltip=(
                        "The layout: which object goes where. Several frames: one layout per image of the batch. Without instances the model is unchanged."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How strongly the instances steer, 0..2. 0: the model is unchanged. 1: as trained.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    **share,
                    tooltip=(
                        "When the instances begin to act, as a share of the denoising: 0 (first step) .. 1 (last step)."
                    ),
                ),
                io.Float.Input(
                    "end",
                    default=0.8,
                    **share,
                    tooltip=(
                        "When the instances stop acting, as a share of the denoising: 0 (first step) .. 1 (last step); above "
                        "start. Lower it if objects look pasted on. InstanceDiffusion's authors use 0.75 to 1."
                    ),
                ),
                io.Float.Input(
                    "fade",
                    default=0.0,
                    **share,
                    optional=True,
                    tooltip=(
                        "Length of the interval before end in which the strength falls to 0, as a share of the denoising "
                        "(0..1). 0: an abrupt end."
                    ),
                ),
                io.Combo.Input(
                    "scaleu",
                    options=list(SCALEU),
                    default="on",
                    optional=True,
                    tooltip=(
                        "ScaleU, a part of the weights, rescales the UNet's decoder in all steps. on: as trained. on (SE "
                        "variant): as logtd/ComfyUI-InstanceDiffusion does."
                    ),
                ),
                io.Combo.Input(
                    "masked_attention",
                    options=list(MASKED),
                    default="off",
                    optional=True,
                    tooltip=(
                        "Each region of the picture sees only the instances whose box contains it: less colour leaking, "
                        "slower. finest level: at the highest resolution inside the model; all levels: everywhere. The "
                        "authors train with it and generate without."
                    ),
                ),
                io.Combo.Input(
                    "location_formats",
                    options=list(LOCATION_FORMATS),
                    default="as given",
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Which boxes, points, scribbles and masks count. as given: all of them. The others: those that one "
                        "of the authors' test configurations keeps, to compare with their results."
                    ),
                ),
                io.Int.Input(
                    "point_seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Seed (0..4294967295) of the points that are drawn at random inside masks of fewer than 128 pixels."
                    ),
                ),
            ],
            outputs=[io.Model.Output(tooltip="The model with its instances, for any sampler node.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        instdiff_model: InstDiffModel,
        instances: Frames,
        strength: float,
        start: float,
        end: float,
        fade: float = 0.0,
        scaleu: str = "on",
        masked_attention: str = "off",
        location_formats: str = "as given",
        point_seed: int = 0,
    ) -> io.NodeOutput:
        check_settings(strength, start, end, fade, scaleu, masked_attention, location_formats, point_seed)
        checks.check_model(model)
        checks.check_weights(instdiff_model)
        layouts = as_frames(instances)
        for layout in layouts:
            check_prompts(layout)
        frames = tuple(visible_instances(layout) for layout in layouts)
        check_fits(model, instdiff_model.adapter.model, instdiff_model.source)
        if strength == 0 or not any(i.strength for frame in frames for i in frame):
            return io.NodeOutput(model.clone())
        if start >= end:
            raise ValueError(
                f"Expected start below end, got start {start} and end {end}: the instances would never act. "
                "Raise end or lower start."
            )
        checks.check_clip(clip)
        check_slots(frames, instdiff_model.config.slots)
        bank = build_bank(
            instdiff_model, clip, frames, point_seed, authors_presence(LOCATION_FORMATS[location_formats])
        )
        to_sigma = functools.cache(model.get_model_object("model_sampling").percent_to_sigma)
        masked = MASKED[masked_attention]
        fusers = FuserPatch(
            instdiff_model.adapter, bank, Window(start, end, fade), to_sigma, block_attention, strength, masked,
            layer=len(applied_to(model)),
        )  # fmt: skip
        scale = None if scaleu == "off" else ScaleUPatch(instdiff_model.adapter, se=scaleu == "on (SE variant)")
        canvases = tuple((layout.width, layout.height) for layout in layouts)
        encode = functools.partial(instdiff_model.encode_prompt, clip)
        return io.NodeOutput(attach(model, fusers, scale, Applied(bank, frames, encode, canvases)))


def build_bank(
    instdiff_model: InstDiffModel,
    clip: Any,
    frames: Sequence[Sequence[Instance]],
    seed: int,
    presence: Callable[[GroundingInputs], GroundingInputs],
) -> TokenBank:
    """The token bank of the layouts, with what the whole layouts need made."""
    text = [[instdiff_model.encode_text(clip, instance.prompt) for instance in frame] for frame in frames]
    bank = TokenBank(frames, text, instdiff_model.tokenize, instdiff_model.config.slots, seed, presence)
    bank.prepare(token_sets_of(bank.timeline(frame) for frame in range(bank.frames)))
    return bank


def check_settings(
    strength: float,
    start: float,
    end: float,
    fade: float,
    scaleu: str,
    masked_attention: str,
    location_formats: str,
    point_seed: int,
) -> None:
    """Raise ValueError for a value that the node's own widgets would not let through."""
    where = "Apply InstDiff"
    checks.number_in(strength, 0, 2, where, "strength")
    for name, share in {"start": start, "end": end, "fade": fade}.items():
        checks.number_in(share, 0, 1, where, name)
    checks.check_choice(scaleu, SCALEU, where, "scaleu")
    checks.check_choice(masked_attention, MASKED, where, "masked_attention")
    checks.check_choice(location_formats, LOCATION_FORMATS, where, "location_formats")
    checks.check_whole(point_seed, 0, 0xFFFFFFFF, where, "point_seed")


def block_attention(extra_options: Mapping[str, Any]) -> Callable[..., Tensor]:
    """ComfyUI's attention of the moment (sage, flash, xformers, pytorch, split), with the block's own settings."""
    attention = comfy.ldm.modules.attention

    def run(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
        kw = {"attn_precision": extra_options.get("attn_precision"), "transformer_options": extra_options}
        if mask is None:
            return attention.optimized_attention(q, k, v, heads, **kw)
        return attention.optimized_attention_masked(q, k, v, heads, mask=mask, **kw)

    return run


NODES = [ApplyInstDiff]
