"""The workflow of an evaluation, in API format: the authors' settings as a graph, and any graph filled for one picture."""

from typing import Any

from ..commands.names import shown
from ..launcher.graph import Graph, with_layout, with_seed
from ..layout.document import layout_to_json
from ..layout.instance import Layout

# eval_local.py as the authors' README calls it; the negative prompt is the script's default.
STEPS, GUIDANCE, MIS, ALPHA, SIZE = 50, 7.5, 0.36, 1.0, 512
NEGATIVE = (
    "cartoon style, painting style, longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, fewer digits, "
    "cropped, worst quality, low quality"
)
SAVING = ("SaveImage", "PreviewImage")  # whose picture counts, unless a node is named
CHECKPOINT, WEIGHTS = "v1-5-pruned-emaonly.safetensors", "instancediffusion_sd15.pth"


def authors_graph(
    checkpoint: str,
    weights: str,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    mis: float = MIS,
    alpha: float = ALPHA,
) -> Graph:
    """PLMS, multi-instance sampling with the mean of all branches, instances in the first `alpha` of the steps.

    checkpoint, weights: names of files as ComfyUI lists them. The layout and the seed are left open: see `filled`.
    """

    def node(kind: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": kind, "inputs": inputs}

    return {
        "checkpoint": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "weights": node("InstDiffLoadModel", model=weights, dtype="auto"),
        "layout": node("InstDiffFromJSON", text=""),
        "apply": node("InstDiffApply", model=["checkpoint", 0], clip=["checkpoint", 1], instdiff_model=["weights", 0], instances=["layout", 0],
                      strength=1.0, start=0.0, end=alpha),
        "positive": node("CLIPTextEncode", clip=["checkpoint", 1], text=["layout", 1]),
        "negative": node("CLIPTextEncode", clip=["checkpoint", 1], text=NEGATIVE),
        "empty": node("EmptyLatentImage", width=["layout", 2], height=["layout", 3], batch_size=1),
        "sampler": node("InstDiffKSampler", model=["apply", 0], seed=0, steps=steps, cfg=guidance, sampler_name="plms", scheduler="normal",
                        positive=["positive", 0], negative=["negative", 0], latent_image=["empty", 0], denoise=1.0, share=mis, merge="average"),
        "decode": node("VAEDecode", samples=["sampler", 0], vae=["checkpoint", 2]),
        # A preview: the server forgets it at its next start, and the evaluation has fetched it.
        "picture": node("PreviewImage", images=["decode", 0]),
    }  # fmt: skip


def output_node(graph: Graph, given: str | None = None) -> str:
    """The id of the node whose picture counts: the given one, else the only Save Image, else the only Preview Image. ValueError."""
    if given is not None:
        if given not in graph:
            raise ValueError(
                f"--output is {shown(given)}, but the workflow has no such node. Its nodes: {_ids(graph)}."
            )
        return given
    for kind in SAVING:
        found = {node: graph[node] for node in graph if graph[node]["class_type"] == kind}
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise ValueError(
                f"The workflow has {len(found)} nodes {kind} ({_ids(found)}): say with --output whose picture counts."
            )
    raise ValueError(
        "The workflow has no Save Image and no Preview Image node: add one, or say with --output whose picture counts."
    )


def _ids(graph: Graph) -> str:
    return shown(", ".join(graph), 100)


def filled(graph: Graph, layout: Layout, seed: int, location_formats: str) -> Graph:
    """A copy of the graph with a layout, its size and its prompt, a seed, and in every Apply node the location formats that count.

    Stopped if the graph has no node that takes a layout.
    """
    # A picture without words gets a blank: nothing at all would leave the template's own prompt in place.
    text = layout_to_json(layout if layout.prompt else Layout(layout.instances, layout.width, layout.height, " "))
    out = with_seed(with_layout(graph, text, "the layouts"), seed)
    for node in out.values():
        if node["class_type"] == "InstDiffApply":
            node["inputs"]["location_formats"] = location_formats
    return out
