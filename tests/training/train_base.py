"""Train UNet and text encoder, text to picture: python train_base.py STATE_DIR UNTIL (HH:MM)

Reads the pool's shards as they appear, resumes from base.pt, saves it every ten minutes and draws a grid every few.
"""

import argparse
import time
from pathlib import Path

import lab
import models
import noise
import tokens
import torch
import train_vae
from instdiff.instdiff_modules.shapeworld.render import render
from instdiff.instdiff_modules.shapeworld.scene import random_scene

SAVE_EVERY, GRID_EVERY = 420, 420  # seconds
WARMUP = 200
NO_CAPTION, NO_BACKGROUND = 0.1, 0.12  # shares of the training pairs
GUIDANCE = 3.0


class Pool:
    """Latents and captions of all shards that exist; looks for new ones now and then."""

    def __init__(self, folder: Path, generator: torch.Generator) -> None:
        self.folder, self.generator, self.paths = folder, generator, []
        self.parts: list[dict[str, torch.Tensor]] = []
        self.empty = tokens.encode([""])[0].to(lab.DEVICE)
        self.refresh()

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("*.pt")):
            if path not in self.paths:
                self.paths.append(path)
                self.parts.append(torch.load(path, weights_only=True))
        self.latents, self.captions, self.bare = (torch.cat([p[k] for p in self.parts]).to(lab.DEVICE) for k in ("latents", "captions", "bare"))

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        at = torch.randint(len(self.latents), (size,), generator=self.generator).to(lab.DEVICE)
        ids, luck = self.captions[at].clone(), torch.rand(size, generator=self.generator).to(lab.DEVICE)
        bare, none = luck < NO_BACKGROUND, luck > 1 - NO_CAPTION
        ids[bare], ids[none] = self.bare[at[bare]], self.empty
        return self.latents[at].float(), ids.long()


class Base(torch.nn.Module):
    """Text encoder and UNet as one, so that one optimizer and one average hold both."""

    def __init__(self) -> None:
        super().__init__()
        lab.use_trainable_upsampling()
        self.unet = models.unet()
        self.text = models.TextEncoder(len(tokens.vocabulary()) + 1)

    def forward(self, x: torch.Tensor, t: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return self.unet._forward(x, t.float(), context=self.text(ids), transformer_options={})


@torch.no_grad()
def draw(base: Base, vae, path: Path, seed: int = 0, count: int = 16) -> None:
    """A grid: the real scenes above, pictures of their captions below."""
    scenes = [random_scene((8, i), counts=(1 + i % 3, 1 + i % 3)) for i in range(count)]
    ids = tokens.encode([scene.caption for scene in scenes] + [""] * count).long().to(lab.DEVICE)
    context = base.text(ids)

    def eps(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with lab.autocast():
            out = base.unet._forward(torch.cat((x, x)), torch.cat((t, t)).float(), context=context, transformer_options={})
        cond, uncond = out.float().chunk(2)
        return uncond + GUIDANCE * (cond - uncond)

    latents = noise.sample(eps, torch.randn(count, 4, 32, 32, generator=torch.Generator().manual_seed(seed)).to(lab.DEVICE))
    pictures = vae.decoder(vae.post_quant_conv(latents / lab.LATENT_SCALE)).cpu() / 2 + 0.5
    real = torch.stack([torch.from_numpy(render(scene).picture).permute(2, 0, 1) / 255 for scene in scenes])
    order = [half[row:row + 8] for row in range(0, count, 8) for half in (real, pictures)]
    lab.save_grid(path, torch.cat(order), 8)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("until")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=6e-4)
    args = parser.parse_args()
    end = time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + args.until, "%Y-%m-%d %H:%M"))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = Base().to(lab.DEVICE)
    lab.say(f"UNet {sum(p.numel() for p in base.unet.parameters()) / 1e6:.2f} M, text {sum(p.numel() for p in base.text.parameters()) / 1e6:.2f} M")
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    optimizer = torch.optim.AdamW(base.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    ema, step, path = lab.Ema(base), 0, args.state / "base.pt"
    if (state := lab.load_state(path)) is not None:
        base.load_state_dict(state["model"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        ema.resume(state["ema"], state["ema_steps"])
        step = state["step"]
    torch.manual_seed(step)
    pool = Pool(args.state / "pool", torch.Generator().manual_seed(step))
    forward = torch.compile(base)
    saved = drawn = begin = time.time()
    mean, first = None, step
    while (now := time.time()) < end:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / WARMUP)
        x, ids = pool.batch(args.batch)
        t = noise.draw_times(len(x), x.device)
        target = noise.draw_noise(x)
        with lab.autocast():
            out = forward(noise.noised(x, target, t), t, ids)
        error = ((out.float() - target) ** 2).mean((1, 2, 3))
        loss = (noise.loss_weights(t) * error).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(base.parameters(), 1.0)
        optimizer.step()
        ema.update(base)
        step += 1
        plain = error.mean().item()
        mean = (loss.item(), plain) if mean is None else tuple(0.98 * m + 0.02 * v for m, v in zip(mean, (loss.item(), plain)))
        if step % 50 == 0:
            lab.say(f"step {step} weighted {mean[0]:.4f} eps {mean[1]:.4f} pool {len(pool.latents)} {(step - first) * args.batch / (time.time() - begin):.1f}/s")
        if step % 200 == 0:
            pool.refresh()
        if now - drawn > GRID_EVERY:
            drawn = now
            kept = {k: v.clone() for k, v in base.state_dict().items()}
            base.load_state_dict(ema.shadow)
            draw(base, vae, args.state / "grids" / f"base_{step:06}.png")
            base.load_state_dict(kept)
        if now - saved > SAVE_EVERY or time.time() >= end:
            saved = now
            lab.save_state(path, {"model": base.state_dict(), "ema": ema.shadow, "ema_steps": ema.steps, "optimizer": optimizer.state_dict(), "step": step})


if __name__ == "__main__":
    main()
