"""Keys and shapes of SD1.5's and InstDiff's tensors, written down as the networks are built.

Official key names throughout (`openaimodel.UNetModel`, CLIP's text model, `AutoencoderKL`). Two sizes:
the real one, and a small UNet that ComfyUI still recognises as SD1.5, because it goes by
model_channels 320 and context 768 only, with TAESD as VAE. CLIP keeps its size in both: the loader
takes the text encoder's shape from SD1.5 and not from the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class UNetSize:
    """The free sizes of an SD1.5 UNet. `attention` says which resolutions have transformers."""

    channel_mult: tuple[int, ...] = (1, 1)
    res_blocks: int = 1
    attention: tuple[bool, ...] = (True, True)
    channels: int = 320
    context_dim: int = 768


SMALL = UNetSize()
FULL = UNetSize((1, 2, 4, 4), 2, (True, True, True, False))


def unet_shapes(size: UNetSize) -> tuple[Shapes, tuple[int, ...]]:
    """Official keys and shapes of the UNet, and the trunk channels that enter each decoder block.

    The trunk channels (before the skip is joined on) are the sizes of ScaleU's `scaleu_b_i`.
    """
    shapes: Shapes = {}
    base, embed = size.channels, size.channels * 4
    _layer(shapes, "time_embed.0", (embed, base))
    _layer(shapes, "time_embed.2", (embed, embed))
    _layer(shapes, "input_blocks.0.0", (base, 4, 3, 3))
    skips, width, index = [base], base, 1
    levels = list(zip(size.channel_mult, size.attention, strict=True))
    for level, (mult, attends) in enumerate(levels):
        for _ in range(size.res_blocks):
            _res_block(shapes, f"input_blocks.{index}.0", width, mult * base, embed)
            width = mult * base
            if attends:
                _transformer(shapes, f"input_blocks.{index}.1", width, size.context_dim)
            skips.append(width)
            index += 1
        if level + 1 < len(levels):
            _layer(shapes, f"input_blocks.{index}.0.op", (width, width, 3, 3))
            skips.append(width)
            index += 1
    _res_block(shapes, "middle_block.0", width, width, embed)
    _transformer(shapes, "middle_block.1", width, size.context_dim)
    _res_block(shapes, "middle_block.2", width, width, embed)
    trunk, index = [], 0
    for level, (mult, attends) in reversed(list(enumerate(levels))):
        for block in range(size.res_blocks + 1):
            trunk.append(width)
            _res_block(shapes, f"output_blocks.{index}.0", width + skips.pop(), mult * base, embed)
            width = mult * base
            if attends:
                _transformer(shapes, f"output_blocks.{index}.1", width, size.context_dim)
            if level and block == size.res_blocks:
                _layer(shapes, f"output_blocks.{index}.{2 if attends else 1}.conv", (width, width, 3, 3))
            index += 1
    _layer(shapes, "out.0", (width,))
    _layer(shapes, "out.2", (4, width, 3, 3))
    return shapes, tuple(trunk)


def sd15_shapes(full: bool = False) -> Shapes:
    """Keys and shapes of a single-file SD1.5 checkpoint, with the prefixes ComfyUI expects."""
    unet, _ = unet_shapes(FULL if full else SMALL)
    shapes = {f"model.diffusion_model.{key}": shape for key, shape in unet.items()}
    clip, vae = _clip_shapes(), _autoencoder_shapes() if full else _taesd_shapes()
    shapes.update({f"cond_stage_model.transformer.text_model.{key}": s for key, s in clip.items()})
    shapes.update({f"first_stage_model.{key}": shape for key, shape in vae.items()})
    return shapes


def instdiff_shapes(full: bool = False, mid_dim: int | None = None, slots: int = 30) -> Shapes:
    """Official keys and shapes of fusers, position_net and ScaleU that fit `sd15_shapes(full)`.

    `mid_dim` is the width inside the tokenizer's five MLPs (3072 in the paper's model; 64 in the
    small one); the convnext-tiny backbone has the same size in both.
    """
    size = FULL if full else SMALL
    unet, trunk = unet_shapes(size)
    shapes: Shapes = {}
    for index, channels in enumerate(trunk):
        shapes[f"scaleu_b_{index}"] = (channels,)
        shapes[f"scaleu_s_{index}"] = (1,)
    ending = ".attn1.to_q.weight"
    for key in [key for key in unet if key.endswith(ending)]:
        _fuser(shapes, key.removesuffix(ending) + ".fuser", unet[key][0], size.context_dim)
    _position_net(shapes, mid_dim or (3072 if full else 64), size.context_dim, slots)
    return shapes


def _layer(shapes: Shapes, name: str, weight: tuple[int, ...], bias: bool = True) -> None:
    shapes[f"{name}.weight"] = weight
    if bias:
        shapes[f"{name}.bias"] = weight[:1]


def _res_block(shapes: Shapes, name: str, inside: int, outside: int, embed: int) -> None:
    _layer(shapes, f"{name}.in_layers.0", (inside,))
    _layer(shapes, f"{name}.in_layers.2", (outside, inside, 3, 3))
    _layer(shapes, f"{name}.emb_layers.1", (outside, embed))
    _layer(shapes, f"{name}.out_layers.0", (outside,))
    _layer(shapes, f"{name}.out_layers.3", (outside, outside, 3, 3))
    if inside != outside:
        _layer(shapes, f"{name}.skip_connection", (outside, inside, 1, 1))


def _attention(shapes: Shapes, name: str, dim: int, context: int) -> None:
    _layer(shapes, f"{name}.to_q", (dim, dim), bias=False)
    _layer(shapes, f"{name}.to_k", (dim, context), bias=False)
    _layer(shapes, f"{name}.to_v", (dim, context), bias=False)
    _layer(shapes, f"{name}.to_out.0", (dim, dim))


def _feed_forward(shapes: Shapes, name: str, dim: int) -> None:
    _layer(shapes, f"{name}.net.0.proj", (dim * 8, dim))  # GEGLU: value and gate, 4 x dim each
    _layer(shapes, f"{name}.net.2", (dim, dim * 4))


def _transformer(shapes: Shapes, name: str, dim: int, context: int) -> None:
    block = f"{name}.transformer_blocks.0"
    _layer(shapes, f"{name}.norm", (dim,))
    _layer(shapes, f"{name}.proj_in", (dim, dim, 1, 1))
    _attention(shapes, f"{block}.attn1", dim, dim)
    _feed_forward(shapes, f"{block}.ff", dim)
    _attention(shapes, f"{block}.attn2", dim, context)
    for norm in ("norm1", "norm2", "norm3"):
        _layer(shapes, f"{block}.{norm}", (dim,))
    _layer(shapes, f"{name}.proj_out", (dim, dim, 1, 1))


def _fuser(shapes: Shapes, name: str, dim: int, context: int) -> None:
    shapes[f"{name}.alpha_attn"] = ()
    shapes[f"{name}.alpha_dense"] = ()
    _layer(shapes, f"{name}.linear", (dim, context))
    _attention(shapes, f"{name}.attn", dim, dim)
    _feed_forward(shapes, f"{name}.ff", dim)
    _layer(shapes, f"{name}.norm1", (dim,))
    _layer(shapes, f"{name}.norm2", (dim,))


def _position_net(shapes: Shapes, mid_dim: int, out_dim: int, slots: int, text: int = 768) -> None:
    """UniFusion: five MLPs over [text, Fourier features], the segment one over convnext features."""
    # numbers x (sin, cos) x 16 frequencies: box 4, point 2, scribble 20 x 2, polygon 256 x 2
    fourier = {"position": 128, "point": 64, "scribble": 1280, "polygon": 16384}
    segment = 3072
    shapes["position_net.pos_embedding"] = (1, 64, segment)
    shapes["position_net.null_positive_feature"] = (text,)
    for name, features in (*fourier.items(), ("seg", segment)):
        shapes[f"position_net.null_{name}_feature"] = (features,)
    _layer(shapes, "position_net.in_conv", (3, slots, 3, 3))
    for key, shape in _convnext_tiny():
        shapes[f"position_net.convnext_tiny_backbone.{key}"] = shape
    for index, features in enumerate((*(text + f for f in fourier.values()), segment)):
        _layer(shapes, f"position_net.linears_list.{index}.0", (mid_dim, features))
        _layer(shapes, f"position_net.linears_list.{index}.2", (mid_dim, mid_dim))
        _layer(shapes, f"position_net.linears_list.{index}.4", (out_dim, mid_dim))


def _convnext_tiny() -> Iterator[tuple[str, tuple[int, ...]]]:
    shapes: Shapes = {}
    dims, depths = (96, 192, 384, 768), (3, 3, 9, 3)
    _layer(shapes, "downsample_layers.0.0", (dims[0], 3, 4, 4))
    _layer(shapes, "downsample_layers.0.1", (dims[0],))
    for index in (1, 2, 3):
        _layer(shapes, f"downsample_layers.{index}.0", (dims[index - 1],))
        _layer(shapes, f"downsample_layers.{index}.1", (dims[index], dims[index - 1], 2, 2))
    for stage, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
        for name in (f"stages.{stage}.{block}" for block in range(depth)):
            shapes[f"{name}.gamma"] = (dim,)
            _layer(shapes, f"{name}.dwconv", (dim, 1, 7, 7))
            _layer(shapes, f"{name}.norm", (dim,))
            _layer(shapes, f"{name}.pwconv1", (dim * 4, dim))
            _layer(shapes, f"{name}.pwconv2", (dim, dim * 4))
    return iter(shapes.items())


def _clip_shapes(width: int = 768, layers: int = 12) -> Shapes:
    """CLIP ViT-L/14's text model: 196 tensors and the position ids."""
    shapes: Shapes = {
        "embeddings.token_embedding.weight": (49408, width),
        "embeddings.position_embedding.weight": (77, width),
    }
    for name in (f"encoder.layers.{layer}" for layer in range(layers)):
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            _layer(shapes, f"{name}.self_attn.{projection}", (width, width))
        _layer(shapes, f"{name}.layer_norm1", (width,))
        _layer(shapes, f"{name}.mlp.fc1", (width * 4, width))
        _layer(shapes, f"{name}.mlp.fc2", (width, width * 4))
        _layer(shapes, f"{name}.layer_norm2", (width,))
    _layer(shapes, "final_layer_norm", (width,))
    return shapes


