"""Parity of EliGen: masks, positions, attention and outputs of tiny FLUX.1 and Qwen-Image models in ComfyUI's own classes."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import comfy.conds
import comfy.sample
import comfy.samplers
import comfy.sd
import comfy.supported_models
import numpy as np
import torch
from instdiff.instdiff_modules.geometry.coverage import Widths, trained_mask
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.regions.eligen_keys import comfy_keys, layer_count
from instdiff.instdiff_modules.regions.families import family_of
from instdiff.instdiff_modules.regions.forward import OVERRIDE, Forward
from instdiff.instdiff_modules.regions.plan import Row, Text
from instdiff.instdiff_modules.regions.rule import Rule
from instdiff.instdiff_modules.regions.weights import Placed, tokens_of
from instdiff.nodes.layout_texts import ELIGEN, LayoutSettings, with_regions
from instdiff.nodes.region_calls import ModelCall, attach_regions
from instdiff.nodes.region_run import RegionRun
from support.goldens import fill, load_manifest, value
from support.parity_networks import Row as Compared
from support.parity_networks import Tensors
from support.reduced_model import patcher
from torch import Tensor

Entry = Mapping[str, Any]
SUPPORTED = {"flux": ("Flux", "flux"), "qwen": ("QwenImage", "qwen_image")}


def masks(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Compared]:
    """Pictures of masks -> latent cells and tokens that are on."""
    pictures = [tensors[one["tensor"]] for one in entry["inputs"]["images"]]
    height, width = entry["outputs"]["latent_hw"]
    cells = []
    for picture in pictures:
        on = (picture.float() * (2 / 255) - 1).movedim(-1, 0).mean(
            0
        ) > 0  # in float32 and this order, as the reference rounds
        cells.append(trained_mask(Instance("a", "x", mask=encode_mask(on.numpy())), height, width, Widths()))
    latent = torch.stack(cells)
    yield Compared("latent cells", latent, bits(entry["outputs"]["latent_mask_bits"], tensors), 0.0)
    tokens = torch.stack([(tokens_of(one, 2) > 0).float().flatten() for one in latent])
    yield Compared("tokens", tokens, bits(entry["outputs"]["token_mask_bits"], tensors), 0.0)


def bits(entry: Entry, tensors: Tensors) -> Tensor:
    return value(entry, tensors)[..., : entry["unpacked_shape"][-1]]


def forward(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Compared]:
    """One forward pass; see the manifests of cases 10 and 11."""
    yield from passed(model_of(folder, kind_of(entry)), entry, tensors)


def passed(model: Any, entry: Entry, tensors: Tensors) -> Iterator[Compared]:
    """What the network computes under our masks and positions, against the outputs that an entry holds."""
    given, pass_ = inputs_of(entry, tensors), Pass(model, kind_of(entry))
    ours = pass_.run(given)
    outputs, tolerance = entry["outputs"], entry["tolerance"]
    for name in ("noise_pred", "noise_pred_tanh_gelu"):
        if name in outputs:
            atol = tolerance.get("tanh_gelu", tolerance)["suggested_atol"]
            yield Compared(name, ours, value(outputs[name], tensors).float(), atol)
    order = pass_.reference_order()
    if "ids" in outputs:
        golden = value(outputs["ids"], tensors).float()
        yield Compared("ids", pass_.ids[:, order].float(), golden.expand(len(pass_.ids), -1, -1), 0.0)
    if "attention_allowed_bits" in outputs:
        allowed = (pass_.mask[:, 0] == 0).float()[:, order][:, :, order]
        yield Compared("attention", allowed, bits(outputs["attention_allowed_bits"], tensors), 0.0)
    if "token_mask_bits" in outputs:
        weights = torch.stack([row(2).weights for row in pass_.rows])
        yield Compared("tokens", weights, bits(outputs["token_mask_bits"], tensors), 0.0)
    for name, ours in pass_.blocks.items():
        if name in outputs:
            text = (
                ours[:, order[: ours.shape[1]]]
                if name.endswith("txt")
                else ours[:, order]
                if name.endswith("txt_img")
                else ours
            )
            yield Compared(name, text, value(outputs[name], tensors).float(), tolerance["suggested_atol"])


class Pass:
    """A forward pass of a network with what it was steered by, and what was seen in it."""

    def __init__(self, model: Any, kind: str) -> None:
        self.model, self.kind = model, kind
        self.blocks: dict[str, Tensor] = {}
        self.mask: Any = None

    def run(self, given: "Inputs") -> Tensor:
        base = self.model.model
        network, x = base.diffusion_model, given.latents
        cond = {"model_conds": {"c_crossattn": comfy.conds.CONDRegular(given.prompt)}}
        if given.layouts:
            ((_, options),) = with_regions(
                [[given.prompt, {}]], given.layouts, given.texts, LayoutSettings(method=ELIGEN)
            )
            cond["model_conds"].update(options["model_conds"])
        call = ModelCall(RegionRun(), base, x, float(given.sigma.max()), {})
        cond = call.entry(cond)
        text = cond["model_conds"]["c_crossattn"].cond
        found = next(iter(call.run.rows.values()), None)
        height, width = x.shape[-2:]
        plain = Row(Placed((), trained=True), (), torch.zeros(text.shape[1], dtype=torch.long), Rule(), (height, width))
        self.rows = list(found) if found else [plain] * len(x)
        steering = Forward(family_of(network, base), network, self.rows, (height, width), text.shape[1], {})
        more = {"y": given.pooled, "guidance": given.guidance} if self.kind == "flux" else {}
        if given.edit is not None:
            more["ref_latents"] = [given.edit[:, :, None]]
        frames = x[:, :, None] if self.kind == "qwen" else x
        out = network(
            frames, given.sigma, text.expand(len(x), -1, -1), transformer_options=self._listening(steering), **more
        )
        return out[:, :, 0] if self.kind == "qwen" else out

    def reference_order(self) -> Tensor:
        """Our tokens in the reference's order: the texts of the entities, the global prompt, the picture."""
        segments = self.rows[0].segments
        text = [*(segments > 0).nonzero().flatten().tolist(), *(segments == 0).nonzero().flatten().tolist()]
        return torch.tensor([*text, *range(len(text), self.ids.shape[1])])

    def _listening(self, steering: Forward) -> dict[str, Any]:
        def heard(func: Callable, *args: Any, **kwargs: Any) -> Tensor:
            self.mask = args[4] if len(args) > 4 else kwargs["mask"]
            return func(*args, **kwargs)

        def positions(given: dict[str, Any]) -> dict[str, Any]:
            self.ids = torch.cat((given["txt_ids"], given["img_ids"]), 1)
            return given

        options = steering.options({OVERRIDE: heard})
        options["patches"] = {
            **options["patches"],
            "post_input": [*options["patches"].get("post_input", ()), positions],
        }
        double = "double" if self.kind == "flux" else "block"
        blocks = {("double_block", i): self._noted(f"{double}{i}/") for i in range(8)}
        blocks |= {("single_block", i): self._noted(f"single{i}/txt_") for i in range(8)} if self.kind == "flux" else {}
        return {**options, "patches_replace": {"dit": blocks}}

    def _noted(self, name: str) -> Callable:
        def block(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
            out = extra["original_block"](args)
            self.blocks.update({name + key: tensor.clone() for key, tensor in out.items()})
            return out

        return block


class Inputs:
    """The inputs of an entry, read."""

    def __init__(self, inputs: Entry, tensors: Tensors) -> None:
        def read(name: str) -> Any:
            return value(inputs[name], tensors) if name in inputs else None

        self.latents = read("latents") if "latents" in inputs else read("noise")
        self.prompt, self.pooled, self.edit = read("prompt_emb"), read("pooled_prompt_emb"), read("edit_latents")
        self.negative, self.negative_pooled = read("negative_prompt_emb"), read("negative_pooled_prompt_emb")
        self.sigma = torch.tensor(inputs.get("sigma", [1.0]))
        self.guidance = torch.tensor(inputs.get("guidance", [0.0]))
        self.layouts, self.texts = (), {}
        if "entity_masks" in inputs:
            self._read_entities(bits(inputs["entity_masks"], tensors), inputs.get("entity_prompt_emb"), tensors)

    def _read_entities(self, drawn: Tensor, given: Any, tensors: Tensors) -> None:
        """drawn (B, N, h, w). Texts: of all images and entities, a list of one for each entity, or words that mean the prompt."""
        layouts = []
        for image, some in enumerate(drawn):
            instances = []
            for i, mask in enumerate(some):
                name = f"{image}/{i}"
                instances.append(Instance(name, name, mask=encode_mask(np.asarray(mask))))
                self.texts[name] = Text(self._text(given, image, i, tensors))
            layouts.append(Layout(tuple(instances)))
        self.layouts = tuple(layouts)

    def _text(self, given: Any, image: int, i: int, tensors: Tensors) -> Tensor:
        one = given[i] if isinstance(given, list) else given
        if isinstance(one, str):
            return self.prompt[image : image + 1]
        text = value(one, tensors)
        return text if isinstance(given, list) else text[image : image + 1, i]


def inputs_of(entry: Entry, tensors: Tensors) -> Inputs:
    return Inputs(entry["inputs"], tensors)


def kind_of(entry: Entry) -> str:
    return entry["id"].partition("_")[0]


def model_of(folder: Path, kind: str) -> Any:
    """MODEL of cases 10 and 11 of this folder."""
    (path,) = folder.glob("case10_*.json" if kind == "flux" else "case11_*.json")
    manifest, _ = load_manifest(path)
    return _model(kind, json.dumps(manifest["config"]), manifest["fill_seed"])


@lru_cache(maxsize=2)
def _model(kind: str, config: str, seed: int) -> Any:
    name, image_model = SUPPORTED[kind]
    supported = getattr(comfy.supported_models, name)
    settings = type(name, (supported,), {"unet_extra_config": {}})({**json.loads(config), "image_model": image_model})
    settings.set_inference_dtype(torch.float32, None)
    model = settings.get_model({}, "")
    network = model.diffusion_model
    network.load_state_dict({k: fill(seed, k, v.shape) for k, v in network.state_dict().items()})
    return patcher(model)


def lora(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Compared]:
    """A pass with a LoRA that ComfyUI's own loader puts onto the model."""
    kind, known = kind_of(entry), entry["lora"]
    native = known.get("native_key_of", {})
    seed = manifest["fill_seed"]
    weights = {}
    for name, shape in known["keys"].items():
        source = native.get(name, name.replace(".default.", ".") if kind == "flux" else name)
        alpha = name.endswith(".alpha")
        weights[name] = torch.tensor(float(manifest["rank"])) if alpha else fill(seed, source, shape)
    model = model_of(folder, kind).clone()
    with_lora, _ = comfy.sd.load_lora_for_models(model, None, comfy_keys(weights), known["strength"], 0.0)
    yield Compared(
        "layers", torch.tensor(float(len(with_lora.patches))), torch.tensor(float(layer_count(weights))), 0.0
    )
    if entry["tolerance"].get("without_lora_max_abs") == 0:  # the reference's loader takes none of these keys
        return
    with_lora.patch_model()
    try:
        yield from passed(with_lora, entry, tensors)
    finally:
        with_lora.unpatch_model()


def trajectory(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Compared]:
    """Three steps of ComfyUI's Euler sampler through the node's wrappers."""
    kind, given = kind_of(entry), inputs_of(entry, tensors)
    model = attach_regions(model_of(folder, kind))
    guidance = {"guidance": entry["inputs"]["guidance"][0]} if "guidance" in entry["inputs"] else {}
    settings = LayoutSettings(method=ELIGEN)
    positive = [[given.prompt, {"pooled_output": given.pooled, **guidance}]]
    negative = [[given.negative, {"pooled_output": given.negative_pooled, **guidance}]]
    positive = with_regions(positive, given.layouts, given.texts, settings)
    if entry["eligen_enable_on_negative"]:
        negative = with_regions(negative, given.layouts, dict.fromkeys(given.texts, Text(given.negative)), settings)
    start = given.latents[:, :, None] if kind == "qwen" else given.latents
    seen: list[tuple[Tensor, Tensor]] = []
    comfy.sample.sample_custom(
        model, start, entry["cfg_scale"], comfy.samplers.sampler_object("euler"), torch.tensor(entry["sigmas"]), positive,
        negative, torch.zeros_like(start), callback=lambda step, denoised, x, total: seen.append((x.clone(), denoised.clone())),
        disable_pbar=True, seed=0,
    )  # fmt: skip
    after = torch.stack([*(x for x, _ in seen[1:]), seen[-1][1]])
    golden = value(entry["outputs"]["latents_after_each_step"], tensors)
    yield Compared(
        "latents", after[:, :, :, 0] if kind == "qwen" else after, golden, entry["tolerance"]["suggested_atol"]
    )


ELIGEN_CASES = {
    "case9_eligen_masks": masks, "case10_eligen_flux": forward, "case11_eligen_qwen": forward, "case12_eligen_lora": lora,
    "case13_eligen_trajectory": trajectory,
}  # fmt: skip
