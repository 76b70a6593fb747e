"""What `python -m instdiff_modules.training` does, given someone who loads the base model."""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..checkpoint.files import open_weights, write_checkpoint
from ..checkpoint.reading import read_checkpoint
from ..checkpoint.shapes import InstDiffConfig
from . import batches
from .base import Base, sizes
from .config import BACKBONES, TrainConfig, read_config
from .dataset import read_datasets
from .draws import generator
from .grounded import Grounded, start
from .loop import Events, Trainer
from .report import Progress, Table, duration
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
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except torch.OutOfMemoryError:
        sys.stderr.write(
            'The memory of the card is full. Set gradient_checkpointing = true, mixed_precision = "bf16", a smaller '
            "train_batch_size or resolution. The last saved state is kept.\n"
        )
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. The state is saved; the same command goes on.\n")
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
    if not data.needs_encoder:
        base.forget_encoders()
    trainer = make_trainer(config, base, net, data, team)
    if trainer.resume() and not team.rank:
        say(f"Goes on after step {trainer.step}.")
    path = config.output / f"{config.output_name}.safetensors"
    if not team.rank:
        trainer.events = _events(config, trainer, base)
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


def build(config: TrainConfig, base: Base) -> Grounded:
    """The networks at their first weights: those of network_weights, else the start of a training from nothing."""
    if not config.network_weights:
        backbone = BACKBONES[config.mask_backbone]
        own = sizes(base.unet, base.text_dim, config.slots, config.mid_dim, **backbone)
        net = Grounded(own, base.unet, config.train_parts)
        start(net, generator("start", config.seed))
        if config.mask_backbone_weights:
            _load_backbone(net, config.path(config.mask_backbone_weights))
        return net
    checkpoint = read_checkpoint([config.path(config.network_weights)])
    own = checkpoint.config
    wanted = sizes(base.unet, base.text_dim, own.slots, own.mid_dim, depths=own.depths, dims=own.dims)
    if not _same(wanted, own):
        raise ValueError(
            f"{checkpoint.source} does not fit the base: its fusers are made for a UNet of other widths or blocks. "
            "Choose the weights of this base, or leave network_weights out."
        )
    net = Grounded(own, base.unet, config.train_parts)
    net.load_official({name: tensor.float() for name, tensor in checkpoint.tensors.items()})
    return net


def _load_backbone(net: Grounded, path: Path) -> None:
    """ImageNet's weights of the mask backbone, under the names of its authors; their head and last norm are left out."""
    content = open_weights(path)
    content = content.get("model", content)
    backbone = net.position_net.convnext_tiny_backbone
    wanted = backbone.state_dict()
    unfit = [name for name, own in wanted.items() if name not in content or content[name].shape != own.shape]
    if unfit:
        raise ValueError(
            f"{path.name} does not fit the mask backbone: '{unfit[0]}' is missing or of another size. Expected ConvNeXt-Tiny's "
            "own file, convnext_tiny_1k_224_ema.pth."
        )
    backbone.load_state_dict({name: content[name].float() for name in wanted})


def describe(config: TrainConfig, base: Base) -> str:
    """What would be trained, without training it."""
    samples = read_datasets(config)
    net = build(config, base)
    data = Samples(config, base, samples, net.config.slots)
    trained = sum(p.numel() for p in net.trained().values())
    rest = sum(p.numel() for p in net.parameters()) - trained
    steps, loop = config.loop.max_train_steps, config.loop
    seen = steps * loop.gradient_accumulation_steps * config.train_batch_size
    shapes = Counter(data.sizes[i] for i in data.training)
    instances = [len(sample.layout.instances) for sample in samples]
    lines = [
        f"Base: {config.pretrained_model_name_or_path}, predicts {base.prediction}, "
        f"{sum(p.numel() for p in base.unet.parameters()) / 1e6:.1f} million parameters, frozen",
        f"Trained: {', '.join(config.train_parts)}, {trained:,} parameters of {len(net.trained())} tensors"
        + (f" ({rest:,} stay as they are)" if rest else ""),
        f"From: {config.network_weights or 'nothing'}; recipe {config.recipe}",
        f"Memory: about {estimate(config, base, net) / 2**30:.1f} GiB, without what the layers of a step keep",
        f"Pictures: {len(data.training)} to train on, {len(data.held)} held out; "
        f"{sum(instances) / max(len(instances), 1):.1f} instances each, {max(instances, default=0)} at most",
        "Sizes: " + ", ".join(f"{w}x{h} ({count})" for (w, h), count in sorted(shapes.items())),
        f"Steps: {steps}, {seen} samples for each process, {seen / max(len(data.training), 1):.1f} times each picture",
        f"Output: {config.output / config.output_name}.safetensors, a state each {loop.save_every_n_steps} steps",
    ]
    return "\n".join(lines)


def estimate(config: TrainConfig, base: Base, net: Grounded) -> int:
    """Bytes of weights, gradients, the optimizer's two moments and the average; and of the base."""
    trained = sum(p.numel() for p in net.trained().values())
    copies = 4 + config.loop.use_ema
    frozen = sum(p.numel() for p in net.parameters()) - trained
    return 4 * (copies * trained + frozen) + sum(p.numel() * p.element_size() for p in base.unet.parameters())


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


def _events(config: TrainConfig, trainer: Trainer, base: Base) -> Events:
    name = config.output_name
    table = Table(config.output / f"{name}-losses.csv", trainer.step)
    progress = Progress(trainer.step, config.loop.max_train_steps, base.device)

    def stepped(step: int, loss: float, rate: float, norm: float) -> None:
        table.add(step, loss, rate, norm)
        if line := progress.line(step, loss, rate):
            say(line)

    def validated(step: int, loss: float, better: bool) -> None:
        table.add_held_out(step, loss)
        say(f"step {step}: held-out loss {loss:.5f}{', the best so far' if better else ''}")
        if better:
            write(config.output / f"{name}-best.safetensors", trainer, config, step)

    def saved(step: int) -> None:
        table.draw(config.output / f"{name}-losses.png")

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


def _same(a: InstDiffConfig, b: InstDiffConfig) -> bool:
    return (dict(a.fuser_dims), a.decoder_channels, a.out_dim, a.text_dim) == (
        dict(b.fuser_dims),
        b.decoder_channels,
        b.out_dim,
        b.text_dim,
    )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m instdiff_modules.training",
        description="Train InstDiff's tokenizer, fusers and ScaleU around a frozen base model. The same command goes on "
        "where a training was cut off; torchrun -m instdiff_modules.training shares it among several cards.",
    )
    parser.add_argument("--config", type=Path, required=True, help="train.toml: see web/about/training.md")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    return parser
