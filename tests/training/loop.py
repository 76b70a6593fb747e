"""The loop that both stages share: resume, rate, step, average, log, grid, save. Several processes share a step (torchrun)."""

import argparse
import os
import random
import time
from collections.abc import Callable, Hashable
from pathlib import Path

import lab
import muon
import torch
import torch.distributed as dist
from recorded import Recorded
from torch import Tensor, nn

Kind = Hashable  # of a batch: what has other sizes, or another way through the network
SAVE_EVERY, GRID_EVERY, LOG_EVERY, WARMUP = 60, 600, 50, 100


def arguments(batch: int, lr: float, **more: float) -> argparse.Namespace:
    """more: options of one stage alone, and their defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path, help="folder with everything that one stage leaves to the next")
    parser.add_argument("until", help="HH:MM, or minutes from now as +90")
    parser.add_argument("--batch", type=int, default=batch, help="per process")
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument(
        "--cool", type=float, default=0, help="minutes before the end in which the rate falls to nothing"
    )
    parser.add_argument("--eager", action="store_true", help="do not compile, do not record: for short runs")
    for name, value in more.items():
        parser.add_argument(f"--{name}", type=float, default=value)
    return parser.parse_args()


def _end(until: str) -> float:
    if until.startswith("+"):
        return time.time() + 60 * float(until)
    end = time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + until, "%Y-%m-%d %H:%M"))
    return end if end > time.time() else end + 86400  # tomorrow


class Training:
    """module's parameters that require gradients are trained; its whole state is averaged and saved at `path`."""

    def __init__(self, module: nn.Module, path: Path, args: argparse.Namespace) -> None:
        self.team, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        if self.team > 1:
            dist.init_process_group("gloo")
        self.module, self.path, self.args, self.step = module, path, args, 0
        self.until = _end(args.until)
        self.rate = torch.zeros((), device=lab.DEVICE)  # of learning
        self.optimizer, self.ema = muon.Pair(module, self.rate), lab.Ema(module)
        if (state := lab.load_state(path)) is not None:
            module.load_state_dict({k: v.float() for k, v in state["model"].items()})
            if "optimizer" in state:
                self.optimizer.load_state_dict(state["optimizer"])
            self.ema.resume(lab.averaged(state), state["ema_steps"])
            self.step = state["step"]
        self.warm = self.step + WARMUP
        self.seen = lab.Means()
        self.lots = random.Random(self.step)  # the same for all: each waits for the slowest
        torch.manual_seed(self.step * self.team + self.rank)

    def run(self, loss: Callable[[Kind], Tensor], kinds: dict[Kind, float], draw: Callable[[int], None]) -> None:
        """loss(kind) -> weighted loss of a new batch of a kind; kinds: how often each is drawn; draw(step) is called with the
        averaged weights in place.

        On a GPU a kind's step is recorded once and then replayed, unless the command says --eager: so no value may be read
        from the device in `loss`, and nothing sent there.
        """
        begin = saved = now = time.time()
        drawn, first = begin - GRID_EVERY / 2, self.step
        recorded = lab.DEVICE.type == "cuda" and not self.args.eager

        def turn(kind: Kind) -> None:
            nonlocal now
            value = loss(kind)
            self.module.zero_grad(set_to_none=True)
            value.backward()
            now = begin + self._share(time.time() - begin)
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.seen.add("weighted", value)

        once = Recorded(turn) if recorded else turn
        while now < self.until:
            cool = max(self.args.cool * 60, 1e-9)
            warm = 1 - (self.warm - self.step) / WARMUP
            self.rate.fill_(self.args.lr * max(0, min(1, warm, (self.until - now) / cool)) + 1e-7)
            once(self.lots.choices(list(kinds), list(kinds.values()))[0])
            self.ema.update(self.module)
            self.step += 1
            now = time.time() if recorded else now
            if self.rank:
                continue
            if self.step % LOG_EVERY == 0:
                rate = (self.step - first) * self.args.batch * self.team / (now - begin)
                lab.say(f"step {self.step} {self.seen} {rate:.1f}/s")
            if now - drawn > GRID_EVERY or now >= self.until:
                drawn = now
                kept = {k: v.clone() for k, v in self.module.state_dict().items()}
                self.module.load_state_dict(self.ema.shadow)
                draw(self.step)
                self.module.load_state_dict(kept)
            if now - saved > SAVE_EVERY or now >= self.until:
                saved = now
                self.save()

    def save(self) -> None:
        lab.save_state(
            self.path,
            {
                "model": self.module.state_dict(),
                "ema": self.ema.shadow,
                "ema_steps": self.ema.steps,
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
            },
        )

    def _share(self, seconds: float) -> float:
        """Average the gradients over the processes; -> their common clock, so that all stop at the same step."""
        if self.team == 1:
            return seconds
        for p in self.module.parameters():
            if p.requires_grad and p.grad is None:  # a part that this process did not use, another one may have
                p.grad = torch.zeros_like(p)
        grads = [p.grad for p in self.module.parameters() if p.requires_grad]
        flat = torch.cat([g.flatten() for g in grads] + [torch.tensor([seconds], device=grads[0].device)])
        dist.all_reduce(flat)
        flat /= self.team
        torch._foreach_copy_(
            grads, [part.view_as(g) for part, g in zip(flat[:-1].split([g.numel() for g in grads]), grads, strict=True)]
        )
        return flat[-1].item()
