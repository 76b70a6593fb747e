"""Parity of one model call: ComfyUI's own UNet at a reduced width, with our patches on it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import comfy.model_management
import torch
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs, null_grounding
from instdiff.instdiff_modules.sampling.attention_mask import MaskedAttention
from instdiff.instdiff_modules.sampling.fuser_patch import FuserPatch
from instdiff.instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from instdiff.instdiff_modules.sampling.window import Window
from instdiff.nodes.apply_settings import block_attention
from support.fixed_bank import FixedBank
from support.goldens import SLOTS, grounding_arguments, value
from support.parity_networks import Row, Tensors, authors_grounding, tokenizer
from support.reduced_model import reduced_model
from torch import Tensor

Entry = Mapping[str, Any]
ALWAYS = Window(0.0, 1.0, 0.0), lambda share: (1 - share) * 1e9


@lru_cache(maxsize=1)
def _models(seed: int, model_channels: int, num_heads: int) -> tuple[Any, Any]:
    return reduced_model(seed, {"model_channels": model_channels, "num_heads": num_heads})


def models(manifest: Entry, base: Entry) -> tuple[Any, Any, int, Mapping[str, Any]]:
    config, seed = base["config"], manifest["fill_seed"]
    return *_models(seed, config["model_channels"], config["num_heads"]), seed, config["grounding_tokenizer"]["params"]


def tokens_of(inputs: GroundingInputs, params: Entry, seed: int) -> Tensor:
    return tokenizer(params, seed)(inputs)


def unet(entry: Entry, tensors: Tensors, manifest: Entry, folder: Any) -> Iterator[Row]:
    model, adapter, seed, params = models(manifest, manifest)
    inputs = entry["inputs"]
    x, context = value(inputs["x"], tensors), value(inputs["context"], tensors)
    null = tokens_of(null_grounding(SLOTS), params, seed)
    grounding, dropped = (
        (None, True) if entry["null_grounding"] else authors_grounding(inputs["grounding"], entry["flags"], tensors)
    )
    layouts = null if grounding is None else tokens_of(grounding, params, seed)
    masked, boxes = None, ((),) * (len(layouts) + 1)
    if inputs.get("att_masks") and not entry["efficient_attention"] and not dropped:
        masked = MaskedAttention("finest", authors=inputs["att_masks"]["as_shipped"])
        boxes = ((), *slot_boxes(grounding_arguments(inputs["grounding"], tensors)))
    bank = FixedBank(null, list(zip(layouts.split(1), boxes[1:], strict=True)))
    fusers = FuserPatch(adapter, bank, *ALWAYS, block_attention, entry["alpha_scale"], masked)
    patches = {"middle_patch": [fusers]}
    if entry["scaleu"] == "on":
        patches["output_block_patch"] = [ScaleUPatch(adapter, se=entry["enable_se_scaleu"])]
    statistics = Statistics(model.model.diffusion_model, patches, entry["outputs"].get("layer_statistics"))
    options = {"patches": statistics.patches, "cond_or_uncond": [int(entry["null_grounding"])]}
    comfy.model_management.load_models_gpu([model, adapter])
    timesteps = torch.tensor(inputs["timesteps"], dtype=torch.float32)
    eps = model.model.diffusion_model(
        *(given.to(model.load_device) for given in (x, timesteps, context)), transformer_options=options
    )
    yield Row("eps", eps, value(entry["outputs"]["eps"], tensors), entry["tolerance"]["suggested_atol"])
    yield from statistics.rows()


class Statistics:
    """The layer statistics that a manifest lists: after every fuser, and at the entry of every decoder block."""

    def __init__(self, net: Any, patches: dict[str, list], golden: Any) -> None:
        self.patches, self.golden, self.ours = dict(patches), golden or [], {}
        if golden:
            self.patches["middle_patch"] = [self._fuser(patches["middle_patch"][0])]
            self.patches["output_block_patch"] = [*patches["output_block_patch"], self._decoder]

    def _fuser(self, patch: Any) -> Any:
        def call(x: Tensor, options: Mapping[str, Any]) -> Tensor:
            y = patch(x, options)
            name = patch.adapter.paths[(*options["block"], 0)]
            self.ours[name] = {
                "in_std": x.std(),
                "out_std": y.std(),
                "delta_std": (y - x).std(),
                "out_first4": y.flatten()[:4],
            }
            return y

        return call

    def _decoder(self, h: Tensor, skip: Tensor, options: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        both = torch.cat((h, skip), 1)
        name = f"output_blocks.{options['block'][1]} input (trunk*b ++ filtered skip)"
        self.ours[name] = {"in_std": both.std(), "in_first4": both.flatten()[:4]}
        return h, skip

    def rows(self) -> Iterator[Row]:
        for entry in self.golden:
            ours = self.ours[entry["layer"]]
            for name in ours:
                golden = torch.tensor(entry[name])
                # Printed with six significant digits.
                yield Row(f"{entry['layer']} {name}", ours[name], golden, 1e-4 + 2e-5 * golden.abs().max().item())


def slot_boxes(grounding: Mapping[str, Tensor]) -> list[tuple]:
    """For each layout the boxes of its slots, None in the empty ones."""
    return [
        tuple(tuple(box) if present else None for box, present in zip(row.tolist(), mask.tolist(), strict=True))
        for row, mask in zip(grounding["boxes"], grounding["masks"], strict=True)
    ]


UNET_CASES = {"case5_unet": unet}
