"""The hostile and the clumsy user: whatever arrives at an input, a node works or says in one sentence what is wrong.

Called in process, as values arrive over links: ComfyUI holds widgets to their ranges, but not links.
"""

import dataclasses
import json

import pytest
import torch
from instdiff.instdiff_modules.layout.document import Layout
from instdiff.instdiff_modules.layout.units import FRACTIONS
from instdiff.nodes import empty_latent, load
from support.called_nodes import ALL_NODES, INF, NAN, complaint, own_folders, run, snapshot
from support.other_models import other_model
from support.small_pack import FOX, FakeClip, base, frames
from support.valid_inputs import DOCUMENT, WIDE, mask, valid

DAMAGED = ("InstDiffLoadModel", "InstDiffLoadCheckpoint", "InstDiffLoadEliGen")  # no file of the tests holds weights
INPUTS = [(node_id, item) for node_id, node in ALL_NODES.items() for item in node.GET_SCHEMA().inputs]
WRONG = {
    "nothing": None, "nan": NAN, "infinity": INF, "minus one": -1, "huge": 10**400, "huge float": 1e300, "half": 0.5, "text": "x",
    "no text": "", "list": [], "list of lists": [[None]], "dict": {}, "tuple": (), "bool": True, "no images": torch.zeros(0, 8, 12, 3),
    "empty batch": torch.zeros(0, 8, 12), "five dimensions": torch.zeros(1, 1, 1, 8, 12), "bytes": b"x",
}  # fmt: skip
NEVER = ("nan", "infinity", "huge", "huge float", "list of lists", "dict", "five dimensions", "bytes")  # right nowhere


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    own_folders(tmp_path, monkeypatch)


@pytest.mark.parametrize("node_id, item", INPUTS, ids=[f"{node_id}-{item.id}" for node_id, item in INPUTS])
def test_any_value_at_any_input_is_used_or_refused_in_one_sentence(node_id, item):
    given = valid(node_id)
    assert set(given) == {each.id for each in ALL_NODES[node_id].GET_SCHEMA().inputs}
    before = snapshot(given)
    for name, wrong in WRONG.items():
        said = complaint(lambda value=wrong: run(node_id, **{item.id: value}))
        assert said or name not in NEVER, f"{name} was taken for good"
    assert snapshot(given) == before


@pytest.mark.parametrize("node_id", ALL_NODES)
def test_what_a_node_works_with_it_does_not_change(node_id):
    given = valid(node_id)
    before = snapshot(given)
    said = complaint(lambda: run(node_id))
    assert snapshot(given) == before and bool(said) == (node_id in DAMAGED)


@pytest.mark.parametrize("name, words", [
    ("damaged.pth", "damaged.pth is of no known kind (100000 bytes)"), ("damaged.safetensors", "damaged.safetensors"),
    ("gone.pth", "'gone.pth' is not in models/instdiff"),
    (load.THREE_FILES, "put fusers.ckpt there"), (load.NO_FILES, "is not in models/instdiff"),
])  # fmt: skip
def test_weights_that_cannot_be_loaded(name, words):
    assert words in complaint(lambda: run("InstDiffLoadModel", model=name))


@pytest.mark.parametrize("prefix", ["", "..", "../x", "/etc/x", "a/", "a\0b", "a" * 300])
def test_files_that_cannot_be_written(prefix):
    said = complaint(lambda: run("InstDiffSaveModel", filename_prefix=prefix))
    assert "name" in said and ("write one such as" in said or "cannot be written" in said)


