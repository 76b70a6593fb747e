"""Go on from the shipped file with scenes whose objects overlap, lie inside others or stand close: python teach_overlaps.py STATE_DIR UNTIL

The state is that of `unpack_demo.py FILE STATE_DIR 8`, with pool and layouts of some usual shards and some crowded ones (50-79). At the end
STATE_DIR/demo_model.safetensors is the shipped file with the new instance networks.

Half of each batch are ordinary scenes, so that nothing is forgotten. Of the crowded ones some are drawn as *overlap: by depth* draws
them (whole boxes; what is hidden of an instance is not seen), some as the later steps of an instance's branch (one instance and its own
words in a picture that holds all). Slots are those of the file.
"""

import sys
from pathlib import Path

import grounded
import lab
import make_layouts

SLOTS = 8
grounded.SLOTS = make_layouts.MOST = SLOTS  # of the shipped file; before anything is built

import heads  # noqa: E402
import loop  # noqa: E402
import noise  # noqa: E402
import tokens  # noqa: E402
import torch  # noqa: E402
import train_instances as plain  # noqa: E402
import train_vae  # noqa: E402
import worlds  # noqa: E402
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs  # noqa: E402
from instdiff.instdiff_modules.layout.instance import Instance  # noqa: E402
from instdiff.instdiff_modules.sampling.layout_masks import LEAST  # noqa: E402
from instdiff.instdiff_modules.sampling.occlusion import seen  # noqa: E402
from instdiff.instdiff_modules.shapeworld.demo_file import DemoFile, read_demo_file  # noqa: E402
from instdiff.instdiff_modules.shapeworld.outlines import half_extent  # noqa: E402
from instdiff.nodes.demo_model import DEMO_FILE  # noqa: E402
from support.write_demo_file import write_demo_file  # noqa: E402
from torch import Tensor  # noqa: E402

loop.GRID_EVERY = 3600  # seconds: it costs as much as fifty steps

SIDES = (32, 16, 8)  # of the visual tokens of each level
MODES = {"free": 0.4, "ordered": 0.4, "branch": 0.2}
WHOLE_BOXES = 0.5  # of the free ones: boxes as people draw them, around what is hidden, too
GIVEN = {"box": 0.45, "point": 0.35, "scribble": 0.15, "box scribble": 0.05}
WITH_MASKS = 0.1875
BRANCH_TIMES = 650  # while the branch's picture still has a background of its own, no other instance is there


def depths(folder: Path, shard: int) -> dict[str, Tensor]:
    """Of a crowded shard: whole boxes (n, SLOTS, 4), and what is seen of each in every cell of each level, (n, SLOTS, cells)."""
    path = folder / "depths" / f"{shard:04}.pt"
    if (known := lab.load_state(path)) is not None:
        return known
    boxes, through = torch.zeros(worlds.SHARD, SLOTS, 4), torch.ones(worlds.SHARD, SLOTS, sum(s * s for s in SIDES))
    for n in range(worlds.SHARD):
        things = worlds.scene_of(shard * worlds.SHARD + n).things
        for i, thing in enumerate(things):
            reach = [extent * thing.size / 2 for extent in half_extent(thing.shape)]
            boxes[n, i] = torch.tensor(
                [c + sign * r for sign in (-1, 1) for c, r in zip(thing.center, reach, strict=True)]
            )
        given = [Instance(f"i{i}", "a", box=tuple(boxes[n, i].clamp(0, 1).tolist())) for i in range(len(things))]
        through[n, : len(things)] = torch.cat([seen(given, side, side).flatten(1) for side in SIDES], 1)
    lab.save_state(path, {"whole": boxes.clamp(0, 1), "through": through.half()})
    return depths(folder, shard)


