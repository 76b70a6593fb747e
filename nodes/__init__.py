"""The pack's nodes for ComfyUI: every file here ends with its list `NODES`, collected below."""

from comfy_api.latest import ComfyExtension, io

from . import (
    apply,
    apply_layout,
    arrange,
    conditioning,
    dataset,
    demo_model,
    edit,
    editor,
    instance_conditioning,
    instances,
    keyframes,
    language,
    layout_io,
    load,
    other_packs,
    plausibility,
    preview,
    sampler,
    score,
    timing,
)

MODULES = (
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
    apply_layout,
    conditioning,
    instance_conditioning,
    sampler,
    timing,
    score,
    dataset,
)


class InstDiffExtension(ComfyExtension):
    """What `comfy_entrypoint` hands to ComfyUI."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """All nodes, in the order in which a graph uses them."""
        return [node for module in MODULES for node in module.NODES]
