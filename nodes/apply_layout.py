"""Apply Layout: regions in the attention of any image model that ComfyUI runs, by its own text encoder."""

from typing import Any

from comfy_api.latest import io

from ..instdiff_modules.layout.document import Frames, check_prompts
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.regions.families import Family, family_of
from ..instdiff_modules.regions.rule import OUTSIDES, PICTURES
from ..instdiff_modules.regions.weights import OVERLAPS
from . import checks
from .layout_texts import (
    ELIGEN,
    METHODS,
    NEGATIVE,
    POSITIVE,
    SIDES,
    LayoutSettings,
    active,
    check_widths,
    empty_prompt,
    encode_all,
    with_regions,
    without_hidden,
)
from .region_calls import attach_regions
from .types import Instances

WHERE = "Apply Layout"
RANGES = {
    "strength": (0, 1),
    "start": (0, 1),
    "end": (0, 1),
    "global_share": (0, 1),
    "point_size": (0.01, 1),
    "stroke_width": (0.01, 1),
}
MENUS = {"method": METHODS, "outside": OUTSIDES, "picture_attention": PICTURES, "overlap": OVERLAPS}


class InstDiffApplyLayout(io.ComfyNode):
    """MODEL + CLIP + CONDITIONING + INSTANCES -> MODEL, positive and negative CONDITIONING."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share: dict[str, Any] = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="InstDiffApplyLayout",
            display_name="Apply Layout",
            category="InstDiff",
            description="Gives each instance's prompt its place in the picture, with SD1.5, SDXL, SD3, FLUX, Chroma, Krea 2, "
            "Qwen-Image, Z-Image and others: no extra weights. Needs both outputs connected to the sampler.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="Any image model of the families on the help page, with or without LoRA. The output is a patched copy.",
                ),
                io.Clip.Input(
                    "clip", tooltip="The text encoder that goes with the MODEL: it encodes each instance's prompt."
                ),
                io.Conditioning.Input("positive", tooltip="The prompt of the whole picture."),
                Instances.Input(
                    "instances",
                    tooltip="The layout: which object goes where. Several frames: one layout per image of the batch. "
                    "Without instances nothing changes.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    **share,
                    tooltip="How strictly a prompt stays in its region, 0..1. 1: it acts nowhere else. Less: it also acts outside, "
                    "weaker. 0: the model is unchanged.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    **share,
                    tooltip="When the regions begin to act, as a share of the denoising: 0 (first step) .. 1 (last step).",
                ),
                io.Float.Input(
                    "end",
                    default=1.0,
                    **share,
                    tooltip="When the regions stop acting, as a share of the denoising: 0 (first step) .. 1 (last step); above start. "
                    "Lower it if the parts do not blend.",
                ),
                io.Float.Input(
                    "global_share",
                    default=1.0,
                    **share,
                    tooltip="How much of the whole picture's prompt acts inside the regions, 0..1. 0: only the instances' own prompts.",
                ),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default=METHODS[0],
                    optional=True,
                    tooltip="regions: works with every model. EliGen: masks and positions as EliGen's LoRA for FLUX and "
                    "Qwen-Image was trained; load that LoRA with Load EliGen LoRA first. EliGen uses only start, end, point_size and stroke_width.",
                ),
                io.Combo.Input(
                    "overlap",
                    options=list(OVERLAPS),
                    default=OVERLAPS[0],
                    optional=True,
                    tooltip="Where instances overlap. front only: the front one alone. shared: all of them.",
                ),
                io.Combo.Input(
                    "outside",
                    options=list(OUTSIDES),
                    default=OUTSIDES[0],
                    optional=True,
                    tooltip="What acts outside all regions. global prompt: the whole picture's prompt alone. everything: the "
                    "instances' prompts too.",
                ),
                io.Combo.Input(
                    "picture_attention",
                    options=list(PICTURES),
                    default=PICTURES[0],
                    optional=True,
                    advanced=True,
                    tooltip="free: all parts of the picture see each other and blend. cut: nothing of an instance reaches the rest "
                    "of the picture, so the parts may not fit together.",
                ),
                io.Float.Input(
                    "point_size",
                    default=0.15,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Radius of the soft disc that a point stands for, as a share (0.01..1) of the picture's shorter side.",
                ),
                io.Float.Input(
                    "stroke_width",
                    default=0.15,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Width of the soft stroke that a scribble stands for, as a share (0.01..1) of the picture's shorter side.",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="What the whole picture should avoid. The instances' own negative prompts act in their regions beside it. "
                    "Not connected: an empty prompt.",
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="For the sampler. Use it together with the conditioning."),
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="For the sampler's positive: the prompt with the instances' prompts.",
                ),
                io.Conditioning.Output(
                    display_name="negative",
                    tooltip="For the sampler's negative: with the instances' negative prompts, if there are any.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, model: Any, clip: Any, positive: Any, instances: Frames, negative: Any = None, **widgets: Any
    ) -> io.NodeOutput:
        settings = LayoutSettings(**widgets)
        layouts = as_frames(instances)
        check_settings(settings)
        checks.check_model(model)
        checks.check_text_encoder(clip)
        checks.check_conditioning(positive, POSITIVE, None)
        for layout in layouts:
            check_prompts(layout)
        if negative is None:
            negative = empty_prompt(clip)
        checks.check_conditioning(negative, NEGATIVE, None)
        layouts = without_hidden(layouts)
        if settings.strength == 0 or not any(active(layout.instances) for layout in layouts):
            return io.NodeOutput(model.clone(), positive, negative)
        check_window(settings)
        network = model.get_model_object("diffusion_model")
        family = family_of(network, model.model)
        check_method(settings, family)
        sides = []
        for side, conditioning in zip(SIDES, (positive, negative), strict=True):
            texts = encode_all(clip, layouts, settings, family, side)
            check_widths(texts, conditioning, family.width(network), side)
            sides.append(with_regions(conditioning, layouts, texts, settings, side))
        return io.NodeOutput(attach_regions(model), *sides)


def check_settings(settings: LayoutSettings) -> None:
    """Raise ValueError for a value that the node's own widgets would not let through."""
    for name, (low, high) in RANGES.items():
        checks.number_in(getattr(settings, name), low, high, WHERE, name)
    for name, options in MENUS.items():
        checks.check_choice(getattr(settings, name), options, WHERE, name)


def check_window(settings: LayoutSettings) -> None:
    """Raise ValueError if the regions would never act."""
    if settings.start >= settings.end:
        raise ValueError(
            f"{WHERE}: expected start below end, got start {settings.start:g} and end {settings.end:g}: the regions would never act."
        )


def check_method(settings: LayoutSettings, family: Family) -> None:
    """Raise ValueError for EliGen with a model that it was not trained for."""
    if settings.method == ELIGEN and not family.eligen:
        raise ValueError(
            f"{WHERE}: EliGen exists for FLUX.1 and Qwen-Image, the MODEL is of kind {family.name}. Set method to regions."
        )


NODES = [InstDiffApplyLayout]
