"""Inputs with which each node works, to be spoiled one by one."""

import functools
import json

import torch
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from instdiff.nodes import load
from support.region_models import tiny_model
from support.small_pack import FOX, OWL, FakeClip, FakeVae, apply, base, context, frames, noise

DOCUMENT = {
    "version": 1, "width": 768, "height": 512, "prompt": "a valley", "zoom": {"kept": [1, 2]},
    "instances": [{"id": "fox", "prompt": "a fox", "box": [0.1, 0.2, 0.5, 0.9], "note": ["kept"]}],
}  # fmt: skip
WIDE = (parse_layout(DOCUMENT),)
BOX = {"prompt": "x", "left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.9}


def mask(height=64, width=96):
    out = torch.zeros(1, height, width)
    out[:, height // 4 : height // 2, width // 2 :] = 1
    return out


@functools.cache
def applied():
    return apply(frames(FOX, OWL))


@functools.cache
def valid(node_id):
    """Inputs with which a node works."""
    model, weights = base()
    common = {
        "instances": WIDE,
        "target": "",
        "strength": 1.0,
        "start": 0.0,
        "end": 1.0,
        "negative": "",
        "opacity": 1.0,
    }
    points = {"prompt": "x", "points": "48, 32; 50, 40", "units": PIXELS, "width": 96, "height": 64, **common}
    multi = {"share": 0.5, "merge": "average", "feather": 0, "speed": "exact"}
    latent = {"samples": noise(height=8, width=12), "noise_mask": mask(8, 12)}
    return {
        "InstDiffLoadModel": {"model": "damaged.pth", "dtype": "auto", **dict.fromkeys(load.PARTS, load.AUTOMATIC)},
        "InstDiffLoadDemoModel": {},
        "InstDiffLoadCheckpoint": {"checkpoint": "damaged.pth", "weights": "damaged.pth"},
        "InstDiffEmptyLatent": {"model": model, "instances": WIDE, "batch_size": 2},
        "InstDiffSaveModel": {"instdiff_model": weights, "filename_prefix": "x", "dtype": "as loaded"},
        "InstDiffBox": {**BOX, **common},
        "InstDiffMask": {"prompt": "x", "mask": mask(), "threshold": 0.5, **common},
        "InstDiffPoints": points,
        "InstDiffScribble": points,
        "InstDiffFromJSON": {"text": json.dumps(DOCUMENT), "image": "", "width": 96, "height": 64, "order": "not declared", "units": "not declared"},
        "InstDiffLayoutEditor": {"layout": json.dumps(DOCUMENT), "background": torch.rand(1, 64, 96, 3), "instances": WIDE},
        "InstDiffToJSON": {"instances": WIDE, "format": "InstDiff"},
        "InstDiffToMasks": {"instances": WIDE, "width": 96, "height": 64, "overlap": "shared"},
        "InstDiffToBoxes": {"instances": WIDE, "width": 96, "height": 64, "order": "x, y, width, height"},
        "InstDiffFromBoxes": {
            "boxes": [{"x": 10, "y": 13, "width": 38, "height": 45}], "elements": [{"type": "obj", "bbox": [200, 100, 900, 500], "desc": "a fox"}],
            "prompts": "", "image": torch.rand(1, 64, 96, 3), "width": 96, "height": 64, "order": "not declared", "units": "pixels",
        },
        "InstDiffFromMasks": {"masks": mask(), "prompts": "a fox", "threshold": 0.5},
        "InstDiffToConditioning": {
            "positive": context("a scene"), "clip": FakeClip(), "instances": WIDE, "method": "masks", "strength": 1.0, "gligen": None, "width": 96,
            "height": 64, "negative": context("bad"), "overlap": "shared",
        },
        "InstDiffInstanceConditioning": {
            "positive": context("a scene"), "instances": WIDE, "conditioning": context("a dragon"), "which": "1", "strength": 2.0,
        },
        "InstDiffApplyReferences": {
            "model": model, "clip": FakeClip(), "vae": FakeVae(), "instances": WIDE, "strength": 1.0, "start": 0.0, "end": 1.0,
            "images": torch.rand(1, 64, 96, 3), "of": "1", "noise": 0.0,
        },
        "InstDiffTimeSampling": {"model": model},
        "InstDiffSelectFailed": {
            "instances": WIDE, "grow": 4, "erase": True,
            "results": json.dumps({"pictures": [{"width": 96, "height": 64, "instances": [{"number": 1, "id": "fox", "passed": False}]}]}),
        },
        "InstDiffPreview": {"instances": WIDE, "background": torch.rand(1, 64, 96, 3), "width": 96, "height": 64},
        "InstDiffLayoutScore": {
            "image": torch.rand(1, 64, 96, 3), "instances": WIDE, "detector": "connected detections", "threshold": 0.5,
            "boxes": [{"x": 10, "y": 13, "width": 38, "height": 45, "label": "fox", "score": 0.9}], "masks": mask(), "compare_labels": True,
        },
        "InstDiffCombine": {f"instances_{i}": WIDE for i in (1, 2, 3, 4)},
        "InstDiffFrames": {**{f"instances_{i}": WIDE for i in (1, 2, 3, 4)}, "repeat": 2},
        "InstDiffSelect": {"instances": WIDE, "which": "1", "by": "number", "invert": False},
        "InstDiffLayoutRequest": {
            "wish": "a fox", "width": 768, "height": 512, "count": 2, "style": "oil", "units": THOUSANDTHS, "examples": 1, "instances": WIDE,
        },
        "InstDiffLayoutFromText": {
            "text": json.dumps(DOCUMENT), "units": "as declared", "order": "as declared", "width": 768, "height": 512, "instances": WIDE,
        },
        "InstDiffCheckLayout": {
            "instances": WIDE, "correct": True, "count": 1, "edges": True, "duplicates": True, "sizes": True, "perspective": True, "smallest": 32,
            "horizon": 0.35,
        },
        "InstDiffKeyframes": {"instances": WIDE * 2, "count": 5, "at": "0, 4", "motion": "linear", "gaps": "leave out"},
        "InstDiffEditInstances": {
            "instances": WIDE, "operation": "move by", "which": "fox", "prompt": "", "x": 0.1, "y": 0.0, "width": 0.0, "height": 0.0,
            "units": FRACTIONS, "anchor": "center", "at_border": "stop", "part_of": "", "opacity": 1.0,
        },
        "InstDiffApply": {
            "model": model, "clip": FakeClip(), "instdiff_model": weights, "instances": frames(FOX), "strength": 1.0, "start": 0.0,
            "end": 0.8, "fade": 0.0, "scaleu": "on", "masked_attention": "off", "location_formats": "as given", "point_seed": 0,
            "overlap": "free", "speed": "exact",
        },
        "InstDiffApplyLayout": {
            "model": model, "clip": FakeClip(), "positive": context("a scene"), "instances": frames(FOX), "strength": 1.0, "start": 0.0,
            "end": 1.0, "global_share": 1.0, "method": "regions", "overlap": "front only", "outside": "global prompt",
            "picture_attention": "free", "point_size": 0.15, "stroke_width": 0.15, "negative": context("bad"),
        },
        "InstDiffLoadEliGen": {"model": tiny_model("FLUX.1"), "lora": "damaged.safetensors", "strength": 1.0},
        "InstDiffKSampler": {
            "model": applied(), "seed": 1, "steps": 2, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal",
            "positive": context("a scene"), "negative": context("bad"), "latent_image": latent, "denoise": 1.0, **multi,
        },
        "InstDiffMultiInstance": {"model": applied(), **multi},
        "InstDiffCropInstances": {
            "image": [torch.rand(1, 64, 96, 3)], "instances": [WIDE], "margin": [0.1], "square": [True], "grey_outside": [True], "min_side": [8],
        },
        "InstDiffCaptionInstances": {"instances": [WIDE], "captions": ["a red fox"], "keep_names": [True]},
        "InstDiffSaveDataset": {
            "image": [torch.rand(1, 64, 96, 3)], "instances": [WIDE], "folder": ["x"], "captions": ["a valley"], "names": ["x"], "min_score": [0.3],
            "min_area": [0.0], "max_overlap": [0.8], "max_instances": [30], "existing": ["skip"],
        },
    }[node_id]  # fmt: skip
