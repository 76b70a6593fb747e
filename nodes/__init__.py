"""The pack's nodes for ComfyUI: every file with nodes ends with its list `NODES`, collected below."""

from comfy_api.latest import ComfyExtension, io
from server import PromptServer

from . import (
    apply,
    apply_layout,
    arrange,
    conditioning,
    dataset,
    demo_model,
    edit,
    editor,
    eligen_lora,
    empty_latent,
    instance_conditioning,
    instances,
    keyframes,
    language,
    layout_io,
    load,
    load_checkpoint,
    other_packs,
    plausibility,
    preview,
    references,
    sampler,
    score,
    timing,
    train,
)
from .token_route import add_route

MODULES = (
    load_checkpoint,
    load,
    demo_model,
    editor,
    instances,
    layout_io,
    arrange,
    other_packs,
    keyframes,
    edit,
    language,
    plausibility,
    preview,
    apply,
    eligen_lora,
    apply_layout,
    references,
    empty_latent,
    conditioning,
    instance_conditioning,
    sampler,
    timing,
    score,
    dataset,
    train,
)


class InstDiffExtension(ComfyExtension):
    """What `comfy_entrypoint` hands to ComfyUI."""

    async def on_load(self) -> None:
        """Called once, before the nodes are asked for; without a server there is no page to answer."""
        if getattr(PromptServer, "instance", None) is not None:
            add_route(PromptServer.instance.routes)

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """All nodes, in the order in which a graph uses them."""
        return [node for module in MODULES for node in module.NODES]
