"""Parity of training steps: loss, gradients, steps and averages of the reduced UNet against the authors' trainer."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from instdiff.instdiff_modules.checkpoint.shapes import InstDiffConfig
from instdiff.instdiff_modules.training import batches, drops, objective, schedule
from instdiff.instdiff_modules.training.ema import Ema
from instdiff.instdiff_modules.training.grounded import Grounded, fill_missing_gradients, official_names
from instdiff.instdiff_modules.training.items import Item
from instdiff.instdiff_modules.training.recipe import AUTHORS
from instdiff.instdiff_modules.training.recompute import recomputed
from support.goldens import fill, generated, load_manifest, value
from support.parity_networks import Row
from support.parity_preprocess import same
from support.parity_training import Entry, Tensors, made
from support.reduced_model import DECODER, FUSER_PLACES, reduced_model
from torch import Tensor


def text_features(item: Entry, chosen: Item) -> Tensor:
    """(1, 30, 768): of each slot the vector that the manifest gives to the text that speaks."""
    out = torch.zeros(1, 30, 768)
    keys = {"name": "text_embedding_before", "caption": "blip_clip_embeddings"}
    for slot, (i, which) in enumerate(chosen.slots):
        out[0, slot] = generated(item["annos"][i][keys[which]])
    return out


class Reduced:
    """The reduced UNet of the manifest with the networks around it, at its first weights."""

    def __init__(self, manifest: Entry, entry: Entry) -> None:
        config, self.seed = manifest["config"], manifest["fill_seed"]
        model, _ = reduced_model(self.seed, {k: config[k] for k in ("model_channels", "num_heads")})
        width = config["model_channels"]
        sizes = InstDiffConfig(
            30,
            768,
            config["mid_dim"],
            768,
            {p: m * width for p, m in FUSER_PLACES.items()},
            tuple(m * width for m in DECODER),
        )
        self.net = Grounded(sizes, model.model.diffusion_model)
        names = {k: v.shape for k, v in self.net.official().items()}
        zero = ("alpha_", "scaleu_", "null_") if entry["initial_state"] else ()
        self.net.load_official(
            {
                k: torch.zeros(shape) if zero and k.rpartition(".")[2].startswith(zero) else fill(self.seed, k, shape)
                for k, shape in names.items()
            }
        )
        self.first = self.net.official()

    def gradients(self) -> dict[str, Tensor]:
        found = {}
        for name, parameter in self.net.named_parameters():
            found |= official_names(name, parameter.grad)
        return found


def steps(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    with torch.inference_mode(False), torch.enable_grad():
        yield from _steps(entry, tensors, manifest, folder)


def _steps(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    reduced = Reduced(manifest, entry)
    net, plan = reduced.net, entry["optimizer"]
    trained = [name for name, _, *_ in manifest["trainable"]]
    optimizer = torch.optim.AdamW(
        net.trained().values(), plan["lr"], tuple(plan["betas"]), plan["eps"], plan["weight_decay"]
    )
    average = Ema(net.trained()) if entry["ema_rate"] else None
    rates = 0.0
    for number, step in enumerate(entry["steps"]):
        loss, eps = _loss(reduced, entry, step, tensors, manifest, folder)
        optimizer.zero_grad()
        loss.backward()
        fill_missing_gradients(net.parameters())
        rates += step["lr"]
        yield Row(f"{number} loss", loss.detach(), torch.tensor(step["loss"]), step["suggested"]["loss_atol"])
        yield Row(f"{number} eps", eps.detach(), value(step["eps"], tensors), step["suggested"]["eps_atol"])
        gradients = reduced.gradients()
        yield from _table(f"{number} gradients", gradients, trained, value(step["grad_table"], tensors), reduced.seed)
        zero, golden = (
            [name for name, gradient in gradients.items() if not gradient.any()],
            step["zero_gradient_tensors"],
        )
        counted = isinstance(golden, int)
        yield same(
            f"{number} zero gradients", len(zero) if counted else sorted(zero), golden if counted else sorted(golden)
        )
        for name, golden in step.get("gradients", {}).items():
            yield Row(
                f"{number} gradient {name}",
                gradients[name].flatten(),
                _stored(golden, tensors),
                golden.get("atol", 0.0),
            )
        if "loss_without_checkpointing" in entry:
            with torch.no_grad():
                plain, _ = _loss(reduced, {**entry, "use_checkpoint": False}, step, tensors, manifest, folder)
            golden = torch.tensor(entry["loss_without_checkpointing"])
            yield Row(f"{number} loss without checkpointing", plain, golden, step["suggested"]["loss_atol"])
        for group in optimizer.param_groups:
            group["lr"] = plan["lr"] * schedule.factor("constant_with_warmup", number, plan["warmup_steps"], 1)
        optimizer.step()
        if average:
            average.update(net.trained(), entry["ema_rate"])
        if "delta_table" in step:
            now = net.official()
            changes = {name: now[name] - reduced.first[name] for name in trained}
            yield from _table(f"{number} changes", changes, trained, value(step["delta_table"], tensors), reduced.seed)
        if "parameters" in step:
            yield from _parameters(f"{number} parameters", net.official(), step["parameters"], tensors, rates)
    if average:
        now = net.official(average.shadow)
        yield from _parameters("ema", now, entry["ema_after"]["parameters"], tensors, rates * (1 - entry["ema_rate"]))


def _loss(
    reduced: Reduced, entry: Entry, step: Entry, tensors: Tensors, manifest: Entry, folder: Path
) -> tuple[Tensor, Tensor]:
    inputs = step["inputs"]
    z, noise, context = (value(inputs[name], tensors) for name in ("z", "noise", "context"))
    t = torch.tensor(inputs["timesteps"])
    gone = None if inputs["null_draw"] < drops.AUTHORS_NULL else drops.authors_drop(inputs["draws"])
    layouts = [_item(folder, name) for name in inputs["items"]]
    after = batches.dropped(layouts, [gone] * len(layouts))
    on = entry["use_masked_att"] and not entry["efficient_attention"]
    # their recomputed blocks never hear that boxes and polygons were dropped, the others do
    on = on and (entry["use_checkpoint"] or not {"box", "polygon"} <= (gone or set()))
    recipe = replace(AUTHORS, masked_attention="authors" if on else "off")
    boxes = batches.mask_boxes(batches.joined(layouts), after, recipe)
    alphas = objective.sd_alphas()
    x = objective.noisy(z, noise, t, alphas)
    with recomputed(reduced.net.base) if entry["use_checkpoint"] else nullcontext():
        eps = reduced.net(x, t, context, after, batches.masking(recipe), boxes)
        loss = objective.error(eps, objective.target(z, noise, t, alphas, "eps"))
        return loss, eps


def _item(folder: Path, name: str) -> Any:
    """An item of the t1 manifest beside this one, as our data items make it."""
    manifest, _ = load_manifest(folder / "t1_dataset.json")
    entry = next(one for one in manifest["cases"] if one["id"] == name)
    item, _ = made(entry)
    return item.inputs._replace(text=text_features(entry["item"], item))


def _table(label: str, ours: Mapping[str, Tensor], names: list[str], table: Tensor, seed: int) -> Iterator[Row]:
    """Norms and products with the fixed directions, in units of their tolerances."""
    norms = torch.tensor([ours[name].double().norm().item() for name in names], dtype=torch.float64)
    dots = torch.tensor([_along(seed, name, ours[name]) for name in names], dtype=torch.float64)
    unit = table[:, 3].double().clamp(min=1e-12)
    for column, (kind, values) in enumerate((("norms", norms), ("products", dots))):
        yield Row(f"{label}: {kind}, in tolerances", values / unit, table[:, column].double() / unit, 1.0)


def _along(seed: int, name: str, values: Tensor) -> float:
    if not values.any():  # the directions are what takes time
        return 0.0
    return torch.dot(values.double().flatten(), _direction(seed, name, values.numel())).item()


@lru_cache(maxsize=1024)
def _direction(seed: int, name: str, size: int) -> Tensor:
    return generated({"seed": seed, "name": f"direction/{name}", "shape": [size]}).double()


def _parameters(label: str, ours: Mapping[str, Tensor], golden: Entry, tensors: Tensors, rates: float) -> Iterator[Row]:
    """Values after a step. Where a gradient is nothing but rounding, Adam makes whole steps of it: so a bound for all, and a
    tight one for all but a hundredth."""
    if not golden:
        return
    distance = torch.cat([(ours[name].flatten() - _stored(item, tensors)).abs() for name, item in golden.items()])
    yield Row(f"{label}: farthest", distance.max()[None], torch.zeros(1), 2 * rates + 1e-6)
    share = (distance > 0.01 * rates + 3e-7).double().mean()
    yield Row(f"{label}: share apart", share[None], torch.zeros(1), 0.01)


def _stored(item: Entry, tensors: Tensors) -> Tensor:
    return torch.tensor([item["value"]]) if "value" in item else value(item, tensors).flatten()


STEP_CASES = {"t3_training": steps}
