"""The graph on each help page: small, on the demo model, and with the page's node in it. `tests/write_pictures.py` draws them.

A graph is a list of columns, left to right, each a list of nodes from top to bottom.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Node:
    """key: its name within the graph. links: input -> "key.number of the output". size: (width, height); 0: as small as it gets."""

    key: str
    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (250, 0)


Columns = Sequence[Sequence[Node]]

RED = {"prompt": "a red star", "left": 0.08, "top": 0.1, "right": 0.48, "bottom": 0.5}
BLUE = {"prompt": "a striped blue circle", "left": 0.5, "top": 0.45, "right": 0.95, "bottom": 0.9}
CAPTION = "a red star and a striped blue circle on a green background"
DOCUMENT = {
    "version": 1, "width": 256, "height": 256, "prompt": CAPTION,
    "instances": [
        {"prompt": "a red star", "box": [0.08, 0.1, 0.48, 0.5]},
        {"prompt": "a striped blue circle", "box": [0.5, 0.45, 0.95, 0.9]},
    ],
}  # fmt: skip
LAYOUT = Node("layout", "InstDiffFromJSON", {"text": json.dumps(DOCUMENT, indent=1)}, size=(270, 330))
WORLD = {"width": 256, "height": 256}


def box(key: str, values: Mapping[str, Any], behind: str = "") -> Node:
    return Node(key, "InstDiffBox", values, {"instances": behind} if behind else {})


def look(source: str, key: str = "look", **links: str) -> Node:
    return Node(key, "InstDiffPreview", {"width": 256, "height": 256}, {"instances": source, **links}, (230, 370))


def text(source: str, height: int = 260, width: int = 330) -> Node:
    return Node("text", "PreviewAny", {}, {"source": source}, (width, height))


def show(source: str, height: int = 260) -> Node:
    return Node("show", "PreviewImage", {}, {"images": source}, (230, height))


def beside(node: Node) -> Columns:
    """A single box in, the layout seen."""
    return [[box("box", RED)], [node], [look(f"{node.key}.0")]]


def sampled(
    *, model: str = "apply.0", positive: str = "prompt.0", sampler: str = "KSampler", more: Sequence[Node] = (),
    latent: str = "empty.0", ends: Columns = (), apply: bool = True, seed: int = 3, loader: str = "InstDiffLoadDemoModel",
) -> Columns:  # fmt: skip
    """The demo model from the layout to the picture. more: nodes between Apply InstDiff and the sampler."""
    steps = {
        "steps": 20,
        "cfg": 3.0,
        "sampler_name": "dpmpp_2m",
        "scheduler": "normal",
        "seed": seed,
        "control_after_generate": "fixed",
    }
    links = {"model": model, "positive": positive, "negative": "negative.0", "latent_image": latent}
    return [
        [Node("demo", loader), LAYOUT],
        [
            Node("prompt", "CLIPTextEncode", {}, {"clip": "demo.1", "text": "layout.1"}, (250, 90)),
            Node("negative", "CLIPTextEncode", {}, {"clip": "demo.1"}, (250, 90)),
            *([APPLY] if apply else ()),
        ],
        [
            *([] if latent != "empty.0" else [Node("empty", "EmptyLatentImage", WORLD)]),
            *more,
            Node("sampler", sampler, steps, links),
            Node("decode", "VAEDecode", {}, {"samples": "sampler.0", "vae": "demo.2"}),
        ],
        *(ends or [[show("decode.0", 280)]]),
    ]


APPLY = Node(
    "apply",
    "InstDiffApply",
    {},
    {"model": "demo.0", "clip": "demo.1", "instdiff_model": "demo.3", "instances": "layout.0"},
)
SCORE = Node(
    "score", "InstDiffLayoutScore", {"detector": "shape world"}, {"image": "decode.0", "instances": "layout.0"}, (250, 460)
)  # fmt: skip
CROP = Node("crop", "InstDiffCropInstances", {}, {"image": "decode.0", "instances": "layout.0"})
ANSWER = """Here is the layout:
```json
{"units": "0..1000", "order": "left top right bottom", "width": 768, "height": 512,
 "prompt": "a cat and a car on a street", "instances": [
 {"prompt": "a cat", "box": [80, 850, 170, 930]},
 {"prompt": "a red car", "box": [500, 800, 720, 930]}]}
```"""
ANSWERED = Node("answer", "InstDiffLayoutFromText", {"text": ANSWER}, size=(330, 420))
OWN = Node("own", "CLIPTextEncode", {"text": "a dotted yellow star"}, {"clip": "demo.1"}, (250, 90))
MASK = [
    Node("black", "SolidMask", {"value": 0.0, **WORLD}),
    Node("white", "SolidMask", {"value": 1.0, "width": 90, "height": 140}),
    Node("shape", "MaskComposite", {"x": 110, "y": 70, "operation": "add"}, {"destination": "black.0", "source": "white.0"}),
]  # fmt: skip
SAVE = Node("save", "InstDiffSaveDataset", {"folder": "shapes"}, {"image": "decode.0", "instances": "layout.0"})

GRAPHS: Mapping[str, Columns] = {
    "InstDiffApply": sampled(),
    "InstDiffApplyLayout": sampled(
        apply=False, model="regions.0", positive="regions.1", seed=2,
        more=[Node("regions", "InstDiffApplyLayout", {"global_share": 0.3},
                   {"model": "demo.0", "clip": "demo.1", "positive": "prompt.0", "instances": "layout.0"})],
    ),
    "InstDiffBox": [[box("star", RED)], [box("circle", BLUE, "star.0")], [look("circle.0")]],
    "InstDiffCaptionInstances": sampled(
        ends=[
            [CROP, Node("words", "PrimitiveStringMultiline", {"value": "a bright red star\na blue disc with stripes"}, size=(250, 110))],
            [Node("caption", "InstDiffCaptionInstances", {}, {"instances": "layout.0", "captions": "words.0"}), look("caption.0", background="decode.0")],
        ]
    ),
    "InstDiffCheckLayout": [
        [ANSWERED], [Node("check", "InstDiffCheckLayout", {"correct": True}, {"instances": "answer.0"}), text("check.2", 200)], [look("check.0")],
    ],
    "InstDiffCombine": [
        [box("star", RED), box("circle", BLUE)],
        [Node("both", "InstDiffCombine", {}, {"instances_1": "star.0", "instances_2": "circle.0"}), look("both.0")],
    ],
    "InstDiffCropInstances": sampled(ends=[[CROP, show("crop.0")]]),
    "InstDiffEditInstances": beside(
        Node("edit", "InstDiffEditInstances", {"operation": "move to", "which": "1", "x": 0.55, "y": 0.45}, {"instances": "box.0"})
    ),
    "InstDiffEmptyLatent": sampled(
        latent="canvas.0", more=[Node("canvas", "InstDiffEmptyLatent", {}, {"model": "demo.0", "instances": "layout.0"})]
    ),
    "InstDiffFrames": [
        [box("first", RED), box("second", {**RED, "left": 0.5, "right": 0.9})],
        [Node("frames", "InstDiffFrames", {}, {"instances_1": "first.0", "instances_2": "second.0"}), look("frames.0")],
    ],
    "InstDiffFromBoxes": [
        [Node("boxes", "PrimitiveBoundingBox", {"x": 20, "y": 40, "width": 110, "height": 120})],
        [Node("read", "InstDiffFromBoxes", {"prompts": "a red star", **WORLD}, {"boxes": "boxes.0"}, (250, 250))], [look("read.0")],
    ],
    "InstDiffFromJSON": [[LAYOUT], [look("layout.0")]],
    "InstDiffFromMasks": [
        MASK, [Node("read", "InstDiffFromMasks", {"prompts": "a red heart"}, {"masks": "shape.0"}, (250, 150))], [look("read.0")],
    ],
    "InstDiffInstanceConditioning": sampled(
        positive="given.0",
        more=[OWN, Node("given", "InstDiffInstanceConditioning", {"which": "1", "strength": 4.0},
                        {"positive": "prompt.0", "instances": "layout.0", "conditioning": "own.0"})],
    ),
    "InstDiffApplyReferences": sampled(
        model="referred.0",
        more=[Node("green", "EmptyImage", {"width": 256, "height": 256, "color": 0x1EA532}),
              Node("yellow", "EmptyImage", {"width": 154, "height": 154, "color": 0xFADC1E}),
              Node("look", "ImageCompositeMasked", {"x": 51, "y": 51}, {"destination": "green.0", "source": "yellow.0"}),
              Node("referred", "InstDiffApplyReferences", {"strength": 2.0, "of": "1"},
                   {"model": "apply.0", "clip": "demo.1", "vae": "demo.2", "instances": "layout.0", "images": "look.0"})],
    ),
    "InstDiffKSampler": sampled(sampler="InstDiffKSampler"),
    "InstDiffKeyframes": [
        [box("first", RED), box("last", {**RED, "left": 0.5, "right": 0.9, "top": 0.5, "bottom": 0.9})],
        [
            Node("frames", "InstDiffFrames", {}, {"instances_1": "first.0", "instances_2": "last.0"}),
            Node("keys", "InstDiffKeyframes", {"count": 4}, {"instances": "frames.0"}),
        ],
        [look("keys.0")],
    ],
    "InstDiffLayoutEditor": [
        [Node("editor", "InstDiffLayoutEditor", {"layout": json.dumps(DOCUMENT)}, size=(700, 650))], [look("editor.0")],
    ],
    "InstDiffLayoutFromText": [[ANSWERED], [look("answer.0"), text("answer.4", 170, 230)]],
    "InstDiffLayoutRequest": [
        [Node("request", "InstDiffLayoutRequest", {"wish": "a cat and a car on a street", "width": 768, "height": 512, "count": 2}, size=(250, 320))],
        [text("request.0", 380, 420)],
    ],
    "InstDiffLayoutScore": sampled(ends=[[SCORE], [text("score.1", 200)]]),
    "InstDiffLoadCheckpoint": sampled(loader="InstDiffLoadCheckpoint"),
    "InstDiffLoadDemoModel": sampled(),
    "InstDiffLoadEliGen": [
        [
            Node("base", "UNETLoader", {"unet_name": "flux1-dev.safetensors"}, size=(300, 0)),
            Node("texts", "DualCLIPLoader", {"clip_name1": "t5xxl_fp16.safetensors", "clip_name2": "clip_l.safetensors", "type": "flux"}, size=(300, 0)),
            box("star", RED),
        ], [
            Node("eligen", "InstDiffLoadEliGen", {"lora": "eligen_flux.safetensors"}, {"model": "base.0"}, (300, 0)),
            Node("prompt", "CLIPTextEncode", {"text": "a red star"}, {"clip": "texts.0"}),
        ],
        [Node("regions", "InstDiffApplyLayout", {"method": "EliGen"}, {"model": "eligen.0", "clip": "texts.0", "positive": "prompt.0", "instances": "star.0"})],
    ],
    "InstDiffLoadModel": [
        [Node("base", "CheckpointLoaderSimple", size=(300, 0)), Node("weights", "InstDiffLoadModel", size=(300, 0)), box("star", RED)],
        [Node("apply", "InstDiffApply", {}, {"model": "base.0", "clip": "base.1", "instdiff_model": "weights.0", "instances": "star.0"})],
    ],
    "InstDiffMask": [MASK, [Node("mask", "InstDiffMask", {"prompt": "a red heart"}, {"mask": "shape.0"})], [look("mask.0")]],
    "InstDiffMultiInstance": sampled(
        model="branches.0", more=[Node("branches", "InstDiffMultiInstance", {}, {"model": "apply.0"})]
    ),
    "InstDiffPoints": [
        [Node("one", "InstDiffPoints", {"prompt": "a red star", "points": "0.3, 0.3"}, size=(250, 310))],
        [Node("two", "InstDiffPoints", {"prompt": "a blue ring", "points": "0.7, 0.6; 0.8, 0.75"}, {"instances": "one.0"}, (250, 310))],
        [look("two.0")],
    ],
    "InstDiffPreview": [[box("star", RED)], [look("star.0")]],
    "InstDiffSaveDataset": sampled(ends=[[SAVE], [text("save.2", 200)]]),
    "InstDiffSaveModel": [
        [Node("demo", "InstDiffLoadDemoModel")], [Node("save", "InstDiffSaveModel", {"dtype": "fp16"}, {"instdiff_model": "demo.3"})],
    ],
    "InstDiffScribble": [
        [Node("stroke", "InstDiffScribble", {"prompt": "a purple moon", "points": "0.2, 0.8; 0.35, 0.4; 0.6, 0.25; 0.85, 0.35"}, size=(250, 310))],
        [look("stroke.0")],
    ],
    "InstDiffSelect": [
        [box("star", RED)], [box("circle", BLUE, "star.0")],
        [Node("chosen", "InstDiffSelect", {"which": "2"}, {"instances": "circle.0"}), look("chosen.0")],
    ],
    "InstDiffSelectFailed": sampled(
        ends=[
            [replace(SCORE, values={**SCORE.values, "threshold": 0.9})], [
                Node("failed", "InstDiffSelectFailed", {}, {"instances": "layout.0", "results": "score.3"}),
                Node("mask", "MaskToImage", {}, {"mask": "failed.1"}), show("mask.0"),
            ],
        ]
    ),
    "InstDiffTimeSampling": sampled(
        model="time.0", more=[Node("time", "InstDiffTimeSampling", {}, {"model": "apply.0"}, (250, 60))]
    ),
    "InstDiffToBoxes": [[LAYOUT], [Node("boxes", "InstDiffToBoxes", {}, {"instances": "layout.0"})], [text("boxes.0", 300)]],
    "InstDiffToConditioning": sampled(
        apply=False, model="demo.0", positive="regions.0", seed=2,
        more=[Node("regions", "InstDiffToConditioning", {}, {"positive": "prompt.0", "clip": "demo.1", "instances": "layout.0"})],
    ),
    "InstDiffToJSON": [[box("star", RED)], [Node("written", "InstDiffToJSON", {}, {"instances": "star.0"}), text("written.0", 300)]],
    "InstDiffToMasks": [
        [LAYOUT],
        [
            Node("masks", "InstDiffToMasks", {}, {"instances": "layout.0"}),
            Node("pictures", "MaskToImage", {}, {"mask": "masks.0"}), show("pictures.0"),
        ],
    ],
    "InstDiffTrain": sampled(
        ends=[
            [SAVE],
            [Node("train", "InstDiffTrain", {"steps": 100, "learning_rate": 1e-3, "resolution": 256, "batch_size": 1},
                  {"model": "demo.0", "clip": "demo.1", "vae": "demo.2", "folder": "save.1", "instdiff_model": "demo.3"}),
             show("train.1", 160), ],
        ]
    ),
}  # fmt: skip
NOT_RUN = ("InstDiffLoadModel", "InstDiffLoadEliGen", "InstDiffTrain")  # they need the user's files, or minutes
