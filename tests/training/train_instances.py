"""Stage two: the base is frozen, UniFusion, fusers and ScaleU learn places: python train_instances.py STATE_DIR UNTIL (HH:MM)

Resumes from instances.pt. `pairs.py` says what is told of each instance, as the paper trains.
"""

from pathlib import Path

import grounded
import heads
import lab
import loop
import noise
import torch
import train_base
import train_vae
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs
from make_layouts import MOST, SIDES
from pairs import BRANCH_TIMES, CROWDED, SQUARE, Pairs, frozen_base, phrase_features

WITH_MASKS = 0.25  # share of each batch: the backbone that reads masks costs as much as the UNet,
MASKS_FROM = 1500  # so it waits until the fusers know what to do with a place
# A fuser's way to the loss leads through all frozen layers behind it, and through their noise nothing is learned for hours. Two shorter ways
# tell each fuser where to look and what to say: its attention shall go to the instance that is there, and the base's own heads shall
# read the right latent behind it. Both fade out: the last word has the picture.
ATTENTION_WEIGHT, CLEAN_WEIGHT, FADE_OUT = 0.05, 0.2, 0.3


@torch.no_grad()
def draw(base, net, pairs: Pairs, vae, path: Path, count: int = 16) -> None:
    """Scenes above, pictures with their boxes below."""
    torch.manual_seed(5)
    d, at = pairs.data[SQUARE], torch.arange(count, device=lab.DEVICE)
    box = torch.arange(MOST, device=lab.DEVICE) < d["count"][at][:, None]

    def slots(v):
        return v * box[..., None]

    flag, none = box.float(), torch.zeros(count, grounded.SLOTS, device=lab.DEVICE)
    segs = torch.zeros(0, grounded.SLOTS, 512, 512, device=lab.DEVICE)
    given = GroundingInputs(
        slots(d["boxes"][at]),
        slots(d["points"][at][:, :, 0]),
        none[..., None].expand(-1, -1, 40),
        none[..., None].expand(-1, -1, 512),
        segs,
        slots(pairs.text[d["phrase"][at].long()]),
        flag,
        flag,
        flag,
        none,
        none,
        none[:, 0],
    )
    null = GroundingInputs(*(torch.zeros_like(v) for v in given))
    both = torch.cat((net.tokens(given), net.tokens(null)))
    context = base.text(torch.cat((d["captions"][at].long(), pairs.empty.expand(count, -1))))
    patches = net.patches(both)

    def velocity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with lab.autocast():
            out = base.unet._forward(
                torch.cat((x, x)), torch.cat((t, t)).float(), context=context, transformer_options={"patches": patches}
            )
        cond, uncond = out.float().chunk(2)
        return uncond + train_base.GUIDANCE * (cond - uncond)

    latents = noise.sample(velocity, torch.randn(count, 4, 32, 32).to(lab.DEVICE))
    real, drawn = (
        vae.decoder(vae.post_quant_conv(z / lab.LATENT_SCALE)) / 2 + 0.5 for z in (d["latents"][at].float(), latents)
    )
    lab.save_grid(path, torch.cat([half[row : row + 8] for row in range(0, count, 8) for half in (real, drawn)]), 8)


def main() -> None:
    args = loop.arguments(batch=16, lr=1e-3, masks=WITH_MASKS)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base, net = frozen_base(args.state), grounded.Grounding().to(lab.DEVICE)
    lab.say(
        f"tokenizer {sum(p.numel() for p in net.position_net.parameters()) / 1e6:.2f} M, adapter {sum(p.numel() for p in net.adapter.parameters()) / 1e6:.2f} M"
    )
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    pairs = Pairs(args.state, phrase_features(base.text))
    training = loop.Training(net, args.state / "instances.pt", args)

    def forward(x, t, context, given, through):
        attended, clean, hidden = [], [], None
        if through is not None:
            logs = through.mT.split([side * side for side in SIDES], 1)
            hidden = {side * side: log for side, log in zip(SIDES, logs, strict=True)}
        reading, fusing = base.heads.patches(None, clean), net.patches(given, attended, hidden)
        patches = {name: reading.get(name, []) + fusing.get(name, []) for name in {**reading, **fusing}}
        return base.unet._forward(x, t, context=context, transformer_options={"patches": patches}), attended, clean

    compiled = lab.compiled(forward)  # for squares alone: each size more would take minutes

    def loss(kind: loop.Kind) -> torch.Tensor:
        batch = pairs.batch(kind, args.batch, args.masks if training.step >= MASKS_FROM else 0)
        x, t = batch.latents, noise.draw_times(args.batch, lab.DEVICE)
        late = (torch.rand(args.batch, device=lab.DEVICE) * BRANCH_TIMES).long()
        t, target = torch.where(batch.branch, late, t), noise.draw_noise(x)
        with lab.autocast():
            with torch.no_grad():
                context = base.text(batch.ids)
            ask = forward if args.eager or x.shape[-2] != x.shape[-1] else compiled
            given = net.tokens(batch.inputs)
            out, attended, clean = ask(noise.noised(x, target, t), t.float(), context, given, batch.through)
        off, blurred = grounded.attention_error(attended, batch.cover), heads.clean_error(clean, x)
        error = (noise.loss_weights(t) * ((out.float() - noise.velocity(x, target, t)) ** 2).mean((1, 2, 3))).mean()
        for name, value in (("attention", off), ("clean", blurred), ("crowded" if kind == CROWDED else "usual", error)):
            training.seen.add(name, value)
        aid = (training.rate / (FADE_OUT * args.lr)).clamp(max=1)
        return error + aid * (ATTENTION_WEIGHT * off + CLEAN_WEIGHT * blurred)

    def look(step: int) -> None:
        draw(base, net, pairs, vae, args.state / "grids" / f"instances_{step:06}.png")

    training.run(loss, pairs.kinds, look)


if __name__ == "__main__":
    main()