@pytest.mark.parametrize("node_id, changes, words", [
    ("InstDiffBox", {"prompt": " "}, "The prompt is empty"),
    ("InstDiffBox", {"target": "9"}, "There is no instance '9'"),
    ("InstDiffBox", {"right": 100.0}, "not pixels"),
    ("InstDiffBox", {"start": 0.9, "end": 0.1}, "start 0.9 lies after end 0.1"),
    ("InstDiffMask", {"mask": torch.zeros(1, 64, 64)}, "all black"),  # what LoadImage gives for a picture without alpha
    ("InstDiffMask", {"mask": torch.zeros(0, 64, 96)}, "at least one mask, got (0, 64, 96)"),
    ("InstDiffMask", {"mask": torch.ones(1, 64, 64)}, "64x64 pixels, but the canvas of the layout is 768x512"),
    ("InstDiffMask", {"mask": mask() * 0.3}, "above the threshold 0.5"),
    ("InstDiffMask", {"mask": mask() * NAN}, "NaN"),
    ("InstDiffPoints", {"points": "nan, 0.5", "units": FRACTIONS}, "finite"),
    ("InstDiffPoints", {"points": "100, 100", "units": FRACTIONS}, "choose pixels"),
    ("InstDiffPoints", {"width": 0}, "Set both width and height"),
    ("InstDiffScribble", {"points": "[[0.1, null]]"}, "Write points as"),
    ("InstDiffFromJSON", {"text": '{"version": 2, "instances": []}'}, "has version 2, this InstDiff reads version 1"),
    ("InstDiffFromJSON", {"text": "x" * 33 * 2**20}, "at most 32 MB"),
    ("InstDiffFromJSON", {"text": json.dumps(DOCUMENT).replace("0.1", "NaN")}, "holds NaN"),
    ("InstDiffToMasks", {"width": 2**31}, "width must be a whole number of pixels in 1..16384"),
    ("InstDiffToMasks", {"instances": WIDE * 5, "width": 16384, "height": 16384}, "Choose a smaller width and height"),
    ("InstDiffPreview", {"instances": WIDE * 2, "width": 16384, "height": 16384}, "Choose a smaller width and height"),
    ("InstDiffPreview", {"background": torch.rand(3, 8, 12, 3), "instances": WIDE * 2}, "2 frames and 3 background images"),
    ("InstDiffLayoutScore", {"image": torch.rand(1, 64, 64, 3), "masks": None}, "64x64 pixels, but the canvas of the layout is 768x512"),
    ("InstDiffLayoutScore", {"image": torch.rand(3, 64, 96, 3), "instances": WIDE * 2}, "2 frames and 3 images"),
    ("InstDiffLayoutScore", {"boxes": None, "masks": None}, 'choose the detector "shape world"'),
    ("InstDiffLayoutScore", {"boxes": [], "masks": torch.cat([mask()] * 2)}, "0 boxes and 2 masks"),
    ("InstDiffLayoutScore", {"boxes": [(10, 13, 38, 45)]}, "Box 1 is not a BOUNDING_BOX"),
    ("InstDiffLayoutScore", {"boxes": [[], []]}, "boxes for 2 pictures, but 1"),
    ("InstDiffLayoutScore", {"masks": mask() * NAN}, "NaN"),
    ("InstDiffLayoutScore", {"detector": "YOLO"}, "detector must be one of 'connected detections', 'shape world'"),
    ("InstDiffSelectFailed", {"results": "x"}, "'x' is not the JSON of a score"),
    ("InstDiffSelectFailed", {"instances": WIDE * 2}, "the results are of 1 pictures, but there are 2 layouts"),
    ("InstDiffFromBoxes", {"boxes": None, "elements": None}, "Nothing is connected"),
    ("InstDiffFromBoxes", {"boxes": [(1, 2, 30, 40)], "elements": None}, "in an order that is not stated"),
    ("InstDiffFromBoxes", {"image": None, "width": 0}, "set both width and height, or neither"),
    ("InstDiffFromMasks", {"masks": torch.zeros(1, 0, 96)}, "a MASK of shape (batch, height, width), got (1, 0, 96)"),
    ("InstDiffToConditioning", {"method": "GLIGEN"}, "needs its model. Connect GLIGENLoader"),
    ("InstDiffToConditioning", {"instances": WIDE * 2}, "expected a single layout, got 2 frames"),
    ("InstDiffToConditioning", {"positive": None}, "Expected CONDITIONING as positive"),
    ("InstDiffToJSON", {"instances": WIDE * 2, "format": "elements"}, "holds a single layout, but there are 2 frames"),
    ("InstDiffToBoxes", {"order": "y first"}, "order must be one of"),
    ("InstDiffLayoutRequest", {"wish": " "}, "The wish is empty"),
    ("InstDiffLayoutRequest", {"count": 31}, "count must be a whole number in 0..30"),
    ("InstDiffLayoutRequest", {"units": "percent"}, "units must be one of 'fractions (0..1)', 'thousandths (0..1000)', 'pixels'"),
    ("InstDiffLayoutFromText", {"text": "No."}, "no layout: there is no JSON in it, and no tags, tables or lines with locations. The answer begins 'No.'"),
    ("InstDiffLayoutFromText", {"text": '[["a fox", 1, 2, 3, 4]]'}, "does not say the units and the order of the axes of its boxes, such as [1, 2, 3, 4]"),
    ("InstDiffLayoutFromText", {"text": "x" * 2**19}, "at most 262144 are read"),
    ("InstDiffLayoutFromText", {"width": 0}, "set both width and height, or neither"),
    ("InstDiffCheckLayout", {"horizon": 1.0}, "horizon must lie in -1..0.95"),
    ("InstDiffEditInstances", {"which": "cat"}, "There is no instance 'cat' to move by. The layout has 1 (fox)"),
    ("InstDiffEditInstances", {"operation": "rotate"}, "operation must be one of 'add', 'replace'"),
    ("InstDiffKeyframes", {"at": "4, 0"}, "frame 0 follows frame 4"),
    ("InstDiffKeyframes", {"motion": "fast"}, "motion must be one of 'linear', 'smooth'"),
    ("InstDiffCombine", {"instances_2": WIDE * 2, "instances_3": WIDE * 3}, "Expected equal numbers of frames"),
    ("InstDiffFrames", {"repeat": 10**9}, "repeat must be a whole number in 1..1024"),
    ("InstDiffFrames", {"repeat": 1024, "instances_2": WIDE * 9}, "at most 4096 are possible"),
    ("InstDiffSelect", {"which": "5-1"}, "'5-1' names no instance"),
    ("InstDiffSelect", {"which": "2"}, "The layout has 1 (fox)"),
    ("InstDiffApply", {"instances": frames(dataclasses.replace(FOX, prompt=" "))}, "Instance 1 (a) has an empty prompt"),
    ("InstDiffApply", {"instances": frames(*[dataclasses.replace(FOX, id=str(i)) for i in range(31)])}, "31 instances, the loaded model takes at most 30"),
    ("InstDiffApply", {"start": 0.5, "end": 0.5}, "Expected start below end"),
    ("InstDiffApply", {"clip": None}, "Expected a CLIP, got nothing"),
    ("InstDiffApplyLayout", {"instances": frames(dataclasses.replace(FOX, prompt=" "))}, "Instance 1 (a) has an empty prompt"),
    ("InstDiffApplyLayout", {"start": 0.5, "end": 0.5}, "expected start below end"),
    ("InstDiffApplyLayout", {"clip": None}, "Expected a CLIP, got nothing"),
    ("InstDiffApplyLayout", {"positive": [[torch.zeros(1, 77, 2048), {}]]}, "a prompt of width 768 in the positive conditioning, got one of width 2048"),
    ("InstDiffApplyLayout", {"method": "EliGen"}, "EliGen exists for FLUX.1 and Qwen-Image, the MODEL is of kind Stable Diffusion 1.5"),
    ("InstDiffKSampler", {"steps": 5, "denoise": 1e-9}, "Lower steps or raise denoise"),
    ("InstDiffKSampler", {"sampler_name": "plms", "steps": 500, "denoise": 0.4}, "a schedule of 1250 steps, plms has at most 999"),
    ("InstDiffKSampler", {"sampler_name": "plms", "steps": 1000}, "plms has at most 999"),
    ("InstDiffKSampler", {"share": 1.5}, "share must lie in 0..1"),
    ("InstDiffCropInstances", {"image": [torch.rand(2, 64, 96, 3)]}, "2 pictures and 1 layouts"),
    ("InstDiffCaptionInstances", {"captions": ["a", "b"]}, "2 captions for 1 visible instances"),
    ("InstDiffSaveDataset", {"folder": ["../x"]}, "'../x' is not a name for a folder in ComfyUI's output folder"),
    ("InstDiffMultiInstance", {"merge": "mean"}, "merge must be one of 'average'"),
])  # fmt: skip
def test_the_sentence_names_the_mistake(node_id, changes, words):
    assert words in complaint(lambda: run(node_id, **changes))