def _taesd_shapes(width: int = 64) -> Shapes:
    """TAESD, the small VAE that ComfyUI knows (comfy/taesd/taesd.py); numbers are places in its Sequentials."""
    shapes: Shapes = {}
    for half, first, last, blocks, plain in (
        ("taesd_encoder", (0, 3), (14, 4), (1, 3, 4, 5, 7, 8, 9, 11, 12, 13), (2, 6, 10)),
        ("taesd_decoder", (1, 4), (19, 3), (3, 4, 5, 8, 9, 10, 13, 14, 15, 18), (7, 12, 17)),
    ):
        _layer(shapes, f"{half}.{first[0]}", (width, first[1], 3, 3))
        for name in (f"{half}.{block}.conv.{layer}" for block in blocks for layer in (0, 2, 4)):
            _layer(shapes, name, (width, width, 3, 3))
        for index in plain:
            _layer(shapes, f"{half}.{index}", (width, width, 3, 3), bias=False)
        _layer(shapes, f"{half}.{last[0]}", (last[1], width, 3, 3))
    return shapes


def _autoencoder_shapes(width: int = 128) -> Shapes:
    """SD1.5's AutoencoderKL (248 tensors): down 1, 2, 4, 4 times `width` and up again."""
    shapes: Shapes = {}
    wide = width * 4
    inside = width
    _layer(shapes, "encoder.conv_in", (width, 3, 3, 3))
    for level, mult in enumerate((1, 2, 4, 4)):
        for block in range(2):
            _vae_block(shapes, f"encoder.down.{level}.block.{block}", inside, mult * width)
            inside = mult * width
        if level < 3:
            _layer(shapes, f"encoder.down.{level}.downsample.conv", (inside, inside, 3, 3))
    _layer(shapes, "decoder.conv_in", (wide, 4, 3, 3))
    for half in ("encoder", "decoder"):
        _vae_block(shapes, f"{half}.mid.block_1", wide, wide)
        _vae_block(shapes, f"{half}.mid.block_2", wide, wide)
        _layer(shapes, f"{half}.mid.attn_1.norm", (wide,))
        for name in ("q", "k", "v", "proj_out"):
            _layer(shapes, f"{half}.mid.attn_1.{name}", (wide, wide, 1, 1))
    for level, mult in ((3, 4), (2, 4), (1, 2), (0, 1)):
        for block in range(3):
            _vae_block(shapes, f"decoder.up.{level}.block.{block}", inside, mult * width)
            inside = mult * width
        if level:
            _layer(shapes, f"decoder.up.{level}.upsample.conv", (inside, inside, 3, 3))
    for half, channels, outside in (("encoder", wide, 8), ("decoder", width, 3)):
        _layer(shapes, f"{half}.norm_out", (channels,))
        _layer(shapes, f"{half}.conv_out", (outside, channels, 3, 3))
    _layer(shapes, "quant_conv", (8, 8, 1, 1))
    _layer(shapes, "post_quant_conv", (4, 4, 1, 1))
    return shapes


def _vae_block(shapes: Shapes, name: str, inside: int, outside: int) -> None:
    _layer(shapes, f"{name}.norm1", (inside,))
    _layer(shapes, f"{name}.conv1", (outside, inside, 3, 3))
    _layer(shapes, f"{name}.norm2", (outside,))
    _layer(shapes, f"{name}.conv2", (outside, outside, 3, 3))
    if inside != outside:
        _layer(shapes, f"{name}.nin_shortcut", (outside, inside, 1, 1))
