"""Last step: the tokenizer's MLP of scribbles learns to say of an object what that of boxes says: python teach_scribbles.py STATE_DIR MINUTES

Trained through the fusers alone it had found a language of its own, in which things of one colour change places. Here it gets the
box's token itself as target, without the UNet, twenty million strokes in five minutes. What it says where there is no scribble stays
as it was, so that pictures by boxes, masks and points stay, too. Nothing else in the state changes.
"""

import copy
import sys
import time
from pathlib import Path

import grounded
import lab
import make_layouts
import torch
from instdiff.instdiff_modules.networks.fourier import fourier_features
from pairs import frozen_base, phrase_features
from torch import Tensor, nn

BATCH, RATE, HELD = 1024, 1e-3, 4000
RANDOM = 0.3  # of the strokes are the authors' random points of the mask
SHIFTED = 0.7  # of the objects are moved, with their stroke, to another place on the canvas
NULL = 3.0  # weight of the tokens without a scribble


class Strokes:
    """Instance caption, box (n, 4) and both strokes (n, 2, 20, 2) of every object of the layouts; the last HELD are for measuring."""

    def __init__(self, folder: Path) -> None:
        shards = [torch.load(path, weights_only=True) for path in sorted((folder / "layouts").glob("*.pt"))]
        real = torch.cat([torch.arange(make_layouts.MOST) < shard["count"][:, None] for shard in shards])
        self.phrase, self.box, strokes = (
            torch.cat([shard[key] for shard in shards])[real] for key in ("phrase", "boxes", "scribbles")
        )
        self.phrase, self.strokes = self.phrase.long(), strokes.unflatten(-1, (20, 2))

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """-> captions (b,), boxes (b, 4), strokes (b, 40)."""
        at = torch.randint(len(self.box) - HELD, (BATCH,))
        box, stroke = self.box[at], self.strokes[at, (torch.rand(BATCH) < RANDOM).long()]
        low, high = -box[:, :2].clamp(min=0), 1 - box[:, 2:].clamp(max=1)
        move = (low + torch.rand(BATCH, 2) * (high - low)) * (torch.rand(BATCH, 1) < SHIFTED)
        return self.phrase[at], box + move.repeat(1, 2), (stroke + move[:, None]).flatten(1)

    def held(self, kind: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.phrase[-HELD:], self.box[-HELD:], self.strokes[-HELD:, kind].flatten(1)


def token(mlp: nn.Module, text: Tensor, place: Tensor) -> Tensor:
    return mlp(torch.cat((text, fourier_features(place)), -1))


def teach(
    boxes: nn.Module, scribbles: nn.Module, text: Tensor, absent: Tensor, strokes: Strokes, minutes: float
) -> nn.Module:
    """-> the MLP of scribbles, trained. absent (p, ·): its inputs where there is no scribble."""
    silent = scribbles(absent).detach()
    mlp = copy.deepcopy(scribbles).requires_grad_(True)
    optimizer = torch.optim.AdamW(mlp.parameters(), RATE, weight_decay=0, betas=(0.9, 0.99))
    spread = token(boxes, text[strokes.phrase[-HELD:]], strokes.box[-HELD:]).var(0).mean()

    def error(phrase: Tensor, box: Tensor, stroke: Tensor) -> Tensor:
        return (token(mlp, text[phrase], stroke) - token(boxes, text[phrase], box)).square().mean() / spread

    begin, step = time.time(), 0
    while (left := 1 - (time.time() - begin) / (60 * minutes)) > 0:
        optimizer.param_groups[0]["lr"] = RATE * left
        kept = (mlp(absent) - silent).square().mean() / spread
        (error(*strokes.batch()) + NULL * kept).backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step % 500 == 0:
            with torch.no_grad():
                drawn, random = (error(*strokes.held(kind)).item() for kind in (0, 1))
            lab.say(
                f"step {step}: error of a drawn stroke's token {drawn:.4f}, of random points' {random:.4f}, without a scribble {kept.item():.5f}"
            )
    return mlp


def main() -> None:
    folder, minutes = Path(sys.argv[1]), float(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    state, net = lab.load_state(folder / "instances.pt"), grounded.Grounding()
    net.load_state_dict(lab.averaged(state))
    tokenizer = net.position_net.requires_grad_(False)
    text = phrase_features(frozen_base(folder).text).float().cpu()
    texts = torch.cat((text, tokenizer.null_positive_feature[None]))
    absent = torch.cat((texts, tokenizer.null_scribble_feature.expand(len(texts), -1)), -1)
    tokenizer.linears_list[2] = teach(
        tokenizer.linears_list[0], tokenizer.linears_list[2], text, absent, Strokes(folder), minutes
    )
    lab.save_state(
        folder / "instances.pt",
        {"model": net.state_dict(), "ema": net.state_dict(), "ema_steps": state["ema_steps"], "step": state["step"]},
    )


if __name__ == "__main__":
    main()
