"""The base model of a training, through ComfyUI's loaders."""

import threading
from pathlib import Path
from typing import Any

import comfy.model_base
import comfy.model_management
import comfy.sd
import torch

from ..instdiff_modules.shapeworld.demo_file import FORMAT, read_demo_file
from ..instdiff_modules.training.base import LATENT_CHANNELS, Base, Sizes, Vector
from ..instdiff_modules.training.cache import digest_of
from ..instdiff_modules.training.config import TrainConfig
from ..instdiff_modules.training.team import Team
from . import checks, demo_model
from .prompts import KnownPrompts, has_two_encoders

_DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


def load_base(path: Path, config: TrainConfig, team: Team) -> Base:
    """A checkpoint of Stable Diffusion 1.5's or SDXL's kind, or the demo model. ValueError, in one sentence, for any other file."""
    device = comfy.model_management.get_torch_device()
    if device.type != "cpu" and team.size > 1:
        device = torch.device(device.type, team.local_rank)
    dtype = _DTYPES.get(config.loop.mixed_precision, torch.float32)
    model, clip, vae = _demo(path) if _is_demo(path) else _checkpoint(path, dtype)
    return base_of(model, clip, vae, device, dtype)


def base_of(model: Any, clip: Any, vae: Any, device: torch.device, dtype: torch.dtype) -> Base:
    """MODEL, CLIP and VAE as the trainer wants them; the UNet goes to the device in this dtype."""
    kind = model.model.model_type
    predictions = {comfy.model_base.ModelType.EPS: "eps", comfy.model_base.ModelType.V_PREDICTION: "v"}
    if kind not in predictions:
        raise ValueError(f"The base predicts {kind.name}. Expected Stable Diffusion 1.5, SDXL or a fine-tune of them.")
    unet = model.model.diffusion_model
    if hasattr(unet, "input_blocks") and unet.in_channels != LATENT_CHANNELS:
        raise ValueError(
            f"The base takes {unet.in_channels} channels, as models for inpainting or edits do, expected {LATENT_CHANNELS}. Choose the "
            "model that it was made from."
        )
    channels = getattr(vae, "latent_channels", LATENT_CHANNELS)
    if channels != LATENT_CHANNELS:
        raise ValueError(
            f"The VAE makes latents of {channels} channels, the base takes {LATENT_CHANNELS}: it belongs to another model. Connect "
            "the VAE of the checkpoint."
        )
    sigmas = model.model.model_sampling.sigmas.double().cpu()
    width, wanted = _text_width(clip), checks.prompt_width(unet)
    if wanted is not None and width != wanted:
        raise ValueError(
            f"The CLIP makes prompts of width {width}, the base takes {wanted}: it belongs to another model. Connect the CLIP of the "
            "checkpoint."
        )
    known = KnownPrompts(1)
    encoding = threading.Lock()  # batches are made in threads, and ComfyUI's CLIP keeps its options in itself

    def encode_text(text: str) -> tuple[torch.Tensor, torch.Tensor]:
        with encoding:
            encoded = known.encode(clip, text, (width, width))
        return encoded.words.context[0], encoded.feature

    def encode_picture(pixels: torch.Tensor) -> torch.Tensor:
        latent = vae.encode(pixels[None, ..., :3])
        return model.model.process_latent_in(latent)[0].float().cpu()

    def decode_latent(latent: torch.Tensor) -> torch.Tensor:
        return vae.decode(model.model.process_latent_out(latent[None]))[0].float().cpu()

    return Base(
        unet=unet.to(device=device, dtype=dtype),
        prediction=predictions[kind],
        alphas=1 / (sigmas**2 + 1),
        text_dim=width,
        encode_text=encode_text,
        encode_picture=encode_picture,
        decode_latent=decode_latent,
        text_key=_text_key(clip),
        picture_key=digest_of(vae.first_stage_model.state_dict()),
        device=device,
        vector=_vector(model.model, clip),
    )


