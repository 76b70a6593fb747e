"""Other packs' data, shaped as they give it, on a wide canvas so that swapped axes show."""

import json
from collections import namedtuple

from instdiff.instdiff_modules.layout.document import parse_layout
from support.pack import ROOT

CANVAS = (800, 400)
FOX = (0.25, 0.25, 0.5, 0.75)
BOX = {"x": 200, "y": 100, "width": 200, "height": 200}
ELEMENTS = json.loads((ROOT / "tests" / "data" / "foreign" / "elements.json").read_text(encoding="utf-8"))
LAYOUT = parse_layout({"version": 1, "width": 800, "height": 400, "prompt": "a meadow", "instances": [
    {"id": "fox", "prompt": "a red fox", "box": list(FOX), "color": "#ff8000", "strength": 0.8},
    {"id": "owl", "prompt": "an owl", "box": [0.5, 0.1, 0.7, 0.4]},
    {"id": "off", "prompt": "a rock", "box": [0, 0, 1, 1], "visible": False},
]})  # fmt: skip
# The tracker node of the older pack: classes by name, numbers by id, None where an object is not in a frame.
TRACKING = {
    "person": {
        1: [[0, 0, 400, 400, 800, 400], None, [80, 0, 480, 400, 800, 400]],
        2: [None, None, [600, 100, 800, 300, 800, 400]],
    },
    "dog": {5: [[200, 100, 400, 300, 800, 400]] * 3},
}
# Omost: [top, bottom, left, right] of 90, the prefixes of the whole picture before each own one.
OMOST = [
    {
        "rect": [0, 90, 0, 90],
        "prefixes": ["A quiet meadow."],
        "suffixes": ["Soft light.", "grass, sky."],
        "color": [34, 139, 34],
    },
    {
        "rect": [45, 90, 9, 36],
        "prefixes": ["A quiet meadow.", "a red fox."],
        "suffixes": ["It looks up.", "fox, fur."],
        "color": [255, 69, 0],
    },
    {"rect": (0, 30, 60, 90), "prefixes": ["A quiet meadow.", "a barn."], "suffixes": [], "color": (139, 0, 0)},
]
SEG = namedtuple(
    "SEG",
    ["cropped_image", "cropped_mask", "confidence", "crop_region", "bbox", "label", "control_net_wrapper"],
    defaults=[None],
)


def boxes_of(frames):
    return [[tuple(round(v, 6) for v in i.box) for i in layout.instances] for layout in frames]


def prompts_of(frames):
    return [[i.prompt for i in layout.instances] for layout in frames]
