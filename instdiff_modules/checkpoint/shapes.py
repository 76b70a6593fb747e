"""Sizes of an InstDiff model, read from the shapes of its tensors, and the check that the shapes fit together.

Everything here works on names and shapes only, so a 5 GB file is judged before its data is touched.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..layout.fields import shorten
from ..networks.adapter import UNetAdapter
from ..networks.unifusion import UniFusion

MAX_PLACES = 64  # of fusers, and of decoder blocks; SD1.5 has 16 and 12
MAX_FUSERS = 512  # of all stacks together; SDXL's have 70 transformer blocks
MAX_BLOCKS = 64  # of each stage of the mask backbone; ConvNeXt's largest has 27
MAX_STAGES = 8
MAX_SIZE = 65536  # of every width
Shapes = Mapping[str, tuple[int, ...]]
PLACE = r"(?:input_blocks|output_blocks)\.\d{1,9}\.1|middle_block\.1"
FUSER = r"transformer_blocks\.\d{1,2}\.fuser\..+"
_FUSER = re.compile(rf"({PLACE})\.transformer_blocks\.(\d{{1,2}})\.fuser\..+")
_SCALEU = re.compile(r"scaleu_[bs]_(\d{1,9})")
_STAGE = re.compile(r"position_net\.convnext_tiny_backbone\.stages\.(\d{1,9})\.(\d{1,9})\..+")
_DOWN = "position_net.convnext_tiny_backbone.downsample_layers"
PART_ORDER = ("input_blocks", "middle_block", "output_blocks")


@dataclass(frozen=True)
class InstDiffConfig:
    """Sizes of the networks.

    slots: instances per layout. text_dim: width of the pooled CLIP feature. mid_dim: inside width of the tokenizer's
    MLPs. out_dim: width of a token. fuser_dims: official place ("input_blocks.1.1") -> width of its visual tokens, in
    network order. decoder_channels: main channels that enter decoder block i. depths, dims: the mask backbone's stages.
    fuser_depths: how many blocks of a place's stack have a fuser, where it is more than the first.
    """

    slots: int
    text_dim: int
    mid_dim: int
    out_dim: int
    fuser_dims: Mapping[str, int]
    decoder_channels: tuple[int, ...]
    depths: tuple[int, ...] = (3, 3, 9, 3)
    dims: tuple[int, ...] = (96, 192, 384, 768)
    fuser_depths: Mapping[str, int] = field(default_factory=dict)


def read_config(shapes: Shapes, file: str, places: Sequence[str] | None = None) -> InstDiffConfig:
    """Sizes from the shapes of all InstDiff tensors under their official names; `file` is named in errors.

    places: official places of all fusers, if known; else those of a UNet of SD1.5's kind are expected.
    Raises ValueError if a key is missing, a shape disagrees with the others, or a fuser or ScaleU layer is left out.
    """
    net = "position_net"
    stages = _stages(shapes, file)
    places_found = fuser_places(shapes)
    _check_count(len(places_found), MAX_PLACES, "fusers", file)
    depths = _fuser_depths(shapes)
    _check_count(sum(depths.get(place, 1) for place in places_found), MAX_FUSERS, "fusers", file)
    config = InstDiffConfig(
        slots=_size(shapes, f"{net}.in_conv.weight", 4, 1, file),
        text_dim=_size(shapes, f"{net}.null_positive_feature", 1, 0, file),
        mid_dim=_size(shapes, f"{net}.linears_list.0.2.weight", 2, 0, file),
        out_dim=_size(shapes, f"{net}.linears_list.0.4.weight", 2, 0, file),
        fuser_dims={
            place: _size(shapes, f"{place}.transformer_blocks.0.fuser.linear.weight", 2, 0, file)
            for place in places_found
        },
        decoder_channels=_decoder_channels(shapes, file),
        depths=stages,
        dims=tuple(_size(shapes, f"{_DOWN}.{i}.{min(i, 1)}.weight", 4, 0, file) for i in range(len(stages))),
        fuser_depths=depths,
    )
    _check_shapes(shapes, expected_shapes(config), file)
    _check_structure(config, file, places)
    return config


def expected_shapes(config: InstDiffConfig) -> dict[str, tuple[int, ...]]:
    """Official name -> shape of every tensor that a model of these sizes has; the networks themselves say which."""
    kw = {"operations": torch.nn, "device": "meta"}
    tokenizer = UniFusion(
        config.slots,
        config.text_dim,
        config.mid_dim,
        config.out_dim,
        depths=config.depths,
        dims=config.dims,
        **kw,
    )
    adapter = UNetAdapter(config.fuser_dims, config.decoder_channels, config.out_dim, **kw, depths=config.fuser_depths)
    tensors = {f"position_net.{key}": tensor for key, tensor in tokenizer.state_dict().items()}
    return {key: tuple(tensor.shape) for key, tensor in {**adapter.state_dict(), **tensors}.items()}


def fuser_places(keys: Iterable[str]) -> list[str]:
    """Official places of the fusers, in network order: input blocks, middle, output blocks."""
    places = {match[1] for key in keys if (match := _FUSER.fullmatch(key))}
    return sorted(places, key=lambda place: (PART_ORDER.index(place.split(".")[0]), int(place.split(".")[1])))


def _fuser_depths(keys: Iterable[str]) -> dict[str, int]:
    """Fusers in each place's stack, where there is more than one. Counted, so that a gap shows as a missing key."""
    numbers: dict[str, set[str]] = {}
    for match in filter(None, map(_FUSER.fullmatch, keys)):
        numbers.setdefault(match[1], set()).add(match[2])
    return {place: len(some) for place, some in numbers.items() if len(some) > 1}


