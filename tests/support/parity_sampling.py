"""Parity of whole runs: ComfyUI's sampling with our PLMS, multi-instance wrapper and patches."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import comfy.patcher_extension
import comfy.samplers
import torch
from instdiff.instdiff_modules.grounding.inputs import null_grounding, reference_grounding
from instdiff.instdiff_modules.layout.document import Instance
from instdiff.instdiff_modules.sampling.attention_mask import MaskedAttention
from instdiff.instdiff_modules.sampling.branched_batch import BranchedBatch, Words
from instdiff.instdiff_modules.sampling.fuser_patch import FuserPatch
from instdiff.instdiff_modules.sampling.merge import merge
from instdiff.instdiff_modules.sampling.options import run_options
from instdiff.instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from instdiff.nodes.apply_settings import block_attention
from instdiff.nodes.patching import Applied, MultiInstance, attach, attach_multi_instance
from instdiff.nodes.plms_sampler import PLMS, plms_sigmas
from support import authors_sampling as authors
from support.authors_schedule import alpha_schedule
from support.fixed_bank import FixedBank
from support.goldens import SLOTS, fill, grounding_arguments, value
from support.parity_networks import Row, Tensors, drop_flags
from support.parity_unet import ALWAYS, Entry, models, slot_boxes, tokens_of
from torch import Tensor

LATENT_SCALE = 0.18215  # ComfyUI divides the sampler's result by it
WRAPPERS = comfy.patcher_extension.WrappersMP


def trajectory(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    unet_manifest = min(folder.glob("case5_unet*.json"))  # describes the model of case 6 as well
    model, adapter, seed, params = models(manifest, json.loads(unet_manifest.read_text()))
    inputs = entry["inputs"]
    bank = _bank(entry, tensors, params, seed)
    masked = (
        None
        if entry["att_masks"] == "not given" or entry["efficient_attention"]
        else MaskedAttention("finest", authors=True)
    )
    boxes = [tuple(location) for location in inputs["locations"]]
    instances = tuple(Instance(id=str(i), prompt=str(i), box=box) for i, box in enumerate(boxes))
    contexts = tuple(value(c, tensors) for c in inputs["context_instances"])
    applied = Applied(bank, (instances,) * bank.frames, lambda words: Words(contexts[int(words)]))
    patched = attach(
        model, FuserPatch(adapter, bank, *ALWAYS, block_attention, 1.0, masked), ScaleUPatch(adapter), applied
    )
    alphas = alpha_schedule(entry["actual_steps"], entry["alpha_type"], authors=True)
    sigmas = plms_sigmas(patched.get_model_object("model_sampling"), entry["S"], authors=True)
    spy = Spy(entry, boxes, sigmas, lambda step: float(alphas[step]))
    if entry["mis_steps"]:  # where their share rounds to no step, ours is one step
        patched = attach_multi_instance(patched, MultiInstance(entry["mis"], merge=spy.merge))
    if entry["first_conv_restore"] != "no-op":
        _restore_first_conv(patched, alphas, entry["mis_steps"], seed)
    noise = value(inputs["noise"], tensors)
    final = comfy.samplers.sample(
        patched,
        noise,
        *([[value(inputs[name], tensors), {}]] for name in ("context_global", "uc")),
        entry["guidance_scale"],
        patched.load_device,
        spy,
        sigmas,
        latent_image=torch.zeros_like(noise),
        disable_pbar=True,
        seed=0,
    )
    yield from spy.rows(final * LATENT_SCALE, tensors)


def _bank(entry: Entry, tensors: Tensors, params: Entry, seed: int) -> FixedBank:
    """The layout's tokens, and each instance's alone in slot 0 as the reference's prepare_instance_meta makes them."""
    raw = grounding_arguments(entry["inputs"]["instances"], tensors)
    raw["text"] = raw.pop("text_embeddings")
    flags = drop_flags(entry["flags"])

    def tokens(arguments: Mapping[str, Tensor]) -> Tensor:
        return tokens_of(reference_grounding(**arguments, **flags)[0], params, seed)

    def alone(frame: int, i: int) -> tuple[Tensor, tuple]:
        one = {name: torch.zeros_like(tensor[:1]) for name, tensor in raw.items()}
        for name, tensor in raw.items():
            one[name][:, 0] = tensor[frame, i]
        return tokens(one), slot_boxes(one)[0]

    layouts = list(zip(tokens(raw).split(1), slot_boxes(raw), strict=True))
    instances = [{i: alone(frame, i) for i in range(entry["n_instances"])} for frame in range(len(layouts))]
    return FixedBank(tokens_of(null_grounding(SLOTS), params, seed), layouts, instances)


