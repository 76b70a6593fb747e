"""Train the small VAE (ComfyUI's AutoencoderKL) on crops of scenes of both worlds: python train_vae.py STATE_DIR MINUTES [--decoder-only]

Where STATE_DIR has a finished VAE and no state of this script it begins with that one, and keeps to its latents of the shapes: what a
UNet has learned of them stays true.
"""

import argparse
import copy
import shutil
import time
from pathlib import Path

import lab
import torch
import worlds
from comfy.ldm.models.autoencoder import AutoencoderKL
from recorded import Recorded
from support.shapeworld.crowded import crowded_scene
from support.shapeworld.scene import random_scene
from support.thingworld.scene import random_things
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

CROP, BATCH = 128, 8
KL = 1e-5
SAVE_EVERY = 150  # seconds
THINGS = 0.6  # of the crops are of the world of things
CROWDED = 0.3  # of the shapes' scenes are crowded
KEPT = 0.05  # weight of the squared distance to the latents that shapes had
SCENES = 2048 if lab.DEVICE.type == "cpu" else 4096  # of each world


def build() -> AutoencoderKL:
    lab.use_trainable_upsampling()
    return AutoencoderKL(ddconfig=lab.DDCONFIG, embed_dim=4)


class Scenes(Dataset):
    """Pictures (256, 256, 3) uint8: of shapes from 0 to count, then as many of things."""

    def __init__(self, stream: int, count: int) -> None:
        self.stream, self.count = stream, count

    def __len__(self) -> int:
        return 2 * self.count

    def __getitem__(self, at: int) -> Tensor:
        seed = (self.stream, at)
        if at >= self.count:
            scene = random_things(seed, counts=(2, 8))
        elif at < CROWDED * self.count:
            scene = crowded_scene(seed)
        else:
            scene = random_scene(seed, counts=(2, 6))
        return torch.from_numpy(worlds.draw_scene(scene).picture)


def pictures(stream: int, count: int) -> tuple[Tensor, Tensor]:
    """Of shapes and of things, (count, 256, 256, 3) uint8 each."""
    drawn = torch.cat(list(DataLoader(Scenes(stream, count), 32, num_workers=lab.painters())))
    return drawn[:count], drawn[count:]


def crops(drawn: Tensor, count: int, side: int) -> Tensor:
    """(count, 3, side, side) in -1..1 of any pictures, at any offset."""
    here = {"device": drawn.device}
    at = torch.randint(len(drawn), (count, 1, 1), **here)
    y, x = torch.randint(drawn.shape[1] - side + 1, (2, count, 1, 1), **here)
    line = torch.arange(side, **here)
    part = drawn[at, y + line[:, None], x + line]
    return part.permute(0, 3, 1, 2).float() / 127.5 - 1


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def of_things(batch: int) -> int:
    """How many crops of a batch, the first, are of things."""
    return round(THINGS * batch)


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
        shapes = x[of_things(len(x)) :]
        with torch.no_grad(), lab.autocast():
            before = old.quant_conv(old.encoder(shapes)).float()[:, :4]
        total = total + KEPT * ((mean[len(x) - len(shapes) :] - before) * lab.LATENT_SCALE).square().mean()
    return total, pixel, gradient, kl, mean


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
    shapes, things = (drawn.to(lab.DEVICE) for drawn in pictures(1 + step, SCENES))
    model.to(lab.DEVICE, memory_format=torch.channels_last).requires_grad_(True).train()
    if args.decoder_only:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    if lab.DEVICE.type == "cpu":
        model.encoder.compile()
        model.decoder.compile()
    trained = [p for p in model.parameters() if p.requires_grad]
    lab.say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    recorded = lab.DEVICE.type == "cuda"
    rate = torch.zeros((), device=lab.DEVICE)
    optimizer = torch.optim.AdamW(
        trained, lr=rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=True, capturable=recorded
    )
    ema, seen = lab.Ema(model), lab.Means(0.05)
    if (state := lab.load_state(path)) is not None:
        model.load_state_dict(state["model"])
        ema.resume(state["ema"], state["ema_steps"])

    def grid() -> None:
        with torch.no_grad(), lab.autocast():
            x = torch.cat([crops(drawn, 8, args.side) for drawn in (things, shapes)])
            y = model.decoder(model.post_quant_conv(model.quant_conv(model.encoder(x))[:, :4])).float()
        lab.save_grid(args.state / "grids" / f"vae_{step:06}.png", torch.cat((x, y)) / 2 + 0.5, len(x))

    def turn(_: None) -> None:
        first = of_things(args.batch)
        x = torch.cat((crops(things, first, args.side), crops(shapes, args.batch - first, args.side)))
        x = x.contiguous(memory_format=torch.channels_last)
        loss, pixel, gradient, kl, mean = loss_of(model, x, args.decoder_only, args.kl * KL, old)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        for name, value in (("pixel", pixel), ("gradient", gradient), ("kl", kl), ("latent std", mean.std())):
            seen.add(name, value)

    once = Recorded(turn) if recorded else turn
    first = step
    begin = saved = time.time()
    end = begin + 60 * args.minutes
    while (now := time.time()) < end:
        progress = (now - begin) / (end - begin)
        rate.fill_(args.lr * min(1, (step - first + 1) / 50, 0.02 + 1.4 * (1 - progress)))
        once(None)
        ema.update(model)
        step += 1
        if step % 25 == 0:
            lab.say(f"step {step} {seen} {(time.time() - begin):.0f} s")
        if time.time() - saved > SAVE_EVERY or time.time() >= end:
            saved = time.time()
            parts = {"model": model.state_dict(), "ema": ema.shadow, "ema_steps": ema.steps, "step": step}
            lab.save_state(path, parts)
            grid()


if __name__ == "__main__":
    main()
