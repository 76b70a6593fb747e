"""What stage two needs of each scene of the pool: python make_layouts.py STATE_DIR SHARDS

Shard k, beside the latents of the same scenes: count (n,), phrase (n, 6) index of `PHRASES`, boxes (n, 6, 4),
points (n, 6, 3, 2), scribbles (n, 6, 2, 40), polygons (n, 6, 512), masks (n, 6, 8192) packed bits of 256x256.
"""

import sys
from pathlib import Path

import lab
import numpy as np
import torch
from instdiff.instdiff_modules.geometry.points import mask_polygon_points, mask_scribble_points, resample_stroke, scale_points
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from instdiff.instdiff_modules.shapeworld.layouts import scene_layout
from instdiff.instdiff_modules.shapeworld.render import render
from make_pool import SHARD, pool_scene

MOST = 6
PHRASES = [words.phrase(s, c, t) for s in words.SHAPES for c in words.COLORS for t in words.TEXTURES]


def layouts(first: int, count: int) -> dict[str, torch.Tensor]:
    out = {
        "count": np.zeros(count, np.uint8), "phrase": np.zeros((count, MOST), np.int16), "boxes": np.zeros((count, MOST, 4), np.float32),
        "points": np.zeros((count, MOST, 3, 2), np.float32), "scribbles": np.zeros((count, MOST, 2, 40), np.float32),
        "polygons": np.zeros((count, MOST, 512), np.float32), "masks": np.zeros((count, MOST, 8192), np.uint8),
    }
    for n in range(count):
        scene = pool_scene(first + n)
        drawn = render(scene)
        layout = scene_layout(scene, first + n, drawn.visible)
        rng = np.random.RandomState(first + n)
        out["count"][n] = len(layout.instances)
        for i, (instance, mask) in enumerate(zip(layout.instances, drawn.visible)):
            out["phrase"][n, i] = PHRASES.index(instance.prompt)
            out["boxes"][n, i] = instance.box
            rows, columns = np.nonzero(mask)
            lucky = rng.randint(len(rows))
            x0, y0, x1, y1 = instance.box
            # the centre that a box stands for, the point of the layout, and any pixel
            out["points"][n, i] = ((x0 + x1) / 2, (y0 + y1) / 2), instance.point, ((columns[lucky] + 0.5) / 256, (rows[lucky] + 0.5) / 256)
            out["scribbles"][n, i, 0] = resample_stroke(instance.scribble).reshape(-1)
            out["scribbles"][n, i, 1] = scale_points(mask_scribble_points(mask, rng), 256, 256)
            out["polygons"][n, i] = scale_points(mask_polygon_points(mask), 256, 256)
            out["masks"][n, i] = np.packbits(mask.reshape(-1))
    return {key: torch.from_numpy(value) for key, value in out.items()}


def main() -> None:
    folder = Path(sys.argv[1])
    for shard in range(int(sys.argv[2])):
        path = folder / "layouts" / f"{shard:04}.pt"
        if not path.exists():
            lab.save_state(path, layouts(shard * SHARD, SHARD))
            lab.say(f"layouts {shard}")


if __name__ == "__main__":
    main()
