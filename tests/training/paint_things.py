"""Many shards of the world of things in seconds, painted and encoded on a GPU: python paint_things.py STATE_DIR

Every plans/k.pt (`plan_things.py`) becomes pool/k.pt and layouts/k.pt, as `make_layouts.py` and `make_pool.py` would have made them on
a processor in minutes; only points and strokes are those of the whole thing, the ones whose pixels are seen. A scene of whose things one is
not seen at all is left out.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import lab
import numpy as np
import plan_things
import thing_places
import torch
import train_vae
import worlds
from make_layouts import MOST
from PIL import Image
from support.thingworld.emoji import sprite
from torch import Tensor

PART = 64  # scenes that are painted at once
Size = tuple[int, int, int]  # sprite, width, height


class Atlas(NamedTuple):
    """pixels (n, 4) uint8: all sprites in all their sizes, row by row; begin: where each begins."""

    pixels: Tensor
    begin: dict[Size, int]


class Plan(NamedTuple):
    """`plan_things.planned` on the device, for scenes of one canvas: items (n, MOST, 6), begin (n, MOST) in the atlas."""

    items: Tensor
    begin: Tensor
    count: Tensor
    at: Tensor
    colors: Tensor
    wave: Tensor


def resized(size: Size) -> np.ndarray:
    """(w h, 4)"""
    picture = sprite(*plan_things.SPRITES[size[0]])
    return np.asarray(picture.resize(size[1:], Image.Resampling.BOX, reducing_gap=3.0)).reshape(-1, 4)


def atlas(plans: list[dict[str, Tensor]]) -> Atlas:
    """To be made before a GPU wakes, since its processes are forked."""
    sizes = torch.cat([plan["items"].flatten(0, 1)[:, [0, 4, 5]] for plan in plans]).unique(dim=0)
    sizes = [tuple(size) for size in sizes.tolist() if size[1]]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("fork")) as processes:
        pictures = list(processes.map(resized, sizes, chunksize=64))
    begins = np.cumsum([0, *map(len, pictures)])[:-1].tolist()
    return Atlas(torch.from_numpy(np.concatenate(pictures)), dict(zip(sizes, begins, strict=True)))


def plan_of(plan: dict[str, Tensor], book: Atlas) -> Plan:
    flat = plan["items"].flatten(0, 1)[:, [0, 4, 5]].tolist()
    begin = torch.tensor([book.begin.get(tuple(size), 0) for size in flat]).view(-1, MOST)
    values = (plan["items"].int(), begin, plan["count"], plan["at"], plan["colors"], plan["wave"])
    return Plan(*(value.to(lab.DEVICE) for value in values))


def paint(plan: Plan, pixels: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """-> pictures (n, 3, H, W) and labels (n, H, W), uint8: `render_things` for all of them."""
    y, x = (torch.arange(side, device=pixels.device) for side in (height, width))
    canvas = background(plan, (y + 0.5) / height, x / max(width, height))
    labels = torch.zeros(canvas.shape[:3], dtype=torch.uint8, device=pixels.device)
    for i in range(int(plan.count.max())):
        _, mirrored, left, top, wide, tall = plan.items[:, i, :, None, None].unbind(1)
        row, column = y[:, None] - top, x - left
        inside = (row >= 0) & (row < tall) & (column >= 0) & (column < wide)
        column = torch.where(mirrored.bool(), wide - 1 - column, column)
        index = plan.begin[:, i, None, None] + row * wide + column
        pixel = pixels[torch.where(inside, index, 0)] * inside[..., None]
        canvas = pixel[..., :3] + (1 - pixel[..., 3:] / 255) * canvas
        labels = torch.where(pixel[..., 3] > 127, i + 1, labels).to(torch.uint8)
    return (canvas + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 3, 1, 2), labels


def background(plan: Plan, y: Tensor, x: Tensor) -> Tensor:
    """y (H,), x (W,) in shares -> (n, H, W, 3): colours from band to band."""
    hill, frequency, phase, shift = plan.wave[:, :, None, None].unbind(1)
    at = (y[:, None] - shift - hill * torch.sin(2 * torch.pi * (x * frequency + phase))).clamp(0, 1)[..., None]
    canvas = plan.colors[:, None, None, 0].expand(*at.shape[:3], 3)
    for i in range(1, plan_things.BANDS):
        begin, end = (plan.at[:, j, None, None, None] for j in (i - 1, i))
        canvas = canvas.lerp(plan.colors[:, None, None, i], ((at - begin) / (end - begin).clamp(min=1e-6)).clamp(0, 1))
    return canvas


def boxes(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(n, H, W) -> boxes (n, MOST, 4) in shares around what is seen, and whether anything is (n, MOST)."""
    numbers = torch.arange(1, MOST + 1, device=labels.device, dtype=labels.dtype)[:, None, None]
    shown, sides = labels[:, None] == numbers, []
    for dim in (-2, -1):
        seen = shown.any(dim)
        side, places = seen.shape[-1], torch.arange(seen.shape[-1], device=labels.device)
        sides.append(
            (torch.where(seen, places, side).amin(-1) / side, torch.where(seen, places + 1, 0).amax(-1) / side)
        )
    (x0, x1), (y0, y1) = sides
    return torch.stack((x0, y0, x1, y1), -1), shown.flatten(2).any(-1)


