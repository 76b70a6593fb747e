"""Multi-instance sampling as a wrapper around any ComfyUI sampler (paper section 3.5).

The branches of the first steps run as one batch: the global branch first, then one copy of every image for each
instance, with the instance's prompt and tokens; or for each of two groups of instances. Then the latents are merged and the
global branch goes on alone.
"""

import copy
import logging
import math
from dataclasses import dataclass
from typing import Any, Callable, Sequence

import comfy.conds
import comfy.model_patcher
import torch
from torch import Tensor

from ..instdiff_modules.geometry.grouping import two_groups
from ..instdiff_modules.grounding.bank import TokenBank, rows_of
from ..instdiff_modules.layout.document import Instance
from ..instdiff_modules.sampling.multi_instance import branch_steps, merge, region
from ..instdiff_modules.sampling.owners import OWNER, owner
from ..instdiff_modules.sampling.patches import BRANCHES, Branch, Branches
from .checks import check_prompt_width

ATTACHMENT = "instdiff"  # what Apply leaves on the model: tuple[Applied, ...]
KEY = "instdiff_multi_instance"
_log = logging.getLogger(__name__)
EXACT, TWO_GROUPS = SPEEDS = ("exact", "two groups")
SEED_OF_THE_REST = 1 << 20  # else a stochastic sampler would draw the noise of the branch phase a second time


@dataclass(frozen=True)
class Applied:
    """What one Apply node put on a model, frame by frame.

    Its tokens, its instances, the encoded prompt (1, tokens, 768) of a branch by its frame and the indices of its instances,
    and the canvas (width, height) of the layout.
    """

    bank: TokenBank
    frames: tuple[tuple[Instance, ...], ...]
    prompt: Callable[[int, tuple[int, ...]], Tensor]
    canvases: tuple[tuple[int | None, int | None], ...] = ()


@dataclass(frozen=True)
class Plan:
    """The branches of a batch: `items[k]` belongs to image `items[k].sample`; images come first, branch by branch."""

    items: tuple[Branch, ...]
    prompts: tuple[Tensor | None, ...]  # None: the conditioning's own prompt
    instances: tuple[tuple[tuple[int, Instance], ...], ...]  # (depth, instance) of each branch; the global one has none


def plan_branches(applied: Sequence[Applied], images: int, speed: str = EXACT) -> Plan:
    """One global branch for each image, then as many more as the image with the most branches needs.

    Images with fewer instances get idle copies of their global branch, so that whatever ComfyUI repeats over the
    batch (hints, masks, latents) keeps meeting the right image.
    """
    columns: list[list[tuple[Branch, Tensor | None, tuple[tuple[int, Instance], ...]]]] = []
    for sample in range(images):
        column, below = [(Branch(sample), None, ())], 0
        for one in applied:
            frame = sample % len(one.frames)
            instances = one.frames[frame]
            alone = tuple((i,) for i, instance in enumerate(instances) if instance.strength != 0)
            for members in alone if speed == EXACT else two_groups(instances):
                item = Branch(sample, one.bank, members, frozenset(owner(instances[i]) for i in members))
                column.append((item, one.prompt(frame, members), tuple((below + i, instances[i]) for i in members)))
            below += len(instances)
        columns.append(column)
    depth = max(len(column) for column in columns)
    rows = [(c + [c[0]] * (depth - len(c))) for c in columns]
    flat = [rows[sample][k] for k in range(depth) for sample in range(images)]
    return Plan(*(tuple(part) for part in zip(*flat)))


