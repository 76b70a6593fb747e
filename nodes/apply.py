"""Apply InstDiff: a MODEL that knows its instances, for every sampler node there is."""

import functools
from typing import Any, Callable, Mapping, Sequence

import comfy.ldm.modules.attention
import comfy.model_patcher
import comfy.patcher_extension
import torch
from comfy_api.latest import io
from torch import Tensor

from ..instdiff_modules.attention_mask import MaskedAttention
from ..instdiff_modules.bank import build_bank
from ..instdiff_modules.layout import Frames, Instance, check_prompts, visible_instances
from ..instdiff_modules.networks import UNetAdapter
from ..instdiff_modules.patches import SCALEU_OWNER, UNCOND, FuserPatch, ScaleUPatch
from ..instdiff_modules.presence import CONFIGURATIONS, authors_presence
from ..instdiff_modules.window import Window
from .branches import ATTACHMENT, Applied
from .model import InstDiffModel
from .types import Instances, InstDiffModelSocket

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
                io.Model.Input("model", tooltip="A Stable Diffusion 1.5 model, with or without LoRA. It is not changed: a patched copy goes out."),
                io.Clip.Input("clip", tooltip="The model's CLIP: it encodes the prompt of each instance."),
                InstDiffModelSocket.Input("instdiff_model", tooltip="From Load InstDiff Model."),
                Instances.Input("instances", tooltip="The layout: which object goes where. Without instances the model stays as it is."),
                io.Float.Input("strength", default=1.0, min=0.0, max=2.0, step=0.05, tooltip="How strongly the instances steer, 0..2. 0 leaves the model as it is; 1 is as trained."),
                io.Float.Input("start", default=0.0, **share, tooltip="Share of the denoising (0..1) at which the instances begin to act."),
                io.Float.Input("end", default=0.8, **share, tooltip="Share of the denoising (0..1) after which they no longer act and cost nothing. The authors use 0.75 to 1."),
                io.Float.Input("fade", default=0.0, **share, optional=True, tooltip="Share of the denoising (0..1) before the end over which the strength falls to 0. 0: a sharp end."),
                io.Combo.Input("scaleu", options=list(SCALEU), default="on", optional=True, tooltip="ScaleU rescales the decoder's features in all steps, as trained. The SE variant is what an older pack used."),
                io.Combo.Input("masked_attention", options=list(MASKED), default="off", optional=True, tooltip="Lets image regions see only their own instances inside the fusers: less leaking, slower. The authors train with it and leave it off when generating."),
                io.Combo.Input("location_formats", options=list(FORMATS), default="as given", optional=True, advanced=True, tooltip="Which location formats count: those that you gave, or those that one of the authors' test configurations keeps (for comparisons with their results)."),
                io.Int.Input("point_seed", default=0, min=0, max=0xFFFFFFFF, optional=True, advanced=True, tooltip="Seed of the points that are sampled inside very small masks."),
            ],
            outputs=[io.Model.Output(tooltip="The model with its instances, for any sampler node.")],
        )

    @classmethod
    def execute(cls, model: Any, clip: Any, instdiff_model: InstDiffModel, instances: Frames, strength: float, start: float, end: float,
                fade: float = 0.0, scaleu: str = "on", masked_attention: str = "off", location_formats: str = "as given",
                point_seed: int = 0) -> io.NodeOutput:
        frames = tuple(visible_instances(layout) for layout in instances)
        for layout in instances:
            check_prompts(layout)
        check_fits(model, instdiff_model.adapter.model, instdiff_model.source)
        if strength == 0 or not any(i.strength for frame in frames for i in frame):
            return io.NodeOutput(model.clone())
        if start >= end:
            raise ValueError(f"Expected start below end, got start {start} and end {end}: the instances would never act. Raise end or lower start.")
        encode = prompt_encoder(clip)
        encoded = [[encode(instance.prompt) for instance in frame] for frame in frames]
        bank = build_bank(
            frames, [[text for _, text in frame] for frame in encoded], instdiff_model.tokenize, instdiff_model.config.slots,
            seed=point_seed, presence=authors_presence(FORMATS[location_formats]),
        )
        window = Window(start, end, fade, functools.cache(model.get_model_object("model_sampling").percent_to_sigma))
        fusers = FuserPatch(instdiff_model.adapter, bank, window, block_attention, strength, MASKED[masked_attention])
        prompts = tuple(tuple(prompt for prompt, _ in frame) for frame in encoded)
        scale = None if scaleu == "off" else ScaleUPatch(instdiff_model.adapter, se=scaleu == "on (SE variant)")
        return io.NodeOutput(attach(model, fusers, scale, Applied(bank, frames, prompts)))


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
        patched.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.SAMPLER_SAMPLE, ATTACHMENT, name_unconditionals)
    patched.add_callback_with_key(comfy.patcher_extension.CallbacksMP.ON_CLEANUP, ATTACHMENT, lambda patcher: fusers.cleanup())
    return patched