def moved(places: thing_places.Places, plan: Plan, labels: Tensor) -> dict[str, Tensor]:
    """Places of the kinds -> points (n, MOST, 3, 2) without the first, scribbles (n, MOST, 2, 40), polygons (n, MOST, 512) in shares."""
    sprites, mirrored, left, top, wide, tall = plan.items.unbind(-1)
    kinds = torch.tensor(plan_things.KIND_OF, device=labels.device)[sprites.long()]
    sizes = torch.tensor(thing_places.SIZES, device=labels.device)
    size = (torch.maximum(wide, tall)[..., None] - sizes).abs().argmin(-1)
    height, width = labels.shape[-2:]

    def put(part: Tensor) -> Tensor:
        """(kinds, sizes, ..., 2) -> (n, MOST, ..., 2) in shares of the canvas."""
        found = part[kinds, size]
        extra = (1,) * (found.ndim - 3)
        x0, y0, w, h, turned = (v.view(*v.shape, *extra) for v in (left, top, wide, tall, mirrored))
        x = torch.where(turned.bool(), 1 - found[..., 0], found[..., 0])
        return torch.stack(((x0 + x * w) / width, (y0 + found[..., 1] * h) / height), -1).clamp(0, 1)

    own = torch.arange(1, MOST + 1, device=labels.device)[None, :, None]

    def shown(points: Tensor) -> Tensor:
        """(n, MOST, v, p, 2) -> (n, MOST, v): the share of the points at which the thing is seen."""
        x = (points[..., 0] * width).long().clamp(max=width - 1)
        y = (points[..., 1] * height).long().clamp(max=height - 1)
        there = labels.flatten(1).gather(1, (y * width + x).flatten(1)).view(x.shape)
        return (there == own[..., None]).float().mean(-1)

    def best(points: Tensor, first: bool = False) -> Tensor:
        """(n, MOST, v, p, 2) -> (n, MOST, p, 2): any of those that are seen best, or the first."""
        luck = (
            -torch.arange(points.shape[2], device=points.device)
            if first
            else torch.rand(points.shape[:3], device=points.device)
        )
        which = (shown(points) + 1e-3 * luck).argmax(2)
        return points.gather(2, which[..., None, None, None].expand(-1, -1, 1, *points.shape[3:]))[:, :, 0]

    middle, points = put(places.middle)[..., None, :], put(places.points)[..., None, :]
    deep = best(torch.cat((middle, points), 2), first=True), best(points)
    strokes = best(put(places.strokes)), best(put(places.dots))
    return {
        "points": torch.cat(deep, 2),
        "scribbles": torch.stack([_by_distance(stroke).flatten(2) for stroke in strokes], 2),
        "polygons": _by_distance(put(places.outline)).flatten(2).half(),
    }


def _by_distance(points: Tensor) -> Tensor:
    """(n, MOST, p, 2): nearest to the origin first, as everywhere."""
    order = points.square().sum(-1).argsort(-1)
    return points.gather(2, order[..., None].expand_as(points))


@torch.no_grad()
def shard(
    plan: dict[str, Tensor], number: int, book: Atlas, places: thing_places.Places, vae: torch.nn.Module
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """-> what goes into pool/ and into layouts/."""
    width, height = worlds.plan(number).size
    whole, pixels, found = plan_of(plan, book), book.pixels.to(lab.DEVICE), []
    for part in map(Plan._make, zip(*(value.split(PART) for value in whole), strict=True)):
        pictures, labels = paint(part, pixels, width, height)
        with lab.autocast():
            h = vae.encoder(pictures / 127.5 - 1)
        latents = (vae.quant_conv(h.float())[:, :4] * lab.LATENT_SCALE).half()
        box, seen = boxes(labels)
        real = torch.arange(MOST, device=lab.DEVICE) < part.count[:, None]
        there = {"boxes": box * real[..., None], **moved(places, part, labels)}
        there["points"] = torch.cat((box.unflatten(-1, (2, 2)).mean(-2)[:, :, None], there["points"]), 2)
        found.append({**there, "labels": labels, "latents": latents, "kept": (seen | ~real).all(1)})
    all_of = {key: torch.cat([part[key] for part in found]).cpu() for key in found[0]}
    kept = all_of.pop("kept")
    all_of |= {key: plan[key] for key in ("count", "phrase", "captions", "bare", "placed")}
    all_of = {key: value[kept] for key, value in all_of.items()}
    in_pool = ("latents", "captions", "bare", "placed")
    return {key: all_of[key] for key in in_pool}, {key: value for key, value in all_of.items() if key not in in_pool}


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    paths = [path for path in sorted((folder / "plans").glob("*.pt")) if not (folder / "layouts" / path.name).exists()]
    plans = [torch.load(path, weights_only=True) for path in paths]
    book = atlas(plans)
    lab.say(f"{len(book.begin)} pictures of things, {len(book.pixels) / 2**20:.0f} million pixels")
    places = thing_places.Places(**{k: v.to(lab.DEVICE) for k, v in lab.load_state(folder / "places.pt").items()})
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(folder / "vae_final.pt"))
    for path, plan in zip(paths, plans, strict=True):
        pool, layouts = shard(plan, int(path.stem), book, places, vae)
        lab.save_state(folder / "pool" / path.name, pool)
        lab.save_state(folder / "layouts" / path.name, layouts)
        lab.say(f"shard {path.stem}: {len(pool['latents'])} scenes")


if __name__ == "__main__":
    main()