class Pairs(plain.Pairs):
    """Those of some shards, with the slots of the file."""

    def __init__(self, folder: Path, text: Tensor, shards: list[int]) -> None:
        parts = []
        for shard in shards:
            name = f"{shard:04}.pt"
            part = {k: v for kind in ("pool", "layouts") for k, v in lab.load_state(folder / kind / name).items()}
            part |= {k: part[k][:, :SLOTS] for k in ("phrase", "boxes", "points", "scribbles", "polygons")}
            parts.append({**part, **(depths(folder, shard) if shard in worlds.CROWDED else {})})
        data = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        real = torch.arange(SLOTS) < data["count"][:, None]
        ring = torch.tensor([phrase.split()[-1] == "ring" for phrase in make_layouts.PHRASES])
        data["often"] = 1 + (plain.RINGS - 1) * (ring[data["phrase"].long()] & real).any(1).float()
        self.canvases, self.sizes = {plain.SQUARE: data}, torch.ones(1)
        self.text, self.empty = text, tokens.encode([""])[0].long()


class CrowdedPairs(Pairs):
    def __init__(self, folder: Path, text: Tensor, shards: list[int]) -> None:
        super().__init__(folder, text, shards)
        self.ids = tokens.encode(make_layouts.PHRASES).long()

    def crowded(self, size: int) -> tuple[Tensor, Tensor, GroundingInputs, Tensor, Tensor, Tensor]:
        """As `batch`, then what is seen of each slot's instance (size, SLOTS, cells), and which pictures are those of a branch (size,)."""
        d = self.canvases[plain.SQUARE]
        at = torch.randint(len(d["count"]), (size,))
        d_at = {key: value[at] for key, value in d.items()}
        mode = torch.multinomial(torch.tensor(list(MODES.values())), size, replacement=True)
        ordered, branch = (mode == list(MODES).index(name) for name in ("ordered", "branch"))
        held = {plain.SQUARE: {**d_at, "often": torch.ones(size)}}
        one = _Once(held, self.text, self.empty)
        use = ordered | ((torch.rand(size) < WHOLE_BOXES) & ~branch)
        held[plain.SQUARE]["boxes"] = torch.where(use[:, None, None], d_at["whole"], d_at["boxes"])
        middle = held[plain.SQUARE]["boxes"].unflatten(-1, (2, 2)).mean(-2)
        held[plain.SQUARE]["points"] = torch.cat((middle[:, :, None], d_at["points"][:, :, 1:]), 2)
        own = (torch.rand(size, SLOTS) * (torch.arange(SLOTS) < d_at["count"][:, None])).argmax(1)
        one.branch, one.own = branch, own
        one.boxes_only = ordered
        latents, ids, inputs, cover = one.batch(size, WITH_MASKS)
        ids[branch] = self.ids[d_at["phrase"].long()[torch.arange(size), own]][branch]
        through = torch.where(ordered[:, None, None], d_at["through"].float(), 1.0)
        return latents, ids, inputs, cover, through, branch


class _Once(plain.Pairs):
    """One batch of given scenes: `plain.Pairs.batch` with its draws of pictures and of formats replaced."""

    def __init__(self, canvases: dict, text: Tensor, empty: Tensor) -> None:
        self.canvases, self.sizes, self.text, self.empty = canvases, torch.ones(1), text, empty
        self.branch = self.own = self.boxes_only = torch.zeros(0)

    def pictures(self, d: dict[str, Tensor], size: int) -> Tensor:
        return torch.arange(size)

    def given(self, size: int, masked: int) -> dict[str, Tensor]:
        drawn = [plain.draw_formats(plain.GIVEN_WITH_MASKS, masked), plain.draw_formats(GIVEN, size - masked)]
        has = {f: torch.cat([part[f] for part in drawn]) for f in plain.LOCATIONS}
        return {f: torch.where(self.boxes_only[:, None], torch.tensor(f == "box"), value) for f, value in has.items()}

    def present(self, real: Tensor) -> tuple[Tensor, Tensor]:
        present, quiet = super().present(real)
        alone = torch.arange(SLOTS) == self.own[:, None]
        present = torch.where(self.branch[:, None], alone, present)
        return torch.where(self.boxes_only[:, None], real, present), quiet & ~self.branch


