"""Train the detector of things on true scenes: python train_detector.py STATE_DIR MINUTES

Resumes from detector.pt. At the end it says how well it reads scenes that it was not trained on, and writes detector_final.pt, half precision.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import lab
import numpy as np
import thing_detector as net
import torch
import torch.nn.functional as F
import worlds
from instdiff.instdiff_modules.metrics.report import Totals, summarise
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from support.shapeworld.layouts import scene_layout
from support.thingworld.render import render_things, without_unseen
from support.thingworld.scene import ThingScene, random_things
from support.thingworld.words import COATS, KIND, KINDS
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

STREAM, HELD_STREAM, HELD, BATCH, LR = 27, 28, 200, 16, 2e-3
BLUR = 0.5  # of the pictures are small and grown again, or noisy, as those of a decoder are
SAVE_EVERY = 120  # seconds


def targets(scene: ThingScene, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-> heat (kinds, h, w) and what the other parts shall say: box, colour and direction as numbers, seen, way, and where they count (10, h, w)."""
    h, w = (side // net.STRIDE for side in visible.shape[1:])
    heat, rest = np.zeros((len(KINDS), h, w), np.float32), np.zeros((10, h, w), np.float32)
    ys, xs = (net.STRIDE * (np.arange(count) + 0.5) for count in (h, w))
    for item, mask in zip(scene.things, visible, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        x0, y0, x1, y1 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        column, row = min(int(x / net.STRIDE), w - 1), min(int(y / net.STRIDE), h - 1)
        # A ninth of the box wide, one at the centre's cell: what lies next to it is half right.
        bell = np.exp(-(((xs - xs[column]) / (x1 - x0)) ** 2 + ((ys[:, None] - ys[row]) / (y1 - y0)) ** 2) * 40)
        kind = KINDS.index(KIND[item.word])
        heat[kind] = np.maximum(heat[kind], bell)
        near = bell > 0.5
        sides = np.broadcast_arrays(xs - x0, (ys - y0)[:, None], x1 - xs, (y1 - ys)[:, None])
        for part, value in zip(rest, sides, strict=False):
            part[near] = value[near] / net.SCALE
        rest[4][near] = 1 + COATS.index(item.color) if item.color else 0
        rest[5][near] = net.FACING.index(item.facing)
        small = mask[net.STRIDE // 2 :: net.STRIDE, net.STRIDE // 2 :: net.STRIDE][:h, :w]
        rest[6][small] = 1
        for part, value in ((rest[7], x - xs[None]), (rest[8], y - ys[:, None])):
            part[small] = np.broadcast_to(value, (h, w))[small] / net.SCALE
        rest[9][near] = 1
    return heat, rest


class Scenes(IterableDataset):
    """Batches of pictures (uint8), heat and the rest, each of one canvas, without end."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng((STREAM, self.step, worker.id if worker else 0))
        while True:
            (width, height), counts = worlds.VARIED[rng.integers(len(worlds.VARIED))]
            seeds = [(STREAM, int(rng.integers(2**40))) for _ in range(BATCH)]
            scenes = [without_unseen(random_things(seed, width, height, counts)) for seed in seeds]
            drawn = [render_things(scene) for scene in scenes]
            goals = [targets(scene, one.visible) for scene, one in zip(scenes, drawn, strict=True)]
            pictures = torch.from_numpy(np.stack([one.picture for one in drawn])).permute(0, 3, 1, 2)
            yield pictures, *(torch.from_numpy(np.stack(part)) for part in zip(*goals, strict=True))


def worn(x: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in -1..1, some of them softer and with noise."""
    soft = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    share = torch.rand(len(x), 1, 1, 1, device=x.device)
    used = (torch.rand(len(x), 1, 1, 1, device=x.device) < BLUR).float()
    noise = 0.1 * torch.rand(len(x), 1, 1, 1, device=x.device) * torch.randn_like(x)
    return x + used * (share * (soft - x) + noise)


def loss_of(said: Tensor, heat: Tensor, rest: Tensor) -> Tensor:
    part, near, seen = net.parts(said), rest[:, 9], rest[:, 6]
    sure = part["kind"].sigmoid().clamp(1e-4, 1 - 1e-4)
    is_center = heat > 0.99
    focal = torch.where(is_center, (1 - sure) ** 2 * sure.log(), (1 - heat) ** 4 * sure**2 * (1 - sure).log())
    count = is_center.sum().clamp(min=1)

    def where(value: Tensor, mask: Tensor) -> Tensor:
        return (value * mask).sum() / mask.sum().clamp(min=1)

    return (
        -focal.sum() / count
        + 2 * where((part["box"] - rest[:, :4]).abs().sum(1), near)
        + where(F.cross_entropy(part["color"], rest[:, 4].long(), reduction="none"), near)
        + where(F.cross_entropy(part["facing"], rest[:, 5].long(), reduction="none"), near)
        + F.binary_cross_entropy_with_logits(part["seen"][:, 0], seen)
        + where((part["way"] - rest[:, 7:9]).abs().sum(1), seen)
    )


def read_back(model: net.ThingNet, count: int = HELD) -> Totals:
    """What it finds in true scenes of a stream of its own."""
    records = []
    for number in range(count):
        size, counts = worlds.VARIED[number % len(worlds.VARIED)]
        scene = without_unseen(random_things((HELD_STREAM, number), *size, counts))
        drawn = render_things(scene)
        layout = scene_layout(scene, number, drawn.visible)
        found = net.find_things(model, drawn.picture)
        records.append(score_picture(str(number), layout, found, size, Settings(categories=tuple(KIND))))
    return summarise(records)


def main() -> None:
    folder, minutes = Path(sys.argv[1]), float(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    path, model = folder / "detector.pt", net.ThingNet()
    state = lab.load_state(path)
    step = state["step"] if state else 0
    batches = iter(DataLoader(Scenes(step), None, num_workers=lab.painters()))  # before a GPU wakes
    model.to(lab.DEVICE)
    optimizer, ema = torch.optim.AdamW(model.parameters(), LR, weight_decay=0.01), lab.Ema(model)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema.resume(state["ema"], step)
    lab.say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    begin = saved = time.time()
    mean, first = 0.0, step
    while (spent := (time.time() - begin) / minutes / 60) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LR * min(1, (step - first + 1) / 50, 1.5 * (1 - spent)) + 1e-6
        pictures, heat, rest = (part.to(lab.DEVICE) for part in next(batches))
        with lab.autocast():
            said = model(worn(pictures.float() / 127.5 - 1))
        loss = loss_of(said, heat, rest)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        ema.update(model)
        step += 1
        mean = loss.item() if step == first + 1 else 0.95 * mean + 0.05 * loss.item()
        if step % 50 == 0:
            lab.say(f"step {step} loss {mean:.3f} {(step - first) * BATCH / (time.time() - begin):.1f}/s")
        if time.time() - saved > SAVE_EVERY:
            saved = time.time()
            save(path, model, ema, optimizer, step)
    save(path, model, ema, optimizer, step)
    model.load_state_dict(ema.shadow)
    model.eval()
    lab.save_state(folder / "detector_final.pt", {key: value.half().cpu() for key, value in ema.shadow.items()})
    lab.say(f"{HELD} true scenes: {read_back(model)}")


def save(path: Path, model: net.ThingNet, ema: lab.Ema, optimizer: torch.optim.Optimizer, step: int) -> None:
    parts = {"model": model.state_dict(), "ema": ema.shadow, "optimizer": optimizer.state_dict(), "step": step}
    lab.save_state(path, parts)


if __name__ == "__main__":
    main()
