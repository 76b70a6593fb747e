"""Apply InstDiff: a MODEL that knows its instances, for every sampler node there is."""

import functools
import logging
import uuid
from typing import Any, Callable, Mapping, Sequence

import comfy.ldm.modules.attention
import comfy.model_patcher
import comfy.patcher_extension
from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.grounding.bank import build_bank
from ..instdiff_modules.grounding.presence import CONFIGURATIONS, authors_presence
from ..instdiff_modules.layout.document import Frames, check_prompts, visible_instances
from ..instdiff_modules.layout.edit import as_frames
from ..instdiff_modules.sampling.attention_mask import MaskedAttention
from ..instdiff_modules.sampling.patches import SCALEU_OWNER, UNCOND, FuserPatch, ScaleUPatch
from ..instdiff_modules.sampling.window import Window
from . import checks
from .branches import ATTACHMENT, Applied
from .fit import check_fits
from .model import InstDiffModel
from .types import Instances, InstDiffModelSocket

_log = logging.getLogger(__name__)

ASPECT_TOLERANCE = 0.1  # a latent's sides are multiples of 8 pixels, a canvas's need not be
SCALEU = ("on", "off", "on (SE variant)")
MASKED = {
    "off": None,
    "finest level": MaskedAttention("finest"),
    "all levels": MaskedAttention("all"),
    "authors' (64x64 only, transposed)": MaskedAttention("finest", authors=True),
}
FORMATS = {"as given": None, **{f"authors' {name}": name for name in CONFIGURATIONS}}


