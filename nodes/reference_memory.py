"""Room on the device for what Apply References keeps: the keys and values of its pictures, in every self-attention."""

import math
from collections.abc import Sequence
from typing import Any

import comfy.model_management

from ..instdiff_modules.references.blocks import kept_numbers
from .reference_calls import KEY


def with_room(executor: Any, model: Any, noise_shape: Sequence[int], *args: Any, **kwargs: Any) -> Any:
    """PREPARE_SAMPLING wrapper: ComfyUI frees memory for a batch that is larger by as many pictures as what is kept weighs."""
    extra = math.ceil(kept_bytes(model) / model.model.memory_required([1, *noise_shape[1:]]))
    return executor(model, [noise_shape[0] + extra, *noise_shape[1:]], *args, **kwargs)


def kept_bytes(model: Any) -> int:
    """Of the references of all Apply References nodes on a MODEL."""
    unet = model.get_model_object("diffusion_model")
    latents = (picture.latent for given in model.get_attachment(KEY) or () for picture in given.pictures)
    size = comfy.model_management.dtype_size(model.model.get_dtype_inference())
    return size * sum(kept_numbers(unet, *latent.shape[-2:]) for latent in latents)
