"""Parity of training: data items, drop rules, schedules, and steps of the reduced UNet against the authors' trainer."""

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from instdiff.instdiff_modules.checkpoint.shapes import InstDiffConfig
from instdiff.instdiff_modules.geometry.points import attention_masks
from instdiff.instdiff_modules.layout.instance import Instance, Layout, Mask
from instdiff.instdiff_modules.training import batches, drops, objective, schedule
from instdiff.instdiff_modules.training.ema import Ema
from instdiff.instdiff_modules.training.frames import Frame
from instdiff.instdiff_modules.training.grounded import Grounded, fill_missing_gradients, official_names
from instdiff.instdiff_modules.training.items import Item, make_item
from instdiff.instdiff_modules.training.recipe import AUTHORS, Recipe
from instdiff.instdiff_modules.training.recompute import recomputed
from PIL import Image
from support.goldens import fill, generated, load_manifest, value
from support.parity_networks import Row
from support.parity_preprocess import close, raises, same
from support.reduced_model import DECODER, FUSER_PLACES, reduced_model
from torch import Tensor

Entry = Mapping[str, Any]
Tensors = Mapping[str, Tensor]
FIELDS = ("boxes", "points", "scribbles", "polygons")


class RecordedDraws:
    """Gives the reference's draws back in their order; another draw than the recorded one is an error."""

    def __init__(self, draws: list[Entry]) -> None:
        self.left = list(draws)
        self.pixels = SimpleNamespace(choice=self._pixels)
        self.points = SimpleNamespace(choice=self._point)

    def _next(self, *kinds: str) -> Entry:
        entry = self.left.pop(0) if self.left else {"draw": "nothing"}
        if entry["draw"] not in kinds:
            raise ValueError(f"a draw of {kinds[0]} where the reference made {entry['draw']}")
        return entry

    def uniform(self) -> float:
        return self._next("random.uniform", "random.random")["value"]

    def _pixels(self, n: int, k: int, replace: bool) -> np.ndarray:
        entry = self._next("numpy.random.choice")
        if (entry["n"], entry["k"], entry["replace"]) != (n, k, replace):
            raise ValueError(f"{k} of {n} pixels where the reference drew {entry['k']} of {entry['n']}")
        return np.array(entry["value"])

    def _point(self, of: range) -> int:
        return of[self._next("random.choice")["index"]]


def layout_of(item: Entry) -> Layout:
    """An item of the manifest as a layout: pixels to fractions."""
    width, height = item["image"]["width"], item["image"]["height"]
    instances = []
    for i, anno in enumerate(item["annos"]):
        x, y, w, h = anno["bbox"]
        given = anno.get("scribbles")
        pairs = tuple((u / width, v / height) for u, v in zip(given[::2], given[1::2], strict=True)) if given else None
        mask = anno.get("mask")
        instances.append(
            Instance(
                id=f"a{i}",
                prompt=anno.get("caption", ""),
                box=(x / width, y / height, (x + w) / width, (y + h) / height),
                scribble=pairs,
                mask=mask and Mask(*mask["size"], mask["counts"]),
                extra={"category_name": anno["category_name"]},
            )
        )
    return Layout(tuple(instances), width, height, item.get("caption", ""), {"is_det": item.get("is_det")})