@pytest.mark.parametrize("kind, words", [
    ("SDXL", "kind SDXL (its input block 1 has no transformer, expected width 32)"), ("Flux", "kind Flux (it has no UNet)"),
    ("SD20", "kind SD20 (its prompts have width 1024, expected 768)"), ("SD15 wide", "a transformer of width 256, expected width 128"),
])  # fmt: skip
def test_models_of_another_kind_are_refused_by_apply(kind, words):
    assert words in complaint(lambda: run("InstDiffApply", model=other_model(kind)))


def test_inpainting_checkpoints_of_sd15_fit():
    assert run("InstDiffApply", model=other_model("SD15 inpaint"))


@pytest.mark.parametrize(
    "width, pooled", [(2048, 1280), (1024, 1024), (768, 1280), (4096, None)], ids=["SDXL", "SD2", "half", "T5"]
)
def test_clips_of_another_kind_are_refused_by_apply(width, pooled):
    class OtherClip(FakeClip):
        def encode_from_tokens(self, prompt, return_pooled):
            return torch.zeros(1, 77, width), None if pooled is None else torch.zeros(1, pooled)

    said = complaint(lambda: run("InstDiffApply", clip=OtherClip()))
    assert f"(width {width}, pooled {'none' if pooled is None else pooled})" in said


