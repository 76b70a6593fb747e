"""Load InstDiff Demo Model: a tiny trained Stable Diffusion with InstDiff weights, shipped with the pack.

Everything is built by ComfyUI's own classes, so that all stock nodes treat it as any SD1.5 model.
"""

from typing import Any

import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.sd1_clip
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy_api.latest import io

from ..instdiff_modules.checkpoint.reading import Checkpoint
from ..instdiff_modules.checkpoint.shapes import fuser_places, read_config
from ..instdiff_modules.layout.fields import shorten
from ..instdiff_modules.shapeworld.canvases import CANVASES, SIDES
from ..instdiff_modules.shapeworld.demo_file import EMBEDDING, OURS, DemoFile, full_embedding, read_demo_file
from ..instdiff_modules.shapeworld.demo_header import DEMO_MODEL as DEMO_FILE
from .model import InstDiffModel, build_instdiff_model
from .types import InstDiffModelSocket


class InstDiffLoadDemoModel(io.ComfyNode):
    """-> MODEL, CLIP, VAE, INSTDIFF_MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLoadDemoModel",
            display_name="Load InstDiff Demo Model",
            category="InstDiff",
            description="A tiny model that comes with the pack and runs anywhere. It draws coloured shapes: "
            f"circle, square, triangle, star, ring, cross, heart, moon. Made for canvases with {CANVASES}.",
            inputs=[],
            outputs=[
                io.Model.Output(tooltip="The tiny base model, for Apply InstDiff or any sampler."),
                io.Clip.Output(
                    tooltip="Its text encoder, for CLIP Text Encode and Apply InstDiff. It only knows the words of its world."
                ),
                io.Vae.Output(tooltip="Its VAE."),
                InstDiffModelSocket.Output(
                    display_name="instdiff_model", tooltip="Its InstDiff weights, for Apply InstDiff."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls) -> str:
        """Changes when the file is replaced."""
        return f"{DEMO_FILE.stat().st_mtime_ns}" if DEMO_FILE.exists() else ""

    @classmethod
    def execute(cls) -> io.NodeOutput:
        demo = read_demo_file(DEMO_FILE)
        return io.NodeOutput(load_unet(demo), load_clip(demo), load_vae(demo), load_instdiff(demo, DEMO_FILE.name))


class ShapeWorldLatents(comfy.latent_formats.SD15):
    """SD1.5's latents in scale; the colours that previews read out of them are those of the demo model's own VAE.

    The factors (4 channels x RGB, and what is added) map a latent, as samplers see it, to its 8x8 block's mean colour in -1..1:
    least squares over 200 true scenes (tests/training/preview_factors.py). On 50 others the share of variance explained (R2) is
    0.95, 0.92 and 0.96 for red, green and blue; with SD1.5's own factors 0.25, 0.18 and below 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.latent_rgb_factors = [
            [0.3545, 0.5254, -0.0551],
            [-0.0037, 0.2427, 0.7379],
            [0.1804, 0.1249, -0.1347],
            [-0.3011, 0.3124, -0.3038],
        ]
        self.latent_rgb_factors_bias = [0.3005, 0.0318, -0.0527]
        self.taesd_decoder_name = None  # TAESD reads SD1.5's latents alone; ComfyUI then takes the factors


