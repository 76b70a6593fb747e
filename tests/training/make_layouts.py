"""Scenes as shards, before there is a VAE: python make_layouts.py STATE_DIR SHARDS... [--pictures]  (7 or 100-107)

Shard k (`worlds.py` says what is in it) becomes scenes/k.pt, which `make_pool.py` turns into latents: pictures (n, 3, H, W) uint8, row
numbers of the global caption with and without the background and with places in words, (n, 77) each.

And layouts/k.pt, for stage two: count (n,), phrase (n, 30) index of `PHRASES`, boxes (n, 30, 4), points (n, 30, 3, 2), scribbles
(n, 30, 2, 40), polygons (n, 30, 512) half, labels (n, H, W): which instance, from 1 on, a pixel shows. Of crowded scenes also whole
(n, FEW, 4): boxes around what is hidden, too, and through (n, FEW, cells) half: what is seen of each instance in every cell of each
level, as *overlap: by depth* has it. With --pictures there are none of these, in a tenth of the time: the flow transformer sees captions alone.

Points and strokes lie well inside their objects, unlike those of the bench, which may lie a pixel from the rim: a model that
puts them there needs no pixel's precision. What it brought stands in the README beside this file.
"""

import sys
from pathlib import Path

import lab
import numpy as np
import tokens
import torch
import worlds
from instdiff.instdiff_modules.geometry.points import (
    mask_polygon_points,
    mask_scribble_points,
    resample_stroke,
    scale_points,
)
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.sampling import occlusion
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from instdiff.instdiff_modules.shapeworld.outlines import half_extent
from scipy.ndimage import distance_transform_edt
from support.shapeworld.layouts import scene_layout, stroke
from support.shapeworld.scene import Scene
from support.thingworld.scene import ThingScene
from support.thingworld.words import phrases
from worlds import CROWDED, SHARD, draw_scene, plan, scene_of

MOST, FEW = 30, 8  # instances of any scene, and of a crowded one
SIDES = (32, 16, 8)  # of the visual tokens of each level of a square
POINT_DEPTH = 0.65  # of an object's greatest depth
STROKE_DEPTH, STROKE_MARGIN = 0.7, 10  # of the greatest depth, but no more than so many pixels
SHAPE_PHRASES = [words.phrase(s, c, t) for s in words.SHAPES for c in words.COLORS for t in words.TEXTURES]
PHRASES = [*SHAPE_PHRASES, *phrases()]


def deep_points(mask: np.ndarray, rng: np.random.RandomState) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mask (H, W) -> of the pixels that lie deep in it the one nearest to its box's centre, and any one; shares of the canvas.

    Of a ring all are equally near: always its top, so that there is one place for it and not their mean, around the point.
    """
    height, width = mask.shape
    depth = _depth(mask)
    rows, columns = np.nonzero(depth >= POINT_DEPTH * depth.max())
    y, x = ((found.min() + found.max()) / 2 for found in np.nonzero(mask))
    away = np.hypot(rows - y, columns - x)
    order = np.lexsort((np.abs(columns - x), rows, away > 1.1 * away.min() + 1e-6))
    chosen = order[0] if away.min() > 2 else away.argmin(), rng.randint(len(rows))
    return tuple(((columns[i] + 0.5) / width, (rows[i] + 0.5) / height) for i in chosen)


def deep_stroke(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A stroke like those of the layouts, (20, 2), that keeps away from the rim."""
    depth = _depth(mask)
    return resample_stroke(stroke(depth >= min(STROKE_MARGIN, STROKE_DEPTH * depth.max()), rng))


