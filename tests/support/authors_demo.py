"""The authors' preprocessing to the letter (inference.py, eval_local.py), for comparison with their code.

The nodes never use this: they read a demo with `importers` and go on with `build_grounding`.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from instdiff.instdiff_modules.geometry.masks import SEG_SIZE, as_mask, decode_mask, resize_nearest
from instdiff.instdiff_modules.geometry.points import (
    POLYGON_POINTS,
    SCRIBBLE_POINTS,
    box_center,
    mask_polygon_points,
    mask_scribble_points,
    reorder_points,
    resize_seg,
    scale_points,
)
from instdiff.instdiff_modules.importers.authors import read_anno_mask
from instdiff.instdiff_modules.layout.instance import Box, Point
from torch import Tensor

SLOTS = 30


class AuthorsInputs(NamedTuple):
    """What their prepare_batch gives for one demo, float32, and the exact coordinates it came from."""

    boxes: Tensor  # (1, 30, 4), not cut to the canvas
    masks: Tensor  # (1, 30): slot in use
    points: Tensor  # (1, 30, 2)
    scribbles: Tensor  # (1, 30, 40)
    polygons: Tensor  # (1, 30, 512)
    segs: Tensor  # (1, 30, 512, 512)
    locations: tuple[Box, ...]
    centers: tuple[Point, ...]  # given points, or centres of the boxes
    phrases: tuple[str, ...]
    prompt: str


def authors_inputs(demo: Mapping[str, Any], honour_masks: bool = False, seed: int = 0) -> AuthorsInputs:
    """A demo JSON of theirs -> the tensors that their script feeds.

    honour_masks=False is the script as shipped: it clears the list of masks, so polygons, scribbles and segs are zero.
    True leaves that line out; `seed` then sets numpy's and Python's generators. Raises ValueError where their script
    fails: more than 30 instances, scribbles. A point given to some annos only shortens the list as theirs does.
    """
    width, height, annos = demo["width"], demo["height"], demo["annos"]
    if any("scribble" in anno for anno in annos):
        raise ValueError("The authors' script cannot read scribbles: it sorts the instances instead of the points.")
    boxes = [anno.get("bbox", (0, 0, 0, 0)) for anno in annos]
    locations = tuple((x / width, y / height, (x + w) / width, (y + h) / height) for x, y, w, h in boxes)
    given = [anno["point"] for anno in annos if "point" in anno]
    centers = tuple((x / width, y / height) for x, y in given) if given else tuple(box_center(box) for box in locations)
    used = min(len(locations), len(centers))  # their zip stops at the shortest list
    if used > SLOTS:
        raise ValueError(f"The authors' script takes at most {SLOTS} instances, the demo has {used}.")

    numpy_rng, python_rng = np.random.RandomState(seed), random.Random(seed)
    out = AuthorsInputs(
        torch.zeros(1, SLOTS, 4),
        torch.zeros(1, SLOTS),
        torch.zeros(1, SLOTS, 2),
        torch.zeros(1, SLOTS, 2 * SCRIBBLE_POINTS),
        torch.zeros(1, SLOTS, 2 * POLYGON_POINTS),
        torch.zeros(1, SLOTS, SEG_SIZE, SEG_SIZE),
        locations,
        centers,
        tuple(anno["caption"] for anno in annos),
        demo["caption"],
    )
    for i, anno in enumerate(annos[:used]):
        out.boxes[0, i], out.points[0, i] = torch.tensor(locations[i]), torch.tensor(centers[i])
        out.masks[0, i] = 1
        mask = read_anno_mask(anno, f"Instance {i + 1}") if honour_masks else None
        if mask is None:
            continue
        scribble, polygon = sampled(mask, height, width, numpy_rng, python_rng)
        out.scribbles[0, i], out.polygons[0, i] = torch.from_numpy(scribble), torch.from_numpy(polygon)
        out.segs[0, i] = torch.from_numpy(resize_seg(mask))
    return out


def authors_instance(inputs: AuthorsInputs, index: int) -> AuthorsInputs:
    """prepare_instance_meta: the instance alone in slot 0, its phrase as prompt: a branch of the multi-instance sampler."""

    def alone(batch: Tensor) -> Tensor:
        out = torch.zeros_like(batch)
        out[:, 0] = batch[:, index]
        return out

    return AuthorsInputs._make(
        (
            *(alone(batch) for batch in inputs[:6]),
            inputs.locations[index : index + 1],
            inputs.centers[index : index + 1],
            inputs.phrases[index : index + 1],
            inputs.phrases[index],
        )
    )


def sampled(
    mask: np.ndarray, height: int, width: int, numpy_rng: np.random.RandomState, python_rng: random.Random
) -> tuple[np.ndarray, np.ndarray]:
    """Scribble (40,) and polygon (512,) of a mask, divided by the given size; zeros for an empty mask."""
    scribble = scale_points(mask_scribble_points(mask, numpy_rng), height, width)
    points = mask_polygon_points(mask, POLYGON_POINTS, python_rng)
    return scribble, np.zeros(2 * POLYGON_POINTS) if points is None else scale_points(points, height, width)


def authors_scribble(points: Sequence[Point], height: int, width: int) -> np.ndarray:
    """One scribble in pixels -> (40,), as their script evidently means it."""
    return scale_points(reorder_points(points), height, width)


def draw_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """COCO polygons, each [x1, y1, x2, y2, ...] in pixels -> (height, width) bool, their union (annToMask)."""
    from pycocotools import mask as coco

    given: Any = [list(map(float, polygon)) for polygon in polygons]  # the stubs of pycocotools know whole numbers only
    return decode_mask(as_mask(coco.merge(coco.frPyObjects(given, height, width))))


def authors_eval_inputs(
    polygons: Sequence[Sequence[float]], height: int, width: int, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """prepare_scribble_and_instmask of eval_local.py -> scribble (40,), polygon (512,), mask (512, 512) bool.

    The points are sampled on the mask after it was resized to 512 x 512, but divided by the original size, which is
    wrong for any other.
    """
    mask = resize_nearest(draw_polygons(polygons, height, width), SEG_SIZE, SEG_SIZE)
    return *sampled(mask, height, width, np.random.RandomState(seed), random.Random(seed)), mask


def authors_single_seg(mask: np.ndarray) -> np.ndarray:
    """With exactly one instance their squeeze drops an axis: the first row of the mask fills the slot, (512, 512)."""
    return np.broadcast_to(resize_seg(mask)[0], (SEG_SIZE, SEG_SIZE))