def _restore_first_conv(patched: Any, alphas: Sequence[float], branch_steps: int, seed: int) -> None:
    """Attach the reference's restore_first_conv_from_SD with the goldens' stand-in for the file that it reads."""
    channels = patched.model.diffusion_model.input_blocks[0][0].weight.shape
    restore = authors.RestoreFirstConv(
        fill(seed, "sd_first_conv.weight", channels).to(patched.load_device),
        fill(seed, "sd_first_conv.bias", channels[:1]).to(patched.load_device),
    )
    inside_branches = 0.0 in [float(a) for a in alphas[:branch_steps]]

    def remember(
        executor: Any, x: Tensor, timesteps: Tensor, context: Tensor, y: Any, control: Any, options: dict, **kw: Any
    ) -> Tensor:
        run = run_options(options)
        off = run.alpha == 0
        # The branches ran one after the other there: what branch 0 replaced stays replaced for those after it.
        flags = (
            [off] * len(x)
            if run.items is None
            else [off or (not branch.is_global and inside_branches) for branch in run.items.branches]
        )
        restore.remember(x, flags * (len(x) // len(flags)))
        return executor(x, timesteps, context, y, control, options, **kw)

    patched.add_wrapper_with_key(WRAPPERS.DIFFUSION_MODEL, "restore", remember)
    patched.set_model_input_block_patch(restore)


class Spy(PLMS):
    """The sampler, which notes what the goldens hold of a run: the latents at the merge, guided predictions, the latent after each later step.

    ComfyUI's x is the latent times sqrt(1 + sigma^2).
    """

    def __init__(self, entry: Entry, boxes: Sequence[tuple], sigmas: Tensor, alphas: Callable[[int], float]) -> None:
        super().__init__(alphas)
        self.entry, self.boxes, self.sigmas = entry, boxes, sigmas
        self.batch: BranchedBatch | None = None
        self.steps: list[tuple[Tensor, Tensor]] = []  # (x, denoised) before each step, all branches
        self.end = torch.empty(0)  # x after the last step, all branches

    def sample(self, guider: Any, sigmas: Tensor, extra_args: dict, callback: Any, *rest: Any) -> Tensor:
        def heard(step: int, denoised: Tensor, x: Tensor, total: int) -> None:
            self.steps.append((x.clone(), denoised.clone()))
            if callback is not None:
                callback(step, denoised, x, total)

        self.batch = run_options(extra_args["model_options"]["transformer_options"]).batch
        out = super().sample(guider, sigmas, extra_args, heard, *rest)
        self.end = out * (1 + sigmas[-1] ** 2).sqrt()
        return out

    def merge(self, branches: Tensor, regions: Any, mode: str, feather: int) -> Tensor:
        """Stands in for our merge: the authors' three outcomes, for one image."""
        if self.entry["mis_steps"] == self.entry["actual_steps"]:
            return authors.last_branch(branches)
        if self.entry["crop_and_paste"]:
            return authors.crop_and_paste_transposed(branches[:, None], self.boxes)[0]
        return merge(branches, regions, "average")

    def x(self, step: int) -> Tensor:
        return self.steps[step][0] if step < len(self.steps) else self.end

    def merged(self, items: Tensor) -> Tensor:
        return items if self.batch is None else self.batch.merge_items(items)

    def latent(self, x: Tensor, step: int) -> Tensor:
        return x / (1 + self.sigmas[step] ** 2).sqrt()

    def eps(self, step: int) -> Tensor:
        x, denoised = self.steps[step]
        return (x - denoised) / self.sigmas[step]

    def rows(self, final: Tensor, tensors: Tensors) -> Iterator[Row]:
        branch_steps, tolerance = self.entry["mis_steps"], self.entry["tolerance"]
        for name, output in self.entry["outputs"].items():
            golden = value(output, tensors)
            if name == "latents_after_each_remaining_step":
                later = [
                    self.latent(self.merged(self.x(step)), step) for step in range(branch_steps + 1, len(self.steps))
                ] + [final]
                floors = tolerance[name]["noise_floor_per_step"]
                if not len(later) == len(golden) == len(floors):
                    raise ValueError(f"Expected {len(golden)} steps after the merge, ran {len(later)}.")
                for k, floor in enumerate(floors):  # 10 times the floor, as the set's README derives its bounds
                    yield Row(f"{name}[{k}]", later[k], golden[k], max(10 * floor, 1e-6))
            else:
                yield Row(name, self._output(name, branch_steps, final), golden, tolerance[name]["suggested_atol"])

    def _output(self, name: str, branch_steps: int, final: Tensor) -> Tensor:
        if name == "final":
            return final
        if name == "merged_latent":
            return self.latent(self.merged(self.x(branch_steps)), branch_steps)
        if name == "branch_latents_at_merge":
            return self.latent(self.x(branch_steps), branch_steps).unflatten(0, (-1, final.shape[0]))
        if name == "first_step_guided_eps_per_branch":
            return self.eps(0).unflatten(0, (-1, final.shape[0]))
        if name == "guided_eps_first_remaining_step":
            return self.merged(self.eps(branch_steps))
        raise ValueError(f"Unknown output {name}.")


SAMPLING_CASES = {"case6_sampling": trajectory}