def _depth(mask: np.ndarray) -> np.ndarray:
    """How far each pixel lies inside, in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    out = np.zeros(mask.shape)
    out[part] = distance_transform_edt(np.pad(mask[part], 1))[1:-1, 1:-1]
    return out


def layouts(first: int, count: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """-> what goes into scenes/, and what into layouts/."""
    width, height = plan(first // SHARD).size
    out = {
        "count": np.zeros(count, np.uint8),
        "phrase": np.zeros((count, MOST), np.int16),
        "boxes": np.zeros((count, MOST, 4), np.float32),
        "points": np.zeros((count, MOST, 3, 2), np.float32),
        "scribbles": np.zeros((count, MOST, 2, 40), np.float32),
        "polygons": np.zeros((count, MOST, 512), np.float16),
        "labels": np.zeros((count, height, width), np.uint8),
    }
    index = {text: i for i, text in enumerate(PHRASES)}
    scenes, pictures = [scene_of(first + n) for n in range(count)], np.zeros((count, height, width, 3), np.uint8)
    for n, scene in enumerate(scenes):
        drawn = draw_scene(scene)
        pictures[n] = drawn.picture
        layout = scene_layout(scene, first + n, drawn.visible)
        rng = np.random.RandomState(first + n)
        out["count"][n] = len(layout.instances)
        for i, (instance, mask) in enumerate(zip(layout.instances, drawn.visible, strict=True)):
            out["phrase"][n, i] = index[instance.prompt]
            out["boxes"][n, i] = instance.box
            x0, y0, x1, y1 = instance.box
            out["points"][n, i] = (
                ((x0 + x1) / 2, (y0 + y1) / 2),
                *deep_points(mask, rng),
            )  # the first is what a box stands for
            out["scribbles"][n, i, 0] = deep_stroke(mask, np.random.default_rng((first + n, i))).reshape(-1)
            out["scribbles"][n, i, 1] = scale_points(mask_scribble_points(mask, rng), height, width)
            out["polygons"][n, i] = scale_points(mask_polygon_points(mask), height, width)
            out["labels"][n][mask] = i + 1
    return seen(scenes, pictures), {key: torch.from_numpy(value) for key, value in out.items()}


def seen(scenes: list[Scene | ThingScene], pictures: np.ndarray) -> dict[str, torch.Tensor]:
    """Scenes and their pictures (n, H, W, 3) -> what goes into scenes/."""
    return {
        "pictures": torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(),
        "captions": tokens.encode([scene.caption for scene in scenes]),
        "bare": tokens.encode([worlds.bare_caption(scene) for scene in scenes]),
        "placed": tokens.encode([scene.placed_caption for scene in scenes]),
    }


def depths(first: int, count: int) -> dict[str, torch.Tensor]:
    whole, through = torch.zeros(count, FEW, 4), torch.ones(count, FEW, sum(side * side for side in SIDES))
    for n in range(count):
        things = scene_of(first + n).things
        for i, thing in enumerate(things):
            reach = [extent * thing.size / 2 for extent in half_extent(thing.shape)]
            corners = [c + sign * r for sign in (-1, 1) for c, r in zip(thing.center, reach, strict=True)]
            whole[n, i] = torch.tensor(corners).clamp(0, 1)
        given = [Instance(f"i{i}", "a", box=tuple(whole[n, i].tolist())) for i in range(len(things))]
        through[n, : len(things)] = torch.cat([occlusion.seen(given, side, side).flatten(1) for side in SIDES], 1)
    return {"whole": whole, "through": through.half()}


def main() -> None:
    folder, shards = Path(sys.argv[1]), [text for text in sys.argv[2:] if text != "--pictures"]
    for shard in worlds.numbers(shards):
        path, first = folder / "layouts" / f"{shard:04}.pt", shard * SHARD
        if "--pictures" in sys.argv:
            scenes = [scene_of(first + n) for n in range(SHARD)]
            pictures = np.stack([draw_scene(scene).picture for scene in scenes])
            lab.save_state(folder / "scenes" / path.name, seen(scenes, pictures))
        elif not path.exists():
            scenes, found = layouts(first, SHARD)
            crowded = depths(first, SHARD) if shard in CROWDED else {}
            lab.save_state(folder / "scenes" / path.name, scenes)
            lab.save_state(path, {**found, **crowded})
        lab.say(f"scenes {shard}")


if __name__ == "__main__":
    main()
