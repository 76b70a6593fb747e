"""What is known of one scored picture: as values, and as JSON, so that jobs can put their pictures together.

Masks are kept as run-lengths: average precision needs every region again, over all pictures at once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..layout.instance import Mask


@dataclass(frozen=True)
class Region:
    """Of an instance or a detection: its class (None fits any), box (x, y, width, height) in pixels, mask of the picture's size."""

    name: str | None
    box: tuple[float, float, float, float] | None
    mask: Mask | None = None
    score: float = 1.0
    crowd: bool = False  # COCO's iscrowd: detections in it count neither way
    see_through: bool = False  # an instance whose opacity is below 1


@dataclass(frozen=True)
class InstanceRow:
    """The numbers of one instance; None where the layout or the detector does not give what a number needs.

    number: its position in the layout, from 1. passed: a detection of its class lies there (`overlap` reaches the threshold)
    and has the colour and texture of the prompt, as far as the detector names them; `reason` says what is wrong.
    overlap: intersection over union with its detection (of the masks, else of the boxes), 0 without one; for an instance
    that has points alone the share of them inside the detection. point_in_mask, scribble_in_mask: share of the given
    points. color_right, texture_right: of what stands in its region, whatever its class. leakage: share of its region.
    clip: cosine of prompt and crop; clip_color, clip_texture: whether CLIP reads the prompt's word in the crop. found_box: where
    its detection lies, or a stray one of its class that nobody has, (x, y, width, height) in pixels of the picture.
    """

    number: int
    id: str
    prompt: str
    passed: bool
    reason: str
    overlap: float
    box_iou: float | None = None
    mask_iou: float | None = None
    point_in_mask: float | None = None
    scribble_in_mask: float | None = None
    color_right: bool | None = None
    texture_right: bool | None = None
    texture_named: bool = False  # whether the prompt names a texture; without one, plain is meant
    leakage: float | None = None
    clip: float | None = None
    clip_color: bool | None = None
    clip_texture: bool | None = None
    found_box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Record:
    """A picture of width x height pixels. matches[i]: index in `found` of the detection of instance i, or None."""

    name: str
    width: int
    height: int
    wanted: tuple[Region, ...]
    found: tuple[Region, ...]
    matches: tuple[int | None, ...]
    rows: tuple[InstanceRow, ...]

    @property
    def score(self) -> float:
        """Share of the instances that passed, 0..1; 1 for a layout without instances."""
        return sum(row.passed for row in self.rows) / len(self.rows) if self.rows else 1.0


def record_to_dict(record: Record) -> dict[str, Any]:
    return asdict(record)


def record_from_dict(value: Mapping[str, Any]) -> Record:
    """The inverse. KeyError or TypeError if the value is not a record."""
    regions = {
        side: tuple(
            Region(
                **{
                    **region,
                    "box": None if region["box"] is None else tuple(region["box"]),
                    "mask": None if region["mask"] is None else Mask(**region["mask"]),
                }
            )
            for region in value[side]
        )
        for side in ("wanted", "found")
    }
    rows = tuple(
        InstanceRow(**{**row, "found_box": tuple(row["found_box"]) if row.get("found_box") else None})
        for row in value["rows"]
    )
    return Record(
        value["name"],
        value["width"],
        value["height"],
        regions["wanted"],
        regions["found"],
        tuple(value["matches"]),
        rows,
    )
