"""The least config of a training, a recipe that drops nothing, and a layout of all kinds of locations."""

from dataclasses import replace

import numpy as np
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.training.recipe import Recipe

LEAST = {"pretrained_model_name_or_path": "base.safetensors", "output_dir": "out", "datasets": [{"image_dir": "data"}]}
EVERYTHING = replace(Recipe(), caption_dropout_rate=0.0, flip_aug=False)


def square_mask(x0, y0, x1, y1, height=100, width=200):
    pixels = np.zeros((height, width), bool)
    pixels[y0:y1, x0:x1] = True
    return encode_mask(pixels)


def layout() -> Layout:
    """On 200 x 100: a box at the left edge, a mask in the middle, a point, and a speck."""
    return Layout(
        (
            Instance("left", "a fox", box=(0.0, 0.2, 0.2, 0.9)),
            Instance("mid", "a red fox", mask=square_mask(80, 20, 140, 80), extra={"category_name": "fox"}),
            Instance("dot", "a bee", point=(0.5, 0.5)),
            Instance("speck", "dust", box=(0.5, 0.5, 0.51, 0.51)),
        ),
        200,
        100,
        "animals",
    )
