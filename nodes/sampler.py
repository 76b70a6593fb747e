"""Multi-instance sampling as a KSampler, and as a patch on the MODEL for every other sampler node."""

from typing import Any

import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
from comfy_api.latest import io

import nodes as comfy_nodes  # ComfyUI's module of that name; this folder is a package inside the pack

from ..instdiff_modules.sampling.branch import EXACT, GROUPINGS
from ..instdiff_modules.sampling.merge import MERGES
from ..instdiff_modules.sampling.schedule import TIMESTEPS
from . import checks
from .patching import MultiInstance as Settings
from .patching import attach_multi_instance
from .plms_sampler import NAME as PLMS_NAME
from .plms_sampler import PLMS, plms_sigmas

SHARE_TOOLTIP = (
    "Share of the steps (0..1), from the first on, that denoise each instance in its own branch; then "
    "the branches are merged. Of 20 steps 0.2 gives 4, of 4 steps 1; above 0 always at least one. 0: "
    "off. Best below 0.4; each instance costs as much as one more image."
)
MERGE_TOOLTIP = (
    "How the instances and the whole picture are merged. average: the mean of all, as InstanceDiffusion's authors do. crop and paste: each instance's "
    "region over the whole, later ones in front; best with Apply Layout. masked average: each instance counts only inside its own "
    "region. by depth: each instance's own shape over what is behind it, later ones in front, as its opacity says; good with share 0.6."
)
SPEED_TOOLTIP = (
    "exact: one branch for each instance. two groups: two branches, with close instances in different "
    "ones, so many instances cost no more than two; Apply Layout has no use for it."
)
MAX_PLMS_STEPS = TIMESTEPS - 1
MAX_FEATHER = 32  # latent cells
MAX_SCHEDULE = 10**6  # steps of a whole schedule of which denoise takes the end
FEATHER_TOOLTIP = "Softens the borders of the regions when merging, in latent cells of 8 pixels (0..32). Not used by average and by depth."


def multi_instance_inputs(share: float) -> list[Any]:
    return [
        io.Float.Input("share", default=share, min=0.0, max=1.0, step=0.01, tooltip=SHARE_TOOLTIP),
        io.Combo.Input("merge", options=list(MERGES), default="average", tooltip=MERGE_TOOLTIP),
        io.Int.Input("feather", default=0, min=0, max=MAX_FEATHER, optional=True, tooltip=FEATHER_TOOLTIP),
        io.Combo.Input("speed", options=list(GROUPINGS), default=EXACT, optional=True, tooltip=SPEED_TOOLTIP),
    ]


def with_multi_instance(model: Any, share: float, merge: str, feather: int, speed: str = EXACT) -> Any:
    """A clone of the model whose sampling runs the first steps in branches."""
    checks.check_model(model)
    where = "Multi-instance sampling"
    checks.number_in(share, 0, 1, where, "share")
    checks.check_choice(merge, MERGES, where, "merge")
    checks.check_whole(feather, 0, MAX_FEATHER, where, "feather")
    checks.check_choice(speed, GROUPINGS, where, "speed")
    return attach_multi_instance(model, Settings(share, merge, feather, speed))


