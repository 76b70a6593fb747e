"""The templates for other models, with tiny random models of each family in place of the downloads.

FLUX's goes through ComfyUI's own loader; the others' widths are fixed in ComfyUI's detection, their files would be gigabytes.
"""

import json
from pathlib import Path
from typing import Any

import comfy.sd
import comfy.supported_models
import comfy_extras.nodes_flux as nodes_flux
import comfy_extras.nodes_model_advanced as nodes_model_advanced
import pytest
import torch
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from instdiff.nodes.editor import InstDiffLayoutEditor
from instdiff.nodes.empty_latent import InstDiffEmptyLatent
from instdiff.nodes.sampler import MultiInstanceKSampler
from safetensors.torch import save_file
from support.pack import ROOT
from support.region_models import MODELS, TinyClip, tiny_model

import nodes as comfy_nodes

FAMILIES = {"17": "SDXL", "18": "FLUX.1", "19": "Qwen-Image", "20": "Z-Image"}
LOADERS = ("CheckpointLoaderSimple", "UNETLoader", "CLIPLoader", "DualCLIPLoader", "VAELoader")
OFF = 4


class FlatVae:
    """A VAE that shows the latent's first channels."""

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        small = latent.reshape(-1, latent.shape[1], *latent.shape[-2:])[:, :3]
        return torch.nn.functional.interpolate(small, scale_factor=8.0).movedim(1, -1).sigmoid()


def small(layout: str) -> str:
    return json.dumps({**json.loads(layout), "width": 128, "height": 96})


def painted(workflow: dict, loaded: dict[str, Any]) -> torch.Tensor:
    """What the switched-off part of a template paints, with these in place of its loaders (by the output's type)."""
    nodes = {node["id"]: node for node in workflow["nodes"]}
    links = {link[0]: (link[1], link[2]) for link in workflow["links"]}
    known: dict[tuple[int, int], Any] = {}

    def given(node: dict, name: str) -> Any:
        slot = next(slot for slot in node["inputs"] if slot["name"] == name)
        return out(*links[slot["link"]])

    def out(number: int, slot: int) -> Any:
        if (number, slot) not in known:
            known.update({(number, k): value for k, value in enumerate(run(nodes[number]))})
        return known[number, slot]

    def run(node: dict) -> Any:
        kind, values = node["type"], node["widgets_values"]
        if kind in LOADERS:
            return [loaded[output["type"]] for output in node["outputs"]]
        if kind == "InstDiffLayoutEditor":
            return InstDiffLayoutEditor.execute(small(values[0])).args
        assert node["mode"] == OFF
        if kind == "CLIPTextEncode":
            linked = any(slot["name"] == "text" for slot in node["inputs"])
            return comfy_nodes.CLIPTextEncode().encode(
                given(node, "clip"), given(node, "text") if linked else values[0]
            )
        if kind == "FluxGuidance":
            return nodes_flux.FluxGuidance.execute(given(node, "conditioning"), *values).args
        if kind == "ModelSamplingAuraFlow":
            return nodes_model_advanced.ModelSamplingAuraFlow().patch_aura(given(node, "model"), *values)
        sockets = {slot["name"]: given(node, slot["name"]) for slot in node["inputs"]}
        if kind == "InstDiffApplyLayout":
            names = ("strength", "start", "end", "global_share", "method", "overlap", "outside", "picture_attention")
            names = (*names, "point_size", "stroke_width")
            return InstDiffApplyLayout.execute(**sockets, **dict(zip(names, values, strict=True))).args
        if kind == "InstDiffEmptyLatent":
            return InstDiffEmptyLatent.execute(**sockets).args
        if kind == "InstDiffKSampler":
            seed, _, _, *rest = values
            names = ("cfg", "sampler_name", "scheduler", "denoise", "share", "merge", "feather", "speed")
            return MultiInstanceKSampler.execute(
                seed=seed, steps=3, **sockets, **dict(zip(names, rest, strict=True))
            ).args
        assert kind == "VAEDecode", kind
        return comfy_nodes.VAEDecode().decode(**sockets)

    save = next(node for node in workflow["nodes"] if node["type"] == "SaveImage" and node["mode"] == OFF)
    with torch.inference_mode():
        return given(save, "images")


def flux_from_a_file(folder: Path) -> Any:
    """MODEL as UNETLoader reads it from a file; ComfyUI's detection wants heads of 128 channels."""
    wide = {**MODELS["FLUX.1"].config, "hidden_size": 128, "num_heads": 1, "axes_dim": [16, 56, 56], "mlp_ratio": 4.0}
    kind = comfy.supported_models.Flux(dict(wide))
    kind.set_inference_dtype(torch.float32, None)
    network = kind.get_model({}, "").diffusion_model
    random = torch.Generator().manual_seed(1)
    weights = {name: torch.randn(v.shape, generator=random) / 8 for name, v in network.state_dict().items()}
    save_file(weights, folder / "flux.safetensors")
    return comfy.sd.load_diffusion_model(str(folder / "flux.safetensors"))


@pytest.mark.parametrize("number", FAMILIES)
def test_the_switched_off_part_paints_with_its_model(number, tmp_path):
    [path] = (ROOT / "workflows").glob(f"{number} One layout with *.json")
    name = FAMILIES[number]
    model = flux_from_a_file(tmp_path) if name == "FLUX.1" else tiny_model(name)
    loaded = {"MODEL": model, "CLIP": TinyClip(name), "VAE": FlatVae()}
    picture = painted(json.loads(path.read_text(encoding="utf-8")), loaded)
    assert picture.shape == (1, 96, 128, 3) and torch.isfinite(picture).all() and picture.std() > 0
