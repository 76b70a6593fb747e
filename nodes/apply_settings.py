"""What Apply InstDiff was set to, and what is built from it: the token bank and the patches."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.ldm.modules.attention
from torch import Tensor

from ..instdiff_modules.geometry.close_points import frames_with_room
from ..instdiff_modules.grounding.bank import TokenBank, token_sets_of
from ..instdiff_modules.grounding.inputs import GroundingInputs
from ..instdiff_modules.grounding.presence import CONFIGURATIONS, authors_presence
from ..instdiff_modules.layout.document import Frames, check_prompts
from ..instdiff_modules.layout.instance import Instance
from ..instdiff_modules.sampling.attention_mask import MaskedAttention
from ..instdiff_modules.sampling.fuser_patch import LARGE, FuserPatch
from ..instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from ..instdiff_modules.sampling.window import Window
from . import checks
from .model import InstDiffModel
from .patching import Applied, applied_to

WHERE = "Apply InstDiff"
SCALEU = ("on", "off", "on (SE variant)")
MASKED = {
    "off": None,
    "finest level": MaskedAttention("finest"),
    "all levels": MaskedAttention("all"),
    "authors' (64x64 only, transposed)": MaskedAttention("finest", authors=True),
}
FREE, BY_DEPTH = OVERLAPS = ("free", "by depth")
EXACT, POOLED = SPEEDS = ("exact", "pooled keys")
LOCATION_FORMATS = {"as given": None, **{f"authors' {name}": name for name in CONFIGURATIONS}}


@dataclass(frozen=True)
class ApplySettings:
    """The node's widgets, by their names."""

    strength: float
    start: float
    end: float
    fade: float
    scaleu: str
    masked_attention: str
    location_formats: str
    point_seed: int
    overlap: str
    speed: str

    def check(self) -> None:
        """Raise ValueError for a value that the node's own widgets would not let through."""
        checks.number_in(self.strength, 0, 2, WHERE, "strength")
        for name in ("start", "end", "fade"):
            checks.number_in(getattr(self, name), 0, 1, WHERE, name)
        checks.check_choice(self.scaleu, SCALEU, WHERE, "scaleu")
        checks.check_choice(self.masked_attention, MASKED, WHERE, "masked_attention")
        checks.check_choice(self.location_formats, LOCATION_FORMATS, WHERE, "location_formats")
        checks.check_choice(self.overlap, OVERLAPS, WHERE, "overlap")
        checks.check_choice(self.speed, SPEEDS, WHERE, "speed")
        checks.check_whole(self.point_seed, 0, 0xFFFFFFFF, WHERE, "point_seed")

    def check_window(self) -> None:
        """Raise ValueError if the instances would never act."""
        if self.start >= self.end:
            raise ValueError(
                f"Expected start below end, got start {self.start} and end {self.end}: the instances would never act. "
                "Raise end or lower start."
            )

    def build(
        self,
        model: Any,
        clip: Any,
        instdiff_model: InstDiffModel,
        frames: tuple[tuple[Instance, ...], ...],
        canvases: tuple[tuple[int | None, int | None], ...],
    ) -> tuple[FuserPatch, ScaleUPatch | None, Applied]:
        """What `attach` puts on the MODEL: the prompts are encoded and the whole layouts tokenized here."""
        if self.overlap == BY_DEPTH:
            frames = frames_with_room(frames, canvases)
        presence = authors_presence(LOCATION_FORMATS[self.location_formats])
        bank = build_bank(instdiff_model, clip, frames, self.point_seed, presence)
        fusers = FuserPatch(
            instdiff_model.adapter,
            bank,
            Window(self.start, self.end, self.fade),
            functools.cache(model.get_model_object("model_sampling").percent_to_sigma),
            block_attention,
            self.strength,
            MASKED[self.masked_attention],
            layer=len(applied_to(model)),
            depth=self.overlap == BY_DEPTH,
            pool_from=LARGE if self.speed == POOLED else None,
        )
        se = self.scaleu == "on (SE variant)"
        scale = None if self.scaleu == "off" else ScaleUPatch(instdiff_model.adapter, se=se)
        return fusers, scale, Applied(bank, frames, functools.partial(instdiff_model.encode_prompt, clip), canvases)


def check_inputs(model: Any, instdiff_model: InstDiffModel, layouts: Frames) -> None:
    """Raise ValueError for a MODEL, weights or layouts that do not belong together."""
    checks.check_model(model)
    checks.check_weights(instdiff_model)
    for layout in layouts:
        check_prompts(layout)
    checks.check_fits(model, instdiff_model.adapter.model, instdiff_model.source)


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


def block_attention(extra_options: Mapping[str, Any]) -> Callable[..., Tensor]:
    """ComfyUI's attention of the moment (sage, flash, xformers, pytorch, split), with the block's own settings."""
    attention = comfy.ldm.modules.attention

    def run(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
        kw = {"attn_precision": extra_options.get("attn_precision"), "transformer_options": extra_options}
        if mask is None:
            return attention.optimized_attention(q, k, v, heads, **kw)
        return attention.optimized_attention_masked(q, k, v, heads, mask=mask, **kw)

    return run
