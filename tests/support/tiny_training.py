"""A training that takes milliseconds: a UNet with ComfyUI's blocks and calls, ten channels wide, and made-up samples.

`main` is that of a process to be killed, or of one of several.
"""

from pathlib import Path

import torch
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.training import base, batches, drops, grounded, objective
from instdiff.instdiff_modules.training.draws import SeededDraws, generator
from instdiff.instdiff_modules.training.loop import Batch, Events, Trainer
from instdiff.instdiff_modules.training.recipe import Recipe
from instdiff.instdiff_modules.training.settings import Settings
from instdiff.instdiff_modules.training.states import States
from instdiff.instdiff_modules.training.team import Team
from torch import Tensor, nn

WIDTH, TEXT, SLOTS = 8, 12, 4
BACKBONE = {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 4)}


class TinyBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn1, self.attn2 = nn.Module(), nn.Module()
        self.attn1.to_q = nn.Linear(WIDTH, WIDTH)
        self.attn2.to_k = nn.Linear(TEXT, WIDTH)

    def forward(self, x: Tensor, context: Tensor, options: dict) -> Tensor:
        x = x + self.attn1.to_q(x)
        for patch in options["patches"].get("middle_patch", ()):
            x = patch(x, {**options, "n_heads": 2})
        return x + self.attn2.to_k(context).mean(1, keepdim=True)


class TinyTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer_blocks = nn.ModuleList([TinyBlock()])

    def forward(self, x: Tensor, context: Tensor, options: dict) -> Tensor:
        b, c, h, w = x.shape
        options["block_index"] = 0
        return self.transformer_blocks[0](x.flatten(2).mT, context, options).mT.reshape(b, c, h, w)


class TinyRes(nn.Module):
    def __init__(self, channels: int, out: int = WIDTH) -> None:
        super().__init__()
        self.out_channels, self.conv = out, nn.Conv2d(channels, out, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(self.conv(x) + t[:, None, None, None] / 1000)


class TinyUNet(nn.Module):
    """One block down, one in the middle, one up, all at the latent's own size."""

    num_classes = None

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.input_blocks = nn.ModuleList(
                [nn.ModuleList([TinyRes(4)]), nn.ModuleList([TinyRes(WIDTH), TinyTransformer()])]
            )
            self.middle_block = nn.ModuleList([TinyRes(WIDTH), TinyTransformer()])
            self.output_blocks = nn.ModuleList([nn.ModuleList([TinyRes(2 * WIDTH), TinyTransformer()])])
            self.out = nn.Conv2d(WIDTH, 4, 1)

    def forward(self, x: Tensor, t: Tensor, context: Tensor, transformer_options: dict) -> Tensor:
        def through(block: nn.ModuleList, h: Tensor, name: tuple) -> Tensor:
            transformer_options["block"] = name
            for layer in block:
                h = layer(h, t) if isinstance(layer, TinyRes) else layer(h, context, transformer_options)
            return h

        for i, block in enumerate(self.input_blocks):
            x = through(block, x, ("input", i))
        h = through(self.middle_block, x, ("middle", 0))
        transformer_options["block"] = ("output", 0)
        for patch in transformer_options["patches"].get("output_block_patch", ()):
            h, x = patch(h, x, transformer_options)
        return self.out(through(self.output_blocks[0], torch.cat((h, x), 1), ("output", 0)))


class MadeUp:
    """Samples that are functions of their number: `of` a batch over all processes."""

    def __init__(self, of: int = 4, spoiled: int | None = None) -> None:
        self.of, self.spoiled, self.recipe = of, spoiled, Recipe()

    def batch(self, number: int, rank: int, size: int) -> Batch:
        share = self.of // size
        return self._made([(number, place) for place in range(rank * share, (rank + 1) * share)])

    def held_out(self) -> list[Batch]:
        return [self._made([(-1, place) for place in range(2)])]

    def _made(self, keys: list) -> Batch:
        layouts, gone, latents, noise, t = [], [], [], [], []
        for key in keys:
            draws, numbers = SeededDraws("item", *key), generator("noise", *key)
            x, y = draws.uniform() / 2, draws.uniform() / 2
            layout = build_grounding(
                [[Instance("a", "", box=(x, y, x + 0.4, y + 0.4), scribble=((x, y), (x + 0.3, y)))]],
                [torch.randn(1, TEXT, generator=numbers)],
                SLOTS,
            )
            layouts.append(layout)
            gone.append(drops.drop_of(drops.given_formats(layout), draws, self.recipe))
            latents.append(torch.randn(4, 6, 6, generator=numbers))
            noise.append(torch.randn(4, 6, 6, generator=numbers))
            t.append(draws.uniform())
        latent = torch.stack(latents)
        if self.spoiled is not None and keys[0][0] == self.spoiled:
            latent = latent * float("nan")
        after = batches.dropped(layouts, gone)
        context = torch.randn(len(keys), 3, TEXT, generator=generator("context", *keys[0]))
        context = context * 0 + torch.stack([torch.full((3, TEXT), key[1] / 10) for key in keys])
        names = [f"picture {key[0]}.{key[1]}" for key in keys]
        boxes = batches.mask_boxes(batches.joined(layouts), after, self.recipe)
        return Batch(latent, torch.stack(noise), objective.timesteps(torch.tensor(t)), context, after, boxes, names)


def network(parts: tuple = tuple(grounded.PARTS)) -> grounded.Grounded:
    unet = TinyUNet()
    net = grounded.Grounded(base.sizes(unet, TEXT, SLOTS, 16, **BACKBONE), unet, parts)
    grounded.start(net, generator("start"))
    with torch.no_grad():  # as later in a training, when all parts have gradients
        for name, parameter in net.named_parameters():
            if name.rpartition(".")[2].startswith(("alpha_", "scaleu_", "null_")):
                parameter.fill_(0.3)
    return net


def trainer(states: Path | None, steps: int, data: MadeUp | None = None, **changes: object) -> Trainer:
    team = Team()
    team.join(torch.device("cpu"))
    plan = Settings(
        **{
            "max_train_steps": steps,
            "learning_rate": 1e-2,
            "save_every_n_steps": 2,
            "validate_every_n_steps": 4,
            "ema_decay": 0.9,
            **changes,
        }
    )
    kept = States(states) if states else None
    return Trainer(network(), data or MadeUp(), plan, objective.sd_alphas(), "eps", states=kept, team=team)


def main(states: str, steps: str, gradients: str = "") -> None:
    """Train on; or, with a file for the gradients, one step without clipping, of which these are written."""
    torch.set_num_threads(1)
    if gradients:
        run = trainer(None, int(steps), max_grad_norm=0.0)
        run.events = Events(stepped=lambda *_: torch.save({n: p.grad for n, p in run.trained.items()}, gradients))
    else:
        run = trainer(Path(states), int(steps))
        run.resume()
    run.run()
    run.team.leave()
