"""The table of an InstanceDiffusion checkpoint's keys and shapes, written down from the architecture.

Apart from the pack's own networks, so that it can tell when those go wrong. At full size it has the 1199 keys of the
authors' UNet (`CHECKSUM` of the sorted lines "key shape").
"""

import hashlib
from dataclasses import dataclass

Shapes = dict[str, tuple[int, ...]]
MULT = (1, 2, 4, 4)  # channel multipliers of SD1.5's four levels; all but the last have transformers
RES_BLOCKS = 2
STEP = RES_BLOCKS + 1
INPUTS, OUTPUTS = (1, 2, 4, 5, 7, 8), tuple(range(3, 12))  # blocks with a transformer
CHECKSUM = "5c12c24a922511651d1f94847c3c1d052c5f82eb4796e318230d2270670651e9"


@dataclass(frozen=True)
class Sizes:
    """Free sizes of the checkpoint. The defaults make files of a few MB with every key of the real one."""

    channels: int = 8
    context: int = 16
    mid: int = 8
    text: int = 12
    slots: int = 5
    depths: tuple[int, ...] = (3, 3, 9, 3)
    dims: tuple[int, ...] = (4, 8, 12, 16)


FULL = Sizes(320, 768, 3072, 768, 30, dims=(96, 192, 384, 768))
CASE5 = Sizes(32, 768, 64, 768, 30, dims=(96, 192, 384, 768))  # the reduced model of the goldens


def instdiff_shapes(sizes: Sizes = Sizes()) -> Shapes:
    """Official keys of fusers, tokenizer and ScaleU (513 of them)."""
    shapes: Shapes = {}
    for index, mult in enumerate((4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 1, 1)):
        shapes[f"scaleu_b_{index}"] = (mult * sizes.channels,)
        shapes[f"scaleu_s_{index}"] = (1,)
    for place, width in transformer_widths(sizes).items():
        name = f"{place}.transformer_blocks.0.fuser"
        shapes[f"{name}.alpha_attn"] = shapes[f"{name}.alpha_dense"] = ()
        _pair(shapes, f"{name}.linear", width, sizes.context)
        _attention(shapes, f"{name}.attn", width, width)
        _feed_forward(shapes, f"{name}.ff", width)
        _pair(shapes, f"{name}.norm1", width)
        _pair(shapes, f"{name}.norm2", width)
    shapes.update({f"position_net.{key}": shape for key, shape in _position_net(sizes).items()})
    return shapes


