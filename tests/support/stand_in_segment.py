"""A custom node for test servers that stands in for ComfyUI's SAM3: a disc around every point, the box as it is drawn.

Copied into custom_nodes of the tests' servers. It takes the place of the core's node, and of the loader for files named
like SAM3's weights, which the tests write as empty files.
"""

import json
import time
from typing import Any

import comfy.model_management
import comfy.utils
import torch

import nodes as comfy_nodes

RADIUS = 0.12  # of the picture's width
PATIENCE = 0.01  # seconds of each of the steps; a point in the picture's left top corner takes ten seconds


class StandInSAM3:
    """The core's inputs that the page uses -> MASK."""

    RETURN_TYPES = ("MASK", "BOUNDING_BOX")
    FUNCTION = "detect"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        optional = {
            "bboxes": ("BOUNDING_BOX",),
            "positive_coords": ("STRING", {"forceInput": True}),
            "negative_coords": ("STRING", {"forceInput": True}),
            "threshold": ("FLOAT", {"default": 0.5}),
            "refine_iterations": ("INT", {"default": 2}),
            "individual_masks": ("BOOLEAN", {"default": False}),
        }
        return {"required": {"model": ("MODEL",), "image": ("IMAGE",)}, "optional": optional}

    def detect(self, model, image, bboxes=(), positive_coords="[]", negative_coords="[]", **_):
        height, width = image.shape[1:3]
        positive, negative = json.loads(positive_coords), json.loads(negative_coords)
        progress = comfy.utils.ProgressBar(4)
        slow = any(point["x"] < width / 20 and point["y"] < height / 20 for point in positive)
        for _ in range(4):
            time.sleep(2.5 if slow else PATIENCE)
            progress.update(1)
            comfy.model_management.throw_exception_if_processing_interrupted()
        ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        mask = torch.zeros(height, width)
        for box in bboxes:
            x, y = box["x"], box["y"]
            mask[y : y + box["height"], x : x + box["width"]] = 1
        for points, value in ((positive, 1.0), (negative, 0.0)):
            for point in points:
                mask[(xs - point["x"]) ** 2 + (ys - point["y"]) ** 2 < (RADIUS * width) ** 2] = value
        return mask[None], []


core: Any = comfy_nodes
loads = core.CheckpointLoaderSimple.load_checkpoint
core.CheckpointLoaderSimple.load_checkpoint = lambda self, ckpt_name: (
    (None, None, None) if "sam3" in ckpt_name else loads(self, ckpt_name)
)
core.NODE_CLASS_MAPPINGS["SAM3_Detect"] = StandInSAM3
NODE_CLASS_MAPPINGS = {}
