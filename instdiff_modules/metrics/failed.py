"""The instances that Layout Score found missing: as layouts, as masks for inpainting, as SEGS for detailers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..exporters.segs import Segs, to_segs
from ..geometry.growing import grown
from ..geometry.masks import draw_box
from ..geometry.raster import check_memory, draw_instance
from ..layout import fields
from ..layout.instance import Frames, Instance, Layout
from ..layout.json_text import load_json

WHERE = "Select Failed Instances"
MAX_TEXT = 32 * 2**20
ADVICE = "Connect the output results of Layout Score."


class Failed(NamedTuple):
    """frames: a layout for each picture, with the failed instances alone. mask: (pictures, H, W), what to repaint in each.
    masks: (n, H, W), one for each failed instance, picture after picture; a single black one if there are none. segs: Impact
    Pack's SEGS of each picture. instance_count: n. All masks float32 of 0 and 1, in the size of the scored pictures."""

    frames: Frames
    mask: Tensor
    masks: Tensor
    segs: list[Segs]
    instance_count: int


def select_failed(frames: Frames, results: str, grow: int = 16, erase: bool = True) -> Failed:
    """results: Layout Score's JSON of these frames. The region of a failed instance is its location, grown by `grow` pixels.

    erase: where an instance was found in a wrong location, that location belongs to its region too, so that the misplaced object goes;
    without what other instances, which passed, cover. ValueError if the results are not such a text or of another layout.
    """
    pictures = _read(results)
    if len(frames) not in (1, len(pictures)):
        raise ValueError(
            f"{WHERE}: the results are of {len(pictures)} pictures, but there are {len(frames)} layouts. {ADVICE}"
        )
    width, height = (fields.whole(pictures[0].get(side), WHERE, side) for side in ("width", "height"))
    check_memory(sum(len(picture["instances"]) for picture in pictures) + len(pictures), width, height, 1, "masks")
    layouts, masks, unions, segs = [], [], [], []
    for i, picture in enumerate(pictures):
        layout = frames[i % len(frames)]
        failed, regions = _of_picture(layout, picture, (height, width), grow, erase)
        layouts.append(replace(layout, instances=tuple(failed)))
        union = np.zeros((height, width), bool)
        for region in regions:
            union |= region
        masks += regions
        unions.append(union)
        segs.append(to_segs(regions, [instance.prompt for instance in failed], height, width))
    count = len(masks)
    return Failed(tuple(layouts), _tensor(unions), _tensor(masks or [np.zeros((height, width), bool)]), segs, count)


def _of_picture(
    layout: Layout, picture: Mapping[str, Any], size: tuple[int, int], grow: int, erase: bool
) -> tuple[list[Instance], list[np.ndarray]]:
    """The failed instances of a picture with their regions, (H, W) bool each."""
    rows = _rows(layout, picture)
    kept = np.zeros(size, bool)
    for instance, row in rows:
        if row["passed"]:
            kept |= draw_instance(instance, *size)
    failed, regions = [], []
    for instance, row in rows:
        if row["passed"]:
            continue
        region = draw_instance(instance, *size)
        if erase and row.get("found_box") is not None:
            region = region | (_found(row, size) & ~kept)
        failed.append(instance)
        regions.append(grown(region, grow))
    return failed, regions


def _found(row: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    x, y, w, h = fields.numbers(row["found_box"], 4, WHERE, "found_box", "[x, y, width, height] in pixels")
    height, width = size
    return draw_box((x / width, y / height, (x + w) / width, (y + h) / height), height, width)


def _read(results: Any) -> list[Mapping[str, Any]]:
    """The pictures of the results, each with its instances; ValueError for any other text."""
    if not isinstance(results, str) or len(results) > MAX_TEXT:
        raise ValueError(f"{WHERE}: expected results as JSON text, got {fields.shorten(results)}. {ADVICE}")
    try:
        document = load_json(results, WHERE, MAX_TEXT)
    except ValueError as error:
        raise ValueError(f"{WHERE}: {fields.shorten(results)} is not the JSON of a score. {ADVICE}") from error
    pictures = document.get("pictures") if isinstance(document, Mapping) else None
    if not isinstance(pictures, list) or not pictures or not all(map(_is_scored, pictures)):
        raise ValueError(f"{WHERE}: the JSON {fields.shorten(results)} holds no scored pictures. {ADVICE}")
    return pictures


def _is_scored(picture: Any) -> bool:
    rows = picture.get("instances") if isinstance(picture, Mapping) else None
    return isinstance(rows, list) and all(
        isinstance(row, Mapping) and isinstance(row.get("passed"), bool) for row in rows
    )


def _rows(layout: Layout, picture: Mapping[str, Any]) -> list[tuple[Instance, Mapping[str, Any]]]:
    """Each scored instance with its numbers; ValueError unless they are the layout's own."""
    shown = {number: instance for number, instance in enumerate(layout.instances, 1) if instance.visible}
    scored: Sequence[Mapping[str, Any]] = picture["instances"]
    if [(row.get("number"), row.get("id")) for row in scored] != [
        (number, instance.id) for number, instance in shown.items()
    ]:
        raise ValueError(
            f"{WHERE}: the results are of another layout ({len(scored)} instances were scored, {len(shown)} are connected). "
            "Connect the same layout to Layout Score and here."
        )
    return [(shown[row["number"]], row) for row in scored]


def _tensor(masks: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(masks).astype(np.float32))
