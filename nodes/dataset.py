"""Nodes that make a dataset for the trainer: crops to be described, their captions, and the folder."""

from pathlib import Path
from typing import Any

import comfy.utils
import folder_paths
from comfy_api.latest import io, ui
from torch import Tensor

from ..instdiff_modules.layout.document import MAX_INSTANCES
from ..instdiff_modules.layout.fields import flag
from ..instdiff_modules.layout.frames import as_frames
from ..instdiff_modules.layout.instance import Layout
from ..instdiff_modules.preview.batch import image_batch
from ..instdiff_modules.training.crops import caption_instances, check_pairs, crop_pictures
from ..instdiff_modules.training.dataset_filters import Filters
from ..instdiff_modules.training.dataset_writer import WHERE, dataset_folder, save_dataset
from .checks import check_choice, check_whole, number_in
from .types import Instances

CROP = "Crop Instances"
MAX_LEAST = 4096  # pixels
SKIP, RENEW = EXISTING = ("skip", "renew layout")


def _listed(value: Any) -> list[Any]:
    """What came over a wire of lists; nothing connected is an empty list."""
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _single(value: Any) -> Any:
    """The value of a widget, which comes as a list of one; of several that came over a wire the first."""
    return value[0] if isinstance(value, list) and value else value


def _pictures(value: Any) -> list[Tensor]:
    """IMAGE batches -> pictures (H, W, C)."""
    return [picture for image in _listed(value) or [None] for picture in image_batch(image, "image")]


def _layouts(value: Any) -> list[Layout]:
    return [layout for frames in _listed(value) or [None] for layout in as_frames(frames)]


class InstDiffCropInstances(io.ComfyNode):
    """IMAGE + INSTANCES -> one IMAGE for each instance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffCropInstances",
            display_name="Crop Instances",
            category="InstDiff",
            is_input_list=True,
            description="Cuts each instance out of its picture, for a node that describes pictures. Caption Instances puts the descriptions back.",
            inputs=[
                io.Image.Input("image", tooltip="The pictures: a batch, or a list of pictures of any sizes."),
                Instances.Input("instances", tooltip="One layout for each picture. Hidden instances are left out."),
                io.Float.Input(
                    "margin",
                    default=0.1,
                    min=0.0,
                    max=2.0,
                    step=0.01,
                    tooltip="What is added on each side, as a share of the instance's longer side, 0..2. Surroundings help to recognise small things.",
                ),
                io.Boolean.Input(
                    "square",
                    default=False,
                    optional=True,
                    tooltip="On: square crops, wider than the instance, and grey where the picture ends.",
                ),
                io.Boolean.Input(
                    "grey_outside",
                    default=False,
                    optional=True,
                    tooltip="On: what is outside the instance's mask is grey. Instances without a mask stay as they are.",
                ),
                io.Int.Input(
                    "min_side",
                    default=64,
                    min=1,
                    max=MAX_LEAST,
                    optional=True,
                    advanced=True,
                    tooltip="Smallest width and height of a crop in pixels, 1..4096, as far as the picture reaches.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="crops",
                    is_output_list=True,
                    tooltip="A list with one picture for each visible instance, picture by picture, back to front. One grey picture if there are none.",
                ),
                io.String.Output(
                    display_name="prompts",
                    is_output_list=True,
                    tooltip="The instances' prompts in the same order, for example to ask a model about them.",
                ),
                io.String.Output(
                    display_name="ids", is_output_list=True, tooltip="The instances' ids in the same order."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Any,
        instances: Any,
        margin: Any,
        square: Any = False,
        grey_outside: Any = False,
        min_side: Any = 64,
    ) -> io.NodeOutput:
        margin = number_in(_single(margin), 0, 2, CROP, "margin")
        square = flag(_single(square), CROP, "square")
        grey = flag(_single(grey_outside), CROP, "grey_outside")
        min_side = _single(min_side)
        check_whole(min_side, 1, MAX_LEAST, CROP, "min_side")
        crops = crop_pictures(_pictures(image), _layouts(instances), margin, min_side, square, grey)
        return io.NodeOutput([one.picture for one in crops], [one.prompt for one in crops], [one.id for one in crops])


class InstDiffCaptionInstances(io.ComfyNode):
    """INSTANCES + a caption for each instance -> INSTANCES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffCaptionInstances",
            display_name="Caption Instances",
            category="InstDiff",
            is_input_list=True,
            description="Gives each visible instance its own caption as the prompt: what a model says about the crops of Crop Instances.",
            inputs=[
                Instances.Input("instances", tooltip="The layouts that Crop Instances got."),
                io.String.Input(
                    "captions",
                    force_input=True,
                    tooltip="A list with one caption for each crop, in their order; or one text with a line for each. An empty one leaves the prompt.",
                ),
                io.Boolean.Input(
                    "keep_names",
                    default=True,
                    optional=True,
                    tooltip="On: the earlier prompt, such as a detector's label, is kept as the instance's name. Training uses the name or the caption.",
                ),
            ],
            outputs=[
                Instances.Output(
                    display_name="instances", is_output_list=True, tooltip="The layouts with the captions as prompts."
                )
            ],
        )

    @classmethod
    def execute(cls, instances: Any, captions: Any, keep_names: Any = True) -> io.NodeOutput:
        keep = flag(_single(keep_names), "Caption Instances", "keep_names")
        given = [as_frames(frames) for frames in _listed(instances) or [None]]
        return io.NodeOutput(caption_instances(given, _listed(captions), keep))


