"""Stage two: the base is frozen, UniFusion, fusers and ScaleU learn places: python train_instances.py STATE_DIR UNTIL (HH:MM)

As the paper trains: any of the location formats may be missing, per picture or per instance, and now and then an
instance, the caption or everything.
"""

from pathlib import Path

import grounded
import heads
import lab
import loop
import make_layouts
import noise
import tokens
import torch
import torch.nn.functional as F
import train_base
import train_vae
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs

# What a person may give, and the formats that the pack makes of it (a mask brings its box, a box its centre).
GIVEN = {"box": 0.2, "point": 0.35, "scribble": 0.4, "box scribble": 0.05}
GIVEN_WITH_MASKS = {"mask": 0.7, "mask scribble": 0.15, "box": 0.05, "point": 0.05, "scribble": 0.05}
WITH_MASKS = 0.25  # share of each batch: the backbone that reads masks costs as much as the UNet,
MASKS_FROM = 1500  # so it waits until the fusers know what to do with a place
# A fuser's way to the loss leads through all frozen layers behind it, and through their noise nothing is learned for hours. Two shorter ways
# tell each fuser where to look and what to say: its attention shall go to the instance that is there, and the base's own heads shall
# read the right latent behind it. Both fade out: the last word has the picture.
ATTENTION_WEIGHT, CLEAN_WEIGHT, FADE_OUT = 0.05, 0.2, 0.3
MIXED = 0.25  # of the pictures have instances with different formats
ANY_PIXEL = 0.15  # of the points are any pixel well inside the object, the rest its middle
RINGS = 2  # times as often as others pictures with a ring are drawn: where one is meant by a point on its band is the hardest to tell
NO_INSTANCE, NO_CAPTION, NOTHING = 0.1, 0.1, 0.1
SQUARE = (32, 32)  # latents of the grids


LOCATIONS = ("box", "mask", "point", "scribble")


def draw_formats(shares: dict[str, float], size: int) -> dict[str, torch.Tensor]:
    """format -> (size, MOST) bool: what is given of every instance; most pictures give the same of all."""
    here = {"device": lab.DEVICE}
    kinds = torch.multinomial(
        torch.tensor(list(shares.values()), **here), max(1, size) * make_layouts.MOST, replacement=True
    )
    kinds = kinds.view(-1, make_layouts.MOST)[:size]
    kinds = torch.where(torch.rand(size, 1, **here) < MIXED, kinds, kinds[:, :1])
    return {f: torch.tensor([f in given.split() for given in shares], **here)[kinds] for f in LOCATIONS}


