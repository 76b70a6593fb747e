"""The templates for other models, with tiny random models of each family in place of the downloads.

FLUX's goes through ComfyUI's own loader; the others' widths are fixed in ComfyUI's detection, their files would be gigabytes.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import comfy.sd
import comfy.supported_models
import comfy_extras.nodes_flux as nodes_flux
import comfy_extras.nodes_model_advanced as nodes_model_advanced
import folder_paths
import instdiff.nodes
import pytest
import torch
from safetensors.torch import save_file
from support.eligen_files import file_of
from support.pack import ROOT
from support.region_models import MODELS, TinyClip, tiny_model
from support.ui_graph import BYPASS, to_api

import nodes as comfy_nodes

FAMILIES = {"17": "SDXL", "18": "FLUX.1", "19": "Qwen-Image", "20": "Z-Image"}
ELIGEN = "FLUX.1", "Qwen-Image"
LOADERS = (
    "CheckpointLoaderSimple",
    "UNETLoader",
    "CLIPLoader",
    "DualCLIPLoader",
    "VAELoader",
    "InstDiffLoadCheckpoint",
)
CLASSES = {
    **comfy_nodes.NODE_CLASS_MAPPINGS,
    **{node.define_schema().node_id: node for module in instdiff.nodes.MODULES for node in module.NODES},
    "FluxGuidance": nodes_flux.FluxGuidance,
    "ModelSamplingAuraFlow": nodes_model_advanced.ModelSamplingAuraFlow,
}


WITHOUT_CLASS = {kind: {"widgets_values": []} for kind in ("PreviewAny", "BatchImagesNode")}  # what nobody asks for


class FlatVae:
    """A VAE that shows the latent's first channels."""

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        small = latent.reshape(-1, latent.shape[1], *latent.shape[-2:])[:, :3]
        return torch.nn.functional.interpolate(small, scale_factor=8.0).movedim(1, -1).sigmoid()


class ObjectInfo(dict[str, Any]):
    """What the server would say of the nodes that are asked for."""

    def __contains__(self, kind: object) -> bool:
        return True

    def __missing__(self, kind: str) -> dict[str, Any]:
        node = CLASSES.get(kind)
        if node is None:
            return {"input": {}, "input_order": {}, "display_name": kind}  # of those whose picture nobody wants
        if hasattr(node, "GET_NODE_INFO_V1"):
            return node.GET_NODE_INFO_V1()
        inputs = node.INPUT_TYPES()
        order = {section: list(given) for section, given in inputs.items()}
        return {"input": inputs, "input_order": order, "display_name": kind}


def painted(
    workflow: dict, loaded: Mapping[str, Any], wanted: Sequence[int], off: Sequence[int] = ()
) -> list[torch.Tensor]:
    """What these nodes give at 128x96 in 3 steps, with `loaded` (by the output's type) in place of the loaders, and all others but `off` on."""
    known: dict[tuple[str, int], Any] = {}
    for node in workflow["nodes"]:
        if node["type"] in LOADERS:
            known |= {(str(node["id"]), k): loaded.get(slot["type"]) for k, slot in enumerate(node["outputs"])}
    modes = {number: {"mode": BYPASS} for number in off}
    running = [
        node | modes.get(node["id"], {"mode": 0}) | WITHOUT_CLASS.get(node["type"], {}) for node in workflow["nodes"]
    ]
    graph = to_api({**workflow, "nodes": running}, ObjectInfo())

    def out(source: str, slot: int) -> Any:
        if (source, slot) not in known:
            node = CLASSES[graph[source]["class_type"]]
            inputs = {
                name: out(*one) if isinstance(one, list) else one for name, one in graph[source]["inputs"].items()
            }
            if "layout" in inputs:
                inputs["layout"] = json.dumps({**json.loads(inputs["layout"]), "width": 128, "height": 96})
            if "steps" in inputs:
                inputs["steps"] = 3
            given = getattr(node() if hasattr(node, "INPUT_TYPES") else node, node.FUNCTION)(**inputs)
            known.update({(source, k): value for k, value in enumerate(getattr(given, "args", given))})
        return known[source, slot]

    with torch.inference_mode():
        return [out(str(number), 0) for number in wanted]


def read(name: str) -> dict:
    [path] = (ROOT / "workflows").glob(name)
    return json.loads(path.read_text(encoding="utf-8"))


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
    workflow, name = read(f"{number} One layout with *.json"), FAMILIES[number]
    model = flux_from_a_file(tmp_path) if name == "FLUX.1" else tiny_model(name)
    loaded = {"MODEL": model, "CLIP": TinyClip(name), "VAE": FlatVae()}
    off = [node["id"] for node in workflow["nodes"] if node["mode"] == BYPASS and node["type"] == "VAEDecode"]
    [picture] = painted(workflow, loaded, off)
    assert picture.shape == (1, 96, 128, 3) and torch.isfinite(picture).all() and picture.std() > 0


@pytest.mark.parametrize("name", FAMILIES.values())
def test_every_method_that_fits_the_model_paints_another_picture_of_one_layout(name, tmp_path, monkeypatch):
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", ([str(tmp_path)], {".safetensors"}))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    workflow, loaded = read("22 *.json"), {"MODEL": tiny_model(name), "CLIP": TinyClip(name), "VAE": FlatVae()}
    off = [node["id"] for node in workflow["nodes"] if node["mode"] == BYPASS]
    pictures = painted(workflow, loaded, [9, 13, 17, 20], off)
    assert all(picture.shape == (1, 96, 128, 3) and torch.isfinite(picture).all() for picture in pictures)
    if name in ELIGEN:
        save_file(file_of(name, ""), tmp_path / "model.safetensors")
        apply = next(node for node in workflow["nodes"] if node["type"] == "InstDiffApplyLayout")
        apply["widgets_values"][4] = "EliGen"
        pictures += painted(workflow, loaded, [17])
    assert all((one - two).abs().max() > 1e-4 for one, two in combinations(pictures, 2))
