"""Train UNet and text encoder, text to picture: python train_base.py STATE_DIR UNTIL (HH:MM)

Resumes from base.pt. The last 64 scenes of the pool's first shard are held out.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import heads
import lab
import loop
import models
import noise
import tokens
import torch
import train_vae
import worlds
from support.shapeworld.scene import random_scene
from support.thingworld.scene import random_things

NO_CAPTION, NO_BACKGROUND = 0.1, 0.12  # shares of the training pairs
# Nothing in this world needs to know where it is: backgrounds are plain, captions name no places. Features without a place leave a fuser
# nothing to compare a box with, and stage two learns nothing. So half of the captions say where things are, and linear heads (heads.py)
# have to read places and the clean latent from the features around the places where the fusers will act.
PLACED, PLACES_WEIGHT, CLEAN_WEIGHT = 0.5, 0.05, 0.1
GUIDANCE = 3.0
HELD, HELD_TIMES = 64, (200, 400, 550, 700, 850, 970)


class Pool:
    """Latents and captions of all shards, those of one canvas together. Held out are the last scenes of each world's first shard."""

    def __init__(self, folder: Path) -> None:
        self.empty = tokens.encode([""])[0].to(lab.DEVICE)
        self.held: dict[str, dict[str, torch.Tensor]] = {}
        canvases: dict[tuple[int, ...], dict[str, list[torch.Tensor]]] = {}
        for path in sorted(folder.glob("*.pt")):
            part = torch.load(path, weights_only=True)
            world = "things" if worlds.plan(int(path.stem)).things else "shapes"
            if world not in self.held:
                self.held[world] = {k: v[-HELD:].to(lab.DEVICE) for k, v in part.items()}
                part = {k: v[:-HELD] for k, v in part.items()}
            canvas = canvases.setdefault(tuple(part["latents"].shape[-2:]), {key: [] for key in part})
            for key, value in part.items():
                canvas[key].append(value)
        self.canvases = {
            size: {k: torch.cat(v).to(lab.DEVICE) for k, v in canvas.items()} for size, canvas in canvases.items()
        }
        self.kinds = {size: float(len(canvas["latents"])) for size, canvas in self.canvases.items()}

    def batch(self, canvas: tuple[int, ...], size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (size, 4, h, w) of one canvas, and rows of their captions (size, 77)."""
        d, here = self.canvases[canvas], {"device": lab.DEVICE}
        at = torch.randint(len(d["latents"]), (size,), **here)
        placed, luck = torch.rand(size, 1, **here) < PLACED, torch.rand(size, 1, **here)
        ids = torch.where(placed, d["placed"][at], d["captions"][at])
        ids = torch.where(luck < NO_BACKGROUND, d["bare"][at], ids)
        ids = torch.where(luck > 1 - NO_CAPTION, self.empty, ids)
        return d["latents"][at].float(), ids.long()

    @torch.no_grad()
    def held_error(
        self, v: Callable[..., torch.Tensor], world: str, captions: str = "captions", size: int = 16
    ) -> dict[int, float]:
        """Mean squared error of the noise on a world's held-out scenes, the same noise every time."""
        x, ids = self.held[world]["latents"].float(), self.held[world][captions].long()
        target = torch.randn(x.shape, generator=torch.Generator().manual_seed(9)).to(x.device)
        errors = {}
        for time in HELD_TIMES:
            t = torch.full((size,), time, device=x.device)
            with lab.autocast():
                out = [
                    v(noise.noised(a, b, t), t, c)[0]
                    for a, b, c in zip(x.split(size), target.split(size), ids.split(size), strict=True)
                ]
            times = torch.full((len(x),), time, device=x.device)
            gap = (torch.cat(out).float() - noise.velocity(x, target, times)) ** 2
            errors[time] = (noise.alphas(x.device)[time] * gap.mean()).item()
        return errors


class Base(torch.nn.Module):
    """Text encoder and UNet as one, so that one optimizer and one average hold both."""

    def __init__(self) -> None:
        super().__init__()
        lab.use_trainable_upsampling()
        self.unet = models.unet()
        self.text = models.TextEncoder(len(tokens.vocabulary()) + 1)
        self.heads = heads.Heads()

    def forward(
        self, x: torch.Tensor, t: torch.Tensor, ids: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Predicted velocity; what the heads read: places of the tokens, clean latents."""
        places, clean = [], []
        options = {"patches": self.heads.patches(places, clean)}
        out = self.unet._forward(x, t.float(), context=self.text(ids), transformer_options=options)
        return out, places, clean


@torch.no_grad()
def draw(base: Base, vae, path: Path, seed: int = 0, count: int = 16) -> None:
    """A grid: the real scenes above, pictures of their captions below."""
    scenes = [
        (random_things if i >= count // 2 else random_scene)((8, i), counts=(1 + i % 3, 1 + i % 3))
        for i in range(count)
    ]
    ids = tokens.encode([scene.caption for scene in scenes] + [""] * count).long().to(lab.DEVICE)
    context = base.text(ids)

    def velocity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with lab.autocast():
            out = base.unet._forward(
                torch.cat((x, x)), torch.cat((t, t)).float(), context=context, transformer_options={}
            )
        cond, uncond = out.float().chunk(2)
        return uncond + GUIDANCE * (cond - uncond)

    latents = noise.sample(
        velocity, torch.randn(count, 4, 32, 32, generator=torch.Generator().manual_seed(seed)).to(lab.DEVICE)
    )
    pictures = vae.decoder(vae.post_quant_conv(latents / lab.LATENT_SCALE)).cpu() / 2 + 0.5
    real = torch.stack([torch.from_numpy(worlds.draw_scene(scene).picture).permute(2, 0, 1) / 255 for scene in scenes])
    order = [half[row : row + 8] for row in range(0, count, 8) for half in (real, pictures)]
    lab.save_grid(path, torch.cat(order), 8)


def main() -> None:
    args = loop.arguments(batch=16, lr=1e-3)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = Base().to(lab.DEVICE)
    lab.say(
        f"UNet {sum(p.numel() for p in base.unet.parameters()) / 1e6:.2f} M, text {sum(p.numel() for p in base.text.parameters()) / 1e6:.2f} M"
    )
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    pool = Pool(args.state / "pool")
    training = loop.Training(base, args.state / "base.pt", args)
    compiled = lab.compiled(base)  # for squares alone: each size more would take minutes

    def loss(canvas: tuple[int, ...]) -> torch.Tensor:
        x, ids = pool.batch(canvas, args.batch)
        t = noise.draw_times(len(x), x.device)
        target = noise.draw_noise(x)
        with lab.autocast():
            ask = base if args.eager or canvas[0] != canvas[1] else compiled
            out, places, clean = ask(noise.noised(x, target, t), t, ids)
        off, blurred = heads.place_error(places, x.shape[-2:]), heads.clean_error(clean, x)
        for name, value in (("places", off), ("clean latent", blurred)):
            training.seen.add(name, value)
        error = ((out.float() - noise.velocity(x, target, t)) ** 2).mean((1, 2, 3))
        return (noise.loss_weights(t) * error).mean() + PLACES_WEIGHT * off + CLEAN_WEIGHT * blurred

    def look(step: int) -> None:
        draw(base, vae, args.state / "grids" / f"base_{step:06}.png")
        for world, captions in itertools.product(pool.held, ("captions", "placed")):
            held = pool.held_error(base, world, captions)
            lab.say(
                f"held-out error of the noise, {world}, {captions}, at t = "
                + ", ".join(f"{t}: {error:.5f}" for t, error in held.items())
            )

    training.run(loss, pool.kinds, look)


if __name__ == "__main__":
    main()