@dataclass
class MultiInstanceSampling:
    """SAMPLER_SAMPLE wrapper, and `prepare` before it. share: of the steps, in 0..1; merge_mode and feather (latent cells): see merge(); speed: one of SPEEDS."""

    share: float
    merge_mode: str = "average"
    feather: int = 0
    speed: str = EXACT
    merge: Callable[..., Tensor] = merge

    def prepare(self, executor: Any, noise: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """OUTER_SAMPLE wrapper: what only the branches need is tokenized and encoded before the UNet is loaded."""
        if self.share > 0:
            applied = executor.class_obj.model_patcher.get_attachment(ATTACHMENT) or ()
            for item in plan_branches(applied, noise.shape[0], self.speed).items:
                if item.bank is not None:
                    item.bank.tokens(rows_of([item.bank.apart[item.sample % item.bank.frames][item.members]]) or [0])
        return executor(noise, *args, **kwargs)

    def __call__(
        self,
        executor: Any,
        guider: Any,
        sigmas: Tensor,
        extra_args: dict,
        callback: Any,
        noise: Tensor,
        latent_image: Any = None,
        denoise_mask: Any = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        steps = len(sigmas) - 1
        apart = branch_steps(steps, self.share)
        plan = plan_branches(guider.model_patcher.get_attachment(ATTACHMENT) or (), noise.shape[0], self.speed)
        alone = len(plan.items) == noise.shape[0]
        if alone:
            _log.warning(
                "Multi-instance sampling found no instances on the model: it samples as usual. Put Apply InstDiff on the MODEL."
            )
        if apart == 0 or alone:
            return executor(guider, sigmas, extra_args, callback, noise, latent_image, denoise_mask, disable_pbar)

        sampler = executor.class_obj
        carries_history = hasattr(sampler, "last_part")
        if carries_history:
            sampler.last_part = False
        try:
            branches = self._run_branches(
                executor,
                guider,
                sigmas[: apart + 1],
                extra_args,
                _shifted(callback, 0, steps, noise.shape[0]),
                noise,
                latent_image,
                denoise_mask,
                disable_pbar,
                plan,
            )
        finally:
            if carries_history:
                sampler.last_part = True
        merged = self._merge(branches, plan, noise.shape[0])
        if carries_history:
            sampler.history = [h[: noise.shape[0]] for h in sampler.history]
            sampler.first_step = apart
        if apart == steps and not carries_history:
            return merged
        return self._run_rest(
            executor,
            guider,
            sigmas[apart:],
            extra_args,
            _shifted(callback, apart, steps),
            merged,
            latent_image,
            denoise_mask,
            disable_pbar,
        )

    def _run_branches(
        self,
        executor: Any,
        guider: Any,
        sigmas: Tensor,
        extra_args: dict,
        callback: Any,
        noise: Tensor,
        latent_image: Any,
        denoise_mask: Any,
        disable_pbar: bool,
        plan: Plan,
    ) -> Tensor:
        samples = [item.sample for item in plan.items]

        def spread(tensor: Any) -> Any:
            return tensor if tensor is None else tensor[[s % tensor.shape[0] for s in samples]]

        branch_guider = copy.copy(guider)
        branch_guider.conds = {**guider.conds, "positive": [_with_prompts(c, plan) for c in guider.conds["positive"]]}
        options = comfy.model_patcher.create_model_options_clone(extra_args["model_options"])
        options["transformer_options"][BRANCHES] = Branches(noise.shape[0], plan.items)
        return executor(
            branch_guider,
            sigmas,
            {**extra_args, "model_options": options},
            callback,
            spread(noise),
            spread(latent_image),
            spread(denoise_mask),
            disable_pbar,
        )

    def _merge(self, branches: Tensor, plan: Plan, images: int) -> Tensor:
        height, width = branches.shape[-2:]
        out = []
        for sample in range(images):
            # A branch of several instances counts once for each of them, in their order of depth.
            own = sorted(
                (
                    (depth, k, i)
                    for k, item in enumerate(plan.items)
                    if item.sample == sample
                    for depth, i in plan.instances[k]
                ),
                key=lambda one: one[0],
            )
            regions = [region(instance, height, width) for _, _, instance in own]
            out.append(self.merge(branches[[sample, *(k for _, k, _ in own)]], regions, self.merge_mode, self.feather))
        return torch.stack(out)

    @staticmethod
    def _run_rest(
        executor: Any,
        guider: Any,
        sigmas: Tensor,
        extra_args: dict,
        callback: Any,
        merged: Tensor,
        latent_image: Any,
        denoise_mask: Any,
        disable_pbar: bool,
    ) -> Tensor:
        if denoise_mask is None:  # no noise on top of the merged latent: the sampler starts exactly there
            latent, noise = merged, torch.zeros_like(merged)
        else:  # the kept part must still be noised and restored from the original latent
            latent, noise = latent_image, (merged - latent_image) / sigmas[0]
        seed = extra_args.get("seed")
        rest_args = {**extra_args, "seed": None if seed is None else seed + SEED_OF_THE_REST}
        return executor(guider, sigmas, rest_args, callback, noise, latent, denoise_mask, disable_pbar)


def _with_prompts(cond: dict, plan: Plan) -> dict:
    """A conditioning entry whose cross-attention holds one prompt per item of the plan, unless it belongs to one instance.

    Prompts of several lengths are repeated to their least common multiple, as ComfyUI does: softmax attention over
    repeated keys gives the same result.
    """
    own = getattr(cond["model_conds"].get("c_crossattn"), "cond", None)
    check_prompt_width(own, next(p.shape[-1] for p in plan.prompts if p is not None), "positive")
    if OWNER in cond:
        return cond
    prompts = [own[item.sample % own.shape[0]] if p is None else p[0] for item, p in zip(plan.items, plan.prompts)]
    longest = math.lcm(*(p.shape[0] for p in prompts))
    batch = torch.stack([p.to(own).repeat(longest // p.shape[0], 1) for p in prompts])
    return {**cond, "model_conds": {**cond["model_conds"], "c_crossattn": comfy.conds.CONDCrossAttn(batch)}}


def _shifted(callback: Any, offset: int, steps: int, images: int | None = None) -> Any:
    """A progress callback that counts over the whole run and shows the global branch alone."""
    if callback is None:
        return None
    return lambda i, denoised, x, _: callback(i + offset, denoised[:images], x[:images], steps)