def name_unconditionals(executor: Any, guider: Any, sigmas: Tensor, extra_args: dict, *args: Any, **kwargs: Any) -> Tensor:
    """SAMPLER_SAMPLE wrapper: tell the patches which conditionings guide away, whatever order the guider gives them."""
    negatives = {cond["uuid"] for name, conds in guider.conds.items() if "negative" in name for cond in conds or ()}
    options = comfy.model_patcher.create_model_options_clone(extra_args["model_options"])
    options["transformer_options"][UNCOND] = frozenset(negatives)
    return executor(guider, sigmas, {**extra_args, "model_options": options}, *args, **kwargs)


def block_attention(extra_options: Mapping[str, Any]) -> Callable[..., Tensor]:
    """ComfyUI's attention of the moment (sage, flash, xformers, pytorch, split), with the block's own settings."""
    attention = comfy.ldm.modules.attention

    def run(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
        kw = {"attn_precision": extra_options.get("attn_precision"), "transformer_options": extra_options}
        if mask is None:
            return attention.optimized_attention(q, k, v, heads, **kw)
        return attention.optimized_attention_masked(q, k, v, heads, mask=mask, **kw)

    return run


def prompt_encoder(clip: Any) -> Callable[[str], tuple[Tensor, Tensor]]:
    """prompt -> (cross-attention prompt (1, tokens, 768), text feature (768,)); each prompt is encoded once.

    The feature is CLIP's pooled output before its projection, as the authors use it.
    """
    known: dict[str, tuple[Tensor, Tensor]] = {}

    def encode(prompt: str) -> tuple[Tensor, Tensor]:
        if prompt not in known:
            cond, pooled = clip.encode_from_tokens(clip.tokenize(prompt), return_pooled="unprojected")
            known[prompt] = (cond.float().cpu(), pooled[0].float().cpu())
        return known[prompt]

    return encode


def check_fits(model: Any, adapter: UNetAdapter, source: str) -> None:
    """Raise ValueError unless the UNet has the transformer blocks that the checkpoint's fusers were made for."""
    unet = model.get_model_object("diffusion_model")
    kind = type(model.model).__name__
    expected = f"Expected a Stable Diffusion 1.5 model, for which {source} was made"
    advice = "Connect an SD1.5 checkpoint."
    if not all(hasattr(unet, part) for part in ("input_blocks", "middle_block", "output_blocks")):
        raise ValueError(f"{expected}, got a model of kind {kind} without a UNet. {advice}")
    for block, dim in adapter.fuser_dims.items():
        found = _width(unet, block)
        if found != dim:
            got = "no transformer there" if found is None else f"one of width {found}"
            raise ValueError(f"{expected}: its UNet has a transformer of width {dim} in block {block}, the given {kind} model has {got}. {advice}")
    context = next((m.to_k.in_features for name, m in unet.named_modules() if name.endswith("attn2")), None)
    if context is not None and context != adapter.token_dim:
        raise ValueError(f"{expected}: its prompts have width {adapter.token_dim}, those of the given {kind} model {context}. {advice}")


def _width(unet: Any, block: tuple[str, int]) -> int | None:
    part, index = block
    modules: Sequence[Any] = unet.middle_block if part == "middle" else getattr(unet, f"{part}_blocks")
    if part != "middle":
        if index >= len(modules):
            return None
        modules = modules[index]
    for module in modules:
        if hasattr(module, "transformer_blocks"):
            return module.transformer_blocks[0].attn1.to_q.in_features
    return None


NODES = [ApplyInstDiff]
