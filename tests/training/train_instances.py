"""Stage two: the base is frozen, UniFusion, fusers and ScaleU learn places: python train_instances.py STATE_DIR UNTIL (HH:MM)

As the paper trains: any of the location formats may be missing, per picture or per instance, and now and then an
instance, the caption or everything.
"""

import argparse
import time
from pathlib import Path

import grounded
import lab
import make_layouts
import noise
import tokens
import torch
import torch.nn.functional as F
import train_base
import train_vae
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs

SAVE_EVERY, GRID_EVERY, LOG_EVERY = 420, 420, 50
# What a person may give, and the formats that the pack makes of it (a mask brings its box, a box its centre).
GIVEN = {"box": 0.25, "mask": 0.25, "point": 0.17, "scribble": 0.17, "box scribble": 0.08, "mask scribble": 0.08}
MIXED = 0.25  # of the pictures have instances with different formats
NO_INSTANCE, NO_CAPTION, NOTHING = 0.1, 0.1, 0.1


class Pairs:
    """Latents, captions and grounding inputs of the shards that have both."""

    def __init__(self, folder: Path, text: torch.Tensor) -> None:
        names = sorted(path.name for path in (folder / "layouts").glob("*.pt"))
        parts = [{**torch.load(folder / "pool" / n, weights_only=True), **torch.load(folder / "layouts" / n, weights_only=True)} for n in names]
        self.data = {key: torch.cat([part[key] for part in parts]).to(lab.DEVICE) for key in parts[0]}
        self.text, self.empty = text, tokens.encode([""])[0].long().to(lab.DEVICE)

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor, GroundingInputs]:
        d, at, here = self.data, torch.randint(len(self.data["count"]), (size,)).to(lab.DEVICE), {"device": lab.DEVICE}
        ids = d["captions"][at].long()
        quiet = torch.rand(size, **here) < NO_CAPTION
        present = torch.arange(make_layouts.MOST, **here) < d["count"][at][:, None]
        present &= torch.rand(present.shape, **here) >= NO_INSTANCE
        nothing = torch.rand(size, **here) < NOTHING
        present[nothing], quiet = False, quiet | (nothing & (torch.rand(size, **here) < 0.8))
        ids[quiet] = self.empty
        kinds = torch.multinomial(torch.tensor(list(GIVEN.values()), **here), size * make_layouts.MOST, replacement=True).view(size, -1)
        kinds = torch.where(torch.rand(size, 1, **here) < MIXED, kinds, kinds[:, :1])
        has = {f: torch.tensor([f in given.split() for given in GIVEN], **here)[kinds] & present for f in ("box", "mask", "point", "scribble")}
        box = has["box"] | has["mask"]
        kind = torch.where(box, 0, 1 + (torch.rand(box.shape, **here) < 0.5).long())
        pick = torch.arange(size, **here)[:, None], torch.arange(make_layouts.MOST, **here)[None, :]
        bits = (d["masks"][at][..., None] >> torch.arange(7, -1, -1, **here)) & 1
        masks = bits.view(size, make_layouts.MOST, 256, 256).float() * has["mask"][:, :, None, None]
        seg = has["mask"].any(1)
        segs = torch.zeros(size, grounded.SLOTS, 512, 512, **here)
        if seg.any():
            segs[seg, :make_layouts.MOST] = F.interpolate(masks[seg], (512, 512), mode="bilinear")

        def slots(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            values = values * mask[..., None]
            return F.pad(values, (0, 0, 0, grounded.SLOTS - make_layouts.MOST))

        def flags(mask: torch.Tensor) -> torch.Tensor:
            return F.pad(mask.float(), (0, grounded.SLOTS - make_layouts.MOST))

        stroke = torch.randint(2, kinds.shape, **here)
        inputs = GroundingInputs(
            slots(d["boxes"][at], box), slots(d["points"][at][pick[0], pick[1], kind], box | has["point"]),
            slots(d["scribbles"][at][pick[0], pick[1], stroke], has["scribble"]), slots(d["polygons"][at], has["mask"]), segs,
            slots(self.text[d["phrase"][at].long()], present), flags(present), flags(box), flags(box | has["point"]),
            flags(has["scribble"]), flags(has["mask"]), seg.float(),
        )
        return d["latents"][at].float(), ids, inputs


@torch.no_grad()
def phrase_features(text: torch.nn.Module) -> torch.Tensor:
    """(256, width): CLIP's pooled feature of every instance caption, at its end token, before any projection."""
    ids = tokens.encode(make_layouts.PHRASES).long().to(lab.DEVICE)
    end = (ids == 2).int().argmax(1)  # row 2 is the end token
    return text(ids)[torch.arange(len(ids)), end]


def frozen_base(folder: Path) -> train_base.Base:
    base = train_base.Base().to(lab.DEVICE)
    base.load_state_dict({k: v.float() for k, v in lab.load_state(folder / "base.pt")["ema"].items()})
    return base.requires_grad_(False).eval()


@torch.no_grad()
def draw(base, net, pairs: Pairs, vae, path: Path, count: int = 16) -> None:
    """Scenes above, pictures with their boxes below."""
    torch.manual_seed(5)
    d, at = pairs.data, torch.arange(count, device=lab.DEVICE)
    box = torch.arange(make_layouts.MOST, device=lab.DEVICE) < d["count"][at][:, None]
    pad = grounded.SLOTS - make_layouts.MOST

    def slots(v):
        return F.pad(v * box[..., None], (0, 0, 0, pad))

    flag, none = F.pad(box.float(), (0, pad)), torch.zeros(count, grounded.SLOTS, device=lab.DEVICE)
    segs = torch.zeros(count, grounded.SLOTS, 1, 1, device=lab.DEVICE)
    given = GroundingInputs(slots(d["boxes"][at]), slots(d["points"][at][:, :, 0]), none[..., None].expand(-1, -1, 40), none[..., None].expand(-1, -1, 512),
                            segs, slots(pairs.text[d["phrase"][at].long()]), flag, flag, flag, none, none, none[:, 0])
    null = GroundingInputs(*(torch.zeros_like(v) for v in given))
    both = torch.cat((net.tokens(given), net.tokens(null)))
    context = base.text(torch.cat((d["captions"][at].long(), pairs.empty.expand(count, -1))))
    patches = net.patches(both)

    def eps(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with lab.autocast():
            out = base.unet._forward(torch.cat((x, x)), torch.cat((t, t)).float(), context=context, transformer_options={"patches": patches})
        cond, uncond = out.float().chunk(2)
        return uncond + train_base.GUIDANCE * (cond - uncond)

    latents = noise.sample(eps, torch.randn(count, 4, 32, 32).to(lab.DEVICE))
    real, drawn = (vae.decoder(vae.post_quant_conv(z / lab.LATENT_SCALE)) / 2 + 0.5 for z in (d["latents"][at].float(), latents))
    lab.save_grid(path, torch.cat([half[row:row + 8] for row in range(0, count, 8) for half in (real, drawn)]), 8)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("until")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=8e-4)
    args = parser.parse_args()
    end = time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + args.until, "%Y-%m-%d %H:%M"))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base, net = frozen_base(args.state), grounded.Grounding().to(lab.DEVICE)
    lab.say(f"tokenizer {sum(p.numel() for p in net.position_net.parameters()) / 1e6:.2f} M, adapter {sum(p.numel() for p in net.adapter.parameters()) / 1e6:.2f} M")
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    pairs = Pairs(args.state, phrase_features(base.text))
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    ema, step, path = lab.Ema(net), 0, args.state / "instances.pt"
    if (state := lab.load_state(path)) is not None:
        net.load_state_dict(state["model"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        ema.resume(state["ema"], state["ema_steps"])
        step = state["step"]
    torch.manual_seed(step)

    @torch.compile
    def forward(x, t, context, given):
        return base.unet._forward(x, t, context=context, transformer_options={"patches": net.patches(given)})

    begin = saved = time.time()
    drawn, mean, first = begin - GRID_EVERY + 200, None, step
    while (now := time.time()) < end:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 100)
        x, ids, inputs = pairs.batch(args.batch)
        t = noise.draw_times(len(x), x.device)
        target = noise.draw_noise(x)
        with lab.autocast():
            with torch.no_grad():
                context = base.text(ids)
            out = forward(noise.noised(x, target, t), t.float(), context, net.tokens(inputs))
        error = ((out.float() - target) ** 2).mean((1, 2, 3))
        loss = (noise.loss_weights(t) * error).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        ema.update(net)
        step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % LOG_EVERY == 0:
            lab.say(f"step {step} weighted {mean:.4f} {(step - first) * args.batch / (time.time() - begin):.1f}/s")
        if now - drawn > GRID_EVERY:
            drawn = now
            kept = {k: v.clone() for k, v in net.state_dict().items()}
            net.load_state_dict(ema.shadow)
            draw(base, net, pairs, vae, args.state / "grids" / f"instances_{step:06}.png")
            net.load_state_dict(kept)
        if now - saved > SAVE_EVERY or time.time() >= end:
            saved = now
            lab.save_state(path, {"model": net.state_dict(), "ema": ema.shadow, "ema_steps": ema.steps, "optimizer": optimizer.state_dict(), "step": step})


if __name__ == "__main__":
    main()
