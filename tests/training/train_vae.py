"""Train the small VAE (ComfyUI's AutoencoderKL) on crops of scenes of both worlds: python train_vae.py STATE_DIR MINUTES [--decoder-only]

Where STATE_DIR has a finished VAE and no state of this script it begins with that one, and keeps to its latents of the shapes: what a
UNet has learned of them stays true.
"""

import argparse
import copy
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import lab
import numpy as np
import torch
import worlds
from comfy.ldm.models.autoencoder import AutoencoderKL
from support.shapeworld.scene import random_scene
from support.thingworld.scene import random_things
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

CROP, BATCH = 128, 8
KL = 1e-5
SAVE_EVERY = 150  # seconds
THINGS = 0.7  # of the crops are of the world of things
KEPT = 0.3  # weight of the squared distance to the latents that shapes had


def build() -> AutoencoderKL:
    lab.use_trainable_upsampling()
    return AutoencoderKL(ddconfig=lab.DDCONFIG, embed_dim=4)


def crops(rng: np.random.Generator, batch: int, side: int) -> torch.Tensor:
    """(batch, 3, side, side) in -1..1: two crops of every scene, at any offset; the first are those of things."""
    out = []
    while len(out) < batch:
        seed = int(rng.integers(2**40))
        things = len(out) < THINGS * batch
        scene = random_things(seed, counts=(2, 8)) if things else random_scene(seed, counts=(2, 6))
        picture = worlds.draw_scene(scene).picture
        for _ in range(2 if side < 256 else 1):
            y, x = rng.integers(0, 256 - side + 1, 2)
            out.append(picture[y : y + side, x : x + side])
    return torch.from_numpy(np.stack(out[:batch])).permute(0, 3, 1, 2).float() / 127.5 - 1


class Crops(IterableDataset):
    """Batches without end; each process that draws them has numbers of its own."""

    def __init__(self, seed: tuple[int, ...], batch: int, side: int) -> None:
        self.seed, self.batch, self.side = seed, batch, side

    def __iter__(self) -> Iterator[torch.Tensor]:
        worker = get_worker_info()
        rng = np.random.default_rng((*self.seed, worker.id if worker else 0))
        while True:
            yield crops(rng, self.batch, self.side)


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def loss_of(model, x, decoder_only: bool, kl_weight: float, old=None):
    with lab.autocast():
        with torch.set_grad_enabled(not decoder_only):
            mean, logvar = model.quant_conv(model.encoder(x)).float().chunk(2, 1)
        logvar = logvar.clamp(-20, 10)
        z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        y = model.decoder(model.post_quant_conv(z)).float()
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean() / (x.shape[-1] ** 2)
    pixel = (y - x).abs().mean() + 0.5 * ((y - x) ** 2).mean()
    gradient = sum((a - b).abs().mean() for a, b in zip(edges(y), edges(x), strict=True))
    total = pixel + gradient + kl_weight * kl * 100
    if old is not None:
        shapes = x[math.ceil(THINGS * len(x) / 2) * 2 :]
        with torch.no_grad(), lab.autocast():
            before = old.quant_conv(old.encoder(shapes)).float()[:, :4]
        total = total + KEPT * ((mean[len(x) - len(shapes) :] - before) * lab.LATENT_SCALE).square().mean()
    return total, pixel, gradient, kl, y, mean


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--decoder-only", action="store_true")
    parser.add_argument("--side", type=int, default=CROP)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--kl", type=float, default=1.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build()
    lab.initialise(model)
    model.encoder.conv_out.weight.data *= 4
    model.quant_conv.bias.data[4:] = -6  # next to no noise at first: else the decoder learns to ignore the latents
    path, old = args.state / "vae.pt", None
    if not path.exists() and (args.state / "vae_final.pt").exists():
        shutil.copy(args.state / "vae_final.pt", args.state / "vae_before.pt")
    if (before := lab.load_state(args.state / "vae_before.pt")) is not None:
        model.load_state_dict(before)
        old = copy.deepcopy(model).to(lab.DEVICE, memory_format=torch.channels_last).requires_grad_(False)
    step = (lab.load_state(path) or {"step": 0})["step"]
    painters = 0 if lab.DEVICE.type == "cpu" else max(1, len(os.sched_getaffinity(0)) - 2)
    batches = iter(
        DataLoader(Crops((1, step), args.batch, args.side), None, num_workers=painters)
    )  # before a GPU wakes
    model.to(lab.DEVICE, memory_format=torch.channels_last).requires_grad_(True).train()
    if args.decoder_only:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    if lab.DEVICE.type == "cpu":
        model.encoder.compile()
        model.decoder.compile()
    trained = [p for p in model.parameters() if p.requires_grad]
    lab.say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    optimizer = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.99), weight_decay=1e-4)
    ema = lab.Ema(model)
    if (state := lab.load_state(path)) is not None:
        model.load_state_dict(state["model"])
        if not args.decoder_only and "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        ema.resume(state["ema"], state["ema_steps"])
    first = step
    begin = saved = time.time()
    end = begin + 60 * args.minutes
    while (now := time.time()) < end:
        progress = (now - begin) / (end - begin)
        rate = args.lr * min(1, (step - first + 1) / 50, 0.02 + 1.4 * (1 - progress))
        for group in optimizer.param_groups:
            group["lr"] = rate
        x = next(batches).to(lab.DEVICE, memory_format=torch.channels_last)
        loss, pixel, gradient, kl, y, mean = loss_of(model, x, args.decoder_only, args.kl * KL, old)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        ema.update(model)
        step += 1
        if step % 25 == 0:
            lab.say(
                f"step {step} pixel {pixel:.4f} gradient {gradient:.4f} kl {kl:.3f} latent std {mean.std():.2f} {(time.time() - begin):.0f} s"
            )
        if time.time() - saved > SAVE_EVERY or time.time() >= end:
            saved = time.time()
            lab.save_state(
                path,
                {
                    "model": model.state_dict(),
                    "ema": ema.shadow,
                    "ema_steps": ema.steps,
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                },
            )
            lab.save_grid(args.state / "grids" / f"vae_{step:06}.png", torch.cat((x, y.detach())) / 2 + 0.5, len(x))


if __name__ == "__main__":
    main()