class MultiInstance(io.ComfyNode):
    """MODEL -> MODEL: multi-instance sampling through any sampler node."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffMultiInstance",
            display_name="Multi-Instance Sampling",
            category="InstDiff",
            description=(
                "Makes every sampler node denoise each instance in its own branch for the first steps, so that instances don't leak into each other."
            ),
            inputs=[
                io.Model.Input(
                    "model", tooltip="From Apply InstDiff or Apply Layout. Without instances the model is unchanged."
                ),
                *multi_instance_inputs(0.2),
            ],
            outputs=[
                io.Model.Output(tooltip="For any sampler node. For a second pass use the model without this patch.")
            ],
        )

    @classmethod
    def execute(cls, model: Any, share: float, merge: str, feather: int = 0, speed: str = EXACT) -> io.NodeOutput:
        return io.NodeOutput(with_multi_instance(model, share, merge, feather, speed))


class MultiInstanceKSampler(io.ComfyNode):
    """The KSampler with multi-instance sampling, and with the authors' PLMS among its samplers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffKSampler",
            display_name="Multi-Instance KSampler",
            category="InstDiff",
            description="A KSampler that denoises each instance in its own branch for the first steps, then merges them.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="From Apply InstDiff or Apply Layout. Without instances this is the plain KSampler.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip=(
                        "Seed of the noise, 0..18446744073709551615. With the same seed, moving one instance leaves most of "
                        "the picture as it was."
                    ),
                ),
                io.Int.Input(
                    "steps",
                    default=20,
                    min=1,
                    max=10000,
                    tooltip=(
                        "Number of denoising steps, 1..10000 (plms: up to 999). InstanceDiffusion's authors use 50."
                    ),
                ),
                io.Float.Input(
                    "cfg",
                    default=7.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip=(
                        "Guidance, 0..100: how closely the picture follows the prompts. InstanceDiffusion's authors use 7.5."
                    ),
                ),
                io.Combo.Input(
                    "sampler_name",
                    options=[*comfy.samplers.KSampler.SAMPLERS, PLMS_NAME],
                    default="euler",
                    tooltip=(
                        "Sampling method. plms is the sampler of InstanceDiffusion's authors; it has its own time steps and ignores the scheduler."
                    ),
                ),
                io.Combo.Input(
                    "scheduler",
                    options=list(comfy.samplers.KSampler.SCHEDULERS),
                    default="normal",
                    tooltip="How the noise decreases from step to step.",
                ),
                io.Conditioning.Input("positive", tooltip="The prompt of the whole picture."),
                io.Conditioning.Input("negative", tooltip="What the picture should not show."),
                io.Latent.Input(
                    "latent_image",
                    tooltip=(
                        "The latent to denoise: empty, or an encoded image. Its size need not be that of the layout's canvas."
                    ),
                ),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "Share of the denoising to run, 0..1. 1: a new picture. Less keeps more of latent_image; 0 leaves it unchanged."
                    ),
                ),
                *multi_instance_inputs(0.2),
            ],
            outputs=[io.Latent.Output(tooltip="The denoised latent.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Any,
        negative: Any,
        latent_image: dict,
        denoise: float,
        share: float,
        merge: str,
        feather: int = 0,
        speed: str = EXACT,
    ) -> io.NodeOutput:
        patched = with_multi_instance(model, share, merge, feather, speed)
        check_sampling(patched, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent_image, denoise)
        if sampler_name == PLMS_NAME:
            return io.NodeOutput(sample_plms(patched, seed, steps, cfg, positive, negative, latent_image, denoise))
        return io.NodeOutput(
            *comfy_nodes.common_ksampler(  # pyright: ignore[reportAttributeAccessIssue]  (it takes our folder for ComfyUI's)
                patched, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent_image, denoise=denoise
            )
        )


def check_sampling(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Any,
    negative: Any,
    latent_image: Any,
    denoise: float,
) -> None:
    """Raise ValueError for what a KSampler cannot use, before the model is loaded."""
    where, core = "Multi-Instance KSampler", comfy.samplers.KSampler
    checks.check_whole(seed, 0, 0xFFFFFFFFFFFFFFFF, where, "seed")
    checks.check_whole(steps, 1, 10000, where, "steps")
    checks.number_in(cfg, 0, 100, where, "cfg")
    checks.number_in(denoise, 0, 1, where, "denoise")
    checks.check_choice(sampler_name, [*core.SAMPLERS, PLMS_NAME], where, "sampler_name")
    checks.check_choice(scheduler, core.SCHEDULERS, where, "scheduler")
    longest = MAX_PLMS_STEPS if sampler_name == PLMS_NAME else MAX_SCHEDULE
    if denoise > 0 and steps / denoise >= longest + 1:
        raise ValueError(
            f"{where}: {steps} steps at denoise {denoise:g} are the end of a schedule of {steps / denoise:.0f} steps, {sampler_name} has "
            f"at most {longest}. Lower steps or raise denoise."
        )
    width = checks.prompt_width(model.get_model_object("diffusion_model"))
    checks.check_conditioning(positive, "positive", width)
    checks.check_conditioning(negative, "negative", width)
    checks.check_latent(latent_image, model.get_model_object("latent_format"))


def sample_plms(
    model: Any, seed: int, steps: int, cfg: float, positive: Any, negative: Any, latent: dict, denoise: float
) -> dict:
    """What core's KSampler does, with the authors' sampler and time steps. Returns a LATENT."""
    samples = comfy.sample.fix_empty_latent_channels(model, latent["samples"], latent.get("downscale_ratio_spacial"))
    noise = comfy.sample.prepare_noise(samples, seed, latent.get("batch_index"))
    sigmas = plms_steps(model.get_model_object("model_sampling"), steps, denoise)
    out = comfy.sample.sample_custom(
        model,
        noise,
        cfg,
        PLMS(),
        sigmas,
        positive,
        negative,
        samples,
        noise_mask=latent.get("noise_mask"),
        seed=seed,
        callback=latent_preview.prepare_callback(model, len(sigmas) - 1),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
    )
    return {**{k: v for k, v in latent.items() if k != "downscale_ratio_spacial"}, "samples": out}


def plms_steps(model_sampling: Any, steps: int, denoise: float) -> Any:
    """Sigmas of PLMS; with denoise below 1 the last `steps` of a longer schedule, as core's KSampler does."""
    if denoise <= 0:
        return plms_sigmas(model_sampling, steps)[:0]
    if denoise > 0.9999:
        return plms_sigmas(model_sampling, steps)
    return plms_sigmas(model_sampling, int(steps / denoise))[-(steps + 1) :]


NODES = [MultiInstance, MultiInstanceKSampler]