class InstDiffSaveDataset(io.ComfyNode):
    """IMAGE + INSTANCES + captions -> a folder of pictures with layouts."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffSaveDataset",
            display_name="Save Layout Dataset",
            category="InstDiff",
            is_input_list=True,
            is_output_node=True,
            description="Writes pictures with their layouts into a folder that the trainer reads: cat.png beside cat.json. Skips what is there already.",
            inputs=[
                io.Image.Input("image", tooltip="The pictures: a batch, or a list of pictures of any sizes."),
                Instances.Input("instances", tooltip="One layout for each picture. Hidden instances are left out."),
                io.String.Input(
                    "folder",
                    default="instdiff_dataset",
                    tooltip="Folder in ComfyUI's output folder. It may hold pictures of earlier runs.",
                ),
                io.String.Input(
                    "captions",
                    optional=True,
                    force_input=True,
                    tooltip="Captions of the whole pictures: one for each, or one for all. Not connected: those of the layouts.",
                ),
                io.String.Input(
                    "names",
                    optional=True,
                    force_input=True,
                    tooltip="Names for the files, one for each picture. Not connected: a name made from the pixels.",
                ),
                io.Float.Input(
                    "min_score",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    tooltip="Detections with a lower score are left out, 0..1. Instances without a score stay.",
                ),
                io.Float.Input(
                    "min_area",
                    default=0.001,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    round=False,
                    optional=True,
                    tooltip="Smaller masks and boxes are left out, as a share of the picture, 0..1. Points and scribbles stay.",
                ),
                io.Float.Input(
                    "max_overlap",
                    default=0.8,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    tooltip="Of two instances whose IoU is higher, 0..1, the one with the lower score is left out, or the smaller one. 1: all stay.",
                ),
                io.Int.Input(
                    "max_instances",
                    default=30,
                    min=1,
                    max=MAX_INSTANCES,
                    optional=True,
                    tooltip="Instances of a picture, 1..1000; of more, the largest stay. The published weights have 30 slots.",
                ),
                io.Combo.Input(
                    "existing",
                    options=list(EXISTING),
                    default=SKIP,
                    optional=True,
                    tooltip='What happens to pictures that are in the folder already. "skip": nothing. "renew layout": their layout is written again.',
                ),
            ],
            outputs=[
                io.Int.Output(
                    display_name="count",
                    tooltip="How many of these pictures are in the folder now, new or already there.",
                ),
                io.String.Output(display_name="path", tooltip="The folder, for the trainer's image_dir."),
                io.String.Output(display_name="report", tooltip="What was written, skipped and left out, and why."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Any,
        instances: Any,
        folder: Any,
        captions: Any = None,
        names: Any = None,
        min_score: Any = 0.3,
        min_area: Any = 0.001,
        max_overlap: Any = 0.8,
        max_instances: Any = 30,
        existing: Any = SKIP,
    ) -> io.NodeOutput:
        score, area, overlap = (
            number_in(_single(value), 0, 1, WHERE, name)
            for value, name in ((min_score, "min_score"), (min_area, "min_area"), (max_overlap, "max_overlap"))
        )
        most, existing = _single(max_instances), _single(existing)
        check_whole(most, 1, MAX_INSTANCES, WHERE, "max_instances")
        check_choice(existing, EXISTING, WHERE, "existing")
        pictures, layouts = _pictures(image), _layouts(instances)
        check_pairs(len(pictures), len(layouts))
        path = dataset_folder(Path(folder_paths.get_output_directory()), _single(folder))
        progress = comfy.utils.ProgressBar(len(pictures))
        saved = save_dataset(
            path,
            pictures,
            layouts,
            _listed(captions),
            _listed(names),
            Filters(score, area, overlap, most),
            existing == RENEW,
            progress.update_absolute,
        )
        return io.NodeOutput(saved.number, str(path), saved.report, ui=ui.PreviewText(saved.report))


NODES = [InstDiffCropInstances, InstDiffCaptionInstances, InstDiffSaveDataset]
