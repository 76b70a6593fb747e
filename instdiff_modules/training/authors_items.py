"""The locations of a data item as the authors' data class makes them, with what it does to masks (for comparison with it)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..geometry.masks import decode_mask
from ..geometry.points import mask_polygon_points, mask_scribble_points
from ..grounding.inputs import GroundingInputs, null_grounding, reference_grounding
from ..layout.instance import Instance
from .draws import Draws
from .frames import Frame

NO_POINTS = {"scribble": 40, "polygon": 512}


class Taken(NamedTuple):
    """Of one instance, in pixels of the whole picture: box, points x, y interleaved, and its mask."""

    box: tuple[float, ...]
    scribble: np.ndarray | None
    polygon: np.ndarray | None
    mask: np.ndarray | None


def take(instances: Sequence[Instance], frame: Frame, draws: Draws) -> list[Taken]:
    """What is drawn before the picture is cut: 20 pixels of each mask without a scribble of its own, and its polygon points."""
    taken = []
    sides = np.array([frame.width, frame.height], dtype=np.float64)
    for number, one in enumerate(instances, 1):
        if one.box is None:
            raise ValueError(f"Instance {number} ({one.id}) has no box. The authors' data items need one for each.")
        own = None if one.scribble is None else (np.array(one.scribble) * sides).reshape(-1)
        polygon = mask = None
        if one.mask is not None:
            mask = decode_mask(one.mask)
            own = mask_scribble_points(mask, draws.pixels).reshape(-1) if own is None else own
            points = mask_polygon_points(mask, rng=draws.points)
            polygon = np.zeros(NO_POINTS["polygon"]) if points is None else points.reshape(-1)
        taken.append(Taken(tuple(np.array(one.box) * np.tile(sides, 2)), own, polygon, mask))
    return taken


def locate(
    taken: Sequence[Taken], frame: Frame, least: float, slots: int, text_dim: int
) -> tuple[GroundingInputs, list[int], list[int]]:
    """Inputs of one layout, the instance in each slot, and all that lie in the frame in their own order."""
    boxes = {i: box for i, one in enumerate(taken) if (box := _box(one.box, frame, least)) is not None}
    areas = torch.tensor([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes.values()])
    largest = areas.sort(descending=True)[1][:slots].tolist()
    order = [list(boxes)[k] for k in largest]
    planes = _planes([one.mask for one in taken if one.mask is not None])
    out = null_grounding(slots, text_dim)
    given = {name: getattr(out, name)[0] for name in ("boxes", "points", "scribbles", "polygons", "text_mask")}
    segs = torch.zeros(1, slots, frame.tall, frame.wide)
    size = torch.tensor([frame.wide, frame.tall], dtype=torch.float32)
    for slot, i in enumerate(order):
        x0, y0, x1, y1 = boxes[i]
        given["boxes"][slot] = torch.tensor([x0, y0, x1, y1]) / size.repeat(2)
        given["points"][slot] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2]) / size
        given["text_mask"][slot] = 1
        for name, points in (("scribbles", taken[i].scribble), ("polygons", taken[i].polygon)):
            if points is not None:
                given[name][slot] = _points(points, frame) / size.repeat(len(points) // 2)
        if taken[i].polygon is not None:
            segs[0, slot] = _plane(planes, i, frame)
    whole = {name: value[None] for name, value in given.items()}
    inputs, _ = reference_grounding(
        whole["boxes"],
        whole["text_mask"],
        out.text,
        whole["scribbles"],
        whole["polygons"],
        segs,
        whole["points"],
    )
    return inputs, order, list(boxes)


def _moved(values: np.ndarray, frame: Frame) -> np.ndarray:
    """x, y interleaved, in pixels of the picture -> pixels of the cut picture, not clamped."""
    return values * frame.scale - np.tile(frame.corner, len(values) // 2)


def _box(box: Sequence[float], frame: Frame, least: float) -> tuple[float, float, float, float] | None:
    x0, y0, x1, y1 = _moved(np.array(box), frame).tolist()
    if x0 > frame.wide or y0 > frame.tall or x1 < 0 or y1 < 0:
        return None
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, frame.wide), min(y1, frame.tall)
    if (x1 - x0) * (y1 - y0) / (frame.wide * frame.tall) < least:
        return None
    return (frame.wide - x1, y0, frame.wide - x0, y1) if frame.flipped else (x0, y0, x1, y1)


def _points(points: np.ndarray, frame: Frame) -> Tensor:
    """Clamped to the cut, so that those outside lie on its edge, and mirrored; their order stays that of the whole picture."""
    moved = np.clip(_moved(points, frame), 0, np.tile([frame.wide, frame.tall], len(points) // 2))
    if frame.flipped:
        moved[0::2] = frame.wide - moved[0::2]
    return torch.tensor(moved, dtype=torch.float32)


def _planes(masks: Sequence[np.ndarray]) -> np.ndarray | None:
    """All masks on top of each other, (n, h, w); the dimension of a single one is lost, so that its rows become planes."""
    return np.stack([mask[..., None] for mask in masks]).astype(np.float32).squeeze() if masks else None


def _resized_plane(plane: np.ndarray, frame: Frame) -> np.ndarray:
    """One plane as the authors resize it: halved once more than the picture, and enlarged twice where that is enlarged."""
    image = Image.fromarray(plane)  # a row becomes a column
    width, height = frame.width, frame.height
    while width >= 2 * frame.wide and height >= 2 * frame.tall:
        width, height = width // 2, height // 2
        image = image.resize((width // 2, height // 2), Image.Resampling.BOX)
    scale = max(frame.wide / width, frame.tall / height)
    size = round(width * scale), round(height * scale)
    image = image.resize((round(size[0] * scale), round(size[1] * scale)), Image.Resampling.NEAREST)
    x, y = (size[0] - frame.wide) // 2, (size[1] - frame.tall) // 2
    cut = np.asarray(image)[y : y + frame.tall, x : x + frame.wide]
    return np.ascontiguousarray(cut[:, ::-1] if frame.flipped else cut)


def _plane(planes: np.ndarray | None, index: int, frame: Frame) -> Tensor:
    """The plane at an instance's own number, though only instances with masks have planes."""
    assert planes is not None, "an instance with a polygon has a mask"
    if index >= len(planes):
        raise ValueError(
            f"Instance {index + 1} finds none of the {len(planes)} mask planes, as in the authors' data class: "
            'instances with masks must come first, or use items = "cut".'
        )
    plane = _resized_plane(planes[index], frame)
    if plane.shape != (frame.tall, frame.wide):
        raise ValueError(
            f"A mask plane is {plane.shape[1]}x{plane.shape[0]}, not {frame.wide}x{frame.tall}, as in the authors' data class: "
            'use pictures whose short side has 512 pixels, or items = "cut".'
        )
    return torch.tensor(plane)
