"""A layout's prompts, encoded by the model's own text encoder, as the regions of a conditioning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import comfy.conds

from ..instdiff_modules.layout.document import Frames, visible_instances
from ..instdiff_modules.layout.instance import Instance
from ..instdiff_modules.regions.coverage import Widths
from ..instdiff_modules.regions.families import Family
from ..instdiff_modules.regions.plan import RULE, WIDTHS, Region, Regions, Text
from ..instdiff_modules.regions.rule import FREE, Force, Rule
from ..instdiff_modules.regions.weights import FRONT
from . import checks
from .region_calls import KEY, regions_in

REGIONS, ELIGEN = METHODS = ("regions", "EliGen")
T5_TOKENS = 512  # of every prompt, as EliGen was trained on FLUX


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

    def regions(self, layouts: Frames, texts: Mapping[str, Text], before: Regions | None) -> Regions:
        """The layout's regions, in front of those that an Apply Layout before has put into the conditioning."""
        layer = tuple(tuple(self._region(i, texts) for i in active(layout.instances)) for layout in layouts)
        trained = self.method == ELIGEN
        return Regions(
            (*(before.layers if before else ()), layer),
            Rule(repeated=True) if trained else Rule(self.outside, self.picture_attention),
            self.overlap,
            Widths(self.point_size, self.stroke_width),
            trained,
        )

    def _region(self, instance: Instance, texts: Mapping[str, Text]) -> Region:
        force = Force() if self.method == ELIGEN else Force(self.strength, self.global_share, instance.strength)
        start, end = max(self.start, instance.start), min(self.end, instance.end)
        return Region(instance, texts[instance.prompt], force, start, max(start, end))


def active(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """Those that generate."""
    return tuple(i for i in instances if i.visible and i.strength > 0)


def encode_all(clip: Any, layouts: Frames, settings: LayoutSettings, family: Family) -> dict[str, Text]:
    """Each prompt of the layouts, encoded once."""
    if settings.method == ELIGEN and family.name == "FLUX.1":
        clip = clip.clone()
        clip.set_tokenizer_option("t5xxl_min_length", T5_TOKENS)
    prompts = dict.fromkeys(i.prompt for layout in layouts for i in active(visible_instances(layout)))
    return {prompt: _encoded(clip, prompt) for prompt in prompts}


def _encoded(clip: Any, prompt: str) -> Text:
    tokens, options = clip.encode_from_tokens_scheduled(clip.tokenize(prompt))[0]
    return Text(
        tokens.float().cpu(), {k: options[k] for k in ("attention_mask", "t5xxl_ids", "t5xxl_weights") if k in options}
    )


def check_widths(texts: Mapping[str, Text], positive: Any, width: int | None) -> None:
    """ValueError for a CLIP of another family than the MODEL or the prompt."""
    for text in texts.values():
        found = text.tokens.shape[-1]
        if width is not None and found != width:
            raise ValueError(
                f"The CLIP gives prompts of width {found}, the MODEL takes {width}: they belong to different models. Connect the "
                "text encoder that goes with the MODEL."
            )
        for prompt, *_ in positive:
            checks.check_prompt_width(prompt, found, "positive")


def with_regions(conditioning: Any, layouts: Frames, texts: Mapping[str, Text], settings: LayoutSettings) -> list:
    """The CONDITIONING with the layout's regions in each of its entries."""
    out = []
    for tokens, options in conditioning:
        given = dict(options.get("model_conds", {}))
        regions = settings.regions(layouts, texts, regions_in(options))
        out.append([tokens, {**options, "model_conds": {**given, KEY: comfy.conds.CONDConstant(regions)}}])
    return out


def without_hidden(layouts: Frames) -> Frames:
    """The layouts with the instances that generate alone."""
    return tuple(replace(layout, instances=visible_instances(layout)) for layout in layouts)