@pytest.mark.parametrize("changes", [
    {"instances": frames(), "clip": None}, {"strength": 0.0, "clip": None}, {"instances": None, "clip": None},
    {"instances": frames(dataclasses.replace(FOX, visible=False)), "clip": None},
], ids=["no instances", "strength 0", "not connected", "hidden"])  # fmt: skip
def test_a_clip_is_asked_for_only_if_there_is_something_to_encode(changes):
    (model,) = run("InstDiffApply", **changes)
    assert model.model_options == base()[0].model_options


def test_thirty_one_instances_that_never_act_at_once_are_welcome():
    many = [dataclasses.replace(FOX, id=str(i), start=i % 2 / 2, end=(i % 2 + 1) / 2) for i in range(31)]
    assert run("InstDiffApply", instances=frames(*many))


def test_a_layout_of_5_mb_reaches_the_model():
    stroke = tuple((i % 1000 / 1000, i % 997 / 997) for i in range(250_000))
    assert run("InstDiffApply", instances=frames(dataclasses.replace(FOX, scribble=stroke)))


@pytest.mark.parametrize("size", [(32, 48), (512, 768), (8, 12)], ids=str)
def test_masks_of_any_size_and_the_same_shape_are_welcome(size):
    (layouts,) = run("InstDiffMask", mask=mask(*size))
    assert (layouts[0].instances[-1].mask.height, layouts[0].instances[-1].mask.width) == size


def test_a_batch_of_masks_is_one_per_frame_or_their_union():
    batch = torch.cat([mask(), mask().flip(2), mask() * 0])
    (layouts,) = run("InstDiffMask", mask=batch, instances=WIDE * 3)
    assert [len(layout.instances) for layout in layouts] == [2, 2, 1]
    (layouts,) = run("InstDiffMask", mask=batch)
    assert len(layouts) == 1 and len(layouts[0].instances) == 2


def test_a_latent_that_no_memory_holds_is_refused():
    layouts = (Layout(width=16384, height=16384),)
    with pytest.raises(ValueError, match="4096 pictures of 16384x16384 pixels need 256 GB as a latent"):
        empty_latent.InstDiffEmptyLatent.execute(base()[0], layouts, 4096)