def load_unet(demo: DemoFile, disable_dynamic: bool = False) -> Any:
    """MODEL: SD1.5 in all but its sizes, and that it predicts v: at high noise its picture counts for more so (trained in an hour, not in weeks)."""
    sizes = dict(demo.config["unet"])
    heads = {key: sizes.pop(key) for key in ("num_heads", "num_head_channels")}

    class ShapeWorldSD15(comfy.supported_models.SD15):
        unet_extra_config = heads
        latent_format = ShapeWorldLatents
        instdiff_sides = SIDES

        def model_type(self, state_dict: dict[str, torch.Tensor], prefix: str = "") -> Any:  # noqa: ARG002 (ComfyUI's signature)
            return comfy.model_base.ModelType.V_PREDICTION

    settings = ShapeWorldSD15(sizes)
    load = comfy.model_management.get_torch_device()
    offload = comfy.model_management.unet_offload_device()
    weights = demo.tensors["unet"]
    dtype = comfy.model_management.unet_dtype(
        device=load,
        model_params=sum(w.numel() for w in weights.values()),
        supported_dtypes=settings.supported_inference_dtypes,
        weight_dtype=next(iter(weights.values())).dtype,
    )
    settings.set_inference_dtype(
        dtype, comfy.model_management.unet_manual_cast(dtype, load, settings.supported_inference_dtypes)
    )
    model = settings.get_model({}, "", device=offload)
    patcher = _patcher(model, load, offload, disable_dynamic)
    model.load_model_weights({f"model.{key}": value for key, value in weights.items()}, "model.", assign=False)
    patcher.cached_patcher_init = (_unet_again, ())
    return patcher


def load_clip(demo: DemoFile, disable_dynamic: bool = False) -> Any:
    """CLIP: the stock tokenizer, and a small text model whose unknown words share one embedding."""
    weights = {key: value.float() for key, value in demo.tensors["text"].items()}
    weights[EMBEDDING] = full_embedding(weights[EMBEDDING], demo.config["vocabulary"])
    target = comfy.supported_models_base.ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
    options = {"clip_l_model_config": dict(demo.config["text"]), "dtype": torch.float32}
    state = {f"clip_l.transformer.{key}": value for key, value in weights.items()}
    clip = comfy.sd.CLIP(
        target,
        model_options=options,
        parameters=sum(w.numel() for w in weights.values()),
        disable_dynamic=disable_dynamic,
    )
    clip.load_sd(state, full_model=True)
    clip.patcher.cached_patcher_init = (_clip_again, ())
    return clip


def load_vae(demo: DemoFile) -> Any:
    """VAE: ComfyUI's AutoencoderKL of other widths."""
    params = {"ddconfig": dict(demo.config["vae"]), "embed_dim": 4}
    return comfy.sd.VAE(sd=dict(demo.tensors["vae"]), config={"params": params})


def load_instdiff(demo: DemoFile, source: str) -> InstDiffModel:
    """INSTDIFF_MODEL from the file's own part: the weights themselves say their sizes."""
    if OURS not in demo.tensors:
        raise ValueError(f"{source} holds a base model without InstDiff weights: install the pack again.")
    tensors, stated = dict(demo.tensors[OURS]), demo.config[OURS]
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    config = read_config(shapes, source, fuser_places(shapes))
    # The editor and quickstart go by what the file states, without its weights.
    if stated.get("slots") != config.slots:
        raise ValueError(
            f"{source} states slots for {shorten(stated.get('slots'))} instances, but its weights have {config.slots}: install the pack again."
        )
    return build_instdiff_model(Checkpoint(tensors, config, source))


def picture_sides(model: Any) -> tuple[int, int] | None:
    """Pixels of the shorter side, and of the longest one, of the pictures that a MODEL was made for; None for all models but the demo's."""
    return getattr(
        type(getattr(model.model, "model_config", None)), "instdiff_sides", None
    )  # of an instance ComfyUI would warn


def _patcher(module: torch.nn.Module, load: Any, offload: Any, disable_dynamic: bool) -> Any:
    core = comfy.model_patcher.ModelPatcher
    return (core if disable_dynamic else getattr(comfy.model_patcher, "CoreModelPatcher", core))(
        module, load_device=load, offload_device=offload
    )


# What ComfyUI calls for a second copy: for a LoRA on one conditioning alone where it moves weights dynamically, and for a second GPU.
def _unet_again(disable_dynamic: bool = False) -> Any:
    return load_unet(read_demo_file(DEMO_FILE), disable_dynamic)


def _clip_again(disable_dynamic: bool = False) -> Any:
    return load_clip(read_demo_file(DEMO_FILE), disable_dynamic).patcher


NODES = [InstDiffLoadDemoModel]