def shown_list(words: Sequence[str]) -> str:
    """Places in a sentence: the first few, and how many more there are."""
    return ", ".join(words[:4]) + (f" and {len(words) - 4} more" if len(words) > 4 else "")


def _stages(shapes: Shapes, file: str) -> tuple[int, ...]:
    """Blocks per stage of the mask backbone, counted and not taken from the numbers: so a gap shows as a missing key."""
    found = {(match[1], match[2]) for key in shapes if (match := _STAGE.fullmatch(key))}
    blocks = Counter(stage for stage, _ in found)
    _check_count(len(blocks), MAX_STAGES, "stages in its mask backbone", file)
    _check_count(max(blocks.values(), default=0), MAX_BLOCKS, "blocks in a stage of its mask backbone", file)
    return tuple(max(blocks[str(stage)], 1) for stage in range(max(len(blocks), 4)))


def _decoder_channels(shapes: Shapes, file: str) -> tuple[int, ...]:
    count = max((int(match[1]) for key in shapes if (match := _SCALEU.fullmatch(key))), default=-1) + 1
    return tuple(_size(shapes, f"scaleu_b_{i}", 1, 0, file) for i in range(min(count, MAX_PLACES + 1)))


def _size(shapes: Shapes, key: str, dimensions: int, axis: int, file: str) -> int:
    if key not in shapes:
        raise ValueError(f"{file} lacks '{key}': expected every tensor of InstanceDiffusion; download the file again.")
    if len(shapes[key]) != dimensions or 0 in shapes[key]:
        raise ValueError(
            f"{file}: '{key}' has shape {shorten(list(shapes[key]))}, expected {dimensions} dimensions, none empty."
        )
    if max(shapes[key]) > MAX_SIZE:
        raise ValueError(
            f"{file}: '{key}' has shape {shorten(list(shapes[key]))}, far beyond any model: expected widths of at most {MAX_SIZE}."
        )
    return shapes[key][axis]


def _check_count(count: int, most: int, what: str, file: str) -> None:
    if count > most:
        raise ValueError(
            f"{file} has {count} {what}, at most {most} are read: its weights are of no UNet of SD1.5's kind."
        )


def _check_shapes(shapes: Shapes, expected: Shapes, file: str) -> None:
    missing = [key for key in expected if key not in shapes]
    if missing:
        raise ValueError(
            f"{file} lacks {len(missing)} of the {len(expected)} tensors of InstanceDiffusion, for example "
            f"'{missing[0]}': the file is incomplete, download it again."
        )
    wrong = [key for key in expected if tuple(shapes[key]) != expected[key]]
    if wrong:
        raise ValueError(
            f"{file}: '{wrong[0]}' has shape {shorten(list(shapes[wrong[0]]), 40)}, expected {list(expected[wrong[0]])} to fit the "
            f"other tensors ({len(wrong)} of {len(expected)} do not fit): its parts belong to different models."
        )