def picture_of(image: Entry) -> Image.Image:
    """value[y, x, c] = ((a x + b y + d) // 4) mod 256, (a, b, d) of channel c."""
    y, x = np.mgrid[: image["height"], : image["width"]]
    return Image.fromarray(
        np.stack([(a * x + b * y + d) // 4 % 256 for a, b, d in image["coefficients"]], -1).astype(np.uint8)
    )


def recipe_of(options: Entry) -> Recipe:
    return replace(
        AUTHORS,
        caption_dropout_rate=1 - options["prob_use_caption"],
        instance_caption_rate=options["random_blip"],
        count_names=options["count_dup"],
        add_instance_captions=options["add_inst_cap"],
        flip_aug=options["random_flip"],
        min_box_size=options["min_box_size"],
    )


def frame_of(entry: Entry, item: Entry) -> Frame:
    side = entry["options"]["image_size"]
    return Frame(item["image"]["width"], item["image"]["height"], side, side)


def made(entry: Entry) -> tuple[Item, RecordedDraws]:
    draws, options = RecordedDraws(entry.get("draws", [])), entry["options"]
    layout, frame = layout_of(entry["item"]), frame_of(entry, entry["item"])
    return make_item(layout, frame, draws, recipe_of(options), options["max_boxes_per_data"]), draws


def stored(item: Entry, tensors: Tensors) -> Tensor:
    """An output of t1: as `value`, and the planes of sixteenths."""
    if "divide_by" in item:
        planes = tensors[item["tensor"]].float() / item["divide_by"]
        planes = planes.repeat_interleave(item["upsample"], -1).repeat_interleave(item["upsample"], -2)
        return torch.cat((planes, torch.zeros(30 - len(planes), *planes.shape[1:])))[None]
    return value(item, tensors)


def dataset(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    outputs, atol = entry["outputs"], manifest["tolerance"]["boxes, points, scribbles, polygons"]
    if "error" in outputs:
        # the draws before the failure are not recorded
        item, options = entry["item"], entry["options"]
        draws = SimpleNamespace(pixels=np.random.RandomState(0), points=random.Random(0), uniform=lambda: 0.75)
        yield raises("error", lambda: make_item(layout_of(item), frame_of(entry, item), draws, recipe_of(options)))
        return
    item, draws = made(entry)
    yield same("all draws made", len(draws.left), 0)
    for name in FIELDS:
        yield Row(name, getattr(item.inputs, name), stored(outputs[name], tensors), atol)
    yield Row("masks", item.inputs.text_mask[0], torch.tensor(outputs["masks"]), 0.0)
    yield Row("segs", item.inputs.segs, stored(outputs["segs"], tensors), 0.0)
    if "att_masks" in outputs:
        ours = attention_masks(item.inputs.boxes[0].tolist(), 64, 64, transposed=True)
        yield Row("att_masks", torch.from_numpy(ours)[None].float(), stored(outputs["att_masks"], tensors), 0.0)
    yield same("slots", [list(slot) for slot in item.slots], outputs["slots"])
    yield same("caption", item.caption, outputs["caption"])
    yield from _picture(entry, outputs["image"])


def _picture(entry: Entry, golden: Entry) -> Iterator[Row]:
    flip = next((d["value"] < 0.5 for d in entry["draws"] if d["draw"] == "random.random"), False)
    frame = replace(frame_of(entry, entry["item"]), flipped=flip)
    pixels = frame.pixels(picture_of(entry["item"]["image"])).transpose(2, 0, 1)
    if hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest() == golden["sha256_uint8_chw"]:
        yield same("image", True, True)
        return
    # another Pillow may round otherwise
    yield close("image samples", pixels[:, ::64, ::64], np.array(golden["sample_every_64"]), 1.0)
    yield close("image means", pixels.mean((1, 2)), np.array(golden["mean_per_channel"]), 1.0)


def rules(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    drop, tolerance = entry["drop"], entry["tolerance"]
    yield same("names", list(drops.AUTHORS_DRAWS), drop["draw_names"])
    yield close("ratios", list(drops.AUTHORS_DRAWS.values()), drop["ratios"], 0.0)
    wrong = [case for case in drop["cases"] if drops.authors_drop(case["draws"]) != set(case["dropped"])]
    yield close(f"{len(drop['cases'])} drops", len(wrong), 0, 0.0)
    for wanted in drop["joint_probabilities"]:
        yield close(f"P({' '.join(wanted['kept'])})", _probability(set(wanted["kept"])), wanted["probability"], 1e-9)
    yield close("null input", drops.AUTHORS_NULL, drop["null_input_probability"], 0.0)
    recorded = {name: value(item, tensors) for name, item in entry["tensors"].items()}
    yield Row("timesteps", objective.timesteps(recorded["rand"]), recorded["timesteps"], 0.0)
    signal, noise = objective.scales(objective.sd_alphas())
    atol = tolerance["sqrt_alphas_cumprod"]
    yield Row("sqrt_alphas_cumprod", signal, recorded["sqrt_alphas_cumprod"], atol)
    yield Row("sqrt_one_minus_alphas_cumprod", noise, recorded["sqrt_one_minus_alphas_cumprod"], atol)
    for i, plan in enumerate(entry["schedule"]):
        base, warmup, total = plan["base_learning_rate"], plan["warmup_steps"], plan["total_iters"]
        name = {"constant": "constant_with_warmup"}.get(plan["scheduler_type"], plan["scheduler_type"])
        ours = [base * schedule.factor(name, step, warmup, total) for step in range(len(plan["lr_of_step"]))]
        yield close(f"schedule {i}", ours, plan["lr_of_step"], float(tolerance["lr"]))
    parameter = torch.nn.Parameter(recorded["ema/start"].clone())
    ema = Ema({"p": parameter}, 0.9999)
    for i, now in enumerate(recorded["ema/param"]):
        parameter.data.copy_(now)
        ema.update({"p": parameter})
        yield Row(f"ema {i}", ema.shadow["p"].clone(), recorded["ema/ema"][i], tolerance["ema"])


def _probability(kept: set[str]) -> float:
    """Of an outcome, summed over all ways in which the draws can fall out."""
    total = 0.0
    ratios = list(drops.AUTHORS_DRAWS.values())
    for way in range(2 ** len(ratios)):
        hits = [bool(way >> i & 1) for i in range(len(ratios))]
        share = float(np.prod([r if hit else 1 - r for r, hit in zip(ratios, hits, strict=True)]))
        if share and set(drops.FORMATS) - drops.authors_drop([-1.0 if hit else 2.0 for hit in hits]) == kept:
            total += share
    return total


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
    average = Ema(net.trained(), entry["ema_rate"]) if entry["ema_rate"] else None
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
        for group in optimizer.param_groups:
            group["lr"] = plan["lr"] * schedule.factor("constant_with_warmup", number, plan["warmup_steps"], 1)
        optimizer.step()
        if average:
            average.update(net.trained())
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
    distance = torch.cat([(ours[name].flatten() - _stored(item, tensors)).abs() for name, item in golden.items()])
    yield Row(f"{label}: farthest", distance.max()[None], torch.zeros(1), 2 * rates + 1e-6)
    share = (distance > 0.01 * rates + 3e-7).double().mean()
    yield Row(f"{label}: share apart", share[None], torch.zeros(1), 0.01)


def _stored(item: Entry, tensors: Tensors) -> Tensor:
    return torch.tensor([item["value"]]) if "value" in item else value(item, tensors).flatten()


TRAINING_CASES = {"t1_dataset": dataset, "t2_rules": rules, "t3_training": steps}
