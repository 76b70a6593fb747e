"""A scene as one of our layouts: every format of location, known exactly.

What is hidden behind another object is not part of an instance: box, mask, point and scribble are those of the visible
part, as in COCO and as the paper's training data has them.
"""

import numpy as np
from instdiff.instdiff_modules.geometry.masks import encode_mask, mask_box
from instdiff.instdiff_modules.layout.instance import Instance, Layout, Point
from skimage.morphology import erosion
from support.shapeworld.render import render
from support.shapeworld.scene import Scene

STROKE_POINTS = 20
STROKE_STEP = 0.02  # of the shorter side


def scene_layout(scene: Scene, seed: int = 0, masks: np.ndarray | None = None) -> Layout:
    """Layout with box, mask, point and scribble of every thing; `masks` (n, H, W) spares a second rendering."""
    masks = render(scene).visible if masks is None else masks
    instances = []
    for i, (thing, mask) in enumerate(zip(scene.things, masks, strict=True)):
        instances.append(
            Instance(
                f"i{i + 1}",
                thing.phrase,
                box=mask_box(mask),
                point=inner_point(mask),
                scribble=stroke(mask, np.random.default_rng((seed, i))),
                mask=encode_mask(mask),
            )
        )
    return Layout(tuple(instances), scene.width, scene.height, scene.caption)


def inner_point(mask: np.ndarray) -> Point:
    """The centre of the mask's box if it lies on the object, else the object's pixel nearest to it, one step inside."""
    height, width = mask.shape
    box = mask_box(mask)
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    if mask[min(int(y), height - 1), min(int(x), width - 1)]:
        return x / width, y / height
    core = _core(mask)
    rows, columns = np.nonzero(core)
    nearest = np.argmin((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2)
    return (float(columns[nearest]) + 0.5) / width, (float(rows[nearest]) + 0.5) / height


def stroke(mask: np.ndarray, rng: np.random.Generator, points: int = STROKE_POINTS) -> tuple[Point, ...]:
    """A wandering line of `points` points inside a mask (H, W): it goes straight on while it can, and turns at the border."""
    height, width = mask.shape
    core = _core(mask)
    rows, columns = np.nonzero(core)
    start = int(rng.integers(len(rows)))
    x, y = float(columns[start]) + 0.5, float(rows[start]) + 0.5
    heading = rng.uniform(0, 2 * np.pi)
    step = STROKE_STEP * min(height, width) * rng.uniform(0.6, 1.6)
    line = []
    for _ in range(points):
        line.append((x / width, y / height))
        for turn in (0.0, 0.5, -0.5, 1.0, -1.0, 1.6, -1.6, 2.3, -2.3, np.pi):
            angle = heading + turn + rng.normal(0, 0.15)
            nx, ny = x + step * np.cos(angle), y + step * np.sin(angle)
            if 0 <= nx < width and 0 <= ny < height and core[int(ny), int(nx)]:
                x, y, heading = nx, ny, angle
                break
    return tuple(line)


def _core(mask: np.ndarray) -> np.ndarray:
    """The mask without its outermost pixels, unless nothing would be left."""
    core = erosion(mask, np.ones((3, 3), bool))
    return core if core.any() else mask
