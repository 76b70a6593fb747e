"""The models that are compared, and the steps that are timed."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.patcher_extension
import comfy.samplers
import comfy.sd
import torch
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.grounding.token_cache import TokenCache
from instdiff.instdiff_modules.layout.document import Instance, Layout
from instdiff.instdiff_modules.sampling.branch import EXACT, TWO_GROUPS
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.model import build_instdiff_model
from instdiff.nodes.sampler import with_multi_instance
from support.random_weights import write_random_files

INSTANCES = 4  # of the case "full": the fusers always see all slots, so their number hardly matters
FAST = "fast"  # at the end of a case: in two groups
STEPS = 20  # of the schedule, of which the first few are timed
CFG = 7.0


def layout(instances: int, masks: bool = False) -> tuple[Layout, ...]:
    """So many boxes of a quarter of the picture's height, from left to right and from top to bottom."""

    def one(i: int) -> Instance:
        left, top = 0.02 + 0.11 * (i % 8), 0.02 + 0.24 * (i // 8 % 4)
        box = (left, top, left + 0.15, top + 0.25)
        return Instance(id=str(i), prompt=f"thing number {i}", box=box, mask=_mask(box) if masks else None)

    return (Layout(instances=tuple(one(i) for i in range(instances))),)


def _mask(box: tuple[float, ...]) -> Any:
    picture = torch.zeros(512, 512, dtype=torch.bool)
    left, top, right, bottom = (int(512 * edge) for edge in box)
    picture[top:bottom, left:right] = True
    return encode_mask(picture.numpy())


class KnownPrompts:
    """A CLIP that encodes each prompt once."""

    def __init__(self, clip: Any) -> None:
        self.tokenize = lambda prompt: prompt
        self.encode_from_tokens = cache(
            lambda prompt, return_pooled: clip.encode_from_tokens(clip.tokenize(prompt), return_pooled=return_pooled)
        )


class Models:
    """SD1.5 and InstDiff of random weights, and what the nodes make of them.

    tiny: two resolutions, one block each. half: in float16, as on a GPU; on a CPU, where ComfyUI would compute in float32, in bfloat16, the
    same operators at a sixth of the time.
    """

    def __init__(self, folder: Path, tiny: bool, half: bool = False) -> None:
        files = [folder / "checkpoints", folder / "instdiff"]
        if not all(list(place.glob("*.safetensors")) for place in files):
            write_random_files(folder, full=not tiny)
        base, weights = (next(place.glob("*.safetensors")) for place in files)
        on_cpu = comfy.model_management.get_torch_device().type == "cpu"
        dtype = (torch.bfloat16 if on_cpu else torch.float16) if half else None
        self.plain, clip, _, _ = comfy.sd.load_checkpoint_guess_config(
            str(base), output_vae=False, model_options={"dtype": dtype} if half else {}
        )
        if half:
            self.plain.model.manual_cast_dtype = None
        self.clip = KnownPrompts(clip)
        self.weights = build_instdiff_model(read_checkpoint([weights]), dtype)
        self.case = cache(self._case)

    @cached_property
    def fuser_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.weights.adapter.model.state_dict().values())

    def prompt(self, text: str) -> list:
        return [[self.clip.encode_from_tokens(text, "unprojected")[0], {}]]

    def apply(
        self, instances: int = INSTANCES, start: float = 0.0, weights: Any = None, masks: bool = False, **settings: Any
    ) -> Any:
        return ApplyInstDiff.execute(
            self.plain, self.clip, weights or self.weights, layout(instances, masks), 1.0, start, 1.0, **settings
        ).args[0]

    def _case(self, name: str) -> Any:
        """The MODEL of a case: see `cases`."""
        if name == "plain":
            return self.plain
        if name.startswith("mis"):
            speed = TWO_GROUPS if name.endswith(FAST) else EXACT
            return with_multi_instance(self.apply(branched_instances(name)), 1.0, "average", 0, speed)
        if name.startswith("instances"):
            return self.apply(int(name.removeprefix("instances")))
        if name == "scaleu":
            patched = self.apply(masked_attention="off").clone()
            del patched.model_options["transformer_options"]["patches"]["middle_patch"]
            return patched
        return self.apply(
            **{
                "full": {},
                "fusers": {"scaleu": "off"},
                "outside": {"start": 0.99},
                "masked": {"masked_attention": "finest level"},
            }[name]
        )

    def new_tokens(self, instances: int, masks: bool) -> None:
        """Tokenize a layout of which nothing is known."""
        self.apply(instances, weights=replace(self.weights, known_tokens=TokenCache()), masks=masks)


def cases(instances: list[int]) -> list[str]:
    """plain: the KSampler without us; outside: a window that does not hold the timed steps; full: four instances."""
    return [
        "plain",
        "scaleu",
        "fusers",
        "full",
        "outside",
        "masked",
        *(f"instances{n}" for n in instances if n != INSTANCES),
    ]


def branched_instances(case: str) -> int:
    """Instances of a case of multi-instance sampling: 6 of "mis6" and of "mis6fast" (in two groups)."""
    return int(case.removeprefix("mis").removesuffix(FAST))


def figure(case: str) -> str:
    """The name of such a case in the results: "mis6_exact" or "mis6_fast"."""
    return f"mis{branched_instances(case)}_{FAST if case.endswith(FAST) else 'exact'}"


def time_steps(models: Models, name: str, size: int, batch: int, steps: int, clock: Callable[[], float]) -> list[float]:
    """Seconds of the first `steps` of a run of STEPS steps of euler at size x size pixels, without what precedes the first."""
    model, marks = models.case(name).clone(), []

    def begin(executor: Any, *args: Any, **kwargs: Any) -> Any:
        marks.append(clock())
        return executor(*args, **kwargs)

    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.SAMPLER_SAMPLE, "bench", begin)
    sample(models, model, size, steps, batch, callback=lambda *args: marks.append(clock()))
    return [after - before for before, after in pairwise(marks)]


def sample(
    models: Models,
    model: Any,
    size: int,
    steps: int,
    batch: int = 1,
    seed: int = 1,
    prompt: str = "a scene",
    callback: Any = None,
) -> None:
    """The first `steps` of a run of STEPS steps of euler, guided."""
    sampler = comfy.samplers.KSampler(model, STEPS, model.load_device, "euler", "normal", 1.0, model.model_options)
    noise = torch.randn(batch, 4, size // 8, size // 8, generator=torch.Generator().manual_seed(seed))
    sampler.sample(
        noise,
        models.prompt(prompt),
        models.prompt("bad"),
        CFG,
        torch.zeros_like(noise),
        start_step=0,
        last_step=steps,
        force_full_denoise=False,
        callback=callback,
        disable_pbar=True,
        seed=seed,
    )
