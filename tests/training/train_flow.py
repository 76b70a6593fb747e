"""Train the small flow transformer, text to picture: python train_flow.py STATE_DIR UNTIL (HH:MM, or +90 for minutes from now)

Resumes from flow.pt. Text encoder (base.pt) and VAE (vae_final.pt) are those of the shipped file (`unpack_demo.py`) and stay as they are;
the pool is `make_pool.py`'s. STATE_DIR/small/flow.pt: the averaged weights alone, in half precision.
"""

from collections.abc import Callable
from pathlib import Path

import flow
import flow_pool
import lab
import loop
import models
import tokens
import torch
import train_vae
import worlds
from support.shapeworld.scene import random_scene
from torch import Tensor

GUIDANCE = 3.0
HELD_SIGMAS = (0.3, 0.6, 0.8, 0.95)


def text_encoder(folder: Path) -> models.TextEncoder:
    base = lab.averaged(lab.load_state(folder / "base.pt"))
    text = models.TextEncoder(len(tokens.vocabulary()) + 1)
    text.load_state_dict({key.removeprefix("text."): value for key, value in base.items() if key.startswith("text.")})
    return text.requires_grad_(False).to(lab.DEVICE)


def loss(model: Callable[..., Tensor], kind: flow_pool.Kind, batch: int) -> Tensor:
    x, context = kind.draw(batch)
    noise, sigma = torch.randn_like(x), flow.draw_sigmas(len(x), x.device)
    with lab.autocast():
        out = model(flow.noised(x, noise, sigma), sigma, context)
    return ((out.float() - (noise - x)) ** 2).mean()


@torch.no_grad()
def held_errors(model: flow.Flow, held: flow_pool.Kind) -> dict[str, list[float]]:
    """Mean squared error of the velocity at HELD_SIGMAS with each way of the captions and with none, the same noise every time."""
    x = held.latents.float()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(9)).to(x.device)
    ways = {"sentence": held.rows[:, 0], "pieces": held.rows[:, 2], "none": held.none.expand(len(x), -1)}
    errors = {}
    for name, rows in ways.items():
        errors[name] = []
        for level in HELD_SIGMAS:
            sigma = torch.full((len(x),), level, device=x.device)
            with lab.autocast():
                out = model(flow.noised(x, noise, sigma), sigma, held.features[rows].float())
            errors[name].append(((out.float() - (noise - x)) ** 2).mean().item())
    return errors


@torch.no_grad()
def draw(model: flow.Flow, text: models.TextEncoder, vae: torch.nn.Module, path: Path, count: int = 16) -> None:
    """A grid: the real scenes above, pictures of their captions below."""
    scenes = [random_scene((8, i), counts=(1 + i % 3, 1 + i % 3)) for i in range(count)]
    ids = tokens.encode([scene.caption for scene in scenes] + [""] * count).long().to(lab.DEVICE)
    context = text(ids)[:, : flow_pool.LENGTHS[1]]

    def velocity(x: Tensor, sigma: Tensor) -> Tensor:
        with lab.autocast():
            cond, uncond = model(torch.cat((x, x)), torch.cat((sigma, sigma)), context).float().chunk(2)
        return uncond + GUIDANCE * (cond - uncond)

    noise = torch.randn(count, 4, 32, 32, generator=torch.Generator().manual_seed(0)).to(lab.DEVICE)
    latents = flow.sample(velocity, noise)
    pictures = vae.decoder(vae.post_quant_conv(latents / lab.LATENT_SCALE)).cpu() / 2 + 0.5
    real = torch.stack([torch.from_numpy(worlds.draw_scene(scene).picture).permute(2, 0, 1) / 255 for scene in scenes])
    lab.save_grid(path, torch.cat([half[row : row + 8] for row in range(0, count, 8) for half in (real, pictures)]), 8)


def save_small(folder: Path) -> None:
    state = lab.load_state(folder / "flow.pt")
    weights = {key.removeprefix("net."): value.half() for key, value in lab.averaged(state).items()}
    lab.save_state(folder / "small" / "flow.pt", {"model": weights, "config": flow.CONFIG, "step": state["step"]})


def main() -> None:
    args = loop.arguments(batch=96, lr=4e-3)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    latents, found = flow_pool.read(args.state / "pool")
    text = text_encoder(args.state)
    pool = flow_pool.Pool(latents, found, text)
    lab.say("; ".join(f"{kind.name}: {kind.share:.3f}" for kind in pool.kinds))
    model = flow.Flow().to(lab.DEVICE)
    lab.say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    training = loop.Training(model, args.state / "flow.pt", args)

    @torch.no_grad()
    def look(step: int) -> None:
        draw(model, text, vae, args.state / "grids" / f"flow_{step:06}.png")
        for name, errors in held_errors(model, pool.held).items():
            lab.say(
                f"held-out error of the velocity, {name}, at sigma "
                + ", ".join(f"{s}: {error:.4f}" for s, error in zip(HELD_SIGMAS, errors, strict=True))
            )

    compiled = (
        model if args.eager else lab.compiled(model)
    )  # of whole pictures alone: each size more would take minutes

    def turn(i: int) -> Tensor:
        kind = pool.kinds[i]
        return loss(model if kind.is_alone else compiled, kind, args.batch)

    shares = {i: kind.share for i, kind in enumerate(pool.kinds)}
    training.run(turn, shares, look)
    save_small(args.state)


if __name__ == "__main__":
    main()
