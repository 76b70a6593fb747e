"""A short training inside a graph: weights in, weights out, with the trainer's own parts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoint.reading import Checkpoint
from .base import Base
from .beginning import build
from .cache import Told
from .command import make_trainer
from .config import TrainConfig
from .dataset import Sample
from .loop import Events
from .report import Table
from .samples import Samples
from .states import locked
from .team import Team


@dataclass(frozen=True)
class Short:
    """checkpoint: the trained weights, float32. table: the losses; draw() makes their curves. report: a text for the user. done: steps."""

    checkpoint: Checkpoint
    table: Table
    report: str
    done: int


def train_short(
    config: TrainConfig,
    base: Base,
    samples: list[Sample],
    checkpoint: Checkpoint | None,
    told: Told,
    stepped: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> Short:
    """Train as the config says, on from `checkpoint` or from nothing; with the same config and output folder it resumes.

    told: how far latents and texts are, before the first step. stepped: after each step, with its number. cancelled: asked before each
    step; what was done until then is saved. ValueError with a sentence for what cannot be trained.
    """
    team = Team()
    net = build(config, base, checkpoint)
    data = Samples(config, base, samples, net.config.slots)
    with locked(config.output):
        with torch.no_grad():
            data.prepare(told, team)
        trainer = make_trainer(config, base, net, data, team)
        assert trainer.states is not None
        trainer.states.forget(config.loop.max_train_steps)  # of an earlier run with more steps
        resumed = trainer.step if trainer.resume() else 0
        table = Table(config.output / "losses.csv", trainer.step)

        def after(step: int, loss: float, rate: float, norm: float) -> None:
            table.add(step, loss, rate, norm)
            stepped(step)

        def validated(step: int, loss: float, _: bool) -> None:
            table.add_held_out(step, loss)

        trainer.events = Events(after, validated, cancelled=cancelled)
        trainer.run()
    weights = {name: tensor.cpu() for name, tensor in trainer.weights().items()}
    made = Checkpoint(weights, net.config, f"trained in a graph, {trainer.step} steps")
    return Short(made, table, _report(config, data, table, len(samples), resumed), trainer.step)


def _report(config: TrainConfig, data: Samples, table: Table, count: int, resumed: int) -> str:
    losses = [float(row["loss"]) for row in table.rows if row["loss"]]
    held = [float(row["held_out_loss"]) for row in table.rows if row["held_out_loss"]]
    some = max(min(len(losses) // 4, 50), 1)
    lines = [
        f"{len(losses)} steps of {config.train_batch_size} on {len(data.training)} pictures, {len(data.held)} held out."
    ]
    if resumed:
        lines.append(f"Resumed after step {resumed}.")
    if lost := count - len(data.all):
        lines.append(f"Pictures that do not open, left out: {lost}.")
    if losses:
        first, last = sum(losses[:some]) / some, sum(losses[-some:]) / some
        lines.append(f"Loss {first:.4f} at first, {last:.4f} at the end (means of {some} steps).")
    if held:
        lines.append(f"Held-out loss {held[0]:.4f} at first, {held[-1]:.4f} at the end.")
    return "\n".join(lines)


def state_folder(root: Path, key: str) -> Path:
    """Where a training with this key keeps its cache and its states."""
    return root / "instdiff_training" / key
