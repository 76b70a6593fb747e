"""The networks as a training begins, and what is said of it before it does."""

from collections import Counter
from pathlib import Path

from ..checkpoint.files import open_weights
from ..checkpoint.reading import Checkpoint, read_checkpoint
from ..checkpoint.shapes import InstDiffConfig
from .base import Base, sizes
from .config import TrainConfig
from .dataset import read_datasets
from .draws import generator
from .grounded import Grounded, start
from .optimizers import KEPT
from .samples import Samples
from .values import BACKBONES, EVERY_BLOCK


def build(config: TrainConfig, base: Base, checkpoint: Checkpoint | None = None) -> Grounded:
    """The networks at their first weights: the checkpoint's, those of network_weights, else the start of a training from nothing."""
    if checkpoint is None and config.network_weights:
        checkpoint = read_checkpoint([config.path(config.network_weights)])
    if checkpoint is None:
        backbone = BACKBONES[config.mask_backbone]
        every = config.fusers == EVERY_BLOCK
        own = sizes(base.unet, base.text_dim, config.slots, config.mid_dim, every, **backbone)
        net = Grounded(own, base.unet, config.train_parts)
        start(net, generator("start", config.seed))
        if config.mask_backbone_weights:
            _load_backbone(net, config.path(config.mask_backbone_weights))
        return net
    own = checkpoint.config
    every = bool(own.fuser_depths)
    wanted = sizes(base.unet, base.text_dim, own.slots, own.mid_dim, every, depths=own.depths, dims=own.dims)
    if not _same(wanted, own):
        raise ValueError(
            f"{checkpoint.source} does not fit the base: its fusers are made for a UNet of other widths or blocks. "
            "Choose the weights of this base, or train from nothing."
        )
    if config.fusers == EVERY_BLOCK and not every and sizes(base.unet, 1, 1, 1, every_block=True).fuser_depths:
        raise ValueError(
            f'{checkpoint.source} has fusers in the first block of each stack, but fusers is "{EVERY_BLOCK}". Leave out fusers, or '
            "network_weights."
        )
    net = Grounded(own, base.unet, config.train_parts)
    net.load_official({name: tensor.float() for name, tensor in checkpoint.tensors.items()})
    return net


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
    of_base = sum(p.numel() for p in base.unet.parameters()) / 1e6
    kept = f" ({rest:,} stay as they are)" if rest else ""
    mean = sum(instances) / max(len(instances), 1)
    lines = {
        "Base": f"{config.pretrained_model_name_or_path}, predicts {base.prediction}, {of_base:.1f} million parameters, frozen",
        "Trained": f"{', '.join(config.train_parts)}, {trained:,} parameters of {len(net.trained())} tensors{kept}",
        "From": f"{config.network_weights or 'nothing'}; recipe {config.recipe}",
        "Memory": f"about {estimate(config, base, net) / 2**30:.1f} GiB, without what the layers of a step keep",
        "Pictures": f"{len(data.training)} to train on, {len(data.held)} held out",
        "Instances": f"{mean:.1f} a picture, {max(instances, default=0)} at most",
        "Sizes": ", ".join(f"{w}x{h} ({count})" for (w, h), count in sorted(shapes.items())),
        "Steps": f"{steps}, {seen} samples for each process, {seen / max(len(data.training), 1):.1f} times each picture",
        "Output": f"{config.output / config.output_name}.safetensors, a state each {loop.save_every_n_steps} steps",
    }
    return "\n".join(f"{name}: {text}" for name, text in lines.items())


def estimate(config: TrainConfig, base: Base, net: Grounded) -> int:
    """Bytes of weights, gradients, what the optimizer keeps, and the average; and of the base."""
    trained = sum(p.numel() for p in net.trained().values())
    copies = 2 + KEPT[config.loop.optimizer_type] + (config.loop.use_ema and not config.loop.ema_on_cpu)
    frozen = sum(p.numel() for p in net.parameters()) - trained
    return 4 * (copies * trained + frozen) + sum(p.numel() * p.element_size() for p in base.unet.parameters())


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


def _same(a: InstDiffConfig, b: InstDiffConfig) -> bool:
    return (dict(a.fuser_dims), dict(a.fuser_depths), a.decoder_channels, a.out_dim, a.text_dim) == (
        dict(b.fuser_dims),
        dict(b.fuser_depths),
        b.decoder_channels,
        b.out_dim,
        b.text_dim,
    )
