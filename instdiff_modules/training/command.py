"""What `python -m instdiff_modules.training` does, given someone who loads the base model."""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..checkpoint.files import write_checkpoint
from . import batches
from .base import Base
from .beginning import build, describe
from .config import TrainConfig, read_config
from .dataset import read_datasets
from .grounded import Grounded
from .loop import Events, Trainer
from .pictures import Pictures, said, scores
from .report import Board, Progress, Table, duration
from .samples import Samples
from .states import States, locked
from .team import Team

LoadBase = Callable[[Path, TrainConfig, Team], Base]
_DTYPES = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def main(arguments: Sequence[str], load_base: LoadBase) -> int:
    """The exit code: 0, 2 after one sentence about what cannot be used, 130 after Ctrl+C."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    team = Team()
    try:
        config = read_config(options.config)
        if options.dry_run:
            say(describe(config, load_base(config.path(config.pretrained_model_name_or_path), config, team)))
            return 0
        train(config, load_base, team)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:  # where no sentence was written for it
        what = error.filename or f"A file in {options.config.parent}"
        sys.stderr.write(f"{what} cannot be read or written: {error.strerror or 'the system gives no reason'}.\n")
        return 2
    except torch.OutOfMemoryError:
        sys.stderr.write(
            'The memory of the card is full. Set gradient_checkpointing = true, mixed_precision = "bf16", a smaller '
            "train_batch_size or resolution. The last saved state is kept.\n"
        )
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Finished work is kept; the same command resumes.\n")
        return 130
    finally:
        team.leave()
    return 0


def train(config: TrainConfig, load_base: LoadBase, team: Team) -> Path:
    """Train as the config says; the file that Load InstDiff Model takes."""
    samples = read_datasets(config)
    base = load_base(config.path(config.pretrained_model_name_or_path), config, team)
    team.join(base.device)
    net = build(config, base)
    data = Samples(config, base, samples, net.config.slots)
    if team.rank:
        return _trained(config, base, net, data, team)
    with locked(config.output / f"{config.output_name}-state"):
        return _trained(config, base, net, data, team)


def _trained(config: TrainConfig, base: Base, net: Grounded, data: Samples, team: Team) -> Path:
    data.prepare(_told(team), team)
    pictures = None
    if config.sample_every_n_steps and not team.rank:
        shown = data.held or data.training
        pairs = [(data.all[i], data.sizes[i]) for i in shown]
        pictures = Pictures(config, base, pairs, data.texts, net.config.slots)
    if not data.needs_encoder:
        base.forget_encoders(pictures is None)
    trainer = make_trainer(config, base, net, data, team)
    if trainer.resume() and not team.rank:
        say(f"Resumes after step {trainer.step}.")
    path = config.output / f"{config.output_name}.safetensors"
    if not team.rank:
        trainer.events = _events(config, trainer, base, pictures)
        say(
            f"{len(data.training)} pictures, {len(data.held)} held out, {data.plan(team.size).batches} batches an epoch."
        )
    trainer.run()
    if not team.rank:
        write(path, trainer, config, trainer.step)
        say(f"{path}: give it to Load InstDiff Model.")
    return path


def make_trainer(config: TrainConfig, base: Base, net: Grounded, data: Samples, team: Team) -> Trainer:
    prediction = base.prediction if config.rules.prediction == "base" else config.rules.prediction
    folder = config.output / f"{config.output_name}-state"
    return Trainer(
        net.to(base.device),
        data,
        config.loop,
        base.alphas,
        prediction,
        masked=batches.masking(config.rules),
        states=States(folder, config.loop.save_last_n_states),
        device=base.device,
        team=team,
        identity=f"{net.config} {' '.join(config.train_parts)} {base.picture_key}",
    )


def write(path: Path, trainer: Trainer, config: TrainConfig, step: int) -> None:
    """The weights of now as a file of the pack."""
    dtype = _DTYPES[config.save_precision]
    about = {
        "source": "trained with InstDiff",
        "base": Path(config.pretrained_model_name_or_path).name,
        "steps": str(step),
        "recipe": config.recipe,
    }
    try:
        write_checkpoint(path, {name: tensor.to(dtype) for name, tensor in trainer.weights().items()}, about)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written: {error.strerror or error}. The last saved state is kept."
        ) from error


def _events(config: TrainConfig, trainer: Trainer, base: Base, pictures: Pictures | None) -> Events:
    name = config.output_name
    table = Table(config.output / f"{name}-losses.csv", trainer.step)
    board = Board(config.output / "logs" / name, trainer.step)
    progress = Progress(trainer.step, config.loop.max_train_steps, base.device)

    def stepped(step: int, loss: float, rate: float, norm: float) -> None:
        table.add(step, loss, rate, norm)
        board.add(step, loss=loss, learning_rate=rate, gradient_norm=norm)
        if line := progress.line(step, loss, rate):
            say(line)
        if pictures and step % config.sample_every_n_steps == 0:
            drawn(step)

    def drawn(step: int) -> None:
        assert pictures is not None
        with trainer.averaged():
            totals = pictures.draw(step, trainer.net, trainer.loss.prediction, trainer.loss.autocast)
        board.add_picture(step, pictures.path(step))
        if totals:
            board.add(step, **{f"score/{key}": value for key, value in scores(totals).items()})
            say(f"step {step}: {said(totals)}")

    def validated(step: int, loss: float, better: bool) -> None:
        table.add_held_out(step, loss)
        board.add(step, held_out_loss=loss)
        say(f"step {step}: held-out loss {loss:.5f}{', the best so far' if better else ''}")
        if better:
            write(config.output / f"{name}-best.safetensors", trainer, config, step)

    def saved(_: int) -> None:
        table.draw(config.output / f"{name}-losses.png")

    if pictures and config.sample_at_first and not trainer.step:
        drawn(0)
    return Events(stepped, validated, saved)


def _told(team: Team) -> Callable[[str, int, int], None]:
    """Says how far the cache is, every two seconds."""
    began: dict[str, float] = {}
    said = [0.0]

    def told(what: str, done: int, count: int) -> None:
        now = time.monotonic()
        began.setdefault(what, now)
        if team.rank or not done or (now - said[0] < 2 and done < count):
            return
        said[0] = now
        say(f"{what}: {done} of {count}, {duration((now - began[what]) / done * (count - done))} left")

    return told


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m instdiff_modules.training",
        description="Train InstDiff's tokenizer, fusers and ScaleU around a frozen base model. The same command resumes "
        "an interrupted training; torchrun -m instdiff_modules.training shares it among several cards.",
    )
    parser.add_argument("--config", type=Path, required=True, help="train.toml: see web/about/training.md")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    return parser
