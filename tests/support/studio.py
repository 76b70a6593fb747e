"""The demo model at work, in this process: layouts in, pictures out, through the pack's nodes and ComfyUI's own sampler."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.demo_model import InstDiffLoadDemoModel
from instdiff.nodes.sampler import with_multi_instance

LOCATIONS = ("box", "mask", "point", "scribble")


@dataclass(frozen=True)
class Settings:
    """How a picture is made. apply: further inputs of Apply InstDiff; share 0 = no multi-instance sampling."""

    steps: int = 20
    cfg: float = 3.0
    sampler: str = "euler"
    scheduler: str = "normal"
    share: float = 0.0
    merge: str = "average"
    speed: str = "exact"
    apply: dict[str, Any] = field(default_factory=dict)


def only(layout: Layout, *formats: str) -> Layout:
    """The layout with these location formats alone."""
    gone = {name: None for name in LOCATIONS if name not in formats}
    return replace(layout, instances=tuple(replace(instance, **gone) for instance in layout.instances))


class Studio:
    """MODEL, CLIP, VAE and INSTDIFF_MODEL as `Load InstDiff Demo Model` gives them."""

    def __init__(self) -> None:
        self.model, self.clip, self.vae, self.networks = InstDiffLoadDemoModel.execute().args

    @cached_property
    def negative(self) -> Any:
        return self.encode([""])

    def encode(self, prompts: Sequence[str]) -> Any:
        """CONDITIONING whose batch holds one prompt for each picture."""
        parts = [self.clip.encode_from_tokens(self.clip.tokenize(prompt), return_pooled=True) for prompt in prompts]
        return [[torch.cat([cond for cond, _ in parts]), {"pooled_output": torch.cat([pooled for _, pooled in parts])}]]

    def grounded(self, layouts: Sequence[Layout], settings: Settings) -> Any:
        """MODEL with the layouts, one for each picture."""
        inputs = {"strength": 1.0, "start": 0.0, "end": 1.0, **settings.apply}
        model = ApplyInstDiff.execute(self.model, self.clip, self.networks, tuple(layouts), **inputs)[0]
        return with_multi_instance(model, settings.share, settings.merge, 0, settings.speed)

    def latents(
        self,
        model: Any,
        positive: Any,
        seeds: Sequence[int],
        size: tuple[int, int],
        settings: Settings,
        start: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, 4, h, w). Every picture's noise is its seed's, whatever it is drawn together with.

        start (B, 4, h, w): the latents to begin from, instead of empty ones; mask (B, H, W): what of them is painted anew.
        """
        import comfy.sample

        width, height = size
        empty = torch.zeros(len(seeds), 4, height // 8, width // 8) if start is None else start
        noise = torch.cat([comfy.sample.prepare_noise(empty[:1], seed) for seed in seeds])
        return comfy.sample.sample(
            model,
            noise,
            settings.steps,
            settings.cfg,
            settings.sampler,
            settings.scheduler,
            positive,
            self.negative,
            empty,
            seed=seeds[0],
            noise_mask=None if mask is None else mask[:, None],
            disable_pbar=True,
        )

    @torch.inference_mode()
    def draw(
        self, layouts: Sequence[Layout], seeds: Sequence[int], settings: Settings = Settings(), grounded: bool = True
    ) -> list[np.ndarray]:
        """Pictures (H, W, 3) uint8 of layouts of one canvas size; grounded=False: the base alone, which gets the captions only."""
        model = self.grounded(layouts, settings) if grounded else self.model
        size = (layouts[0].width or 256, layouts[0].height or 256)
        latents = self.latents(model, self.encode([layout.prompt for layout in layouts]), seeds, size, settings)
        return [(picture.clamp(0, 1) * 255).round().byte().numpy() for picture in self.vae.decode(latents)]

    @torch.inference_mode()  # as ComfyUI runs nodes: else every picture holds its way back through the networks
    def inpaint(
        self,
        layouts: Sequence[Layout],
        pictures: torch.Tensor,
        mask: torch.Tensor,
        seeds: Sequence[int],
        settings: Settings,
    ) -> torch.Tensor:
        """Pictures (B, H, W, 3) in 0..1, painted anew where mask (B, H, W) is 1, as the template for repair does; all else is kept."""
        height, width = pictures.shape[1:3]
        start = self.vae.encode(pictures)
        positive = self.encode([layout.prompt for layout in layouts])
        drawn = self.latents(self.grounded(layouts, settings), positive, seeds, (width, height), settings, start, mask)
        return torch.lerp(pictures, self.vae.decode(drawn).clamp(0, 1), mask[..., None])