def unet_shapes(sizes: Sizes = Sizes()) -> Shapes:
    """Official keys of SD1.5's own UNet (686 of them)."""
    base, embed, shapes = sizes.channels, 4 * sizes.channels, {}
    _pair(shapes, "time_embed.0", embed, base)
    _pair(shapes, "time_embed.2", embed, embed)
    _pair(shapes, "input_blocks.0.0", base, 4, 3, 3)
    width, skips = base, [base]
    for index in range(1, 12):
        if index % STEP == 0:
            _pair(shapes, f"input_blocks.{index}.0.op", width, width, 3, 3)
        else:
            width = _res_block(shapes, f"input_blocks.{index}.0", width, MULT[index // STEP] * base, embed)
        skips.append(width)
    _res_block(shapes, "middle_block.0", width, width, embed)
    _res_block(shapes, "middle_block.2", width, width, embed)
    for index in range(12):
        level = 3 - index // STEP
        width = _res_block(shapes, f"output_blocks.{index}.0", width + skips.pop(), MULT[level] * base, embed)
        if index % STEP == RES_BLOCKS and level:
            _pair(shapes, f"output_blocks.{index}.{1 if level == 3 else 2}.conv", width, width, 3, 3)
    for place, wide in transformer_widths(sizes).items():
        block = f"{place}.transformer_blocks.0"
        _pair(shapes, f"{place}.norm", wide)
        _pair(shapes, f"{place}.proj_in", wide, wide, 1, 1)
        _pair(shapes, f"{place}.proj_out", wide, wide, 1, 1)
        _attention(shapes, f"{block}.attn1", wide, wide)
        _attention(shapes, f"{block}.attn2", wide, sizes.context)
        _feed_forward(shapes, f"{block}.ff", wide)
        for norm in ("norm1", "norm2", "norm3"):
            _pair(shapes, f"{block}.{norm}", wide)
    _pair(shapes, "out.0", width)
    _pair(shapes, "out.2", 4, width, 3, 3)
    return shapes


def official_shapes(sizes: Sizes = Sizes()) -> Shapes:
    return {**unet_shapes(sizes), **instdiff_shapes(sizes)}


def checksum(shapes: Shapes) -> str:
    lines = sorted(f"{key} {list(shape)}" for key, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def transformer_widths(sizes: Sizes) -> dict[str, int]:
    widths = {f"input_blocks.{i}.1": MULT[i // STEP] for i in INPUTS} | {"middle_block.1": MULT[-1]}
    widths |= {f"output_blocks.{i}.1": MULT[3 - i // STEP] for i in OUTPUTS}
    return {place: mult * sizes.channels for place, mult in widths.items()}


def diffusers_name(key: str) -> str:
    """Official key -> the diffusers port's (SD1.5's four levels of two blocks)."""
    part, *rest = key.split(".")
    if part == "time_embed":
        return f"time_embedding.linear_{1 + int(rest[0]) // 2}.{rest[1]}"
    if part == "out":
        return f"{('conv_norm_out', '', 'conv_out')[int(rest[0])]}.{rest[1]}"
    if part == "middle_block":
        number = int(rest[0])
        return _inside(f"mid_block.{'attentions.0' if number == 1 else f'resnets.{number // 2}'}", rest[1:])
    if part == "input_blocks":
        block, layer, *leaf = rest
        level, index = divmod(int(block) - 1, STEP)
        if block == "0":
            return f"conv_in.{leaf[0]}"
        if leaf[0] == "op":
            return f"down_blocks.{level}.downsamplers.0.conv.{leaf[1]}"
        return _inside(f"down_blocks.{level}.{('resnets', 'attentions')[int(layer)]}.{index}", leaf)
    if part == "output_blocks":
        block, layer, *leaf = rest
        level, index = divmod(int(block), STEP)
        if leaf[0] == "conv":
            return f"up_blocks.{level}.upsamplers.0.conv.{leaf[1]}"
        return _inside(f"up_blocks.{level}.{('resnets', 'attentions')[int(layer)]}.{index}", leaf)
    return key


def _pair(shapes: Shapes, name: str, *weight: int, bias: bool = True) -> None:
    shapes[f"{name}.weight"] = weight
    if bias:
        shapes[f"{name}.bias"] = weight[:1]


def _attention(shapes: Shapes, name: str, width: int, context: int) -> None:
    for leaf, inside in (("to_q", width), ("to_k", context), ("to_v", context)):
        _pair(shapes, f"{name}.{leaf}", width, inside, bias=False)
    _pair(shapes, f"{name}.to_out.0", width, width)


def _feed_forward(shapes: Shapes, name: str, width: int) -> None:
    _pair(shapes, f"{name}.net.0.proj", 8 * width, width)
    _pair(shapes, f"{name}.net.2", width, 4 * width)


def _res_block(shapes: Shapes, name: str, inside: int, outside: int, embed: int) -> int:
    _pair(shapes, f"{name}.in_layers.0", inside)
    _pair(shapes, f"{name}.in_layers.2", outside, inside, 3, 3)
    _pair(shapes, f"{name}.emb_layers.1", outside, embed)
    _pair(shapes, f"{name}.out_layers.0", outside)
    _pair(shapes, f"{name}.out_layers.3", outside, outside, 3, 3)
    if inside != outside:
        _pair(shapes, f"{name}.skip_connection", outside, inside, 1, 1)
    return outside


def _position_net(sizes: Sizes) -> Shapes:
    shapes: Shapes = {}
    features = {"position": 128, "point": 64, "scribble": 1280, "polygon": 16384}  # numbers x 16 frequencies x 2
    segment = 4 * sizes.dims[-1]
    shapes["pos_embedding"] = (1, 64, segment)
    shapes["null_positive_feature"] = (sizes.text,)
    shapes |= {f"null_{name}_feature": (count,) for name, count in (features | {"seg": segment}).items()}
    _pair(shapes, "in_conv", 3, sizes.slots, 3, 3)
    for number, inside in enumerate((*(sizes.text + count for count in features.values()), segment)):
        _pair(shapes, f"linears_list.{number}.0", sizes.mid, inside)
        _pair(shapes, f"linears_list.{number}.2", sizes.mid, sizes.mid)
        _pair(shapes, f"linears_list.{number}.4", sizes.context, sizes.mid)
    net, dims = "convnext_tiny_backbone", sizes.dims
    _pair(shapes, f"{net}.downsample_layers.0.0", dims[0], 3, 4, 4)
    _pair(shapes, f"{net}.downsample_layers.0.1", dims[0])
    for stage in (1, 2, 3):
        _pair(shapes, f"{net}.downsample_layers.{stage}.0", dims[stage - 1])
        _pair(shapes, f"{net}.downsample_layers.{stage}.1", dims[stage], dims[stage - 1], 2, 2)
    for name, dim in ((f"{net}.stages.{s}.{b}", dims[s]) for s, depth in enumerate(sizes.depths) for b in range(depth)):
        shapes[f"{name}.gamma"] = (dim,)
        _pair(shapes, f"{name}.dwconv", dim, 1, 7, 7)
        _pair(shapes, f"{name}.norm", dim)
        _pair(shapes, f"{name}.pwconv1", 4 * dim, dim)
        _pair(shapes, f"{name}.pwconv2", dim, 4 * dim)
    return shapes


def _inside(name: str, leaf: list[str]) -> str:
    """A layer's parameters within a residual block or a transformer, whose names stay the same."""
    renamed = {
        "in_layers.0": "norm1",
        "in_layers.2": "conv1",
        "emb_layers.1": "time_emb_proj",
        "out_layers.0": "norm2",
        "out_layers.3": "conv2",
        "skip_connection": "conv_shortcut",
    }
    path, last = ".".join(leaf[:-1]), leaf[-1]
    return f"{name}.{renamed.get(path, path)}.{last}" if path else f"{name}.{last}"