def copied(model: Any) -> Any:
    """A MODEL whose weights are its own, with its LoRAs applied, on the device where it is run. ValueError where it can't be loaded again."""
    if model.cached_patcher_init is None:
        raise ValueError(
            "This MODEL cannot be copied, so it would be changed by training. Load the base with Load Checkpoint or Load InstDiff Demo Model."
        )
    copy = model.clone(disable_dynamic=True, force_deepcopy=True)
    comfy.model_management.load_models_gpu([copy], force_full_load=True)
    return copy


def _vector(model: Any, clip: Any) -> Vector | None:
    """What SDXL's UNet takes beside the prompt: CLIP-G's pooled vector, and the sizes. ValueError for UNets that take something else."""
    if getattr(model.diffusion_model, "num_classes", None) is None:
        return None
    if not isinstance(model, comfy.model_base.SDXL) or not has_two_encoders(clip):
        raise ValueError(
            f"The base is of kind {type(model).__name__}, which takes more than a prompt. Expected Stable Diffusion 1.5, SDXL or a "
            "fine-tune of them."
        )
    large = _encoder_width(clip, "clip_g")

    def vector(pooled: torch.Tensor, sizes: Sizes) -> torch.Tensor:
        names = (("width", "height"), ("crop_w", "crop_h"), ("target_width", "target_height"))
        told = {
            name: value for pair, side in zip(names, sizes, strict=True) for name, value in zip(pair, side, strict=True)
        }
        return model.encode_adm(pooled_output=pooled[None, -large:], device=pooled.device, **told)[0].float().cpu()

    return vector


def _text_key(clip: Any) -> str:
    """Tells CLIPs apart by what they make of a text: their weights, a LoRA on them, the layer that is taken."""
    key, patches = (
        digest_of(clip.cond_stage_model.state_dict()),
        clip.patcher.patches_uuid if clip.patcher.patches else None,
    )
    return key if clip.layer_idx is None and patches is None else f"{key} {clip.layer_idx} {patches}"


def _text_width(clip: Any) -> int:
    """Of a token in cross-attention, and of the pooled feature: that of CLIP-L, with SDXL's two encoders of both."""
    return _encoder_width(clip, "clip_l") + (_encoder_width(clip, "clip_g") if has_two_encoders(clip) else 0)


def _encoder_width(clip: Any, name: str) -> int:
    transformer = getattr(getattr(getattr(clip, "cond_stage_model", None), name, None), "transformer", None)
    if transformer is None:
        raise ValueError(
            "The base has no CLIP-L text encoder. Expected Stable Diffusion 1.5, SDXL or a fine-tune of them."
        )
    return transformer.get_input_embeddings().weight.shape[1]


def _checkpoint(path: Path, dtype: torch.dtype) -> tuple[Any, Any, Any]:
    if not path.is_file():
        raise ValueError(
            f"There is no base model {path}. Give the path of a checkpoint as pretrained_model_name_or_path."
        )
    try:
        model, clip, vae = comfy.sd.load_checkpoint_guess_config(
            str(path), output_vae=True, output_clip=True, model_options={"dtype": dtype}
        )[:3]
    except RuntimeError as error:  # ComfyUI's word for a file whose kind it does not know
        raise ValueError(
            f"{path.name} is not a checkpoint that ComfyUI recognises: expected Stable Diffusion 1.5 or SDXL."
        ) from error
    if model is None or clip is None or vae is None:
        raise ValueError(f"{path.name} lacks the UNet, the text encoder or the VAE: expected a whole checkpoint.")
    return model, clip, vae


def _is_demo(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (OSError, SafetensorError):
        return False


def _demo(path: Path) -> tuple[Any, Any, Any]:
    demo = read_demo_file(path)
    return demo_model.load_unet(demo, disable_dynamic=True), demo_model.load_clip(demo), demo_model.load_vae(demo)