def main() -> None:
    args = loop.arguments(batch=32, lr=6e-4)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base, net = plain.frozen_base(args.state), grounded.Grounding()
    training = loop.Training(net, args.state / "instances.pt", args)
    vae = train_vae.build()
    vae.load_state_dict(lab.load_state(args.state / "vae_final.pt"))
    text = plain.phrase_features(base.text)
    shards = [int(p.stem) for p in (args.state / "pool").glob("*.pt") if (args.state / "layouts" / p.name).exists()]
    usual = Pairs(args.state, text, [s for s in sorted(shards) if s not in worlds.CROWDED])
    crowded = CrowdedPairs(args.state, text, [s for s in sorted(shards) if s in worlds.CROWDED])
    seen_errors: dict[str, float] = {}

    def forward(x, t, context, given, through):
        attended, clean = [], []
        logs = through.clamp(min=LEAST).log().mT.split([s * s for s in SIDES], 1)
        hidden = {side * side: log for side, log in zip(SIDES, logs, strict=True)}
        reading, fusing = base.heads.patches(None, clean), net.patches(given, attended, hidden)
        patches = {name: reading.get(name, []) + fusing.get(name, []) for name in {**reading, **fusing}}
        return base.unet._forward(x, t, context=context, transformer_options={"patches": patches}), attended, clean

    compiled = forward if args.eager else lab.compiled(forward)

    def loss() -> Tensor:
        half = args.batch // 2
        x1, ids1, in1, cover1 = usual.batch(half, plain.WITH_MASKS)
        x2, ids2, in2, cover2, through, branch = crowded.crowded(args.batch - half)
        # masks first, of both halves: those without any have smaller canvases
        x, ids, cover = torch.cat((x1, x2)), torch.cat((ids1, ids2)), torch.cat((cover1, cover2))
        inputs = GroundingInputs(*(torch.cat(pair) for pair in zip(in1, in2, strict=True)))
        through = torch.cat((torch.ones(half, *through.shape[1:]), through))
        t = noise.draw_times(len(x), x.device)
        t[half:] = torch.where(branch, (torch.rand(len(branch)) * BRANCH_TIMES).long(), t[half:])
        target = noise.draw_noise(x)
        with lab.autocast():
            with torch.no_grad():
                context = base.text(ids)
            out, attended, clean = compiled(noise.noised(x, target, t), t.float(), context, net.tokens(inputs), through)
        off, blurred = grounded.attention_error(attended, cover), heads.clean_error(clean, x)
        each = noise.loss_weights(t) * ((out.float() - noise.velocity(x, target, t)) ** 2).mean((1, 2, 3))
        error = each.mean()
        values = {"attention": off, "clean": blurred, "usual": each[:half].mean(), "crowded": each[half:].mean()}
        for name, value in values.items():
            seen_errors[name] = 0.98 * seen_errors.get(name, value.item()) + 0.02 * value.item()
        if training.step % 50 == 0:
            lab.say(", ".join(f"{name} {value:.4f}" for name, value in seen_errors.items()))
        aid = min(1, training.rate / (plain.FADE_OUT * args.lr))
        return error + aid * (plain.ATTENTION_WEIGHT * off + plain.CLEAN_WEIGHT * blurred)

    def draw(step: int) -> None:
        plain.draw(base, net, crowded, vae, args.state / "grids" / f"overlaps_{step:06}.png")

    training.run(loss, draw)
    pack(args.state)


def pack(folder: Path) -> None:
    """The shipped file with the averaged instance networks of a state."""
    net, demo = grounded.Grounding(), read_demo_file(DEMO_FILE)
    net.load_state_dict(lab.averaged(lab.load_state(folder / "instances.pt")))
    parts = {**demo.tensors, "instdiff": net.official_state_dict()}
    write_demo_file(folder / "demo_model.safetensors", DemoFile(parts, demo.config))


if __name__ == "__main__":
    sys.exit(main())
