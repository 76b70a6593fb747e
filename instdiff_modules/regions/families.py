"""One small adapter for each family of models: how its text and picture tokens lie, and which of its calls to mask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .calls import Flagged, Joint, Refined, SelfFirst


@dataclass(frozen=True)
class Family:
    """name: for people. patch: latent cells along a token's side; 0: a UNet, which has several resolutions.

    networks: names of ComfyUI's classes, of the network and of the model around it. calls: of a network, for one forward
    pass. padding: text is padded to a multiple of so many tokens. width: of the text that the network takes.
    trained_positions: text positions begin anew for each segment. apart: see `refined_apart`.
    alone: arguments of a call that put other tokens before the picture's; a layout cannot be combined with them.
    eligen: EliGen's LoRA was trained for it.
    """

    name: str
    networks: frozenset[tuple[str, str]]
    patch: int
    calls: Callable[[Any], Joint]
    width: Callable[[Any], int]
    padding: Callable[[Any], int] = lambda _: 1
    trained_positions: bool = False
    apart: bool = False
    alone: frozenset[str] = frozenset()
    eligen: bool = False


def _pairs(network: str, *models: str) -> frozenset[tuple[str, str]]:
    return frozenset((network, model) for model in models)


def _krea_calls(network: Any) -> Joint:
    fusion = network.txtfusion
    return Refined(len(fusion.layerwise_blocks), len(fusion.refiner_blocks))


def _unet_width(network: Any) -> int:
    return next(m.to_k.in_features for name, m in network.named_modules() if name.endswith("attn2"))


UNETS = ("BaseModel", "SDXL", "SDXLRefiner", "SD15_instructpix2pix", "SDXL_instructpix2pix", "SD21UNCLIP")
FAMILIES = (
    Family("Stable Diffusion 1.5, 2 and SDXL", _pairs("UNetModel", *UNETS), 0, lambda _: Flagged(), _unet_width),
    Family(
        "SD3 and SD3.5", _pairs("OpenAISignatureMMDITWrapper", "SD3"), 2, lambda _: Joint(),
        lambda n: n.context_embedder.in_features,
    ),
    Family("FLUX.1", _pairs("Flux", "Flux"), 2, lambda _: Joint(), lambda n: n.txt_in.in_features, eligen=True),
    Family("Chroma", _pairs("Chroma", "Chroma"), 2, lambda _: Joint(), lambda n: n.txt_in.in_features),
    Family(
        "Krea 2", _pairs("SingleStreamDiT", "Krea2"), 2, _krea_calls, lambda n: n.txtlayers * n.txtdim
    ),
    Family(
        "Qwen-Image", _pairs("QwenImageTransformer2DModel", "QwenImage"), 2, lambda _: Joint(),
        lambda n: n.txt_in.in_features, trained_positions=True, eligen=True,
    ),
    Family(
        "Lumina2 and Z-Image", _pairs("NextDiT", "Lumina2"), 2, lambda n: Refined(0, len(n.context_refiner)),
        lambda n: n.cap_embedder[1].in_features, lambda n: n.pad_tokens_multiple or 1,
        alone=frozenset({"ref_latents"}),
    ),
    Family(
        "Ideogram 4",
        _pairs("Ideogram4Transformer2DModel", "Ideogram4"),
        1,
        lambda _: Joint(),
        lambda n: n.llm_cond_proj.in_features,
    ),
    Family(
        "Cosmos-Predict2", _pairs("MiniTrainDIT", "CosmosPredict2"), 2, lambda _: SelfFirst(),
        lambda n: n.blocks[0].cross_attn.context_dim,
    ),
    Family("Anima", _pairs("Anima", "Anima"), 2, lambda _: SelfFirst(), lambda n: n.blocks[0].cross_attn.context_dim),
    Family(
        "HunyuanVideo", _pairs("HunyuanVideo", "HunyuanVideo"), 2,
        lambda n: Refined(0, len(n.txt_in.individual_token_refiner.blocks)),
        lambda n: n.txt_in.input_embedder.in_features, apart=True,
        alone=frozenset({"ref_latent", "clip_fea", "txt_byt5", "guiding_frame_index"}),
    ),
    Family(
        "Wan", _pairs("WanModel", "WAN21"), 2, lambda _: SelfFirst(), lambda n: n.text_embedding[0].in_features,
        alone=frozenset({"reference_latent"}),
    ),
)  # fmt: skip

# Classes that were looked at and cannot be steered, and why, after "its attention ...".
REFUSED = {
    "ErnieImage": "gives no hook for a mask",
    "PixArt": "gives no hook for a mask",
    "HiDream": "reads two text encoders at once, which is not proved to work",
    "SVD_img2vid": "reads a picture instead of text",
}


def family_of(network: Any, model: Any) -> Family:
    """Of a network and ComfyUI's model around it, by the names of their classes. ValueError names a class that is not known."""
    network = getattr(network, "_orig_mod", network)  # torch.compile puts a class of its own around it
    names = type(network).__name__, type(model).__name__
    for family in FAMILIES:
        if names in family.networks:
            return family
    why = REFUSED.get(names[1])
    known = ", ".join(family.name for family in FAMILIES)
    reason = f" (its attention {why})" if why else ""
    if any(names[1] == model_name for family in FAMILIES for _, model_name in family.networks):
        reason = f" whose network is {names[0]}, not ComfyUI's own"
    raise ValueError(f"Apply Layout cannot steer a model of kind {names[1]}{reason}. It steers {known}.")


def anima_text(network: Any, text: Tensor, ids: Tensor, weights: Tensor | None) -> Tensor:
    """Encoded text (1, L, D) as Anima's own adapter hands it to the blocks: (1, at least 512, D)."""
    given = None if weights is None else weights[None, :, None].to(text)
    return network.preprocess_text_embeds(text, ids[None].to(text.device), t5xxl_weights=given)


def refined_apart(network: Any, text: Tensor, timesteps: Tensor, mask: Tensor | None, segments: Tensor) -> Tensor:
    """HunyuanVideo's refined text (B, T, C), segment by segment: its refiner adds the mean of all text to each token."""
    out = text.new_empty(*text.shape[:2], network.hidden_size)
    for segment in segments.unique().tolist():
        columns = (segments == segment).nonzero().flatten().to(text.device)
        own = None if mask is None else mask[:, columns]
        out[:, columns] = network.txt_in(text[:, columns], timesteps, own).to(out)
    return out


def restarted(ids: Tensor, segments: Tensor) -> Tensor:
    """Text positions (B, T, axes) that count up: begin anew for each segment."""
    places = torch.zeros(len(segments), dtype=torch.long)
    for segment in segments.unique().tolist():
        columns = (segments == segment).nonzero().flatten()
        places[columns] = torch.arange(len(columns))
    return ids[:, places.to(ids.device)]


def centred(ids: Tensor, grid: tuple[int, int], trained: Tensor) -> Tensor:
    """Qwen-Image's picture positions (B, tokens, 3), in trained rows as EliGen had them: odd grids begin one earlier."""
    shift = torch.tensor([0, grid[0] % 2, grid[1] % 2], device=ids.device)
    return ids - shift * trained[:, None, None]
