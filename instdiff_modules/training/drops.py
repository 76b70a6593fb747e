"""Which location formats a sample is trained with: what the other formats say must not always be there to lean on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..grounding.inputs import GroundingInputs
from .draws import Draws
from .recipe import Recipe

FORMATS: Sequence[str] = ("box", "point", "scribble", "polygon", "segment")
# The authors' nine draws, in their order, and the number below which each counts.
AUTHORS_DRAWS = {
    "box": 0.1,
    "point": 0.1,
    "scribble": 0.1,
    "polygon": 0.1,
    "only_point": 0.1,
    "only_scribble": 0.0,
    "only_mask": 0.0,
    "only_seg": 0.1,
    "only_box": 0.0,
}
AUTHORS_NULL = 0.1
_PRESENCE = {
    "box": "box_mask",
    "point": "point_mask",
    "scribble": "scribble_mask",
    "polygon": "polygon_mask",
    "segment": "seg_mask",
}


def authors_drop(draws: Sequence[float]) -> set[str]:
    """The formats that nine numbers in 0..1 drop by the authors' rule.

    Box and point are brought back unless the polygon goes too; then each of five draws may choose one format alone, of which
    "segment alone" drops the scribble and nothing else. If nothing is left, the box comes back.
    """
    hit = {name: draw < ratio for draw, (name, ratio) in zip(draws, AUTHORS_DRAWS.items(), strict=True)}
    gone = {name for name in FORMATS if hit["polygon" if name == "segment" else name]}
    if "polygon" not in gone:
        gone -= {"box", "point"}
    if not {"box", "polygon"} <= gone:
        gone.discard("point")
    if hit["only_point"]:
        gone = set(FORMATS) - {"point"}
    if hit["only_scribble"] and "scribble" not in gone:
        gone = set(FORMATS) - {"scribble"}
    if hit["only_mask"] and "polygon" not in gone:
        gone = {"box", "point", "scribble"}
    if hit["only_seg"] and "segment" not in gone:
        gone = {"scribble"}
    if hit["only_box"] and "box" not in gone:
        gone = set(FORMATS) - {"box"}
    return gone - {"box"} if gone == set(FORMATS) else gone


def independent_drop(given: set[str], draws: Draws, recipe: Recipe) -> set[str]:
    """Each format by a rate of its own, a polygon together with its plane; one of those given stays."""
    rates = {"box": recipe.drop_box, "point": recipe.drop_point, "scribble": recipe.drop_scribble}
    numbers = {name: draws.uniform() for name in (*rates, "mask")}
    back = draws.uniform()
    gone = {name for name, rate in rates.items() if numbers[name] < rate}
    if numbers["mask"] < recipe.drop_mask:
        gone |= {"polygon", "segment"}
    left = [name for name in FORMATS if name in given]
    if left and set(left) <= gone:
        kept = left[int(back * len(left))]
        gone -= {"polygon", "segment"} if kept in ("polygon", "segment") else {kept}
    return gone


def drop_of(given: set[str], draws: Draws, recipe: Recipe) -> set[str] | None:
    """What is dropped of a sample (or a batch) that has these formats; None: the instances altogether."""
    if draws.uniform() < recipe.drop_all:
        return None
    if recipe.drop_rule == "authors":
        return authors_drop([draws.uniform() for _ in AUTHORS_DRAWS])
    return independent_drop(given, draws, recipe)


def given_formats(inputs: GroundingInputs) -> set[str]:
    """The formats that at least one instance has."""
    return {name for name, field in _PRESENCE.items() if getattr(inputs, field).any()}


def without(inputs: GroundingInputs, gone: set[str] | None) -> GroundingInputs:
    """The formats that are gone count as absent in all layouts of the batch. None: the input of the unconditional pass, all zeros."""
    if gone is None:
        zeros = {name: torch.zeros_like(value) for name, value in inputs._asdict().items() if name != "segs"}
        return GroundingInputs(**zeros, segs=_no_planes(inputs.segs))
    fields = {_PRESENCE[name]: torch.zeros_like(getattr(inputs, _PRESENCE[name])) for name in gone}
    return inputs._replace(**fields)


def _no_planes(segs: Tensor) -> Tensor:
    return torch.zeros(1, 1, 1, 1, dtype=segs.dtype, device=segs.device).expand(segs.shape)
