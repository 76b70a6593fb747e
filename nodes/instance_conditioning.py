"""The node that gives single instances a conditioning of their own: a LoRA, a reference, other words."""

from typing import Any

import torch
from comfy_api.latest import io

from ..instdiff_modules.geometry.raster import check_memory, draw_instance, output_size
from ..instdiff_modules.layout import fields
from ..instdiff_modules.layout.document import visible_instances
from ..instdiff_modules.layout.frames import as_frames, named_indices
from ..instdiff_modules.layout.instance import Frames, Instance
from ..instdiff_modules.sampling.branch import instance_key
from ..instdiff_modules.sampling.instance_conditioning import with_owner
from . import checks
from .types import Instances

WHERE = "Instance Conditioning"
MAX_STRENGTH = 10


class InstDiffInstanceConditioning(io.ComfyNode):
    """CONDITIONING + INSTANCES + an instance's own CONDITIONING -> CONDITIONING."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffInstanceConditioning",
            display_name="Instance Conditioning",
            category="InstDiff",
            description="Gives chosen instances their own conditioning, with a LoRA, an image reference or a different "
            "prompt. It acts in their regions, and is the only one in their branches of multi-instance sampling.",
            inputs=[
                io.Conditioning.Input(
                    "positive", tooltip="The prompt of the whole picture, or what another Instance Conditioning gives."
                ),
                Instances.Input("instances", tooltip="The same layout as for Apply InstDiff."),
                io.Conditioning.Input(
                    "conditioning",
                    tooltip="For the chosen instances only. With a LoRA: Create Hook LoRA, Set CLIP Hooks, CLIP "
                    "Text Encode. With a picture: Apply Style Model. Include the instance's prompt.",
                ),
                io.String.Input(
                    "which",
                    default="1",
                    tooltip="The instances: ids, or numbers from 1, back to front; several separated by commas.",
                ),
                io.Float.Input(
                    "strength",
                    default=4.0,
                    min=0.0,
                    max=float(MAX_STRENGTH),
                    step=0.05,
                    tooltip="Weight in the instance's region against the prompt of the whole picture, 0..10: at 4 four fifths "
                    "are the instance's, at 10 nearly all. Its own branch uses nothing else, whatever the strength.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="For the sampler's positive. The MODEL comes from Apply InstDiff or Multi-Instance Sampling.",
                )
            ],
        )

    @classmethod
    def execute(cls, positive: Any, instances: Frames, conditioning: Any, which: str, strength: float) -> io.NodeOutput:
        checks.check_conditioning(positive, "positive", None)
        checks.check_conditioning(conditioning, "conditioning", None)
        strength = checks.number_in(strength, 0, MAX_STRENGTH, WHERE, "strength")
        frames = as_frames(instances)
        which = fields.text("" if which is None else which, WHERE, "which").strip()
        width, height = output_size(frames[0], 0, 0)
        chosen = [
            [layout.instances[i] for i in row]
            for layout, row in zip(frames, named_indices(frames, which, "condition"), strict=True)
        ]
        everyone = list(dict.fromkeys(instance_key(instance) for row in chosen for instance in row))
        check_memory(len(everyone) * len(frames), width, height, 1, "masks")
        added = []
        for one in everyone:
            shown = [next((i for i in visible_instances(layout) if instance_key(i) == one), None) for layout in frames]
            for instance in {
                (i.start, i.end): i for i in shown if i is not None
            }.values():  # its times may differ from frame to frame
                masks = [
                    _region(i, height, width)
                    if i and (i.start, i.end) == (instance.start, instance.end)
                    else torch.zeros(height, width)
                    for i in shown
                ]
                added += with_owner(conditioning, instance, torch.stack(masks), strength)
        return io.NodeOutput([*positive, *added])


def _region(instance: Instance, height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(draw_instance(instance, height, width)).float()


NODES = [InstDiffInstanceConditioning]
