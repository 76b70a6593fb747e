"""Parity of the networks: Fourier features, UniFusion, ScaleU and the fusers against their goldens."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from instdiff.instdiff_modules.grounding.inputs import reference_grounding
from instdiff.instdiff_modules.networks.fourier import fourier_features
from instdiff.instdiff_modules.networks.fuser import Fuser
from instdiff.instdiff_modules.networks.scaleu import filter_skip, gains, scaleu
from instdiff.instdiff_modules.networks.unifusion import UniFusion
from instdiff.instdiff_modules.sampling.attention_mask import additive_mask, allowed_pairs
from support.goldens import SLOTS, filled_like, grounding_arguments, recorded, value
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]
Entry = Mapping[str, Any]


class Row(NamedTuple):
    """One comparison: what we computed, what the authors' code gave, and the manifest's bound on their distance."""

    label: str
    ours: Tensor
    golden: Tensor
    atol: float


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    """Plain softmax attention, as a stand-in for ComfyUI's."""
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    mask = None if mask is None else mask.unsqueeze(1)
    return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def fourier(entry: Entry, tensors: Tensors) -> Iterator[Row]:
    out = fourier_features(value(entry["inputs"]["x"], tensors))
    yield Row("out", out, value(entry["outputs"]["out"], tensors), entry["tolerance"]["suggested_atol"])


def drop_flags(config: Entry) -> dict[str, bool]:
    return {f"drop_{name}": config[f"test_drop_{name}"] for name in ("boxes", "points", "scribbles", "masks")}


def authors_grounding(inputs: Entry, flags: Entry, tensors: Tensors) -> tuple[Any, bool]:
    arguments = grounding_arguments(inputs, tensors)
    arguments["text"] = arguments.pop("text_embeddings")
    return reference_grounding(**arguments, **drop_flags(flags))


_tokenizers: dict[Any, UniFusion] = {}


def tokenizer(config: Entry, seed: int) -> UniFusion:
    key = (config["in_dim"], config["mid_dim"], config["out_dim"], seed)
    if key not in _tokenizers:
        _tokenizers.clear()
        net = UniFusion(SLOTS, key[0], key[1], key[2], operations=nn).eval()
        filled_like(net, seed, "position_net.")
        _tokenizers[key] = net
    return _tokenizers[key]


def unifusion(entry: Entry, tensors: Tensors) -> Iterator[Row]:
    net = tokenizer(entry["config"], entry["fill_seed"])
    inputs, dropped = authors_grounding(entry["inputs"], entry["config"], tensors)
    atol = entry["tolerance"]["suggested_atol"]
    yield Row("drop_box_mask", torch.tensor(float(dropped)), torch.tensor(float(entry["drop_box_mask"])), 0.0)
    with Probe(net) as probe:
        tokens = net(inputs)
    for name, output in entry["outputs"].items():
        ours = tokens if name == "tokens" else probe.read(name)
        yield Row(name, ours, value(output, tensors), atol)


class Probe:
    """Reads what the reference's probe tensors hold: the inputs of the five tokenizers, and the mask backbone's stages."""

    NAMES = ("box", "point", "scribble", "polygon", "segment")

    def __init__(self, net: UniFusion) -> None:
        self.net, self.seen, self.handles = net, {}, []

    def __enter__(self) -> "Probe":
        for name, mlp in zip(self.NAMES, self.net.linears_list):
            self.handles.append(mlp.register_forward_pre_hook(lambda m, a, n=name: self.seen.update({n: a[0]})))
        for name in ("in_conv", "convnext_tiny_backbone"):
            module = getattr(self.net, name)
            self.handles.append(module.register_forward_hook(lambda m, a, out, n=name: self.seen.update({n: out})))
        return self

    def __exit__(self, *_: Any) -> None:
        for handle in self.handles:
            handle.remove()

    def read(self, name: str) -> Tensor:
        if name == "probe_segment_tokenizer_input":
            return self.seen["segment"]
        if name == "probe_convnext_output_ch0_31":
            return self.seen["convnext_tiny_backbone"][:, :32]
        if name == "probe_in_conv_output_rows_248_263":
            return self.seen["in_conv"][:, :, 248:264]
        kind, found, _ = name.removeprefix("probe_").partition("_tokenizer_input_slots0_3")
        if not found or kind not in self.seen:
            raise ValueError(f"Unknown probe {name}.")
        return self.seen[kind][:, :4]


