"""A layout's prompts, encoded by the model's own text encoder, as the regions of a conditioning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import comfy.conds
import torch

from ..instdiff_modules.geometry.coverage import Widths
from ..instdiff_modules.layout.document import Frames, visible_instances
from ..instdiff_modules.layout.instance import Instance
from ..instdiff_modules.regions.families import Family
from ..instdiff_modules.regions.plan import RULE, WIDTHS, Region, Regions, Text
from ..instdiff_modules.regions.rule import FREE, Force, Rule
from ..instdiff_modules.regions.weights import FRONT
from . import checks
from .prompts import Remembered
from .region_run import KEY, regions_in

POSITIVE, NEGATIVE = SIDES = ("positive", "negative")
REGIONS, ELIGEN = METHODS = ("regions", "EliGen")
TIMES = ("hooks", "clip_start_percent", "clip_end_percent", "start_percent", "end_percent")  # of a CLIP with hooks
T5_TOKENS = 512  # of every prompt, as EliGen was trained on FLUX
MAX_TEXTS = 64  # of one CLIP; 4 MB each of FLUX, 8 MB with EliGen
_known = Remembered(MAX_TEXTS)


@dataclass(frozen=True)
class LayoutSettings:
    """The node's widgets, by their names."""

    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    global_share: float = 1.0
    method: str = REGIONS
    outside: str = RULE.outside
    picture_attention: str = FREE
    overlap: str = FRONT
    point_size: float = WIDTHS.point
    stroke_width: float = WIDTHS.stroke

    def regions(self, layouts: Frames, texts: Mapping[str, Text], before: Regions | None, side: str) -> Regions:
        """The layout's regions, in front of those that an Apply Layout before has put into the conditioning."""
        layer = tuple(tuple(self._region(i, texts, side) for i in active(layout.instances)) for layout in layouts)
        trained = self.method == ELIGEN
        return Regions(
            (*(before.layers if before else ()), layer),
            Rule(repeated=True) if trained else Rule(self.outside, self.picture_attention),
            self.overlap,
            Widths(self.point_size, self.stroke_width),
            trained,
            (*(before.canvases if before else ()), *((layout.width, layout.height) for layout in layouts)),
        )

    def _region(self, instance: Instance, texts: Mapping[str, Text], side: str) -> Region:
        text = texts[words(instance, side)]
        share = (
            self.global_share if side == POSITIVE else 1.0
        )  # what to avoid is avoided beside what the picture avoids
        force = Force() if self.method == ELIGEN else Force(self.strength, share, instance.strength)
        start, end = max(self.start, instance.start), min(self.end, instance.end)
        return Region(instance, text, force, start, end)


def words(instance: Instance, side: str) -> str:
    """Of one side of guidance."""
    return instance.prompt if side == POSITIVE else instance.negative.strip()


def active(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """Those that generate."""
    return tuple(i for i in instances if i.visible and i.strength > 0)


def encode_all(
    clip: Any, layouts: Frames, settings: LayoutSettings, family: Family, side: str = POSITIVE
) -> dict[str, Text]:
    """Each prompt of one side of the layouts, encoded once. No words are no tokens."""
    length = T5_TOKENS if settings.method == ELIGEN and family.name == "FLUX.1" else None
    given = dict.fromkeys(words(i, side) for layout in layouts for i in active(layout.instances))
    texts = {
        prompt: _known.get(clip, (prompt, length), partial(_encoded, clip, prompt, length))
        for prompt in given
        if prompt
    }
    if "" in given and texts:
        width = next(iter(texts.values())).tokens.shape[-1]
        texts[""] = Text(torch.zeros(1, 0, width))
    return texts


def _encoded(clip: Any, prompt: str, length: int | None) -> Text:
    """length: to which T5 pads it; None: as the CLIP has it."""
    if length is not None:
        clip = clip.clone()
        clip.set_tokenizer_option("t5xxl_min_length", length)
    tokens, options = clip.encode_from_tokens_scheduled(clip.tokenize(prompt))[0]
    return Text(tokens.float().cpu(), {k: v for k, v in options.items() if k not in TIMES})


def empty_prompt(clip: Any) -> list:
    """CONDITIONING of no words."""
    return _known.get(clip, None, lambda: clip.encode_from_tokens_scheduled(clip.tokenize("")))


def check_widths(texts: Mapping[str, Text], conditioning: Any, width: int | None, side: str = POSITIVE) -> None:
    """ValueError for a CLIP of another family than the MODEL or the prompt."""
    for text in texts.values():
        found = text.tokens.shape[-1]
        if width is not None and found != width:
            raise ValueError(
                f"The CLIP gives prompts of width {found}, the MODEL takes {width}: they belong to different models. Connect the "
                "text encoder that goes with the MODEL."
            )
        for prompt, *_ in conditioning:
            checks.check_prompt_width(prompt, found, side)


def with_regions(
    conditioning: Any, layouts: Frames, texts: Mapping[str, Text], settings: LayoutSettings, side: str = POSITIVE
) -> list:
    """The CONDITIONING with the layout's regions in each of its entries; without words for them as it is."""
    if not texts:
        return conditioning
    out = []
    for tokens, options in conditioning:
        given = dict(options.get("model_conds", {}))
        regions = settings.regions(layouts, texts, regions_in(options), side)
        out.append([tokens, {**options, "model_conds": {**given, KEY: comfy.conds.CONDConstant(regions)}}])
    return out


def without_hidden(layouts: Frames) -> Frames:
    """The layouts with the instances that generate alone."""
    return tuple(replace(layout, instances=visible_instances(layout)) for layout in layouts)
