"""A small INSTDIFF_MODEL, MODEL and CLIP of random but fixed weights, in process: for tests of the nodes themselves."""

import zlib
from functools import lru_cache
from typing import Any

import comfy.samplers
import torch
from instdiff.instdiff_modules.checkpoint.reading import Checkpoint, InstDiffConfig
from instdiff.instdiff_modules.layout.document import Instance, Layout
from instdiff.instdiff_modules.networks.unifusion import UniFusion
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.model import InstDiffModel, build_instdiff_model
from support.goldens import fill
from support.reduced_model import DECODER, FUSER_PLACES, reduced_model
from torch import Tensor

SEED, CHANNELS = 7, 32
FOX = Instance(id="a", prompt="a red fox", box=(0.1, 0.2, 0.5, 0.9))
OWL = Instance(id="b", prompt="an owl", box=(0.5, 0.1, 0.95, 0.6))


class FakeClip:
    """Gives every prompt its own fixed random encoding: (1, 8 k, 768) and the pooled feature (1, 768)."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def tokenize(self, prompt: str) -> str:
        return prompt

    def encode_from_tokens(self, prompt: str, return_pooled: str) -> tuple[Tensor, Tensor]:
        assert return_pooled == "unprojected"
        self.encoded.append(prompt)
        rows = 8 * (1 + len(prompt) // 100)  # a tenth of CLIP's: what tests ask does not depend on it
        random = torch.Generator().manual_seed(zlib.crc32(prompt.encode()))
        return torch.randn(1, rows, 768, generator=random), torch.randn(1, 768, generator=random)

    def encode_from_tokens_scheduled(self, prompt: str) -> list:
        """CONDITIONING, as CLIP Text Encode asks for it."""
        cond, pooled = self.encode_from_tokens(prompt, "unprojected")
        return [[cond, {"pooled_output": pooled}]]


class FakeVae:
    """Encodes a picture as the mean colour of each block of 8 x 8 pixels."""

    first_stage_model = decode = None

    def __init__(self, channels: int = 4, scale: float = 2.0) -> None:
        self.channels, self.scale, self.encoded = channels, scale, 0

    def encode(self, pixels: Tensor) -> Tensor:
        """(B, H, W, 3) in 0..1 -> (B, channels, H / 8, W / 8)."""
        self.encoded += 1
        blocks = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1), 8) * self.scale - 1
        return blocks.repeat(1, 6, 1, 1)[:, : self.channels]


@lru_cache(maxsize=1)
def base() -> tuple[Any, InstDiffModel]:
    """(MODEL, INSTDIFF_MODEL)."""
    model, adapter = reduced_model(SEED, {"model_channels": CHANNELS, "num_heads": 4})
    config = InstDiffConfig(
        30, 768, 16, 768, {p: m * CHANNELS for p, m in FUSER_PLACES.items()}, tuple(m * CHANNELS for m in DECODER)
    )
    empty = UniFusion(30, 768, 16, 768, operations=torch.nn).state_dict()
    tensors = {f"position_net.{k}": fill(SEED, f"position_net.{k}", v.shape) for k, v in empty.items()}
    checkpoint = Checkpoint({**adapter.model.state_dict(), **tensors}, config, "random weights")
    return model, build_instdiff_model(checkpoint, torch.float32)


def apply(layouts: tuple[Layout, ...], model: Any = None, **settings: Any) -> Any:
    """The MODEL that the Apply node gives, over the whole denoising unless said otherwise."""
    plain, weights = base()
    settings = {"strength": 1.0, "start": 0.0, "end": 1.0, **settings}
    with torch.inference_mode():
        return ApplyInstDiff.execute(model or plain, FakeClip(), weights, layouts, **settings).args[0]


def context(prompt: str) -> list:
    """CONDITIONING of a prompt."""
    return [[FakeClip().encode_from_tokens(prompt, "unprojected")[0], {}]]


def no_free_memory(device: Any = None, torch_free_too: bool = False) -> float | tuple[float, float]:
    """Stands in for comfy.model_management.get_free_memory: one byte is left; loading to a GPU asks for torch's share as well."""
    return (1.0, 1.0) if torch_free_too else 1.0


def frames(*instances: Instance, **layout: Any) -> tuple[Layout, ...]:
    return (Layout(instances=instances, **layout),)


def noise(batch: int = 1, height: int = 8, width: int = 12, seed: int = 0) -> Tensor:
    """Wide on purpose: squares hide swapped axes."""
    return torch.randn(batch, 4, height, width, generator=torch.Generator().manual_seed(seed))


def sample(
    model: Any,
    start: Tensor,
    steps: int = 4,
    cfg: float = 5.0,
    sampler: str = "euler",
    scheduler: str = "normal",
    latent: Tensor | None = None,
    mask: Tensor | None = None,
    denoise: float = 1.0,
    prompt: str = "a scene",
    positive: Any = None,
    callback: Any = None,
    seed: int = 5,
) -> Tensor:
    """Sample with ComfyUI's KSampler class: latents on the CPU, wherever the model runs. positive: CONDITIONING instead of a prompt."""
    with torch.inference_mode():
        run = comfy.samplers.KSampler(model, steps, model.load_device, sampler, scheduler, denoise, model.model_options)
        return run.sample(
            start,
            context(prompt) if positive is None else positive,
            context("bad"),
            cfg,
            torch.zeros_like(start) if latent is None else latent,
            denoise_mask=mask,
            callback=callback,
            disable_pbar=True,
            seed=seed,
        ).cpu()