def scaleu_case(entry: Entry, tensors: Tensors) -> Iterator[Row]:
    inputs, tolerance = entry["inputs"], entry["tolerance"]
    if "scale" in inputs:
        out, golden = (
            filter_skip(value(inputs["x"], tensors), torch.tensor(inputs["scale"])),
            value(entry["outputs"]["out"], tensors),
        )
        if tolerance.get("suggested") == "one unit in the last place of the half type":
            ulp = torch.finfo(golden.dtype).eps * 2 ** golden.float().abs().log2().floor()
            yield Row("out, in units of the last place", out.float() / ulp, golden.float() / ulp, 1.0)
        else:
            yield Row("out", out, golden, tolerance["suggested_atol"])
        return
    atol = tolerance["suggested_atol"]
    h, skip, b, s = (value(inputs[k], tensors) for k in ("h", "skip", "scaleu_b", "scaleu_s"))
    out = torch.cat(scaleu(h, skip, gains(b, s, h), se=entry["enable_se_scaleu"]), dim=1)
    yield Row("concat_h_skip", out, value(entry["outputs"]["concat_h_skip"], tensors), atol)


def fuser(entry: Entry, tensors: Tensors) -> Iterator[Row]:
    config, inputs = entry["config"], entry["inputs"]
    net = Fuser(config["query_dim"], config["context_dim"], operations=nn)
    filled_like(net, entry["fill_seed"], entry["fill_prefix"])
    x, objs = value(inputs["x"], tensors), value(inputs["objs"], tensors)
    mask = inside = None
    # The authors mask only with the slower attention, at exactly 64 x 64 tokens, unless every box was dropped.
    if (
        inputs.get("att_masks")
        and not config["efficient_attention"]
        and not inputs["drop_box_mask"]
        and x.shape[1] == 4096
    ):
        inside = value(inputs["att_masks"], tensors).flatten(1).bool()
    if inside is not None and inside.any():
        mask = additive_mask(allowed_pairs(inside), x.dtype).expand(x.shape[0], -1, -1)
    gates = [inputs["scale"] * float(torch.tanh(alpha)) for alpha in (net.alpha_attn, net.alpha_dense)]
    y = net(x, net.key_values(objs), config["n_heads"], attention, gates, mask)
    atol = entry["tolerance"]["suggested_atol"]
    outputs = entry["outputs"]
    yield Row("y", recorded(y, outputs["y"]), value(outputs["y"], tensors), atol)
    if "mask_row_sums" in outputs:
        yield from _mask_sums(inside, outputs, tensors)


def _mask_sums(inside: Tensor, outputs: Entry, tensors: Tensors) -> Iterator[Row]:
    """We build the rows of visual queries only; the reference's mask is square and its other rows follow by symmetry."""
    allowed, n = allowed_pairs(inside), inside.shape[1]
    square = torch.ones(allowed.shape[1], allowed.shape[1], dtype=torch.bool)
    square[:n], square[:, :n] = allowed, allowed.T
    for name, dim in (("mask_row_sums", 1), ("mask_col_sums", 0)):
        yield Row(name, square.sum(dim).float(), value(outputs[name], tensors).float(), 0.0)


NETWORK_CASES = {
    "case1_fourier": fourier,
    "case2_unifusion": unifusion,
    "case3_scaleu": scaleu_case,
    "case4_fuser": fuser,
}