class ApplyInstDiff(io.ComfyNode):
    """MODEL + CLIP + INSTDIFF_MODEL + INSTANCES -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="InstDiffApply",
            display_name="Apply InstDiff",
            category="InstDiff",
            description="Puts the instances into a Stable Diffusion 1.5 model: connect the MODEL to any sampler node.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="A Stable Diffusion 1.5 model (SDXL or Flux don't fit), with or without LoRA. It is not changed: a patched copy goes out.",
                ),
                io.Clip.Input(
                    "clip",
                    tooltip="The CLIP of the same checkpoint: it encodes the prompt of each instance. With a LoRA, the CLIP after the LoRA.",
                ),
                InstDiffModelSocket.Input(
                    "instdiff_model", tooltip="InstanceDiffusion's weights, from Load InstDiff Model."
                ),
                Instances.Input(
                    "instances",
                    tooltip="The layout: which object goes where. Several frames: one layout per image of the batch. Without instances the model stays as it is.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How strongly the instances steer, 0..2. 0: the model stays as it is. 1: as trained.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    **share,
                    tooltip="When the instances begin to act, as a share of the denoising: 0 (first step) .. 1 (last step).",
                ),
                io.Float.Input(
                    "end",
                    default=0.8,
                    **share,
                    tooltip="When the instances stop acting, as a share of the denoising: 0 (first step) .. 1 (last step); above start. Lower it if objects look pasted on. InstanceDiffusion's authors use 0.75 to 1.",
                ),
                io.Float.Input(
                    "fade",
                    default=0.0,
                    **share,
                    optional=True,
                    tooltip="Length of the stretch before end in which the strength falls to 0, as a share of the denoising (0..1). 0: a sharp end.",
                ),
                io.Combo.Input(
                    "scaleu",
                    options=list(SCALEU),
                    default="on",
                    optional=True,
                    tooltip="ScaleU, a part of the weights, rescales the UNet's decoder in all steps. on: as trained. on (SE variant): as logtd/ComfyUI-InstanceDiffusion does.",
                ),
                io.Combo.Input(
                    "masked_attention",
                    options=list(MASKED),
                    default="off",
                    optional=True,
                    tooltip="Each region of the picture sees only the instances whose box holds it: less leaking of colours, slower. finest level: at the highest resolution inside the model; all levels: everywhere. The authors train with it and generate without.",
                ),
                io.Combo.Input(
                    "location_formats",
                    options=list(FORMATS),
                    default="as given",
                    optional=True,
                    advanced=True,
                    tooltip="Which boxes, points, scribbles and masks count. as given: all that you gave. The others: what one of the authors' test configurations keeps, to compare with their results.",
                ),
                io.Int.Input(
                    "point_seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    optional=True,
                    advanced=True,
                    tooltip="Seed (0..4294967295) of the points that are drawn at random inside masks of fewer than 128 pixels.",
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
                f"Expected start below end, got start {start} and end {end}: the instances would never act. Raise end or lower start."
            )
        checks.check_clip(clip)
        widths = (instdiff_model.adapter.model.token_dim, instdiff_model.config.text_dim)
        encoded = [
            [instdiff_model.known_prompts.encode(clip, instance.prompt, widths) for instance in frame]
            for frame in frames
        ]
        bank = build_bank(
            frames,
            [[text for _, text in frame] for frame in encoded],
            instdiff_model.tokenize,
            instdiff_model.config.slots,
            seed=point_seed,
            presence=authors_presence(FORMATS[location_formats]),
        )
        window = Window(start, end, fade, functools.cache(model.get_model_object("model_sampling").percent_to_sigma))
        fusers = FuserPatch(instdiff_model.adapter, bank, window, block_attention, strength, MASKED[masked_attention])

        @functools.cache
        def prompt(frame: int, members: tuple[int, ...]) -> Tensor:
            return instdiff_model.known_prompts.encode(
                clip, ", ".join(frames[frame][i].prompt for i in members), widths
            )[0]

        canvases = tuple((layout.width, layout.height) for layout in layouts)
        scale = None if scaleu == "off" else ScaleUPatch(instdiff_model.adapter, se=scaleu == "on (SE variant)")
        return io.NodeOutput(attach(model, fusers, scale, Applied(bank, frames, prompt, canvases)))


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
    checks.check_choice(location_formats, FORMATS, where, "location_formats")
    checks.check_whole(point_seed, 0, 0xFFFFFFFF, where, "point_seed")


def attach(model: Any, fusers: FuserPatch, scale: ScaleUPatch | None, applied: Applied) -> Any:
    """A clone of the model with the patches on it."""
    patched = model.clone()
    patched.set_model_patch(fusers, "middle_patch")
    if scale is not None:
        patched.set_model_output_block_patch(scale)
    # With several Apply nodes in a row the last one's ScaleU acts, alone.
    patched.model_options["transformer_options"][SCALEU_OWNER] = scale
    earlier = model.get_attachment(ATTACHMENT) or ()
    patched.set_attachments(ATTACHMENT, (*earlier, applied))
    if not earlier:
        patched.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.SAMPLER_SAMPLE, ATTACHMENT, begin_sampling)
    patched.add_callback_with_key(
        comfy.patcher_extension.CallbacksMP.ON_CLEANUP, ATTACHMENT, lambda patcher: fusers.cleanup()
    )
    return patched


def begin_sampling(
    executor: Any,
    guider: Any,
    sigmas: Tensor,
    extra_args: dict,
    callback: Any,
    noise: Tensor,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    """SAMPLER_SAMPLE wrapper: tell the patches which conditionings guide away, whatever order the guider gives them."""
    warn_if_stretched(guider.model_patcher.get_attachment(ATTACHMENT), *noise.shape[-2:])
    # ComfyUI gives each area a copy on the other side, under the same uuid: without new ones the positive areas would count as negative.
    away = {
        name: [{**cond, "uuid": uuid.uuid4()} for cond in conds or ()]
        for name, conds in guider.conds.items()
        if "negative" in name
    }
    guider.conds = {**guider.conds, **away}
    negatives = {cond["uuid"] for conds in away.values() for cond in conds}
    options = comfy.model_patcher.create_model_options_clone(extra_args["model_options"])
    options["transformer_options"][UNCOND] = frozenset(negatives)
    return executor(guider, sigmas, {**extra_args, "model_options": options}, callback, noise, *args, **kwargs)


def warn_if_stretched(applied: Sequence[Applied], height: int, width: int) -> None:
    """Log once where a layout was drawn for another aspect than that of the latent: its boxes are stretched to fit."""
    for canvas_width, canvas_height in sorted(
        {canvas for one in applied for canvas in one.canvases if None not in canvas}
    ):
        if abs(canvas_width * height / (canvas_height * width) - 1) > ASPECT_TOLERANCE:
            _log.warning(
                "The layout was drawn on %dx%d, the latent is %dx%d pixels: places are stretched to fit. Give both the same aspect.",
                canvas_width,
                canvas_height,
                width * 8,
                height * 8,
            )


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
