"""Other people's functions of guidance around a run in branches: what they keep, and what samplers add to them.

ComfyUI lets functions look at the predictions before guidance, replace it, and look at its result. They work on whole
batches. Some keep something from step to step (the momentum of Adaptive Projected Guidance); samplers of the "cfg_pp"
kind add one of their own, that hands them the negative prediction.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..instdiff_modules.sampling.branched_batch import BranchedBatch

BEFORE, INSTEAD, AFTER = "sampler_pre_cfg_function", "sampler_cfg_function", "sampler_post_cfg_function"


class CfgHistory:
    """What the functions before and instead of guidance saw of the branches, to be told again of the merged latents.

    After the merge they meet the images alone. A function that keeps something of the batch begins anew when the noise
    level rises, as at the start of a run; so the steps of the branches are told it once more, merged. Functions after
    guidance are not told again: some call the model.
    """

    def __init__(self, batch: BranchedBatch) -> None:
        self.batch = batch
        self.base: Sequence[Callable] = ()
        self._seen: list[dict[str, Any]] = []

    def begin(self, model_options: Mapping[str, Any]) -> None:
        """Options before the sampler has added anything to them."""
        self.base = list(model_options.get(AFTER, ()))
        self._seen.clear()

    def listening(self, model_options: dict) -> dict:
        """Options with which predictions are noted, if any function wants them, and each function sees what it can bear."""
        out = dict(model_options)
        if self.batch.images == 1:
            for name in (BEFORE, AFTER):
                out[name] = [partial(_with_one_level, function) for function in model_options.get(name, ())]
        if model_options.get(BEFORE) or model_options.get(INSTEAD):
            out[BEFORE] = [self._note, *out.get(BEFORE, ())]
        if model_options.get(INSTEAD):
            out[INSTEAD] = partial(self._by_rows, model_options[INSTEAD])
        return out

    def _by_rows(self, function: Callable, args: dict[str, Any]) -> Tensor:
        """Some weigh images by their place in the batch: they see a row of branches at a time, one of each image."""
        items, images = len(self.batch.branches), self.batch.images
        of_items = {key: v for key, v in args.items() if isinstance(v, Tensor) and v.ndim and v.shape[0] == items}
        rows = (slice(at, at + images) for at in range(0, items, images))
        return torch.cat([function({**args, **{key: value[row] for key, value in of_items.items()}}) for row in rows])

    def _note(self, args: dict[str, Any]) -> list[Tensor]:
        batch = self.batch
        merged = {
            "conds_out": [batch.merge_items(out) for out in args["conds_out"]],
            "input": batch.merge_items(args["input"]),
            "timestep": batch.global_branches(args["timestep"]),
        }
        self._seen.append({**args, **merged, "sigma": merged["timestep"]})
        return args["conds_out"]

    def tell_again(self, model_options: dict) -> None:
        """Call the functions for the steps so far. model_options: those of the images alone."""
        for number, seen in enumerate(self._seen):
            sigma = seen["timestep"]
            if number == 0:  # with a single step in branches the noise level would not rise
                sigma = torch.nextafter(sigma, torch.full_like(sigma, torch.inf))
            args = {**seen, "timestep": sigma, "sigma": sigma, "model_options": model_options}
            out = args["conds_out"]
            for function in model_options.get(BEFORE, ()):
                out = function({**args, "conds_out": out})
            if model_options.get(INSTEAD) is not None:
                model_options[INSTEAD](_guidance_args(args, out))
        self._seen.clear()


def _with_one_level(function: Callable, args: dict[str, Any]) -> Any:
    """Some compare the noise level, which works for a single image: they get one level, not one for each branch."""
    return function({**args, **{key: args[key][:1] for key in ("sigma", "timestep") if key in args}})


def _guidance_args(args: Mapping[str, Any], out: Sequence[Tensor]) -> dict[str, Any]:
    """What ComfyUI's cfg_function gives to the function instead of it."""
    x, (cond, uncond, *_) = args["input"], out
    conds = [*args["conds"], None]
    return {
        "cond": x - cond, "uncond": x - uncond, "cond_scale": args["cond_scale"], "timestep": args["timestep"], "input": x,
        "sigma": args["sigma"], "cond_denoised": cond, "uncond_denoised": uncond, "model": args["model"],
        "model_options": args["model_options"], "input_cond": conds[0], "input_uncond": conds[1],
    }  # fmt: skip


class AddedFunctions:
    """Functions after guidance that the sampler added for itself: it holds all items, so they get all items."""

    def __init__(self, functions: Sequence[Callable]) -> None:
        self.functions = functions
        self._args: dict[str, Any] | None = None

    def capture(self, args: dict[str, Any]) -> Tensor:
        """A function after guidance that changes nothing."""
        self._args = args
        return args["denoised"]

    def of_items(
        self, spread: Callable[[Tensor], Tensor], denoised: Tensor, x: Tensor, timestep: Tensor, model_options: dict
    ) -> Tensor:
        """The prediction for all items, after these functions have seen it."""
        if self._args is None:
            return denoised
        args = {**self._args, "input": x, "sigma": timestep, "model_options": model_options}
        for name in ("uncond_denoised", "cond_denoised"):
            args[name] = spread(args[name])
        for function in self.functions:
            denoised = function({**args, "denoised": denoised})
        return denoised


def without_added(model_options: dict, base: Sequence[Callable]) -> tuple[dict, AddedFunctions]:
    """Options without what the sampler added to the functions after guidance (`base` are the others), and that."""
    functions = model_options.get(AFTER, ())
    added = AddedFunctions([function for function in functions if function not in base])
    if not added.functions:
        return model_options, added
    return {**model_options, AFTER: [*base, added.capture]}, added
