"""A tiny SDXL of ComfyUI's own classes with InstDiff around it, in process."""

from functools import lru_cache

import comfy.model_base
import comfy.samplers
import torch
from instdiff.instdiff_modules.checkpoint.reading import Checkpoint
from instdiff.instdiff_modules.training.base import sizes
from instdiff.instdiff_modules.training.grounded import Grounded, start
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.model import build_instdiff_model
from instdiff.nodes.training_base import base_of
from support.small_pack import frames
from support.tiny_sdxl import tiny_clip, tiny_sdxl, tiny_vae

BACKBONE = {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 8)}
SHAPE = (1, 4, 16, 24)  # not square: squares hide swapped axes


@lru_cache(maxsize=1)
def base_parts():
    """MODEL, CLIP, and the trainer's base of them."""
    model, clip = tiny_sdxl(), tiny_clip()
    return model, clip, base_of(model, clip, tiny_vae(), torch.device("cpu"), torch.float32)


@lru_cache(maxsize=2)
def parts(every_block=False):
    """These, and networks around them whose gates are open."""
    model, clip, base = base_parts()
    net = Grounded(sizes(base.unet, base.text_dim, 4, 16, every_block, **BACKBONE), base.unet)
    start(net, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.rpartition(".")[2].startswith(("alpha_", "scaleu_", "null_")):
                parameter.normal_(std=0.7, generator=torch.Generator().manual_seed(len(name)))
    return model, clip, base, net


@lru_cache(maxsize=2)
def weights(every_block=False):
    _, _, _, net = parts(every_block)
    return build_instdiff_model(Checkpoint(net.official(), net.config, "random SDXL weights"), torch.float32)


def apply(*instances, every_block=False, **settings):
    model, clip, _ = base_parts()
    settings = {"strength": 1.0, "start": 0.0, "end": 1.0, **settings}
    with torch.inference_mode():
        return ApplyInstDiff.execute(model, clip, weights(every_block), frames(*instances), **settings).args[0]


def prompt(text):
    cond, pooled = parts()[1].encode_from_tokens(parts()[1].tokenize(text), return_pooled=True)
    return [[cond, {"pooled_output": pooled}]]


def sample(model, steps=3, calls=None):
    """ComfyUI's own sampling. calls: what the UNet is given goes there."""
    if calls is not None:
        model = model.clone()
        model.set_model_unet_function_wrapper(lambda run, given: (calls.append(given), run(given["input"], given["timestep"], **given["c"]))[1])  # fmt: skip
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        run = comfy.samplers.KSampler(model, steps, model.load_device, "euler", "normal", 1.0, model.model_options)
        return run.sample(noise, prompt("a scene"), prompt("bad"), 5.0, torch.zeros(SHAPE), disable_pbar=True, seed=5)
