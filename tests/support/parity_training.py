"""Parity of training: data items, drop rules, schedules, and steps of the reduced UNet against the authors' trainer."""

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from instdiff.instdiff_modules.geometry.points import attention_masks
from instdiff.instdiff_modules.layout.instance import Instance, Layout, Mask
from instdiff.instdiff_modules.training import drops, objective, schedule
from instdiff.instdiff_modules.training.ema import Ema
from instdiff.instdiff_modules.training.frames import Frame
from instdiff.instdiff_modules.training.items import Item, instance_captions, make_item
from instdiff.instdiff_modules.training.recipe import AUTHORS, Recipe
from PIL import Image
from support.goldens import value
from support.parity_networks import Row
from support.parity_preprocess import close, raises, same
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
    captions = instance_captions(layout_of(entry["item"]), [i for i, _ in item.slots])
    yield same("obj_captions", captions, outputs["obj_captions"][: len(captions)])
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
    ema = Ema({"p": parameter})
    for i, now in enumerate(recorded["ema/param"]):
        parameter.data.copy_(now)
        ema.update({"p": parameter}, 0.9999)
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


TRAINING_CASES = {"t1_dataset": dataset, "t2_rules": rules}