class Pairs:
    """Latents, captions and grounding inputs of the shards that have both, those of one canvas together."""

    def __init__(self, folder: Path, text: torch.Tensor) -> None:
        canvases: dict[tuple[int, ...], list[dict[str, torch.Tensor]]] = {}
        for path in sorted((folder / "layouts").glob("*.pt")):
            part = {**torch.load(folder / "pool" / path.name, weights_only=True), **torch.load(path, weights_only=True)}
            canvases.setdefault(tuple(part["latents"].shape[-2:]), []).append(part)
        self.canvases = {
            size: {key: torch.cat([part[key] for part in parts]).to(lab.DEVICE) for key in parts[0]}
            for size, parts in canvases.items()
        }
        ring = torch.tensor([phrase.split()[-1] == "ring" for phrase in make_layouts.PHRASES]).to(lab.DEVICE)
        for data in self.canvases.values():
            real = torch.arange(make_layouts.MOST, device=lab.DEVICE) < data["count"][:, None]
            data["often"] = 1 + (RINGS - 1) * (ring[data["phrase"].long()] & real).any(1).float()
        self.sizes = torch.tensor([float(len(data["count"])) for data in self.canvases.values()])
        self.text, self.empty = text, tokens.encode([""])[0].long().to(lab.DEVICE)

    def batch(self, size: int, with_masks: float) -> tuple[torch.Tensor, torch.Tensor, GroundingInputs, torch.Tensor]:
        """-> latents of one canvas, captions, grounding inputs; what each instance covers, (size, SLOTS, h, w)."""
        d, here = list(self.canvases.values())[int(torch.multinomial(self.sizes, 1))], {"device": lab.DEVICE}
        at = self.pictures(d, size)
        bare = torch.rand(size, 1, **here) < train_base.NO_BACKGROUND  # as a multi-instance branch's prompt is
        ids = torch.where(bare, d["bare"][at], d["captions"][at]).long()
        present, quiet = self.present(torch.arange(make_layouts.MOST, **here) < d["count"][at][:, None])
        ids[quiet] = self.empty
        masked = round(size * with_masks)
        has = {f: given & present for f, given in self.given(size, masked).items()}
        box = has["box"] | has["mask"]
        kind = torch.where(box, 0, 1 + (torch.rand(box.shape, **here) < ANY_PIXEL).long())
        pick = torch.arange(size, **here)[:, None], torch.arange(make_layouts.MOST, **here)[None, :]
        labels, latents = d["labels"][at], d["latents"][at].float()
        cover = torch.zeros(size, grounded.SLOTS, *latents.shape[-2:], **here)
        segs = torch.zeros(size, grounded.SLOTS, *((512, 512) if masked else (1, 1)), dtype=torch.bfloat16, **here)
        for i in range(int(d["count"][at].max())):
            shape = (labels == i + 1).to(torch.bfloat16)[:, None]
            cover[:, i] = F.avg_pool2d(shape, 8)[:, 0].float() * present[:, i, None, None]
            if masked:
                shown = shape[:masked] * has["mask"][:masked, i, None, None, None]
                segs[:masked, i] = F.interpolate(shown, (512, 512), mode="bilinear")[:, 0]

        def slots(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return values.float() * mask[..., None]

        stroke = torch.randint(2, box.shape, **here)
        inputs = GroundingInputs(
            slots(d["boxes"][at], box),
            slots(d["points"][at][pick[0], pick[1], kind], box | has["point"]),
            slots(d["scribbles"][at][pick[0], pick[1], stroke], has["scribble"]),
            slots(d["polygons"][at], has["mask"]),
            segs,
            slots(self.text[d["phrase"][at].long()], present),
            present.float(),
            box.float(),
            (box | has["point"]).float(),
            has["scribble"].float(),
            has["mask"].float(),
            has["mask"].any(1).float(),
        )
        return latents, ids, inputs, cover

    def pictures(self, d: dict[str, torch.Tensor], size: int) -> torch.Tensor:
        """Which of a canvas's pictures a batch has."""
        return torch.multinomial(d["often"], size, replacement=True)

    def present(self, real: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of the instances that are there (size, MOST) are told; which pictures have no caption (size,)."""
        size, here = len(real), {"device": real.device}
        quiet = torch.rand(size, **here) < NO_CAPTION
        present = real & (torch.rand(real.shape, **here) >= NO_INSTANCE)
        nothing = torch.rand(size, **here) < NOTHING
        present[nothing], quiet = False, quiet | (nothing & (torch.rand(size, **here) < 0.8))
        return present, quiet

    def given(self, size: int, masked: int) -> dict[str, torch.Tensor]:
        """format -> (size, MOST) bool; only the first `masked` pictures have masks."""
        parts = [draw_formats(GIVEN_WITH_MASKS, masked), draw_formats(GIVEN, size - masked)]
        return {f: torch.cat([part[f] for part in parts]) for f in LOCATIONS}


@torch.no_grad()
def phrase_features(text: torch.nn.Module) -> torch.Tensor:
    """(n, width): CLIP's pooled feature of every instance caption, at its end token, before any projection."""
    ids = tokens.encode(make_layouts.PHRASES).long().to(lab.DEVICE)
    end = (ids == 2).int().argmax(1)  # row 2 is the end token
    return text(ids)[torch.arange(len(ids), device=ids.device), end]


def frozen_base(folder: Path) -> train_base.Base:
    base = train_base.Base().to(lab.DEVICE)
    base.load_state_dict(lab.averaged(lab.load_state(folder / "base.pt")))
    return base.requires_grad_(False).eval()


@torch.no_grad()
def draw(base, net, pairs: Pairs, vae, path: Path, count: int = 16) -> None:
    """Scenes above, pictures with their boxes below."""
    torch.manual_seed(5)
    d, at = pairs.canvases[SQUARE], torch.arange(count, device=lab.DEVICE)
    box = torch.arange(make_layouts.MOST, device=lab.DEVICE) < d["count"][at][:, None]

    def slots(v):
        return v * box[..., None]

    flag, none = box.float(), torch.zeros(count, grounded.SLOTS, device=lab.DEVICE)
    segs = torch.zeros(count, grounded.SLOTS, 1, 1, device=lab.DEVICE)
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
    args = loop.arguments(batch=16, lr=1e-3)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base, net = frozen_base(args.state), grounded.Grounding().to(lab.DEVICE)
    lab.say(
        f"tokenizer {sum(p.numel() for p in net.position_net.parameters()) / 1e6:.2f} M, adapter {sum(p.numel() for p in net.adapter.parameters()) / 1e6:.2f} M"
    )
    vae = train_vae.build().to(lab.DEVICE)
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    training = loop.Training(net, args.state / "instances.pt", args)
    pairs = Pairs(args.state, phrase_features(base.text))

    seen = {}

    def forward(x, t, context, given):
        attended, clean = [], []
        reading, fusing = base.heads.patches(None, clean), net.patches(given, attended)
        patches = {name: reading.get(name, []) + fusing.get(name, []) for name in {**reading, **fusing}}
        return base.unet._forward(x, t, context=context, transformer_options={"patches": patches}), attended, clean

    compiled = lab.compiled(forward)  # for squares alone: each size more would take minutes

    def loss() -> torch.Tensor:
        x, ids, inputs, cover = pairs.batch(args.batch, WITH_MASKS if training.step >= MASKS_FROM else 0)
        t = noise.draw_times(len(x), x.device)
        target = noise.draw_noise(x)
        with lab.autocast():
            with torch.no_grad():
                context = base.text(ids)
            ask = compiled if x.shape[-2:] == SQUARE else forward
            out, attended, clean = ask(noise.noised(x, target, t), t.float(), context, net.tokens(inputs))
        off, blurred = grounded.attention_error(attended, cover), heads.clean_error(clean, x)
        error = (noise.loss_weights(t) * ((out.float() - noise.velocity(x, target, t)) ** 2).mean((1, 2, 3))).mean()
        for name, value in (("attention", off), ("clean", blurred), ("velocity", error)):
            seen[name] = 0.98 * seen.get(name, value.item()) + 0.02 * value.item()
        if training.step % 100 == 0 and not training.rank:
            lab.say(", ".join(f"{name} {value:.4f}" for name, value in seen.items()))
        aid = min(1, training.rate / (FADE_OUT * args.lr))
        return error + aid * (ATTENTION_WEIGHT * off + CLEAN_WEIGHT * blurred)

    training.run(loss, lambda step: draw(base, net, pairs, vae, args.state / "grids" / f"instances_{step:06}.png"))


if __name__ == "__main__":
    main()
