"""Apply InstDiff: a MODEL that knows its instances, for every sampler node there is."""

from typing import Any

from comfy_api.latest import io

from ..instdiff_modules.grounding.bank import check_slots
from ..instdiff_modules.layout.document import Frames, visible_instances
from ..instdiff_modules.layout.frames import as_frames
from . import checks
from .apply_settings import LOCATION_FORMATS, MASKED, OVERLAPS, SCALEU, SPEEDS, ApplySettings, check_inputs
from .model import InstDiffModel
from .patching import attach
from .types import Instances, InstDiffModelSocket


class ApplyInstDiff(io.ComfyNode):
    """MODEL + CLIP + INSTDIFF_MODEL + INSTANCES -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share: dict[str, Any] = {"min": 0.0, "max": 1.0, "step": 0.01}
        return io.Schema(
            node_id="InstDiffApply",
            display_name="Apply InstDiff",
            category="InstDiff",
            description="Puts the instances into a Stable Diffusion 1.5 (or SDXL) model: connect the MODEL to any sampler node.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip=(
                        "The model that the weights were made for: Stable Diffusion 1.5 (SDXL with weights trained for it), with or without LoRA. "
                        "It is not changed: the output is a patched copy."
                    ),
                ),
                io.Clip.Input(
                    "clip",
                    tooltip=(
                        "The CLIP of the same checkpoint: it encodes the prompt of each instance. With a LoRA, the CLIP "
                        "after the LoRA."
                    ),
                ),
                InstDiffModelSocket.Input(
                    "instdiff_model", tooltip="InstanceDiffusion's weights, from Load InstDiff Model."
                ),
                Instances.Input(
                    "instances",
                    tooltip=(
                        "The layout: which object goes where. Several frames: one layout per image of the batch. Without instances the model is unchanged."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How strongly the instances steer, 0..2. 0: the model is unchanged. 1: as trained.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    **share,
                    tooltip=(
                        "When the instances begin to act, as a share of the denoising: 0 (first step) .. 1 (last step)."
                    ),
                ),
                io.Float.Input(
                    "end",
                    default=0.8,
                    **share,
                    tooltip=(
                        "When the instances stop acting, as a share of the denoising: 0 (first step) .. 1 (last step); above "
                        "start. Lower it if objects look pasted on. InstanceDiffusion's authors use 0.75 to 1."
                    ),
                ),
                io.Float.Input(
                    "fade",
                    default=0.0,
                    **share,
                    optional=True,
                    tooltip=(
                        "Length of the interval before end in which the strength falls to 0, as a share of the denoising "
                        "(0..1). 0: an abrupt end."
                    ),
                ),
                io.Combo.Input(
                    "scaleu",
                    options=list(SCALEU),
                    default="on",
                    optional=True,
                    tooltip=(
                        "ScaleU, a part of the weights, rescales the UNet's decoder in all steps. on: as trained. on (SE "
                        "variant): as logtd/ComfyUI-InstanceDiffusion does."
                    ),
                ),
                io.Combo.Input(
                    "masked_attention",
                    options=list(MASKED),
                    default="off",
                    optional=True,
                    tooltip=(
                        "Each region of the picture sees only the instances whose box contains it: less colour leaking, "
                        "slower. finest level: at the highest resolution inside the model; all levels: everywhere. The "
                        "authors train with it and generate without."
                    ),
                ),
                io.Combo.Input(
                    "location_formats",
                    options=list(LOCATION_FORMATS),
                    default="as given",
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Which boxes, points, scribbles and masks count. as given: all of them. The others: those that one "
                        "of the authors' test configurations keeps, to compare with their results."
                    ),
                ),
                io.Int.Input(
                    "point_seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Seed (0..4294967295) of the points that are drawn at random inside masks of fewer than 128 pixels."
                    ),
                ),
                io.Combo.Input(
                    "overlap",
                    options=list(OVERLAPS),
                    default=OVERLAPS[0],
                    optional=True,
                    tooltip=(
                        "Who is in front where boxes or masks overlap. free: the model decides, as InstanceDiffusion's authors have it. by depth: "
                        "the later instance in the layout, as far as its opacity says; points that lie close together get boxes."
                    ),
                ),
                io.Combo.Input(
                    "speed",
                    options=list(SPEEDS),
                    default=SPEEDS[0],
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "exact: as trained. pooled keys: from 768x768 pixels on (SDXL: 1536x1536), the picture's parts look at each other in groups of 2x2 "
                        "in the added layers: faster, and nearly the same picture. Where attention is masked it stays exact."
                    ),
                ),
            ],
            outputs=[io.Model.Output(tooltip="The model with its instances, for any sampler node.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        instdiff_model: InstDiffModel,
        instances: Frames,
        strength: float,
        start: float,
        end: float,
        fade: float = 0.0,
        scaleu: str = "on",
        masked_attention: str = "off",
        location_formats: str = "as given",
        point_seed: int = 0,
        overlap: str = OVERLAPS[0],
        speed: str = SPEEDS[0],
    ) -> io.NodeOutput:
        settings = ApplySettings(
            strength, start, end, fade, scaleu, masked_attention, location_formats, point_seed, overlap, speed
        )
        layouts = as_frames(instances)
        settings.check()
        check_inputs(model, instdiff_model, layouts)
        frames = tuple(visible_instances(layout) for layout in layouts)
        if strength == 0 or not any(i.strength for frame in frames for i in frame):
            return io.NodeOutput(model.clone())
        settings.check_window()
        checks.check_clip(clip)
        check_slots(frames, instdiff_model.config.slots)
        canvases = tuple((layout.width, layout.height) for layout in layouts)
        return io.NodeOutput(attach(model, *settings.build(model, clip, instdiff_model, frames, canvases)))


NODES = [ApplyInstDiff]
