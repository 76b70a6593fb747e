"""What is drawn, dropped and asked for in training: the switches, and the authors' set of them."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """Switches of the data items and the objective. The defaults are the authors' where those are sound.

    items: "cut" measures every location in the picture as it is trained on; "authors" does what their data class does: points
    outside the crop pile up on its edge, mask planes are right only where the short side has 512 pixels, a single mask is lost.
    drop_rule: "independent" drops each format by its own rate, "authors" by their nine draws, of which a box without its mask
    comes out in 8 of 100. drop_per: what shares its draws.
    masked_attention: the levels of the UNet at which visual tokens see their own instance alone. "authors" is their masks: 64 x
    64 tokens only, width and height exchanged, and in force even where boxes and polygons were dropped.
    """

    items: Literal["cut", "authors"] = "cut"
    drop_rule: Literal["independent", "authors"] = "independent"
    drop_per: Literal["sample", "batch"] = "sample"
    drop_box: float = 0.3
    drop_point: float = 0.3
    drop_scribble: float = 0.5
    drop_mask: float = 0.5  # polygon and planes together
    drop_all: float = 0.1  # no instances at all
    caption_dropout_rate: float = 0.5
    instance_caption_rate: float = 0.5  # of instances that have a name and a caption: how often the caption speaks
    count_names: bool = True
    add_instance_captions: bool = False
    flip_aug: bool = True
    sort_by_area: bool = True  # largest instance in slot 0
    min_box_size: float = 0.01  # of the picture's area; smaller instances are left out
    masked_attention: Literal["off", "finest", "all", "authors"] = "off"
    prediction: Literal["base", "eps", "v"] = "base"  # base: what the base was trained for


AUTHORS = replace(Recipe(), items="authors", drop_rule="authors", drop_per="batch")
RECIPES = {"instdiff": Recipe(), "authors": AUTHORS}