def _check_structure(config: InstDiffConfig, file: str, places: Sequence[str] | None) -> None:
    """Fusers must sit at every place, or at every transformer of a UNet of SD1.5's kind, with the widths that ScaleU's gains have."""
    blocks = {part: [int(p.split(".")[1]) for p in config.fuser_dims if p.startswith(part)] for part in PART_ORDER}
    if places is None:
        lacking = _lacking(config, blocks, file)
    else:
        lacking = [place for place in dict.fromkeys(("middle_block.1", *places)) if place not in config.fuser_dims]
    if lacking:
        raise ValueError(
            f"{file} has {len(config.fuser_dims)} fusers but none at {shown_list(lacking)}: expected one at every "
            "transformer of the UNet; download the file again."
        )
    for block, width in _trunk_widths(config, blocks).items():
        if config.decoder_channels[block] != width:
            raise ValueError(
                f"{file}: scaleu_b_{block} has {config.decoder_channels[block]} channels but the fusers say that {width} "
                "enter that decoder block: the parts belong to different models."
            )


def _lacking(config: InstDiffConfig, blocks: Mapping[str, list[int]], file: str) -> list[str]:
    """Transformers of a UNet of SD1.5's or SDXL's kind without a fuser."""
    lacking = missing_places(blocks["input_blocks"], blocks["output_blocks"], len(config.decoder_channels))
    if lacking is None:
        raise ValueError(
            f"{file} has fusers at input blocks {blocks['input_blocks']} and output blocks {blocks['output_blocks']} of "
            f"{len(config.decoder_channels)}: expected the transformers of an SD1.5 UNet (1, 2, 4, 5, 7, 8 and 3 to 11 of 12) "
            "or of SDXL's (4, 5, 7, 8 and 0 to 5 of 9)."
        )
    return lacking if blocks["middle_block"] else [*lacking, "middle_block.1"]


def _trunk_widths(config: InstDiffConfig, blocks: Mapping[str, list[int]]) -> dict[int, int]:
    """Decoder block -> channels that enter it, as far as the fusers tell: from the middle, then from the block before."""
    middle = config.fuser_dims["middle_block.1"]
    end = len(config.decoder_channels) + 2
    step = next((block for block in range(2, end) if block not in blocks["input_blocks"]), end)
    coarsest = min([step, *blocks["output_blocks"]])  # the first level going up is as wide as the middle
    widths = dict.fromkeys(range(coarsest + 1), middle)
    widths |= {block + 1: config.fuser_dims[f"output_blocks.{block}.1"] for block in blocks["output_blocks"]}
    return {block: width for block, width in widths.items() if block < len(config.decoder_channels)}


def missing_places(inputs: list[int], outputs: list[int], decoder_blocks: int) -> list[str] | None:
    """Transformers of a UNet of SD1.5's or SDXL's kind without a fuser, given the block numbers that have one; None if none is like it.

    L blocks per level going down, then a downsampler, and L + 1 going up. Attention sits at the finest levels, as in SD1.5, or at
    the coarsest, as in SDXL: then the first decoder block has it.
    """
    first = min(outputs, default=decoder_blocks)
    fitting = [
        (down, up)
        for step in range(2, decoder_blocks + 1)
        for down, up in _transformers(step, decoder_blocks, first)
        if set(inputs) <= set(down) and set(outputs) <= set(up)
    ]
    if not fitting:
        return None
    down, up = min(fitting, key=lambda pair: len(pair[0]) + len(pair[1]))
    return [
        *(f"input_blocks.{i}.1" for i in down if i not in inputs),
        *(f"output_blocks.{i}.1" for i in up if i not in outputs),
    ]


def _transformers(step: int, decoder_blocks: int, first: int) -> Iterator[tuple[list[int], range]]:
    """Input and output blocks with a transformer where L + 1 is `step` and `first` is the first of these output blocks."""
    if (count := decoder_blocks - first) % step == 0:
        yield [i for i in range(1, count) if i % step], range(first, decoder_blocks)
    if first == 0 and decoder_blocks % step == 0:
        for end in range(step, decoder_blocks, step):
            yield [i for i in range(decoder_blocks - end, decoder_blocks) if i % step], range(end)
